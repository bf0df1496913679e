// How the columns of a table were read, to be corrected before anything is trained.
import texts from "@texts/training.json";
import { count, say, told, type Told } from "../../language";
import { Choice, Panel, TextField } from "../../ui/controls";
import type { Look } from "./new_run";
import { kindsIn, leftOut, withKind, withoutColumn } from "./reading";
import type { Words } from "./model";
import { fieldOf, inFields, term } from "../../terms";
import { Table } from "../../ui/table";

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

const TOLD = ["number", "number:.", "number:,", "category", "text", "date", "date:dmy", "date:mdy", "date:ymd"];

/** How a number or a date is written, beside its kind. */
const WRITTEN: Readonly<Record<string, string>> = { ".": "1.5", ",": "1,5", dmy: "31/12/2024", mdy: "12/31/2024", ymd: "2024/12/31" };

/** "number:," as the page says it. */
export function kindSaid(kind: string): string {
  const [of = "", form = ""] = kind.split(":");
  return [of === "code" ? term("category (codes)") : term(of) || "–", WRITTEN[form] ?? ""].join(" ").trim();
}

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
  const row = (name: string) => {
    const reading = readings.get(name);
    const column = look.columns.find((one) => one.name === name);
    const kind = reading?.kind ?? column?.kind ?? "";
    return {
      key: name,
      kind: out.includes(name) ? "out" : name === target ? "target" : "",
      cells: [
        <>
          {name} {name === target && <span class="tag">{fieldOf("target")}</span>}
        </>,
        <select aria-label={`${name}: ${fieldOf("columns")}`} value={named[name] ?? ""} onChange={(event) => set("columns", withKind(words["columns"] ?? "", name, event.currentTarget.value))}>
          <option value="">{kindSaid(kind)}</option>
          {TOLD.map((one) => (
            <option key={one} value={one} selected={one === named[name]}>
              {kindSaid(one)}
            </option>
          ))}
        </select>,
        <input type="checkbox" checked={out.includes(name)} disabled={name === target} aria-label={`${fieldOf("drop")}: ${name}`} onChange={(event) => set("drop", withoutColumn(words["drop"] ?? "", name, event.currentTarget.checked))} />,
        <td class="cell">{reading && [...new Set(reading.example)].join(" → ")}</td>,
        missing(reading),
        <td class="because">{[reading?.why, reading?.doubt, reading?.use || column?.use].flatMap((part) => (part ? [inFields(told(part))] : [])).join("; ")}</td>,
      ],
    };
  };
  return (
    <Panel title={say(texts.reading)}>
      <div class="form-grid">
        <Choice label={fieldOf("target")} value={target} options={[["", say(texts.choose_target)], ...names.filter((name) => !out.includes(name)).map((name) => [name, name] as const)]} onChoose={(name) => set("target", name)} />
        <Choice
          label={fieldOf("task")}
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
          label={fieldOf("header")}
          value={words["header"] ?? ""}
          options={[
            ["", say(texts.header_first)],
            ["none", say(texts.header_none)],
          ]}
          onChoose={(header) => set("header", header)}
        />
        <TextField late label={fieldOf("missing")} value={words["missing"] ?? ""} placeholder="NA,?,-" onInput={(value) => set("missing", value)} />
        <TextField late label={fieldOf("encoding")} value={words["encoding"] ?? ""} placeholder={say(texts.suits)} onInput={(value) => set("encoding", value)} />
      </div>
      <Table label={say(texts.reading)} kind="reading" heads={[say(texts.column), fieldOf("columns"), fieldOf("drop"), say(texts.example), say(texts.missing), say(texts.because)]} rows={names.map(row)} />
    </Panel>
  );
}

function missing(reading: Reading | undefined): string {
  if (!reading || reading.missing === 0) return "";
  const unread = reading.unread > 0 ? ` (${say(texts.unread, { count: reading.unread, row: reading.first_unread[0], cell: reading.first_unread[1] })})` : "";
  return `${count(reading.missing)}${unread}`;
}
