// Three ways to differentiate, side by side; and the step of the numerical one, with what becomes of its error.
import { useEffect, useMemo, useState } from "preact/hooks";
import texts from "@texts/graph.json";
import { latest } from "../../connection";
import { say, type Text, type Told } from "../../language";
import { Problem, Slider, Switch } from "../../ui/controls";
import { Scroll } from "../../ui/scroll";
import { Table, type Row } from "../../ui/table";
import { Remarks } from "./explained";
import { LogLog, type Curve } from "./loglog";
import { Equation } from "./math";
import { power, written } from "./numbers";
import type { CurveAnswer, Value, Way, WaysAnswer } from "./types";

const REST = 150; // ms without a change, before what takes longer is asked for
const NAMES: Readonly<Record<string, Text>> = {
  "forward differences": texts.way_forward,
  "central differences": texts.way_central,
  symbolic: texts.way_symbolic,
  automatic: texts.way_automatic,
  forward: texts.way_forward,
  central: texts.way_central,
  "five-point": texts.way_five,
};
const COLOURS: Readonly<Record<string, string>> = { forward: "--curve-1", central: "--curve-2", "five-point": "--curve-3" };

const LONGEST = 3000; // characters of a formula that is drawn
const FIRST = -3; // power of ten of the step

interface ComparedProps {
  text: string;
  values: Readonly<Record<string, Value>>;
  /** What is no number, and where. */
  notes: readonly Told[];
  exponent: number;
  onStep: (exponent: number) => void;
}

/** exponent: null while nobody looks. */
export function Ways({ exponent, onStep, ...asked }: Omit<ComparedProps, "exponent" | "onStep"> & { exponent: number | null; onStep: (exponent: number | null) => void }) {
  return (
    <details class="panel graph-ways" open={exponent !== null} onToggle={(event) => onStep(event.currentTarget.open ? (exponent ?? FIRST) : null)}>
      <summary>
        <h2>{say(texts.ways)}</h2>
      </summary>
      {exponent !== null && <Compared {...asked} exponent={exponent} onStep={onStep} />}
    </details>
  );
}

function Compared({ text, values, notes, exponent, onStep }: ComparedProps) {
  const [single, setSingle] = useState(false);
  const [ways, showWays] = useState<WaysAnswer | null>(null);
  const [curve, showCurve] = useState<CurveAnswer | null>(null);
  const [problem, tell] = useState("");
  const ask = useMemo(() => {
    const failed = (error: Error) => tell(error.message);
    const shown = <T,>(show: (answer: T) => void) => (answer: T) => (tell(""), show(answer));
    return { ways: latest<WaysAnswer>("graph.ways", shown(showWays), failed), curve: latest<CurveAnswer>("graph.curve", shown(showCurve), failed) };
  }, []);
  const asked = JSON.stringify([text, values]);
  useEffect(() => {
    const timer = setTimeout(() => void ask.ways({ text, values, exponent }), ways ? REST : 0);
    return () => clearTimeout(timer);
  }, [asked]);
  useEffect(() => {
    if (ways) void ask.ways({ text, values, exponent });
  }, [exponent]);
  useEffect(() => {
    const timer = setTimeout(() => void ask.curve({ text, values }), REST);
    return () => clearTimeout(timer);
  }, [asked]);
  return (
    <>
      <Problem text={problem} />
      <Remarks notes={notes} />
      {ways && <WaysTable answer={ways} />}
      {ways && (
        <div class="graph-vee">
          <div>
            <h3>{say(texts.differences)}</h3>
            <p>{say(texts.vee)}</p>
            <Slider label={say(texts.step_size)} value={exponent} shown={`h = ${power(10 ** exponent)}`} min={-14} max={0} step={0.25} onInput={onStep} />
            <Steps answer={ways} />
            <Switch label={say(texts.single)} checked={single} onChange={setSingle} />
          </div>
          {curve && <LogLog curves={curvesOf(curve, single)} steps={curve.steps} at={ways.step} dots={ways.differences.map((one) => ({ colour: COLOURS[one.differences] ?? "--ink", y: one.error }))} />}
        </div>
      )}
    </>
  );
}

function curvesOf({ curves }: CurveAnswer, single: boolean): Curve[] {
  return curves
    .filter(({ precision }) => single || precision === "float64")
    .map(({ differences, precision, errors }) => ({
      label: `${say(NAMES[differences] ?? texts.way_central)}${single ? `, ${precision}` : ""}`,
      colour: COLOURS[differences] ?? "--ink",
      dashed: precision === "float32",
      errors,
    }));
}

function WaysTable({ answer }: { answer: WaysAnswer }) {
  const heads = [say(texts.way), ...answer.entries.map((name) => <span class="mono">{`∂f/∂${name}`}</span>), say(texts.error), say(texts.evaluations), say(texts.operations), say(texts.time)];
  return (
    <>
      <Table named={false} heads={heads} rows={answer.rows.flatMap((row) => wayRows(row, answer))} />
      <p class="hint">{say(texts.costs, { of_f: answer.rows.at(-1)?.of_f ?? 0 })}</p>
    </>
  );
}

function wayRows(row: Way, answer: WaysAnswer): Row[] {
  const name = say(NAMES[row.way] ?? texts.way_automatic);
  const wide = answer.entries.length + 4;
  if (!row.gradients) return [{ key: row.way, cells: [name, <td colSpan={wide} class="muted">{row.why}</td>] }];
  const error = row.way === "automatic" ? say(texts.exact) : power(row.absolute);
  const cells = [name, ...row.gradients.map((number) => written(number, 10)), error, row.evaluations, row.operations, `${written((row.seconds ?? 0) * 1e6, 3)} µs`];
  const told: Row = { key: row.way, cells };
  if (row.way !== "symbolic" || !answer.formulas) return [told];
  const { written_out, shared, latex } = answer.formulas;
  const swell = <td class="muted">{say(texts.swell, { written: written_out, shared })}</td>;
  const drawn = answer.entries.filter((entry) => (latex[entry] ?? "").length < LONGEST && latex[entry]);
  return [told, { key: "swell", kind: "graph-symbolic", cells: [swell, <td colSpan={wide}><Scroll>{drawn.map((entry) => <Equation key={entry} latex={`\\frac{\\partial f}{\\partial \\mathrm{${entry}}} = ${latex[entry]}`} />)}</Scroll></td>] }];
}

function Steps({ answer }: { answer: WaysAnswer }) {
  const heads = [say(texts.way), <span class="mono">{`∂f/∂${answer.entries[0] ?? ""}`}</span>, say(texts.error), say(texts.evaluations)];
  const rows = answer.differences.map((one) => ({ key: one.differences, cells: [say(NAMES[one.differences] ?? texts.way_central), written(one.gradients[0], 10), power(one.errors[0]), one.evaluations] }));
  return <Table named={false} heads={heads} rows={rows} />;
}
