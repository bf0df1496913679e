// The chain rule written out, for one variable: its paths to the result, and a line for each step.
import texts from "@texts/graph.json";
import { say } from "../../language";
import { Choice } from "../../ui/controls";
import { Scroll } from "../../ui/scroll";
import { derivative, equal, equation, figure } from "./explained";
import { Equation } from "./math";
import { equals, written } from "./numbers";
import type { Derivation as Made, FormulaAnswer, Path } from "./types";

interface DerivationProps {
  made: Made;
  handed: FormulaAnswer["handed"];
  by: readonly string[];
  chosen: number | null;
  onVariable: (name: string) => void;
  onPath: (index: number | null) => void;
}

const MOST_PATHS = 24;

export function Derivation({ made, handed, by, chosen, onVariable, onPath }: DerivationProps) {
  return (
    <>
      <Choice label={say(texts.by)} value={made.by} options={by.map((name) => [name, name])} onChoose={onVariable} />
      <p>{sentence(made)}</p>
      {made.paths.length > 0 && (
        <ul class="graph-paths" aria-label={say(texts.paths)}>
          {made.paths.slice(0, MOST_PATHS).map((path, index) => (
            <li key={index}>
              <button type="button" class="plain" aria-pressed={chosen === index} onClick={() => onPath(chosen === index ? null : index)}>
                {pathName(made.paths, index)}
              </button>
              {path.value !== null && <span class="mono">{product(path)}</span>}
            </li>
          ))}
          {made.count > MOST_PATHS && <li class="muted">{say(texts.more, { count: made.count - MOST_PATHS })}</li>}
        </ul>
      )}
      <ol class="graph-steps">
        {made.steps.map((step, index) => (
          <li key={index}>
            <Scroll>
              {step.local.map((latex) => (
                <Equation key={latex} latex={latex} />
              ))}
              <Equation latex={equation(step, made.of, handed)} />
            </Scroll>
          </li>
        ))}
        {made.steps.length === 0 && (
          <li>
            <Equation latex={`${derivative(made.of, made.by)} ${equal(made.value)} ${figure(made.value)}`} />
          </li>
        )}
      </ol>
    </>
  );
}

/** x → u → f; of several over the same nodes, as in xˣ, each with its number. */
export function pathName(paths: readonly Pick<Path, "nodes">[], index: number): string {
  const names = paths.map(({ nodes }) => nodes.join(" → "));
  const name = names[index] ?? "";
  const alike = names.flatMap((one, at) => (one === name ? [at] : []));
  return alike.length > 1 ? `${name} (${alike.indexOf(index) + 1})` : name;
}

function sentence(made: Made): string {
  const names = { of: made.of, by: made.by, count: made.count };
  if (made.of === made.by) return say(texts.itself, names);
  if (made.stepwise) return say(texts.stepwise, names);
  if (made.count === 0) return say(texts.independent, names);
  return say(made.count === 1 ? texts.one_path : texts.some_paths, names);
}

function product(path: Path): string {
  const factors = path.factors.map((one) => (typeof one === "number" && one < 0 ? `(${written(one)})` : written(one)));
  return factors.length > 1 && factors.length < 8 ? `${factors.join("·")} ${equals(path.value)}` : written(path.value);
}
