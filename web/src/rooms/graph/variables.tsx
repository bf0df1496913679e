// Values of variables: a slider and a field for a number, cells for a list or a matrix.
import { useEffect, useState } from "preact/hooks";
import texts from "@texts/graph.json";
import { say } from "../../language";
import { numberOf, shown, taken, troubleOf, typed } from "./numbers";
import type { Value } from "./types";
import { Table } from "../../ui/table";

interface VariablesProps {
  variables: readonly { readonly name: string; readonly value: Value }[];
  onChange: (name: string, value: Value) => void;
}

export function Variables({ variables, onChange }: VariablesProps) {
  return (
    <>
      {variables.map(({ name, value }) => (
        <Variable key={name} name={name} value={value} onChange={(changed) => onChange(name, changed)} />
      ))}
      <p class="hint">{say(texts.variables_hint)}</p>
    </>
  );
}

function Variable({ name, value, onChange }: { name: string; value: Value; onChange: (value: Value) => void }) {
  return (
    <div class="graph-variable">
      <Field name={name} value={value} onChange={onChange} />
      {typeof value === "number" ? <Range name={name} value={value} onChange={onChange} /> : <Cells name={name} value={value} onChange={onChange} />}
    </div>
  );
}

/** Anything may be typed; what is no value stays until it is one, with the reason below. */
function Field({ name, value, onChange }: { name: string; value: Value; onChange: (value: Value) => void }) {
  const [text, write] = useState(shown(value));
  useEffect(() => {
    if (JSON.stringify(typed(text)) !== JSON.stringify(value)) write(shown(value));
  }, [JSON.stringify(value)]);
  const trouble = troubleOf(text, true);
  return (
    <>
      <label class="graph-field">
        <span class="mono">{name} =</span>
        <input
          type="text"
          class="mono"
          value={text}
          spellcheck={false}
          autocomplete="off"
          aria-invalid={taken(text, true) === null}
          onInput={(event) => {
            write(event.currentTarget.value);
            const number = taken(event.currentTarget.value, true);
            if (number !== null) onChange(number);
          }}
          onBlur={() => trouble === "" && write(shown(value))}
        />
      </label>
      <Trouble text={trouble} />
    </>
  );
}

function Trouble({ text }: { text: string }) {
  return text === "" ? null : (
    <p class="hint" role="status">
      {text}
    </p>
  );
}

/** Far enough to both sides of where it began, in steps that a hand can hit. */
function Range({ name, value, onChange }: { name: string; value: number; onChange: (value: number) => void }) {
  const [reach, widen] = useState(reachOf(value));
  useEffect(() => {
    if (Math.abs(value) > reach) widen(reachOf(value));
  }, [value]);
  return <input type="range" min={-reach} max={reach} step={reach / 100} value={value} aria-label={name} onInput={(event) => onChange(Number(Number(event.currentTarget.value).toPrecision(6)))} />;
}

export const reachOf = (value: number): number => (Math.abs(value) <= 2 ? 4 : 10 ** Math.ceil(Math.log10(Math.abs(value) + 1e-9)) * (Math.abs(value) > 10 ** Math.ceil(Math.log10(Math.abs(value) + 1e-9)) / 2 ? 2 : 1));

function Cells({ name, value, onChange }: { name: string; value: readonly number[] | readonly (readonly number[])[]; onChange: (value: Value) => void }) {
  const isList = !Array.isArray(value[0]);
  const rows = (isList ? [value] : value) as readonly (readonly number[])[];
  const change = (row: number, column: number, number: number) => {
    const changed = rows.map((line, at) => line.map((one, place) => (at === row && place === column ? number : one)));
    onChange(isList ? (changed[0] ?? []) : changed);
  };
  return <Grid name={name} rows={rows} onChange={change} />;
}

interface GridProps {
  name: string;
  rows: readonly (readonly number[])[];
  onChange: (row: number, column: number, value: number) => void;
  /** What marks a cell: "busy", "aside". */
  kind?: (row: number, column: number) => string;
}

/** Cells for numbers. */
export function Grid({ name, rows, onChange, kind }: GridProps) {
  const [troubles, tell] = useState<Readonly<Record<string, string>>>({});
  return (
    <>
      <Table
        kind="graph-grid"
        name={name}
        named={false}
        rows={rows.map((row, at) => ({
          key: at,
          cells: row.map((number, place) => (
            <td key={place} class={kind?.(at, place) ?? ""}>
              <Cell label={`${name} ${at + 1}, ${place + 1}`} value={number} onChange={(changed) => onChange(at, place, changed)} onTrouble={(trouble) => tell((before) => ({ ...before, [`${at} ${place}`]: trouble }))} />
            </td>
          )),
        }))}
      />
      <Trouble text={[...new Set(Object.values(troubles))].filter((one) => one !== "").join("; ")} />
    </>
  );
}

/** What is typed stays as it is typed, until the value is changed from elsewhere; what is no number changes nothing. Arrow
 * keys count up and down, as in fields for numbers, which would take "1." for 1. */
function Cell({ label, value, onChange, onTrouble }: { label: string; value: number; onChange: (value: number) => void; onTrouble: (trouble: string) => void }) {
  const [text, write] = useState(shown(value));
  useEffect(() => {
    if (numberOf(text) !== value) write(shown(value));
  }, [value]);
  const trouble = troubleOf(text);
  useEffect(() => {
    onTrouble(trouble);
    return () => onTrouble("");
  }, [trouble]);
  const type = (next: string) => {
    write(next);
    const number = taken(next);
    if (number !== null) onChange(number);
  };
  return (
    <input
      type="text"
      inputMode="decimal"
      size={5}
      value={text}
      spellcheck={false}
      autocomplete="off"
      aria-label={label}
      aria-invalid={taken(text) === null}
      title={trouble}
      onInput={(event) => type(event.currentTarget.value)}
      onKeyDown={(event) => {
        const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
        if (step === undefined) return;
        event.preventDefault();
        type(shown(value + step));
      }}
      onBlur={() => trouble === "" && write(shown(value))}
    />
  );
}
