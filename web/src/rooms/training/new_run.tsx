// A new training: the data and how they were read, what is predicted, the settings; checked, then started as a process of its own.
import { useEffect, useState } from "preact/hooks";
import texts from "@texts/training.json";
import { call, upload, type Refused } from "../../connection";
import type { Numbers } from "../../frames";
import { count, figure, known, language, local, plainNumber, say, spokenIn, type Told, told } from "../../language";
import { toShown } from "../../focus";
import { tell as aloud } from "../../telling";
import { useAsking, useWork } from "../../ui/asking";
import { Button, Choice, FileField, Panel, Problem, TextField } from "../../ui/controls";
import { Found } from "../../ui/finding";
import { clock, column, inLanguage, type Finding, type Words } from "./model";
import { Chart } from "./one_run";
import { ReadingTable, type Reading } from "./reading_table";
import { cause, fieldOf, inFields, quantity, setting, term } from "../../terms";
import { act, askedFor, show } from "./state";

interface Named {
  readonly name: string;
  readonly about: Told;
}

interface Field {
  readonly name: string;
  readonly part: string;
  readonly help: Told;
  readonly look: "choice" | "switch" | "number" | "words" | "lines";
  readonly choices: readonly string[];
  readonly form: string;
  readonly initial: string;
}

interface Form {
  readonly sets: readonly Named[];
  readonly nets: readonly Named[];
  readonly fields: readonly Field[];
}

export interface Look {
  readonly samples: number;
  readonly training: Readonly<Record<string, number>>;
  readonly shape: readonly number[];
  readonly target: Told;
  readonly columns: readonly { readonly name: string; readonly kind: string; readonly missing: number; readonly use: Told }[];
  readonly readings: readonly Reading[];
  readonly findings: readonly { readonly level: "error" | "warning" | "note"; readonly what: Told; readonly advice: Told; readonly examples: readonly Told[] }[];
  readonly notes: readonly Told[];
  readonly free: string;
}

interface Suggestion {
  readonly suggestion: number;
  readonly rates: Numbers;
  readonly losses: Numbers;
  readonly smoothed: Numbers;
}

interface Plan {
  readonly samples: Readonly<Record<string, number>>;
  readonly parameters: number;
  readonly steps: number;
  readonly seconds: number;
  readonly experiment: Readonly<Record<string, string>>;
  readonly findings: readonly Finding[];
}

const COMMON = ["net", "epochs", "learning_rate", "batch_size", "optimizer", "early_stop", "augment", "weight_decay", "seed"];
const OF_READING = ["target", "task", "columns", "drop", "missing", "encoding", "header"];
const PARTS = { data: texts.by_data, net: texts.by_net, learning: texts.part_learning, course: texts.part_course, run: texts.part_run };
const OWN = "own:";
const FILES = ".csv,.tsv,.parquet,.pq,.json,.jsonl,.ndjson,.zip,.npz";

export function NewRun({ data, words, name }: { data: string; words: Words; name: string }) {
  const [form, take] = useState<Form | null>(null);
  const { answer: look, problem: fault, busy: looking, ask, clear } = useAsking<Look>("training.look");
  const [problem, refuse] = useState("");
  const [sending, beSending] = useState(false);
  useEffect(() => {
    call<Form>("training.form").then(take, (error: Refused) => refuse(error.message));
  }, []);
  const reading = Object.fromEntries(OF_READING.flatMap((one) => (words[one] ? [[one, words[one] as string]] : [])));
  const key = JSON.stringify([data, reading]);
  useEffect(() => {
    if (data !== "") ask({ data, settings: reading });
  }, [key]);
  const set = (setting: string, value: string) => show({ ...askedFor(), words: { ...askedFor().words, [setting]: value } });
  const open = (next: string) => {
    clear();
    show({ kind: "new", data: next, words: Object.fromEntries(Object.entries(words).filter(([one]) => !OF_READING.includes(one))), name: "" });
  };
  const send = async ([file]: File[]) => {
    if (!file) return;
    beSending(true);
    refuse("");
    try {
      open((await call<{ data: string }>("training.own", { upload: await upload(file), called: file.name })).data);
    } catch (error) {
      refuse((error as Refused).message);
    }
    beSending(false);
  };
  if (!form) return <Problem text={problem} />;
  const own = data.startsWith(OWN);
  return (
    <>
      <section class="panel head">
        <h1>{say(texts.new_run)}</h1>
        <div class="form-grid">
          <Choice
            label={fieldOf("data")}
            value={data}
            options={[...(own ? [[data, data.slice(data.indexOf("/") + 1)] as const] : []), ...form.sets.map((one) => [one.name, one.name] as const)]}
            onChoose={open}
          />
          <div class="field">
            <span class="label">{say(texts.or_own)}</span>
            <FileField label={say(sending ? texts.loading : texts.choose_file)} accept={FILES} onFiles={(files) => void send(files)} />
          </div>
        </div>
        <p class="hint">{own ? say(texts.own_hint) : told(form.sets.find((one) => one.name === data)?.about ?? "")}</p>
        <Problem text={inFields(problem || fault)} />
        {looking && <p class="muted">{say(texts.looking)}</p>}
        {look && <Facts look={look} />}
      </section>
      {look && look.columns.length > 0 && own && <ReadingTable look={look} words={words} set={set} />}
      <Settings form={form} data={data} words={words} set={set} />
      <Begin data={data} words={words} name={name} free={look?.free ?? ""} />
    </>
  );
}

function sizesOf(samples: Readonly<Record<string, number>>): string[] {
  return Object.entries(samples).map(([split, many]) => `${quantity(split)} ${count(many)}`);
}

const MARKS = { error: "✗", warning: "!", note: "·" } as const;

/** What a look at the data tells before anything is trained. */
function Facts({ look }: { look: Look }) {
  const sizes = sizesOf(look.training);
  const what = told(look.target) === "" ? say(texts.samples_only, { samples: look.samples }) : say(texts.samples_of, { samples: look.samples, shape: look.shape.join(" × ") || "–", target: told(look.target) });
  useEffect(() => aloud([`${count(look.samples)} ${what}`, ...look.findings.map((one) => told(one.what))].join(" ")), [look]);
  return (
    <>
      <p>
        <b>{count(look.samples)}</b> {what}
        {sizes.length > 0 && <span class="muted"> {sizes.join(" · ")}</span>}
      </p>
      {look.notes.map((note) => (
        <p key={told(note)} class="hint" lang={spokenIn(note)}>
          {inFields(told(note))}
        </p>
      ))}
      {look.findings.length > 0 && (
        <ul class="findings">
          {look.findings.map((one) => (
            <li key={told(one.what)} class={one.level}>
              <span aria-hidden="true">{MARKS[one.level]}</span>
              <div>
                <span lang={spokenIn(one.what)}>{inFields(told(one.what))}</span>{" "}
                <span class="muted" lang={spokenIn(one.advice)}>
                  {inFields(told(one.advice))}
                </span>
                {one.examples.length > 0 && <span class="hint">{one.examples.map(told).join("; ")}</span>}
              </div>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

interface SettingsProps {
  form: Form;
  data: string;
  words: Words;
  set: (name: string, value: string) => void;
}

function Settings({ form, data, words, set }: SettingsProps) {
  const common = COMMON.flatMap((name) => form.fields.find((field) => field.name === name) ?? []);
  const rest = form.fields.filter(({ name }) => !COMMON.includes(name) && !OF_READING.includes(name));
  const changed = rest.filter(({ name }) => words[name]).length;
  return (
    <Panel title={say(texts.settings)}>
      <p class="hint">{say(texts.settings_hint)}</p>
      <div class="form-grid">
        {common.map((field) => (
          <Entry key={field.name} field={field} nets={form.nets} value={words[field.name] ?? ""} onChange={(value) => set(field.name, value)} />
        ))}
      </div>
      <Suggest data={data} words={words} onTake={(rate) => set("learning_rate", String(rate))} />
      <details>
        <summary>
          {say(texts.more_settings)} {changed > 0 && <b>({changed})</b>}
        </summary>
        {Object.entries(PARTS).map(([part, title]) => (
          <fieldset key={part}>
            <legend>{say(title)}</legend>
            <div class="form-grid">
              {rest
                .filter((field) => field.part === part)
                .map((field) => (
                  <Entry key={field.name} field={field} nets={form.nets} value={words[field.name] ?? ""} onChange={(value) => set(field.name, value)} />
                ))}
            </div>
          </fieldset>
        ))}
      </details>
    </Panel>
  );
}

interface EntryProps {
  field: Field;
  nets: readonly Named[];
  value: string;
  onChange: (value: string) => void;
}

/** One setting; of those that are folded, the help is the command line's. */
function Entry({ field, nets, value, onChange }: EntryProps) {
  const { name, help, look, choices, initial, form } = field;
  const label = fieldOf(name);
  const unset = initial === "" ? say(texts.suits) : local(initial);
  const list = name === "net" ? nets.map((one) => [one.name, `${one.name}: ${told(one.about)}`] as const) : choices.map((one) => [one, one] as const);
  const switches = look === "switch" ? [["true", say(texts.yes)] as const, ["false", say(texts.no)] as const] : [];
  const options = [...list, ...switches];
  const isNumber = look === "number";
  const hint = (
    <>
      {known(texts, `hint_${name}`, told(help))} {form !== "" && !COMMON.includes(name) && <code>{form}</code>}
    </>
  );
  if (options.length === 0) {
    return (
      <div class="setting">
        <TextField late label={label} value={value} hint={hint} numeric={isNumber} placeholder={look === "lines" ? form : unset} {...(look === "lines" ? { rows: 2 } : {})} onInput={(typed) => onChange(isNumber ? plainNumber(typed) : typed)} />
      </div>
    );
  }
  return (
    <div class="setting">
      <Choice label={label} value={value} options={[["", initial === "true" ? say(texts.yes) : initial === "false" ? say(texts.no) : unset], ...options.filter(([one]) => one !== initial)]} onChoose={onChange} />
      <p class="hint">{hint}</p>
    </div>
  );
}

/** A learning rate by a range test: trained with a growing rate until it diverges. */
function Suggest({ data, words, onTake }: { data: string; words: Words; onTake: (rate: number) => void }) {
  const [found, tell] = useState<Suggestion | null>(null);
  const { busy, problem, work } = useWork();
  const ask = () => work(async () => tell(await call<Suggestion>("training.suggest", { data, settings: words })));
  return (
    <div class="suggest">
      <div class="row">
        <Button disabled={busy || data === ""} onClick={() => void ask()}>
          {say(busy ? texts.testing : texts.suggest)}
        </Button>
        {found && (
          <Button kind="main" onClick={() => onTake(found.suggestion)}>
            {say(texts.take_rate, { rate: figure(found.suggestion, 2) })}
          </Button>
        )}
      </div>
      <Problem text={problem} />
      {found && <RangeChart found={found} />}
    </div>
  );
}

function RangeChart({ found }: { found: Suggestion }) {
  const powers = column(found.rates).map((rate) => (typeof rate === "number" ? Math.log10(rate) : null));
  const smoothed = column(found.smoothed);
  const most = 3 * Math.max(...smoothed.slice(0, 5).map((value) => value ?? 0));
  const below = (values: readonly (number | null | undefined)[]) => values.map((value) => (typeof value === "number" && value <= most ? value : null));
  return <Chart title={say(texts.range)} names={["loss", say(texts.smoothed)]} columns={[below(column(found.losses)), below(smoothed)]} x={powers} across={`log₁₀(${term("learning rate")})`} height={184} wide whole={false} />;
}

const asked = ({ data, words, name }: { data: string; words: Words; name: string }): string => JSON.stringify([data, words, name]);

function Begin({ data, words, name, free }: { data: string; words: Words; name: string; free: string }) {
  const [plan, tell] = useState<Plan | null>(null);
  const { busy, work } = useWork();
  const [refused, judge] = useState({ of: "", line: "" }); // by either button; what was refused may be mended by now
  useEffect(() => tell(null), [data, JSON.stringify(words)]);
  const judging = (of = asked(askedFor())) => (line: string) => judge({ of, line });
  const check = () => work(async () => tell(await act<Plan>("check", { data, settings: askedFor().words }, judging())));
  const start = async () => {
    const answer = await act<{ run: string }>("start", { data, settings: inLanguage(askedFor().words, language.value), name: askedFor().name }, judging());
    if (!answer) return;
    show({ kind: "runs", chosen: [answer.run] });
    toShown();
  };
  return (
    <section class="panel begin" aria-label={say(texts.start)}>
      <div class="row">
        <TextField late label={say(texts.run_name)} value={name} placeholder={free} onInput={(called) => show({ ...askedFor(), name: called })} />
        <Button kind="main" disabled={data === ""} onClick={() => void start()}>
          {say(texts.start)}
        </Button>
        <Button disabled={busy || data === ""} onClick={() => void check()}>
          {say(busy ? texts.checking : texts.check)}
        </Button>
      </div>
      <Problem text={refused.of === asked({ data, words, name }) ? inFields(refused.line) : ""} />
      {plan && <Planned plan={plan} set={(settings) => show({ ...askedFor(), words: { ...askedFor().words, ...settings } })} />}
    </section>
  );
}

function Planned({ plan, set }: { plan: Plan; set: (settings: Words) => void }) {
  const sizes = sizesOf(plan.samples);
  const what = `${plan.experiment["net"]}: ${say(texts.plan, { parameters: count(plan.parameters), steps: count(plan.steps), time: clock(plan.seconds) })}`;
  useEffect(() => aloud([what, ...(plan.findings.length === 0 ? [say(texts.nothing_wrong)] : plan.findings.map((one) => cause(one.cause)))].join(" ")), [plan]);
  return (
    <>
      <p>
        {what} <span class="muted">{sizes.join(" · ")}</span>
      </p>
      <p class="muted">
        {["epochs", "batch_size", "optimizer", "learning_rate", "schedule"].map((one) => `${setting(one)} ${local(String(plan.experiment[one] ?? "–"))}`).join(" · ")}
      </p>
      {plan.findings.length === 0 ? (
        <p>✓ {say(texts.nothing_wrong)}</p>
      ) : (
        plan.findings.map((finding) => <Found key={finding.cause + told(finding.where)} finding={finding} take={{ called: say(texts.set_so), act: set }} />)
      )}
    </>
  );
}
