// What happens at the node at work: its formula with the numbers forward, its share of the chain rule backward, in words.
import texts from "@texts/graph.json";
import { lowered, say, spokenIn, told, type Text, type Told } from "../../language";
import { Equation, Formula } from "./math";
import { digitsOf, isExact } from "../../numbers";
import { localized, plain, rows, written } from "./numbers";
import { byName, type Stop } from "./steps";
import type { Figure, FormulaAnswer, Node, Step, Summary } from "./types";
import { Scroll } from "../../ui/scroll";
import { Table } from "../../ui/table";

const RULES = texts as Readonly<Record<string, Text>>;

export function Explained({ answer, stop }: { answer: FormulaAnswer; stop: Stop | undefined }) {
  const nodes = byName(answer.graph);
  const node = nodes.get(stop?.node ?? "");
  if (!stop || stop.phase === "given" || !node) return <p>{say(texts.given_words)}</p>;
  return stop.phase === "forward" ? <Forward answer={answer} node={node} /> : <Backward answer={answer} node={node} nodes={nodes} />;
}

function Forward({ answer, node }: { answer: FormulaAnswer; node: Node }) {
  const numbers = answer.numbers[node.name];
  const sides = [named(node), node.latex, numbers, node.value?.item === null ? undefined : figure(node.value?.item ?? null)].filter((side): side is string => side !== undefined && side !== "");
  return (
    <>
      <Equation latex={distinct(sides).join(" = ")} />
      <Entries summary={node.value} label={node.name} />
      {isLost(node.value) && <Remarks notes={answer.graph.notes} />}
      <Words op={node.op} kind="forward" />
    </>
  );
}

function Backward({ answer, node, nodes }: { answer: FormulaAnswer; node: Node; nodes: ReadonlyMap<string, Node> }) {
  const { of } = answer.graph;
  const step = answer.sweep.find((one) => one.name === node.name);
  if (node.name === of || !step) {
    return (
      <>
        <Equation latex={`${derivative(of, node.name)} = 1`} />
        <p>{say(texts.begins, { of })}</p>
      </>
    );
  }
  const isPlain = step.terms.every((term) => term.value !== null);
  const users = [...new Set(step.terms.map((term) => term.user))];
  return (
    <>
      <Equation latex={equation(step, of, answer.handed)} />
      <Entries summary={node.gradient} label={`∂${of}/∂${node.name}`} />
      {(isLost(node.gradient) || isLost(nodes.get(of)?.value)) && <Remarks notes={answer.graph.notes} />}
      {isPlain && step.terms.length > 0 && <Terms step={step} of={of} />}
      <p>{say(step.terms.length === 1 ? texts.used_once : texts.used_often, { node: node.name, users: users.join(", "), count: step.terms.length })}</p>
      {rulesOf(step, nodes).map((op) => (
        <Words key={op} op={op} kind="backward" />
      ))}
    </>
  );
}

/** The operations whose rules hand back to the node; of a power another one to its exponent than to its base. */
export function rulesOf(step: Step, nodes: ReadonlyMap<string, Pick<Node, "op">>): string[] {
  const rules = step.terms.map(({ user, place }) => {
    const op = nodes.get(user)?.op ?? "";
    return op === "pow" && place === 1 ? "pow_exponent" : op;
  });
  return [...new Set(rules)];
}

/** The gradient of a node out of those of its users; of tensors as what each hands back, for there the local derivative is a Jacobian. */
export function equation(step: Step, of: string, handed: FormulaAnswer["handed"]): string {
  const rules = step.terms.map((term) => handed.find((one) => one.node === term.user && one.place === term.place)?.latex);
  if (rules.every((latex) => latex === undefined)) return step.latex;
  const parts = rules.map((latex, at) => latex ?? step.terms[at]?.rule ?? "");
  return `${derivative(of, step.name)} = ${parts.join(" + ")}${typeof step.value === "number" ? ` ${equal(step.value)} ${figure(step.value)}` : ""}`;
}

/** Whether the node is another input of the same user, too, as in xˣ: by its name the derivatives would be one. */
export const isAgain = (step: Step, { user, place }: Step["terms"][number]): boolean => step.terms.some((one) => one.user === user && one.place !== place);

function Terms({ step, of }: { step: Step; of: string }) {
  const rows = step.terms.map((term, key) => {
    const again = isAgain(step, term);
    const local = [again ? "" : derivative(term.user, step.name), term.rule, figure(term.local, 4)];
    return {
      key,
      cells: [
        again ? say(texts.input_place, { user: term.user, place: term.place + 1 }) : <Formula latex={word(term.user)} />,
        <Formula latex={`${derivative(of, term.user)} ${equal(term.outer)} ${figure(term.outer, 4)}`} />,
        <Formula latex={distinct(local).join(" = ")} />,
        written(term.value, 6),
      ],
    };
  });
  return <Table kind="graph-terms" named={false} heads={[say(texts.through), say(texts.arrives), say(texts.local), say(texts.product)]} rows={rows} />;
}

const isLost = (summary: Summary | null | undefined): boolean => summary !== null && summary !== undefined && summary.bad > 0;

/** Where the numbers end: what is NaN or infinite, and at which values. */
export function Remarks({ notes }: { notes: readonly Told[] }) {
  return (
    <>
      {notes.map((note) => (
        <p key={told(note)} class="problem" lang={spokenIn(note)}>
          {localized(told(note))}
        </p>
      ))}
    </>
  );
}

/** The rule of an operation in a sentence, where there is one. */
function Words({ op, kind }: { op: string; kind: "forward" | "backward" }) {
  const text = RULES[`rule_${op}_${kind}`];
  return text ? <p class="graph-rule">{say(text)}</p> : null;
}

/** All entries of a list or a matrix. */
export function Entries({ summary, label }: { summary: Summary | null | undefined; label: string }) {
  const cells = summary?.item === null ? rows(summary.entries) : null;
  if (!cells) return null;
  return (
    <Scroll>
      <table class="graph-entries" aria-label={label}>
        <tbody>
          {cells.map((row, index) => (
            <tr key={index}>
              {index === 0 && (
                <th rowSpan={cells.length} scope="rowgroup">
                  {label}
                </th>
              )}
              {row.map((cell, place) => (
                <td key={place}>{cell}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** A name as Profundo writes it in LaTeX: what follows its letters stands below. */
export function word(name: string): string {
  const match = /^([A-Za-z]+?)(?:_([A-Za-z0-9]+)|([0-9]+))?$/.exec(name);
  if (!match) return /^\p{L}$/u.test(name) ? name : `\\mathrm{${name}}`;
  const [, letters = "", below, digits] = match;
  const base = letters.length === 1 ? letters : `\\mathrm{${letters}}`;
  const index = below ?? digits;
  return index === undefined ? base : `${base}_{${/^\d+$/.test(index) || index.length === 1 ? index : `\\mathrm{${index}}`}}`;
}

const named = (node: Node): string => word(node.name);

export const derivative = (of: string, by: string): string => `\\frac{\\partial ${word(of)}}{\\partial ${word(by)}}`;

/** The sign before a number in LaTeX that `figure` writes. */
export const equal = (value: Figure): string => (typeof value === "number" && Number.isFinite(value) && !isExact(value) ? "\\approx" : "=");

/** A number in LaTeX. */
export function figure(value: Figure, digits = 6): string {
  const text = plain(value, typeof value === "number" ? digitsOf(value, digits) : digits);
  const [, before = "", power] = /^(.*?)·?10([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)$/.exec(text) ?? [];
  return (power === undefined ? text : `${before}${before.length > 1 ? " \\cdot " : ""}10^{${lowered(power)}}`).replaceAll("−", "-").replace("∞", "\\infty").replace("NaN", "\\mathrm{NaN}");
}

/** Without a side that says again what stands before it. */
function distinct(sides: readonly string[]): string[] {
  return sides.filter((side, index) => side !== "" && side.replaceAll(" ", "") !== (sides[index - 1] ?? "").replaceAll(" ", ""));
}
