// The trained net tried at once: an image chosen or drawn, a sound, a row or a text; the answer with its probabilities.
import { useEffect, useMemo, useState } from "preact/hooks";
import texts from "@texts/training.json";
import { call, latest, role, upload, type Refused } from "../../connection";
import { figure, inPage, inTable, percent, say, spokenIn, told, type Told } from "../../language";
import { useTold } from "../../telling";
import { Button, FileField, Panel, Problem } from "../../ui/controls";
import { Drawing } from "./drawing";
import type { Run } from "./model";

interface Field {
  readonly name: string;
  readonly kind: string;
  readonly levels: readonly string[];
  readonly value: string;
  readonly decimal: string;
}

interface Takes {
  readonly kind: string;
  readonly shape: readonly number[];
  readonly fields: readonly Field[];
}

interface Answer {
  readonly prediction: unknown;
  readonly ranked: readonly { readonly name: string; readonly share: number }[];
  readonly targets: readonly string[];
  /** Of numbers: where the truth lies in `level` of such cases, unless training had none such. */
  readonly interval: Interval | null;
  /** How values were read, and what the row has that training had not. */
  readonly notices: readonly Told[];
}

interface Interval {
  readonly low: number | readonly number[];
  readonly high: number | readonly number[];
  readonly level: number;
  readonly promised: boolean;
}

export function TryOut({ run }: { run: Run }) {
  const [takes, take] = useState<Takes | null>(null);
  const [answer, tell] = useState<Answer | null>(null);
  const [problem, refuse] = useState("");
  useEffect(() => {
    call<Takes>("training.takes", { run: run.name }).then(take, (error: Refused) => refuse(error.message));
  }, [run.name]);
  const failed = (error: Refused) => {
    tell(null); // an answer to other values is none to these
    refuse(error.message);
  };
  const said = (one: Answer) => {
    refuse("");
    tell(one);
  };
  useTold(answer ? [...spoken(answer), ...answer.notices.map(told)].join("; ") : "");
  return (
    <Panel title={say(texts.try_out)}>
      <Problem typed text={problem} />
      {takes && (
        <div class="trying">
          <Input run={run} takes={takes} said={said} failed={failed} />
          <div class="answer">
            {answer ? <Said answer={answer} /> : <p class="muted">{say(texts.try_hint)}</p>}
          </div>
        </div>
      )}
    </Panel>
  );
}

interface InputProps {
  run: Run;
  takes: Takes;
  said: (answer: Answer) => void;
  failed: (error: Refused) => void;
}

function Input({ run, takes, said, failed }: InputProps) {
  if (takes.kind === "image" || takes.kind === "sound") return <Media run={run} takes={takes} said={said} failed={failed} />;
  if (takes.kind === "features" && takes.fields.length > 0) return <Row run={run} takes={takes} said={said} failed={failed} />;
  return <p>{say(texts.not_here, { command: `profundo predict runs/${run.name}` })}</p>;
}

function Media({ run, takes, said, failed }: InputProps) {
  const [, height = 1, width = 1] = takes.shape;
  const draw = useMemo(() => latest<Answer>("training.try_file", said, failed), [run.name]);
  const send = async ([file]: File[]) => {
    if (!file) return;
    try {
      said(await call<Answer>("training.try_file", { run: run.name, upload: await upload(file) }));
    } catch (error) {
      failed(error as Refused);
    }
  };
  return (
    <div class="media">
      {takes.kind === "image" && <Drawing width={width} height={height} onDrawn={(drawn) => void draw({ run: run.name, drawn })} />}
      {role.value === "owner" && <FileField label={say(takes.kind === "image" ? texts.choose_image : texts.choose_sound)} accept={`${takes.kind === "image" ? "image" : "audio"}/*`} onFiles={(files) => void send(files)} />}
    </div>
  );
}

function Row({ run, takes, said, failed }: InputProps) {
  const [row, fill] = useState<Record<string, string>>(() => Object.fromEntries(takes.fields.map(({ name, kind, value, decimal }) => [name, kind === "number" ? inPage(value, decimal) : value])));
  const send = useMemo(() => latest<Answer>("training.try_row", said, failed), [run.name]);
  const ask = (typed: Record<string, string>) => {
    const written = takes.fields.map(({ name, kind, decimal }) => [name, kind === "number" ? inTable(typed[name] ?? "", decimal) : (typed[name] ?? "")]);
    void send({ run: run.name, row: Object.fromEntries(written) });
  };
  const change = (name: string, value: string) => {
    const next = { ...row, [name]: value };
    fill(next);
    ask(next);
  };
  return (
    <form
      class="row-form"
      onSubmit={(event) => {
        event.preventDefault();
        ask(row);
      }}
    >
      {takes.fields.map((field) => (
        <Cell key={field.name} field={field} value={row[field.name] ?? ""} onChange={(value) => change(field.name, value)} />
      ))}
      <Button kind="main" onClick={() => ask(row)}>
        {say(texts.predict)}
      </Button>
    </form>
  );
}

function Cell({ field: { name, kind, levels }, value, onChange }: { field: Field; value: string; onChange: (value: string) => void }) {
  const id = `cell-${name}`;
  const on = { id, value, onInput: (event: { currentTarget: { value: string } }) => onChange(event.currentTarget.value) };
  return (
    <div class={kind === "text" ? "field whole" : "field"}>
      <label for={id}>{name}</label>
      {kind === "category" && levels.length > 0 ? (
        <select {...on}>
          {levels.map((level) => (
            <option key={level} value={level} selected={level === value}>
              {level}
            </option>
          ))}
          <option value="" selected={value === ""}>
            –
          </option>
        </select>
      ) : kind === "text" ? (
        <textarea {...on} />
      ) : (
        <input {...on} type="text" inputMode={kind === "number" ? "decimal" : "text"} autocomplete="off" />
      )}
    </div>
  );
}

const MOST_VALUES = 20;
const listed = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [value]);
const word = (value: unknown): string => (typeof value === "number" ? figure(value, 4) : String(value));

/** What is said of it: values by their columns, the share of the first class, intervals. */
function spoken({ prediction, ranked, targets, interval }: Answer): string[] {
  const values = listed(prediction).slice(0, MOST_VALUES);
  const [low, high] = [listed(interval?.low), listed(interval?.high)];
  const share = ranked.find(({ name }) => name === String(prediction))?.share;
  return values.map((value, index) => {
    const between = interval && say(texts.interval, { level: percent(interval.level, 0), low: word(low[index]), high: word(high[index]) });
    return [targets.length === listed(prediction).length && targets[index], word(value), share !== undefined && percent(share), between].filter(Boolean).join(" ");
  });
}

/** A number has the name of its column, which tells its unit, and its interval. */
function Said({ answer: { prediction, ranked, targets, interval, notices } }: { answer: Answer }) {
  const values = listed(prediction).slice(0, MOST_VALUES);
  const [low, high] = [listed(interval?.low), listed(interval?.high)];
  const level = percent(interval?.level, 0);
  return (
    <>
      {values.map((value, index) => (
        <div key={index}>
          {targets.length === listed(prediction).length && <p class="muted target">{targets[index]}</p>}
          <p class="prediction">{word(value)}</p>
          {interval && <p class="between">{say(texts.interval, { level, low: word(low[index]), high: word(high[index]) })}</p>}
        </div>
      ))}
      {interval?.promised && <p class="hint">{say(texts.interval_hint, { level })}</p>}
      {ranked.length > 0 && (
        <ol class="shares">
          {ranked.map(({ name, share }) => (
            <li key={name}>
              <span>{name}</span>
              <progress value={share} aria-hidden="true" />
              <b>{percent(share, 1)}</b>
            </li>
          ))}
        </ol>
      )}
      {notices.map((notice) => (
        <p key={told(notice)} class="hint" lang={spokenIn(notice)}>
          {told(notice)}
        </p>
      ))}
    </>
  );
}
