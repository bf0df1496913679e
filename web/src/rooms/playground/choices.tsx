// Everything that can be chosen: the lesson, the points, the net's manners, how it learns, and when it stops.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import lab from "@texts/lab.json";
import texts from "@texts/playground.json";
import lessons from "@texts/presets.json";
import { role } from "../../connection";
import { figure, known, say, type Text } from "../../language";
import { brief } from "../../numbers";
import { CLASS_COLOURS, css } from "../../ui/colours";
import { Button, Choice, Panel, Slider, Steps, type Option } from "../../ui/controls";
import { NumberField } from "../../ui/number_field";
import { act, begin, choose, form, frame, hidden, pace, preset, queryOf, setup, show, view, waiting, type Form, type Setup, type Speed, type Stop } from "./play";
import { Glance } from "./glance";
import { OwnTable } from "./own_table";

const RATES = [0.00001, 0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];
const PENALTIES = [0, 0.0001, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1];
const BATCHES = [1, 2, 5, 10, 20, 30, 50, 100];
const OWN = "points";

/** The text of a name that the lab gave, or the name itself where it is newer than the page. */
export const named = (group: string, name: string): string => known(texts, `${group}_${name}`, name);
const lesson = (name: string, what: "title" | "question" | "seen"): string => known(lessons, `${name}_${what}`, name);
const options = (choices: Form, setting: string): Option[] => (choices.options[setting] ?? []).map((name) => [name, named(setting === "loss" ? "objective" : setting, name)]);
const word = (now: Setup, name: string): string => now.words[name] ?? "";
const number = (now: Setup, name: string): number => Number(word(now, name));

export function Lessons() {
  const choices = form.value;
  if (!choices) return null;
  const chosen = preset.value;
  const take = (name: string) => begin(queryOf(name), name);
  return (
    <section class="lesson" aria-label={say(texts.lesson)}>
      <Choice label={say(texts.lesson)} value={chosen} options={[["", say(texts.no_lesson)], ...choices.presets.map(({ name }): Option => [name, lesson(name, "title")])]} onChoose={take} />
      <div class="lesson-words">
        {chosen === "" ? (
          <p class="muted">{say(role.value === "visitor" ? texts.lesson_hint_visitor : texts.lesson_hint)}</p>
        ) : (
          <>
            <p>
              <b>{lesson(chosen, "question")}</b>
            </p>
            <Folded kept="answer" title={say(texts.seen)}>
              <p>{lesson(chosen, "seen")}</p>
            </Folded>
          </>
        )}
      </div>
    </section>
  );
}

/** What is unfolded stands in the address, and so unfolds for who follows. */
function Folded({ kept, title, kind, children }: { kept: "answer" | "more"; title: string; kind?: string; children: ComponentChildren }) {
  const isOpen = view.value[kept];
  return (
    <details class={kind ?? ""} open={isOpen} onToggle={({ currentTarget: { open } }) => open !== isOpen && show({ [kept]: open })}>
      <summary>{title}</summary>
      {children}
    </details>
  );
}

export function Controls() {
  const now = setup.value;
  const shown = frame.value;
  if (!now) return null;
  const running = shown?.running ?? false;
  const speeds: Option[] = (["slow", "epoch", "fast"] as const).map((name) => [name, named("speed", name)]);
  return (
    <section class="controls" aria-label={say(texts.controls)}>
      <div class="row">
        <Button kind="main" label={say(running ? texts.pause : texts.run)} onClick={() => void act(running ? "pause" : "run")}>
          <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true" fill="currentColor">
            {running ? <path d="M2 1h4v12H2zM8 1h4v12H8z" /> : <path d="M2 0l11 7-11 7z" />}
          </svg>
          <span>{say(running ? texts.pause : texts.run)}</span>
        </Button>
        <Button onClick={() => void act("step")}>{say(texts.step)}</Button>
        <Button onClick={() => void act("epoch")}>{say(texts.one_epoch)}</Button>
        <Button onClick={() => void act("reset")}>{say(texts.reset)}</Button>
        <Choice bare label={say(texts.speed)} value={now.speed} options={speeds} onChoose={(one) => pace(one as Speed)} />
      </div>
      <dl class="counter">
        <dt>{say(texts.epoch)}</dt>
        <dd>{figure(shown?.epoch ?? 0, 7)}</dd>
        <dt>{say(texts.train_loss)}</dt>
        <dd>{brief(shown?.scores.train.loss, 3)}</dd>
        <dt>{say(texts.update)}</dt>
        <dd>{figure(shown?.step ?? 0, 9)}</dd>
        <dt>{say(texts.test_loss)}</dt>
        <dd>{brief(shown?.scores.test.loss, 3)}</dd>
      </dl>
      <Glance />
      <p class="stopped" role="status">
        {waiting.value > 0 ? say(lab.loading) : shown?.stopped && say(STOPPED[shown.stopped], { count: word(now, "epochs") })}
      </p>
    </section>
  );
}

/** Why the training goes on no more. */
const STOPPED: Record<Exclude<Stop, "">, Text> = { diverged: texts.stopped_diverged, accuracy: texts.stopped_accuracy, loss: texts.stopped_loss, epochs: texts.stopped_epochs };

export function Data() {
  const now = setup.value;
  const choices = form.value;
  if (!now || !choices) return <Panel title={say(texts.data)}>{null}</Panel>;
  const data = word(now, "data");
  const own = data === OWN;
  return (
    <Panel title={say(texts.data)} kind="data">
      <div class="thumbnails" role="group" aria-label={say(texts.data)}>
        {Object.entries(choices.thumbnails).map(([name, drawn]) => (
          <button key={name} type="button" aria-pressed={name === data} title={named("data", name)} aria-label={named("data", name)} onClick={() => choose({ ...plain(now, choices), ...seen(now, drawn.curve), data: name })}>
            <Thumbnail drawn={drawn} />
          </button>
        ))}
        <button type="button" aria-pressed={own && !now.curve} title={named("data", OWN)} aria-label={named("data", OWN)} onClick={() => choose({ ...plain(now, choices), ...seen(now, false), data: OWN, points: own && !now.curve ? word(now, "points") : "-3:-3:0;3:3:1" })}>
          {say(texts.own)}
        </button>
        <button type="button" aria-pressed={own && now.curve} title={say(texts.own_curve)} aria-label={`f(x): ${say(texts.own_curve)}`} onClick={() => choose({ ...plain(now, choices), ...seen(now, true), data: OWN, task: "regression", train_share: "1", points: own && now.curve ? word(now, "points") : "-4:0:-0.5;0:0:0.7;4:0:0" })}>
          f(x)
        </button>
      </div>
      <p class="data-name">{own && word(now, "columns") ? word(now, "columns").split(",").map(decodeURIComponent).join(", ") : named("data", data)}</p>
      <OwnTable />
      {!own && (
        <>
          <Slider label={say(texts.noise)} value={number(now, "noise")} shown={`${word(now, "noise")} %`} min={0} max={50} step={5} onInput={(one) => choose({ noise: String(one) })} />
          <Slider label={say(texts.samples)} value={number(now, "samples")} min={20} max={2000} step={20} onInput={(one) => choose({ samples: String(one) })} />
          {data === "blobs" && <Slider label={say(texts.classes)} value={number(now, "classes")} min={2} max={8} onInput={(one) => choose({ classes: String(one) })} />}
        </>
      )}
      <Slider label={say(texts.train_share)} value={Math.round(100 * number(now, "train_share"))} shown={`${Math.round(100 * number(now, "train_share"))} %`} min={10} max={90} step={10} onInput={(one) => choose({ train_share: String(one / 100) })} />
      <Steps label={say(texts.batch_size)} values={[...BATCHES, choices.all]} value={word(now, "batch_size") === "all" ? choices.all : number(now, "batch_size")} shown={word(now, "batch_size") === "all" ? say(texts.all) : word(now, "batch_size")} onInput={(one) => choose({ batch_size: one === choices.all ? "all" : String(one) })} />
      <Button onClick={() => void act("regenerate")}>{say(texts.regenerate)}</Button>
    </Panel>
  );
}

/** What must not stay when other data are taken. */
function plain(now: Setup, { usual }: Form): Record<string, string> {
  return { points: usual["points"] ?? "none", columns: "", labels: "", scale: "none", task: "auto", loss: "auto", ...(word(now, "stop_accuracy") === "none" ? {} : { stop_accuracy: "none" }) };
}

/** Of a curve the net sees x₁ alone; of a plane both, where it saw one because of a curve. */
function seen(now: Setup, curve: boolean): Record<string, string> {
  if (curve) return now.curve ? {} : { features: "x1" };
  return now.curve ? { features: "x1,x2" } : {};
}

function Thumbnail({ drawn }: { drawn: Form["thumbnails"][string] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    const { data } = drawn.points;
    context.clearRect(0, 0, 88, 88);
    drawn.targets.data.forEach((target, index) => {
      context.fillStyle = drawn.task === "regression" ? css(target) : drawn.targets.data.some((one) => one > 1) ? (CLASS_COLOURS[target] ?? "") : css(2 * target - 1);
      context.beginPath();
      context.arc(44 + ((data[2 * index] ?? 0) / 6) * 42, 44 - ((data[2 * index + 1] ?? 0) / 6) * 42, 4, 0, 7);
      context.fill();
    });
  }, [drawn]);
  return <canvas ref={canvas} width={88} height={88} aria-hidden="true" />;
}

export function Learning() {
  const now = setup.value;
  const choices = form.value;
  if (!now || !choices) return null;
  const pick = (setting: string, label: string) => <Choice label={label} value={word(now, setting)} options={options(choices, setting)} onChoose={(one) => choose({ [setting]: one })} />;
  const steps = (setting: string, label: string, values: readonly number[]) => (
    <Steps label={label} values={values} value={number(now, setting)} shown={figure(number(now, setting), 2)} onInput={(one) => choose({ [setting]: String(one) })} />
  );
  return (
    <section class="learning" aria-label={say(texts.learning)}>
      {steps("learning_rate", say(texts.learning_rate), RATES)}
      {pick("optimizer", say(texts.optimizer))}
      <Activations now={now} choices={choices} />
      {pick("initialisation", say(texts.initialisation))}
      {steps("l2", say(texts.l2), PENALTIES)}
      {steps("l1", say(texts.l1), PENALTIES)}
      <Slider label={say(texts.dropout)} value={Math.round(100 * number(now, "dropout"))} shown={`${Math.round(100 * number(now, "dropout"))} %`} min={0} max={80} step={10} onInput={(one) => choose({ dropout: String(one / 100) })} />
      <Folded kept="more" title={say(texts.more)} kind="more">
        <div class="learning">
          <Choice label={say(texts.loss_function)} value={word(now, "loss")} options={options(choices, "loss").filter(([one]) => now.losses.includes(one))} onChoose={(one) => choose({ loss: one })} />
          {pick("schedule", say(texts.schedule))}
          <Field label={say(texts.epochs)} setting="epochs" now={now} />
          <Field label={say(texts.stop_loss)} setting="stop_loss" now={now} />
          {!now.regression && <Field label={say(texts.stop_accuracy)} setting="stop_accuracy" now={now} />}
          <Field label={say(texts.seed)} setting="seed" now={now} />
        </div>
      </Folded>
    </section>
  );
}

/** One for all hidden layers, or one for each. */
function Activations({ now, choices }: { now: Setup; choices: Form }) {
  const own = word(now, "activation").split(",");
  const layers = hidden(now).length;
  const each = own.length > 1;
  const EACH = "…";
  const spread = (name: string) => Array.from({ length: layers }, () => name).join(",");
  const choices_ = options(choices, "activation");
  return (
    <>
      <Choice
        label={say(texts.activation)}
        value={each ? EACH : (own[0] ?? "")}
        options={layers > 1 ? [...choices_, [EACH, say(texts.per_layer)]] : choices_}
        onChoose={(one) => choose({ activation: one === EACH ? spread(own[0] ?? "tanh") : one })}
      />
      {each &&
        own.map((name, index) => (
          <Choice
            key={index}
            label={say(texts.activation_of, { layer: index + 1 })}
            value={name}
            options={choices_}
            onChoose={(one) => choose({ activation: own.map((before, place) => (place === index ? one : before)).join(",") })}
          />
        ))}
    </>
  );
}

const COUNTED = ["epochs", "seed"]; // settings that are whole numbers

function Field({ label, setting, now }: { label: string; setting: string; now: Setup }) {
  const value = word(now, setting);
  const usual = value === "none" ? null : Number(value);
  return <NumberField late label={label} value={usual} least={0} whole={COUNTED.includes(setting)} onNumber={(one) => choose({ [setting]: String(one) })} onEmpty={() => choose({ [setting]: "none" })} />;
}
