// Optimizers that roll down a known surface from where one likes, each at a rate of its own; run, paused, stepped.
import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import texts from "@texts/surface.json";
import { call, latest, type Refused } from "../../connection";
import type { Numbers } from "../../frames";
import { job } from "../../jobs";
import { figure, say } from "../../language";
import { Button, Choice, Panel, Problem, Slider, Switch, type Option } from "../../ui/controls";
import { brief } from "../../numbers";
import { useTold } from "../../telling";
import { Curves } from "../../ui/curves";
import { Legend } from "../../ui/legend";
import { NumberField } from "../../ui/number_field";
import { Table } from "../../ui/table";
import { choose, curveOf, inkOf, number, ratesOf, textOf, whole, word } from "./chosen";
import { Relief, type Scene } from "./relief";
import { Sign } from "../../ui/sign";
import type { Scale } from "./terrain";

interface Known {
  readonly name: string;
  /** How far it reaches. */
  readonly x: readonly [number, number];
  readonly y: readonly [number, number];
  readonly start: readonly [number, number];
  readonly goal: readonly [number, number];
  readonly lowest: number;
}

export interface Form {
  readonly surfaces: readonly Known[];
  readonly optimizers: readonly string[];
  readonly rates: readonly number[];
  readonly net_rates: Readonly<Record<string, number>>;
}

interface Lattice {
  readonly surface: string;
  readonly across: Numbers;
  readonly up: Numbers;
  readonly heights: Numbers;
}

interface Rolled {
  readonly optimizer: string;
  readonly rate: number;
  readonly places: Numbers;
  readonly heights: Numbers;
  readonly diverged: boolean;
  readonly steps: number | null;
}

export const STEPS = 200;
const A_SECOND = 40; // steps
const LEAST = 1e-3; // height that the chart shows
/** At which one sees how each of them goes; which are the best is to be found out. */
const USUAL: Readonly<Record<string, string>> = {
  rosenbrock: "sgd:0.001,momentum:0.0003,rmsprop:0.01,adam:0.1",
  ravine: "sgd:0.03,momentum:0.01,rmsprop:0.1,adam:0.3",
  saddle: "sgd:0.1,momentum:0.01,rmsprop:0.01,adam:0.1",
};

export const form = signal<Form | null>(null);
const lattice = signal<Lattice | null>(null);
const rolled = signal<readonly Rolled[]>([]);
const problem = signal("");
const now = signal(0);
const running = signal(false);
export const found = job<{ surface: string; rates: Readonly<Record<string, number>>; never: readonly string[] }>("surface.rates");

const failed = (error: Refused) => (problem.value = error.message);
const roll = latest<{ ways: readonly Rolled[] }>("surface.descents", ({ ways }) => ((rolled.value = ways), (problem.value = "")), failed);

export async function learnForm(): Promise<void> {
  try {
    form.value = await call<Form>("surface.form");
  } catch (error) {
    failed(error as Refused);
  }
}

const surfaceText = (name: string, what: "surface" | "about"): string => {
  const text = texts[`${what}_${name}` as keyof typeof texts];
  return text ? say(text) : name;
};
/** Every trial function rises steeply: without the logarithm one would see its rim. */
const heightScale = (): Scale => (word("scale") === "linear" ? "linear" : "log");

export function Roll() {
  const known = form.value;
  const surface = known?.surfaces.find(({ name }) => name === word("surface")) ?? known?.surfaces[0];
  const name = surface?.name ?? "";
  const [x, y] = [number("x", surface?.start[0] ?? 0), number("y", surface?.start[1] ?? 0)];
  const rates = known ? ratesOf(word("rates", USUAL[name] ?? "sgd:0.01"), known.optimizers) : {};
  const asked = textOf(rates);
  useEffect(() => {
    if (name) void call<Lattice>("surface.heights", { surface: name }).then((told) => (lattice.value = told), failed);
  }, [name]);
  useEffect(() => {
    if (name && asked) void roll({ surface: name, x, y, rates, steps: STEPS });
    else rolled.value = [];
  }, [name, x, y, asked]);
  useEffect(() => {
    const told = found.value.value;
    if (told && told.surface === name) choose({ rates: textOf({ ...rates, ...told.rates }) });
  }, [found.value.value]);
  useTicking();
  useTold(name && `${say(texts.start_x)} ${figure(x)}; ${say(texts.start_y)} ${figure(y)}`);
  useTold(found.busy.value ? say(texts.searching) : Object.entries(found.value.value?.rates ?? {}).map(([one, rate]) => `${optimizerName(one)} ${figure(rate, 2)}`).join("; "));
  if (!known || !surface) return <Problem text={problem.value} />;
  return (
    <div class="columns roll-view">
      <div class="stack">
        <Panel title={say(texts.surface)}>
          <Choice label={say(texts.surface)} value={name} options={known.surfaces.map((one): Option => [one.name, surfaceText(one.name, "surface")])} onChoose={(one) => choose({ surface: one, x: "", y: "", rates: "" })} />
          <p class="hint">{surfaceText(name, "about")}</p>
          <div class="start">
            <NumberField label={say(texts.start_x)} value={x} step={0.1} least={surface.x[0]} most={surface.x[1]} onNumber={(one) => choose({ x: String(one) })} />
            <NumberField label={say(texts.start_y)} value={y} step={0.1} least={surface.y[0]} most={surface.y[1]} onNumber={(one) => choose({ y: String(one) })} />
          </div>
          <p class="hint">{say(texts.start_hint)}</p>
        </Panel>
        <Optimizers known={known} rates={rates} onRates={(one) => choose({ rates: textOf(one) })}>
          <Button disabled={found.busy.value} onClick={() => found.ask({ surface: name, x, y, optimizers: Object.keys(rates), steps: STEPS })}>
            {say(found.busy.value ? texts.searching : texts.best_rates)}
          </Button>
          <Problem text={found.problem.value} />
          <NoGoodRate known={known} surface={name} rates={rates} />
        </Optimizers>
      </div>
      <Panel title={surfaceText(name, "surface")}>
        <Problem text={problem.value} />
        <Player />
        <Stage surface={surface} known={known} begin={[x, y]} />
      </Panel>
      <Numbers_ known={known} />
    </div>
  );
}

/** Of the optimizers that are as the search left them, those that no rate brought to the goal. */
function NoGoodRate({ known, surface, rates }: { known: Form; surface: string; rates: Readonly<Record<string, number>> }) {
  const told = found.value.value;
  const names = told?.surface === surface ? told.never.filter((one) => rates[one] === told.rates[one]) : [];
  if (!names.length) return null;
  return <p class="hint">{say(texts.no_good_rate, { count: known.rates.length, names: names.map(optimizerName).join(", "), steps: STEPS })}</p>;
}

interface OptimizersProps {
  known: Form;
  rates: Readonly<Record<string, number>>;
  onRates: (rates: Readonly<Record<string, number>>) => void;
  children?: ComponentChildren;
}

/** Which ones, each at which rate: in steps of three. */
export function Optimizers({ known, rates, onRates, children }: OptimizersProps) {
  const turn = (name: string, on: boolean) => {
    const all = known.optimizers.filter((one) => (one === name ? on : one in rates));
    if (all.length) onRates(Object.fromEntries(all.map((one) => [one, rates[one] ?? known.net_rates[one] ?? 0.01])));
  };
  return (
    <Panel title={say(texts.optimizers)}>
      {known.optimizers.map((name) => {
        const rate = rates[name];
        return (
          <div key={name} class="optimizer">
            <Switch label={<Signed name={name} known={known} />} checked={rate !== undefined} onChange={(on) => turn(name, on)} />
            {rate !== undefined && <Rate known={known} name={name} rate={rate} onRate={(one) => onRates({ ...rates, [name]: one })} />}
          </div>
        );
      })}
      {children}
    </Panel>
  );
}

function Rate({ known, name, rate, onRate }: { known: Form; name: string; rate: number; onRate: (rate: number) => void }) {
  const all = known.rates.includes(rate) ? known.rates : [...known.rates, rate].sort((a, b) => a - b);
  return <Slider label={say(texts.rate_of, { name: optimizerName(name) })} min={0} max={all.length - 1} value={all.indexOf(rate)} shown={figure(rate, 2)} onInput={(at) => onRate(all[at] ?? rate)} />;
}

const NAMES: Readonly<Record<string, string>> = { sgd: "SGD", momentum: "Momentum", nesterov: "Nesterov", adagrad: "Adagrad", adadelta: "Adadelta", rmsprop: "RMSProp", adam: "Adam", adamw: "AdamW" };
export const optimizerNames = Object.keys(NAMES);
export const optimizerName = (name: string): string => NAMES[name] ?? name;

// ------------------------------------------------------------------------------------------------------------------ playing
/** Step and whether it runs stand in the address, as of the last press: where it runs, the page of who follows runs from there. */
function stand(step: number, runs = false): void {
  [now.value, running.value] = [step, runs];
  choose({ step: step === 0 ? "" : String(step), play: runs ? "1" : "" });
}

function useTicking(): void {
  const frame = useRef(0);
  const [step, plays] = [whole("step", 0, 0, STEPS), word("play") === "1"];
  useEffect(() => {
    [now.value, running.value] = [step, plays];
  }, [step, plays]);
  const on = running.value;
  useEffect(() => {
    if (!on) return undefined;
    let before = performance.now();
    let part = 0;
    const tick = (time: number) => {
      part += ((time - before) / 1000) * A_SECOND;
      before = time;
      if (part >= 1) {
        now.value = Math.min(STEPS, now.value + Math.floor(part));
        part %= 1;
      }
      if (now.value >= STEPS) stand(STEPS);
      else frame.current = requestAnimationFrame(tick);
    };
    frame.current = requestAnimationFrame(tick);
    return () => cancelAnimationFrame(frame.current);
  }, [on]);
  useEffect(() => () => void (running.value = false), []);
}

function Player() {
  const play = () => stand(now.value >= STEPS ? 0 : now.value, !running.value);
  const step = (by: number) => stand(Math.max(0, Math.min(STEPS, now.value + by)));
  return (
    <div class="row player">
      <Button kind="main" onClick={play}>{say(running.value ? texts.pause : texts.run_it)}</Button>
      <Button label={say(texts.step_back)} onClick={() => step(-1)}>‹</Button>
      <Button label={say(texts.step)} onClick={() => step(1)}>›</Button>
      <Button onClick={() => step(-STEPS)}>{say(texts.to_start)}</Button>
      <Slider label={say(texts.steps)} min={0} max={STEPS} value={now.value} onInput={(one) => stand(one)} />
    </div>
  );
}

function Stage({ surface, known, begin }: { surface: Known; known: Form; begin: readonly [number, number] }) {
  const told = lattice.value;
  const mine = told?.surface === surface.name ? told : null;
  const terrain = useMemo(() => mine && { across: mine.across.data, up: mine.up.data, heights: mine.heights.data }, [mine]);
  const scene = useMemo((): Scene | null => {
    if (!terrain) return null;
    const ways = rolled.value.map(({ optimizer, places }) => ({ name: optimizer, colour: inkOf(optimizer, known.optimizers), mark: known.optimizers.indexOf(optimizer), places: places.data, shown: now.value + 1 }));
    return { terrain, scale: heightScale(), lowest: surface.lowest, ways, goal: surface.goal };
  }, [terrain, rolled.value, now.value, heightScale()]);
  if (!scene) return null;
  const round = (value: number) => String(Number(value.toFixed(2)));
  return (
    <Relief
      scene={scene}
      label={say(texts.roll_label, { surface: surfaceText(surface.name, "surface") })}
      solid={word("view") === "solid"}
      names={["x", "y"]}
      begin={begin}
      onBegin={(x, y) => choose({ x: round(x), y: round(y) })}
      onSolid={(on) => choose({ view: on ? "solid" : "" })}
      onScale={(one) => choose({ scale: one === "log" ? "" : one })}
    />
  );
}

function Numbers_({ known }: { known: Form }) {
  const at = now.value;
  const ways = rolled.value;
  const lines = ways.map(({ optimizer }, index) => ({ label: optimizerName(optimizer), colour: curveOf(optimizer, known.optimizers), dash: index }));
  const data = useMemo(() => [Array.from({ length: STEPS + 1 }, (_, step) => step), ...ways.map(({ heights }) => Array.from({ length: STEPS + 1 }, (_, step) => step > at ? null : positive(heights.data[step])))], [ways, at]);
  const rows = ways.map(({ optimizer, places, heights, diverged, steps }) => {
    const step = Math.min(at, heights.data.length - 1);
    return {
      key: optimizer,
      cells: [
        <Signed name={optimizer} known={known} />,
        <td class="place">{diverged && at > step ? "∞" : brief(heights.data[step], 3)}</td>,
        <td class="place">{`${placed(places.data[2 * step])}; ${placed(places.data[2 * step + 1])}`}</td>,
        seenBy(at, { diverged, steps, last: heights.data.length - 1 }),
      ],
    };
  });
  return (
    <Panel title={say(texts.numbers)}>
      <Table label={say(texts.numbers)} heads={[say(texts.optimizer), say(texts.height_at, { step: at }), "x; y", say(texts.to_hundredth)]} rows={rows} />
      <p class="hint">{say(texts.to_hundredth_hint)}</p>
      {lines.length > 0 && (
        <>
          <Legend lines={lines} />
          <Curves lines={lines} data={data} label={say(texts.heights_label)} across={say(texts.steps)} height={204} logarithmic />
        </>
      )}
    </Panel>
  );
}

/** An optimizer's name behind its sign. */
export const Signed = ({ name, known }: { name: string; known: Form }) => (
  <>
    <Sign index={known.optimizers.indexOf(name)} fill={`var(${curveOf(name, known.optimizers)})`} /> {optimizerName(name)}
  </>
);

/** What of the end of a way is seen at a step: how many it took, that it diverges, that it never arrives; before that nothing. */
export function outcomeAt(at: number, { diverged, steps, last }: { diverged: boolean; steps: number | null; last: number }): number | "diverges" | "never" | null {
  if (diverged) return at >= last ? "diverges" : null;
  if (steps !== null) return at >= steps ? steps : null;
  return at >= last ? "never" : null;
}

function seenBy(at: number, way: Parameters<typeof outcomeAt>[1]): string {
  const outcome = outcomeAt(at, way);
  return outcome === null ? "…" : typeof outcome === "number" ? String(outcome) : say(texts[outcome]);
}

const placed = (value: number | undefined): string => figure(Number((value ?? NaN).toFixed(3)) + 0, 4);
const positive = (value: number | undefined): number | null => (value !== undefined && Number.isFinite(value) && value < 1e6 ? Math.max(value, LEAST) : null);
