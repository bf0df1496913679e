// A formula as a graph: typed or picked, its variables moved, gone through step by step, and the chain rule beside it.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import texts from "@texts/graph.json";
import lab from "@texts/lab.json";
import { language, say, told } from "../../language";
import { useTold } from "../../telling";
import { useAsking } from "../../ui/asking";
import { Choice, Panel, Problem } from "../../ui/controls";
import { useAsked } from "./asked";
import { Derivation } from "./derivation";
import { Drawing, room } from "./drawing";
import { EXAMPLES } from "./examples";
import { Explained, Remarks } from "./explained";
import { firstStop, readFormula, runTogether, writtenFormula, type Asked } from "./query";
import { Stepper, useKeys, stepWords } from "./stepper";
import { equals, localized } from "./numbers";
import { along, byName, stopOf, stopsOf, type Stop } from "./steps";
import { NodeTable } from "./table";
import type { Box, FormulaAnswer, Node, Value } from "./types";
import { Variables } from "./variables";
import { Ways } from "./ways";

export function FormulaPage({ query }: { query: URLSearchParams }) {
  const [asked, ask] = useAsked<Asked>(query, readFormula, writtenFormula);
  const [path, choose] = useState<number | null>(null);
  const stage = useRef<HTMLDivElement>(null);
  const { answer, problem, ask: send } = useAsking<FormulaAnswer>("graph.formula");
  useEffect(() => send({ text: asked.text, values: asked.values, by: asked.by, room: room(stage.current) }), [asked.text, asked.values, asked.by]);
  const change = (part: Partial<Asked>) => ask((before) => ({ ...before, ...part }));
  const example = EXAMPLES.find((one) => one.id === asked.example);
  return (
    <div class="graph-page">
      <div class="stack">
        <Panel title={say(texts.formula)} kind="graph-asked">
          <Choice
            label={say(texts.example)}
            value={asked.example}
            options={[...EXAMPLES.map(({ id, name }) => [id, say(name)] as const), ["", say(texts.own)]]}
            onChoose={(id) => {
              const chosen = EXAMPLES.find((one) => one.id === id);
              choose(null);
              ask(chosen ? { example: id, text: chosen.formula, values: chosen.values, by: chosen.by ?? "", at: firstStop(chosen), step: chosen.step ?? null } : { ...asked, example: "" });
            }}
          />
          <FormulaField
            text={asked.text}
            onInput={(text) => {
              choose(null);
              change({ text, example: "", at: null });
            }}
          />
          <Problem typed text={problem} />
          {example && <p class="hint">{say(example.seen)}</p>}
          {language.value !== "en" &&
            answer?.commas.map((text) => (
              <p key={text} class="hint" role="note">
                {say(texts.comma_apart, { text, value: text.replace(",", ".") })}
              </p>
            ))}
          {runTogether((answer?.variables ?? []).map(({ name }) => name)).map((name) => (
            <p key={name} class="hint" role="note">
              {say(texts.run_together, { name, product: [...name].join("*") })}
            </p>
          ))}
        </Panel>
        {answer && answer.variables.length > 0 && (
          <Panel title={say(texts.variables)}>
            <Variables variables={answer.variables} onChange={(name, value) => change({ values: { ...given(answer), ...asked.values, [name]: value } })} />
          </Panel>
        )}
      </div>
      <div ref={stage} class={problem ? "stack graph-stage former" : "stack graph-stage"} inert={problem !== ""}>
        {answer && <Stage answer={answer} asked={asked} change={change} path={path} choose={choose} />}
      </div>
      {answer?.graph.of !== "" && answer && <Ways notes={answer.graph.notes} text={asked.text} values={asked.values} exponent={asked.step} onStep={(step) => change({ step })} />}
    </div>
  );
}

const given = (answer: FormulaAnswer): Record<string, Value> => Object.fromEntries(answer.variables.map(({ name, value }) => [name, value]));

interface StageProps {
  answer: FormulaAnswer;
  asked: Asked;
  change: (part: Partial<Asked>) => void;
  path: number | null;
  choose: (path: number | null) => void;
}

function Stage({ answer, asked, change, path, choose }: StageProps) {
  const { graph, scene, derivation } = answer;
  const structure = scene.boxes.map((box) => box.name).join();
  const stops = useMemo(() => stopsOf(scene, graph), [structure, graph.of]);
  const last = stops.length - 1;
  const at = Math.min(asked.at ?? last, last);
  const go = (to: number) => {
    choose(null);
    change({ at: to === last ? null : to });
  };
  const pick = (box: Box) => {
    const has = byName(graph).get(box.result)?.gradient;
    change({ at: stopOf(stops, box.name), ...(has && box.result !== graph.of ? { by: box.result } : {}) });
    choose(null);
  };
  const named = (name: string) => {
    const box = scene.boxes.find((one) => one.result === name);
    if (box) pick(box);
  };
  const differentiate = (name: string) => {
    choose(null);
    change({ by: name });
  };
  useTold(graph.notes.map((note) => localized(told(note))).join(" "));
  const chosen = path === null ? undefined : derivation?.paths[path]?.nodes;
  const by = graph.nodes.filter((node) => node.gradient && node.name !== graph.of).map((node) => node.name);
  useKeys(at, last, go);
  return (
    <div class="graph-stage-grid">
      <section class="panel graph-panel" aria-label={say(texts.graph)}>
        <Drawing graph={graph} scene={scene} stops={stops} at={at} label={say(texts.drawing, { count: graph.nodes.length })} onPick={pick} {...(chosen ? { path: along(chosen, scene) } : {})} />
        <p class="graph-legend">
          <span class="value">{say(texts.above)}</span>
          {graph.of !== "" && <span class="gradient">{say(texts.below, { of: graph.of })}</span>}
        </p>
        <Problem text={asked.at !== null && asked.at > last ? say(lab.left_out, { parts: `at=${asked.at}` }) : ""} />
        <Stepper stops={stops} at={at} value={valueAt(stops[at], graph.nodes)} onGo={go} />
        <Remarks notes={graph.notes} />
        {graph.of === "" && <p class="hint">{say(texts.no_gradient)}</p>}
        <NodeTable graph={graph} onPick={named} />
      </section>
      <div class="stack">
        <Panel title={stepWords(stops[at])} kind="graph-explained">
          <Explained answer={answer} stop={stops[at]} />
        </Panel>
        {derivation && (
          <Panel title={say(texts.chain_rule)} kind="graph-derivation">
            <Derivation made={derivation} handed={answer.handed} by={by} chosen={path} onVariable={differentiate} onPath={choose} />
          </Panel>
        )}
      </div>
    </div>
  );
}

/** What the step came to, where that is one number. */
function valueAt(stop: Stop | undefined, nodes: readonly Node[]): string {
  const node = nodes.find(({ name }) => name === stop?.node);
  const item = (stop?.phase === "backward" ? node?.gradient : node?.value)?.item;
  return typeof item === "number" ? equals(item) : "";
}

function FormulaField({ text, onInput }: { text: string; onInput: (text: string) => void }) {
  return (
    <div class="field">
      <label for="graph-formula">{say(texts.write)}</label>
      <textarea id="graph-formula" class="mono" rows={2} value={text} spellcheck={false} autocomplete="off" aria-describedby="graph-formula-hint" onInput={(event) => onInput(event.currentTarget.value)} />
      <p class="hint" id="graph-formula-hint">
        {say(texts.write_hint)}
      </p>
    </div>
  );
}
