// A table of one's own in the plane: what it is told by, and which two columns are looked at.
import { useState } from "preact/hooks";
import texts from "@texts/playground.json";
import { upload } from "../../connection";
import { count, say } from "../../language";
import { Choice, FileField, type Option } from "../../ui/controls";
import { refuse, setup, tableColumns, takeTable } from "./play";

interface Table {
  readonly upload: string;
  readonly numbers: readonly string[];
  readonly targets: readonly string[];
  readonly rows: number;
  /** So many of them are drawn, at most. */
  readonly most: number;
}

export function OwnTable() {
  const [table, keep] = useState<Table | null>(null);
  const [busy, wait] = useState(false);
  const [used, use] = useState(0); // rows that became points, before any is added or dropped by hand
  const begin = async (upload: string, target: string, columns: readonly string[]) => {
    await takeTable(upload, target, columns);
    use(setup.value?.words["points"]?.split(";").length ?? 0);
  };
  const send = async (file: File) => {
    wait(true);
    try {
      const name = await upload(file);
      const told = await tableColumns(name);
      keep(told && { upload: name, ...told });
      if (told) await begin(name, told.target, chosenOf(told.numbers, told.target));
    } catch (error) {
      refuse(error);
    }
    wait(false);
  };
  return (
    <>
      <FileField label={say(busy ? texts.reading_table : texts.own_table)} accept=".csv,.tsv,.txt,.parquet,.json" onFiles={([file]) => file && void send(file)} />
      {table && <Columns table={table} used={used} begin={(target, columns) => begin(table.upload, target, columns).catch(refuse)} />}
    </>
  );
}

/** The first two columns that are not the target, those before where they still can be. */
export function chosenOf(numbers: readonly string[], target: string, before: readonly string[] = []): string[] {
  const free = numbers.filter((name) => name !== target);
  const kept = [...new Set(before)].filter((name) => free.includes(name));
  return [...kept, ...free.filter((name) => !kept.includes(name))].slice(0, 2);
}

function Columns({ table: { numbers, targets, rows, most }, used, begin }: { table: Table; used: number; begin: (target: string, columns: readonly string[]) => Promise<void> }) {
  const words = setup.value?.words["columns"] ?? "";
  const [x = "", y = "", target = ""] = words.split(",").map(decodeURIComponent);
  if (words === "" || !targets.includes(target)) return null; // other points were taken meanwhile
  const among = (names: readonly string[]): Option[] => names.map((one) => [one, one]);
  const free = numbers.filter((one) => one !== target);
  return (
    <>
      {used < rows && (
        <p class="hint" role="note">
          {say(texts.rows_used, { used: count(used), rows: count(rows), most: count(most) })}
        </p>
      )}
      <Choice label={say(texts.target_column)} value={target} options={among(targets)} onChoose={(one) => begin(one, chosenOf(numbers, one, [x, y]))} />
      <Choice label={say(texts.across_column)} value={x} options={among(free)} onChoose={(one) => begin(target, chosenOf(numbers, target, [one, one === y ? x : y]))} />
      <Choice label={say(texts.up_column)} value={y} options={among(free)} onChoose={(one) => begin(target, one === x ? [y, x] : [x, one])} />
    </>
  );
}
