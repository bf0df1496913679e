// How the columns of a table were read, to be corrected before anything is trained.
import { useId } from "preact/hooks";
import texts from "@texts/training.json";
import { count, say, told, type Text, type Told } from "../../language";
import { Choice, Panel } from "../../ui/controls";
import type { Look } from "./new_run";
import { kindsIn, leftOut, withKind, withoutColumn } from "./reading";
import type { Words } from "./model";
import { Scroll } from "../../ui/scroll";

export interface Reading {
  readonly name: string;
  readonly kind: string;
  readonly why: Told;
  readonly doubt: Told;
  readonly example: readonly [cell: string, value: string];
  readonly missing: number;
  readonly unread: number;
  readonly first_unread: readonly [row: number, cell: string];
  readonly use: Told;
}

const KINDS: Readonly<Record<string, Text>> = {
  number: texts.kind_number,
  category: texts.kind_category,
  code: texts.kind_code,
  date: texts.kind_date,
  text: texts.kind_text,
};
const TOLD = ["number", "number:.", "number:,", "category", "text", "date", "date:dmy", "date:mdy", "date:ymd"];

interface TableProps {
  look: Look;
  words: Words;
  set: (setting: string, value: string) => void;
}

export function ReadingTable({ look, words, set }: TableProps) {
  const target = words["target"] ?? "";
  const named = kindsIn(words["columns"] ?? "");
  const out = leftOut(words["drop"] ?? "");
  const readings = new Map(look.readings.map((one) => [one.name, one]));
  const names = [...new Set([...look.columns.map((one) => one.name), ...readings.keys(), ...out])];
  return (
    <Panel title={say(texts.reading)}>
      <div class="form-grid">
        <Choice label={say(texts.target)} value={target} options={[["", say(texts.choose_target)], ...names.filter((name) => !out.includes(name)).map((name) => [name, name] as const)]} onChoose={(name) => set("target", name)} />
        <Choice
          label={say(texts.task)}
          value={words["task"] ?? ""}
          options={[
            ["", say(texts.suits)],
            ["classes", say(texts.task_classes)],
            ["real", say(texts.task_real)],
            ["labels", say(texts.task_labels)],
          ]}
          onChoose={(task) => set("task", task)}
        />
        <Choice
          label={say(texts.header)}
          value={words["header"] ?? ""}
          options={[
            ["", say(texts.header_first)],
            ["none", say(texts.header_none)],
          ]}
          onChoose={(header) => set("header", header)}
        />
        <WordsField label={say(texts.missing_words)} value={words["missing"] ?? ""} placeholder="NA,?,-" onChange={(value) => set("missing", value)} />
        <WordsField label={say(texts.encoding)} value={words["encoding"] ?? ""} placeholder={say(texts.suits)} onChange={(value) => set("encoding", value)} />
      </div>
      <Scroll label={say(texts.reading)}>
        <table class="reading">
          <thead>
            <tr>
              <th scope="col">{say(texts.column)}</th>
              <th scope="col">{say(texts.taken_for)}</th>
              <th scope="col">{say(texts.leave_out)}</th>
              <th scope="col">{say(texts.example)}</th>
              <th scope="col">{say(texts.missing)}</th>
              <th scope="col">{say(texts.because)}</th>
            </tr>
          </thead>
          <tbody>
            {names.map((name) => {
              const reading = readings.get(name);
              const kind = reading?.kind ?? look.columns.find((one) => one.name === name)?.kind ?? "";
              const known = KINDS[kind];
              return (
                <tr key={name} class={out.includes(name) ? "out" : name === target ? "target" : ""}>
                  <th scope="row">
                    {name} {name === target && <span class="tag">{say(texts.target)}</span>}
                  </th>
                  <td>
                    <select aria-label={`${name}: ${say(texts.taken_for)}`} value={named[name] ?? ""} onChange={(event) => set("columns", withKind(words["columns"] ?? "", name, event.currentTarget.value))}>
                      <option value="">{known ? say(known) : kind || "–"}</option>
                      {TOLD.map((one) => (
                        <option key={one} value={one} selected={one === named[name]}>
                          {one}
                        </option>
                      ))}
                    </select>
                  </td>
                  <td>
                    <input type="checkbox" checked={out.includes(name)} disabled={name === target} aria-label={`${say(texts.leave_out)}: ${name}`} onChange={(event) => set("drop", withoutColumn(words["drop"] ?? "", name, event.currentTarget.checked))} />
                  </td>
                  <td class="cell">{reading ? (reading.example[0] === reading.example[1] ? reading.example[0] : reading.example.join(" → ")) : ""}</td>
                  <td>{missing(reading)}</td>
                  <td class="because">
                    {[reading?.why, reading?.doubt, reading?.use || look.columns.find((one) => one.name === name)?.use].flatMap((part) => (part ? [told(part)] : [])).join("; ")}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
    </Panel>
  );
}

function missing(reading: Reading | undefined): string {
  if (!reading || reading.missing === 0) return "";
  const unread = reading.unread > 0 ? ` (${say(texts.unread, { count: reading.unread, row: reading.first_unread[0], cell: reading.first_unread[1] })})` : "";
  return `${count(reading.missing)}${unread}`;
}

function WordsField({ label, value, placeholder, onChange }: { label: string; value: string; placeholder: string; onChange: (value: string) => void }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        type="text"
        value={value}
        placeholder={placeholder}
        autocomplete="off"
        spellcheck={false}
        onChange={(event) => onChange(event.currentTarget.value)}
      />
    </div>
  );
}
