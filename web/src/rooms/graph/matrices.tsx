// A product of matrices entry by entry, in Falk's scheme: the first factor at the left, the second above, each entry where they meet.
import { useEffect, useState } from "preact/hooks";
import texts from "@texts/graph.json";
import lab from "@texts/lab.json";
import { wholeOf } from "../../chosen";
import { say } from "../../language";
import { useTold } from "../../telling";
import { useAnswer } from "../../ui/asking";
import { Button, Choice, Panel, Problem, Switch } from "../../ui/controls";
import { NumberField } from "../../ui/number_field";
import { Scroll } from "../../ui/scroll";
import { useAsked } from "./asked";
import { equals, localized, typed, written } from "./numbers";
import { Sign } from "./stepper";
import type { ProductAnswer } from "./types";
import { Grid } from "./variables";

type Matrix = readonly (readonly number[])[];

interface Asked {
  readonly kind: "product" | "layer";
  readonly left: Matrix;
  readonly right: Matrix;
  readonly bias: readonly number[];
  readonly activation: string;
  /** Whether the answers are to be worked out first. */
  readonly hides: boolean;
  /** Of the product, the one that is worked out, row by row. */
  readonly cell: number;
}

const MOST = 6; // rows and columns
const PRODUCT: Asked = { kind: "product", left: [[2, 5, 2], [1, 0, -2], [3, 1, 1]], right: [[-2, 1, 0], [-2, 2, 1], [0, 0, 3]], bias: [0, 0, 0], activation: "", hides: false, cell: 0 };
const LAYER: Asked = { kind: "layer", left: [[0.5, -1, 0.2], [1, 0.3, -0.4]], right: [[0.5], [0.3], [0.7]], bias: [0.1, -0.2], activation: "relu", hides: false, cell: 0 };
const ACTIVATIONS = ["", "logistic", "tanh", "relu", "leaky_relu", "softplus", "step"];
const PACE = 1200;

export function MatrixPage({ query }: { query: URLSearchParams }) {
  const [asked, ask] = useAsked<Asked>(query, readMatrices, writtenMatrices);
  const go = (cell: number) => ask((before) => ({ ...before, cell }));
  const [playing, play] = useState(false);
  const { left, right, bias, activation, kind } = asked;
  const [answer, problem] = useAnswer<ProductAnswer>("graph.product", { left, right, ...(kind === "layer" ? { bias, activation } : {}) });
  const lost = unfit(query);
  const isUsual = [PRODUCT.left, LAYER.left].includes(left); // until the matrices are changed
  const columns = asked.right[0]?.length ?? 1;
  const count = asked.left.length * columns;
  const at = Math.min(asked.cell, count - 1);
  const [row, column] = [Math.floor(at / columns), at % columns];
  useEffect(() => {
    if (!playing) return undefined;
    const timer = setTimeout(() => (at < count - 1 ? go(at + 1) : play(false)), PACE);
    return () => clearTimeout(timer);
  }, [playing, at, count]);
  const puzzle = JSON.stringify([left, right, bias, kind, activation]);
  const [found, find] = useState<{ puzzle: string; cells: readonly number[] }>({ puzzle, cells: [] });
  const cells = found.puzzle === puzzle ? found.cells : [];
  const isKnown = (i: number, j: number) => !asked.hides || cells.includes(i * columns + j);
  const reveal = (to: number) => asked.hides && find({ puzzle, cells: [...cells, to] });
  const jump = (to: number) => {
    play(false);
    go(Math.max(0, Math.min(count - 1, to)));
  };
  const [step, activated] = [answer?.steps[row]?.[column], answer?.activated?.[row]?.[column]];
  useTold(playing || !step || !isKnown(row, column) ? "" : `${localized(step)}${activated === undefined ? "" : `; ${activation} ${equals(activated)}`}`);
  return (
    <div class="graph-page">
      <div class="stack">
        <Panel title={say(texts.matrices)}>
          <Choice label={say(texts.example)} value={asked.kind} options={[["product", say(texts.matrix_product)], ["layer", say(texts.layer)]]} onChoose={(next) => ask({ ...(next === "layer" ? LAYER : PRODUCT), hides: asked.hides })} />
          <p>{say(asked.kind === "layer" ? texts.layer_hint : texts.product_hint)}</p>
          <Sizes asked={asked} onChange={(changed) => ask(changed)} />
          {asked.kind === "layer" && (
            <Choice label={say(texts.activation)} value={asked.activation} options={ACTIVATIONS.map((name) => [name, name || say(texts.none)])} onChoose={(activation) => ask({ ...asked, activation })} />
          )}
          <Switch label={say(texts.hide_answers)} checked={asked.hides} onChange={(hides) => ask({ ...asked, hides })} />
          {asked.hides && <p class="hint">{say(texts.hide_hint)}</p>}
          <Problem text={problem || (isUsual && lost.length > 0 ? say(lab.left_out, { parts: lost.join(", ") }) : "")} />
        </Panel>
      </div>
      <section class="panel graph-falk-panel" aria-label={say(texts.matrix_product)} onKeyDown={(event) => {
        if ((event.target as HTMLElement).matches("input, select, div[tabindex='0']")) return; // nor in a box that they scroll
        if (event.key === "Enter" && !(event.target as HTMLElement).matches("button")) reveal(at);
        const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + columns, ArrowUp: at - columns }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        jump(to);
      }}>
        {answer && <Falk asked={asked} answer={answer} row={row} column={column} isKnown={isKnown} onCell={(i, j) => (jump(i * columns + j), reveal(i * columns + j))} onChange={ask} />}
        <div class="row">
          <Button label={say(texts.back)} disabled={at === 0} onClick={() => jump(at - 1)}><Sign d="M12 2 4 8l8 6z" /></Button>
          <Button kind="main" onClick={() => { if (!playing && at === count - 1) go(0); play(!playing); }}>{say(playing ? texts.pause : texts.play)}</Button>
          <Button label={say(texts.next)} disabled={at === count - 1} onClick={() => jump(at + 1)}><Sign d="M4 2l8 6-8 6z" /></Button>
        </div>
        {answer && isKnown(row, column) && <Written asked={asked} answer={answer} row={row} column={column} />}
      </section>
    </div>
  );
}

interface FalkProps {
  asked: Asked;
  answer: ProductAnswer;
  row: number;
  column: number;
  isKnown: (row: number, column: number) => boolean;
  onCell: (row: number, column: number) => void;
  onChange: (asked: Asked) => void;
}

function Falk({ asked, answer, row, column, isKnown, onCell, onChange }: FalkProps) {
  const [left, right, result] = asked.kind === "layer" ? ["W", "x", "z = W·x + b"] : ["A", "B", "A·B"];
  return (
    <Scroll>
      <div class={`graph-falk ${asked.kind}`}>
        <div class="right">
          <b>{right}</b>
          <Grid name={right} rows={asked.right} kind={(_, place) => (place === column ? "at-column" : "")} onChange={(i, j, value) => onChange({ ...asked, right: changed(asked.right, i, j, value) })} />
        </div>
        <div class="left">
          <b>{left}</b>
          <Grid name={left} rows={asked.left} kind={(place) => (place === row ? "at-row" : "")} onChange={(i, j, value) => onChange({ ...asked, left: changed(asked.left, i, j, value) })} />
        </div>
        <div class="result">
          <b>{result}</b>
          <Results isKnown={isKnown} rows={answer.result} row={row} column={column} label={result} onCell={onCell} />
        </div>
        {asked.kind === "layer" && (
          <div class="bias">
            <b>b</b>
            <Grid name="b" rows={asked.bias.map((one) => [one])} kind={(place) => (place === row ? "at-row" : "")} onChange={(i, _, value) => onChange({ ...asked, bias: asked.bias.map((one, at) => (at === i ? value : one)) })} />
          </div>
        )}
        {answer.activated && (
          <div class="activated">
            <b>{`${asked.activation}(z)`}</b>
            <Results isKnown={isKnown} rows={answer.activated} row={row} column={column} label={asked.activation} onCell={onCell} />
          </div>
        )}
      </div>
    </Scroll>
  );
}

function Results({ rows, row, column, label, isKnown, onCell }: { isKnown: (row: number, column: number) => boolean; rows: Matrix; row: number; column: number; label: string; onCell: (row: number, column: number) => void }) {
  return (
    <table class="graph-grid results" aria-label={label}>
      <tbody>
        {rows.map((line, i) => (
          <tr key={i}>
            {line.map((number, j) => (
              <td key={j}>
                <button type="button" aria-pressed={i === row && j === column} aria-label={`${label} ${i + 1}, ${j + 1}: ${isKnown(i, j) ? written(number) : "?"}`} onClick={() => onCell(i, j)}>
                  {isKnown(i, j) ? written(number) : "?"}
                </button>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** The row times the column: each product, and their sum. */
function Written({ asked, answer, row, column }: { asked: Asked; answer: ProductAnswer; row: number; column: number }) {
  const terms = answer.terms[row]?.[column];
  if (!terms) return null;
  const bias = asked.kind === "layer" ? [asked.bias[row] ?? 0] : [];
  const sum = [...terms, ...bias].map((one, index) => (index === 0 ? written(one) : one < 0 ? ` − ${written(-one)}` : ` + ${written(one)}`)).join("");
  const activated = answer.activated?.[row]?.[column];
  const z = answer.result[row]?.[column];
  return (
    <div class="graph-written">
      <p class="mono">{localized(answer.steps[row]?.[column] ?? "")}</p>
      <p class="mono muted">
        {sum} {equals(z)}
      </p>
      {activated !== undefined && (
        <p class="mono">
          {asked.activation}({written(z)}) {equals(activated)}
        </p>
      )}
    </div>
  );
}

function Sizes({ asked, onChange }: { asked: Asked; onChange: (asked: Asked) => void }) {
  const [rows, inner, columns] = [asked.left.length, asked.right.length, asked.right[0]?.length ?? 1];
  const resize = (m: number, n: number, k: number) => onChange({ ...asked, left: sized(asked.left, m, n), right: sized(asked.right, n, k), bias: Array.from({ length: m }, (_, at) => asked.bias[at] ?? 0) });
  const sizes: [string, number, (size: number) => void][] = [
    [say(texts.rows), rows, (size) => resize(size, inner, columns)],
    [say(texts.inner), inner, (size) => resize(rows, size, columns)],
    [say(texts.columns), columns, (size) => resize(rows, inner, size)],
  ];
  return (
    <div class="graph-sizes">
      {sizes.map(([name, size, set]) => (
        <NumberField key={name} label={name} value={size} whole least={1} most={MOST} onNumber={set} />
      ))}
    </div>
  );
}

const changed = (matrix: Matrix, row: number, column: number, value: number): Matrix => matrix.map((line, i) => line.map((one, j) => (i === row && j === column ? value : one)));

/** With zeros where there was nothing. */
export const sized = (matrix: Matrix, rows: number, columns: number): Matrix => Array.from({ length: rows }, (_, i) => Array.from({ length: columns }, (__, j) => matrix[i]?.[j] ?? 0));

function matrixOf(text: string | null): Matrix | null {
  const value = text === null ? null : typed(text);
  return Array.isArray(value) && Array.isArray(value[0]) ? (value as number[][]) : null;
}

const fit = (left: Matrix, right: Matrix): boolean => left[0]?.length === right.length && left.length <= MOST && right.length <= MOST;

/** What of the address is left out because the two cannot be multiplied. */
export function unfit(query: URLSearchParams): readonly string[] {
  const base = query.get("kind") === "layer" ? LAYER : PRODUCT;
  const sides = ["left", "right"].filter((side) => query.has(side));
  return fit(matrixOf(query.get("left")) ?? base.left, matrixOf(query.get("right")) ?? base.right) ? [] : sides.map((side) => `${side}=${query.get(side) ?? ""}`);
}

export function readMatrices(query: URLSearchParams): Asked {
  const base = query.get("kind") === "layer" ? LAYER : PRODUCT;
  const [left, right] = [matrixOf(query.get("left")) ?? base.left, matrixOf(query.get("right")) ?? base.right];
  const bias = typed(query.get("bias") ?? "");
  const where = { hides: query.has("hide"), cell: wholeOf(query.get("cell") ?? undefined, 0) };
  if (!fit(left, right)) return { ...base, ...where };
  const kept = Array.isArray(bias) && !Array.isArray(bias[0]) && bias.length === left.length ? (bias as number[]) : base.bias;
  return { ...base, left, right, bias: left.map((_, at) => kept[at] ?? 0), ...where, activation: ACTIVATIONS.includes(query.get("activation") ?? "?") ? (query.get("activation") ?? "") : base.activation };
}

export function writtenMatrices({ kind, left, right, bias, activation, hides, cell }: Asked): string {
  const query = new URLSearchParams({ view: "matrices", kind, left: JSON.stringify(left), right: JSON.stringify(right) });
  if (hides) query.set("hide", "1");
  if (cell > 0) query.set("cell", String(cell));
  if (kind === "layer") {
    query.set("bias", JSON.stringify(bias));
    query.set("activation", activation);
  }
  return query.toString();
}
