// What a net draws from codes: a plane through their space to drag in, and a code number by number; the picture follows.
import { signal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import texts from "@texts/inside.json";
import { latest } from "../../connection";
import { part, type Numbers } from "../../frames";
import { figure, say } from "../../language";
import { Button, Choice, Panel, Problem, Slider, type Option } from "../../ui/controls";
import { NumberField } from "../../ui/number_field";
import { choose, lattice, spaces, whole, word, type Lattice, type Space } from "./looking";
import { useTold } from "../../telling";
import { Picture, Shelf } from "./pictures";
import { pictured } from "../../ui/raster";

interface Drawn {
  readonly image: Numbers;
  readonly code: Numbers;
}

const SIDE = 9;
const REACH = 2.5;
const SLIDERS = 10;
const KINDS = ["component", "number", "random", "sample"] as const;

const drawn = signal<Drawn | null>(null);
const failure = signal("");
const moved = signal<Readonly<Record<string, number>>>({});
const ask = latest<Drawn>("inside.drawn", (told) => ((drawn.value = told), (failure.value = "")), (error) => (failure.value = error.message));

export const within = (value: number): number => Math.max(-REACH, Math.min(REACH, Math.round(100 * value) / 100));
const place = (axis: "a" | "b"): number => within(Number(word(axis, "0")) || 0);

export function LatentView() {
  const told = spaces.value.value;
  const space = told?.run === word("run") ? (told.spaces.find(({ name }) => name === word("space")) ?? told.spaces[0]) : undefined;
  return (
    <>
      <Problem text={spaces.problem.value || lattice.problem.value || failure.value} />
      {!space && <p class="hint" role="status">{spaces.busy.value ? say(texts.opening) : ""}</p>}
      {space && <Latent key={space.name} space={space} all={told?.spaces ?? []} />}
    </>
  );
}

/** Where samples show how codes differ, the directions in which they do; else towards other codes that are drawn. */
const usualOf = (space: Space, which: 1 | 2): string => (space.samples ? `component:${which}` : `sample:${which + 1}`);

/** What the lab is asked of a space. */
function question(space: Space): Record<string, unknown> {
  const sample = word("from", space.samples ? "" : "1");
  const [first, second] = [word("first", usualOf(space, 1)), word("second", usualOf(space, 2))];
  return { run: word("run"), space: space.name, sample: sample === "" ? null : Number(sample), first, second };
}

function Latent({ space, all }: { space: Space; all: readonly Space[] }) {
  const asked = question(space);
  const begin = JSON.stringify(asked);
  const [a, b] = [place("a"), place("b")];
  const held = moved.value;
  useEffect(() => {
    moved.value = {};
  }, [space.name, asked["run"], asked["sample"]]);
  useEffect(() => lattice.ask({ ...asked, side: SIDE, reach: REACH }), [begin]);
  useEffect(() => void ask({ ...asked, a, b, moved: held }), [begin, a, b, held]);
  return (
    <div class="columns latent-view">
      <Panel title={say(texts.plane_of_codes)}>
        {all.length > 1 && <Choice label={say(texts.space)} value={space.name} options={all.map(({ name, width }): Option => [name, say(texts.space_of, { name, width })])} onChoose={(name) => choose({ space: name, first: "", second: "", from: "" })} />}
        <Pad a={a} b={b} />
        <p class="hint" id="pad-keys">{say(texts.pad_hint)}</p>
        <div class="directions">
          <Direction axis="first" label={say(texts.across)} space={space} usual={usualOf(space, 1)} />
          <Direction axis="second" label={say(texts.upwards)} space={space} usual={usualOf(space, 2)} />
        </div>
      </Panel>
      <Panel title={say(texts.drawn)}>
        <Picture image={useMemo(() => (drawn.value ? pictured(drawn.value.image) : null), [drawn.value])} label={say(texts.drawn_label, { a: figure(a), b: figure(b) })} kind="large" />
        {space.samples ? <Begin space={space} /> : <Another />}
        {space.begins && <p class="hint">{say(texts.positions)}</p>}
      </Panel>
      <Panel title={say(texts.code)} aside={<Button kind="quiet" disabled={Object.keys(held).length === 0} onClick={() => (moved.value = {})}>{say(texts.reset_code)}</Button>}>
        <p class="hint">{say(texts.code_hint)}</p>
        <div class="sliders">
          {Array.from({ length: Math.min(SLIDERS, space.width) }, (_, index) => {
            const value = held[index] ?? drawn.value?.code.data[index] ?? 0;
            return <Slider key={index} label={`z${index + 1}`} min={-3} max={3} step={0.05} value={value} shown={`${figure(value, 2)} σ`} onInput={(one) => (moved.value = { ...moved.value, [index]: one })} />;
          })}
        </div>
        {space.width > SLIDERS && <p class="hint">{say(texts.more_numbers, { shown: SLIDERS, width: space.width })}</p>}
      </Panel>
    </div>
  );
}

/** The plane as a lattice of pictures, and the place in it. */
function Pad({ a, b }: { a: number; b: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const shown = lattice.value.value;
  const label = say(texts.pad_label, { a: figure(a), b: figure(b) });
  useTold(label);
  useEffect(() => {
    if (canvas.current && shown) drawLattice(canvas.current, shown);
  }, [shown]);
  const go = (x: number, y: number) => choose({ a: String(within(x)), b: String(within(y)) });
  const point = (event: PointerEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const half = (REACH * SIDE) / (SIDE - 1); // the pictures at the edges reach as far beyond their places
    go(((event.clientX - box.left) / box.width) * 2 * half - half, half - ((event.clientY - box.top) / box.height) * 2 * half);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.shiftKey ? 0.5 : 0.1;
    const [dx, dy] = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, step], ArrowDown: [0, -step], Home: [-a, -b] }[event.key] ?? [0, 0];
    if (dx === 0 && dy === 0) return;
    event.preventDefault();
    go(a + (dx ?? 0), b + (dy ?? 0));
  };
  const share = (value: number) => 50 + (50 * value * (SIDE - 1)) / (REACH * SIDE);
  return (
    <div
      class="lattice"
      tabIndex={0}
      role="application"
      aria-label={label}
      aria-describedby="pad-keys"
      onPointerDown={(event) => (event.currentTarget.setPointerCapture(event.pointerId), point(event))}
      onPointerMove={(event) => event.buttons > 0 && point(event)}
      onKeyDown={onKeyDown}
    >
      <canvas ref={canvas} width={1} height={1} />
      <i style={{ left: `${share(a)}%`, top: `${100 - share(b)}%` }} />
    </div>
  );
}

function drawLattice(canvas: HTMLCanvasElement, { side, images }: Lattice): void {
  const [, , height = 1, width = 1] = images.shape;
  [canvas.width, canvas.height] = [side * width, side * height];
  const context = canvas.getContext("2d");
  for (let at = 0; at < side * side; at += 1) context?.putImageData(new ImageData(pictured(part(images, at)).pixels, width, height), (at % side) * width, Math.floor(at / side) * height);
}

function Direction({ axis, label, space, usual }: { axis: "first" | "second"; label: string; space: Space; usual: string }) {
  const [kind = "component", number = "1"] = word(axis, usual).split(":");
  const most = kind === "random" || (kind === "sample" && !space.samples) ? 999 : kind === "sample" ? Math.max(0, (space.samples?.shape[0] ?? 1) - 1) : space.width;
  const least = kind === "random" || kind === "sample" ? 0 : 1;
  const kinds = KINDS.filter((one) => space.samples !== null || one !== "component");
  const told: Record<(typeof KINDS)[number], string> = { component: say(texts.by_component), number: say(texts.by_number), random: say(texts.by_random), sample: say(space.samples ? texts.by_sample : texts.by_draw) };
  const shownKind = kinds.find((one) => one === kind) ?? "number";
  return (
    <div class="direction">
      <Choice label={label} value={shownKind} options={kinds.map((one): Option => [one, told[one]])} onChoose={(one) => choose({ [axis]: `${one}:${axis === "first" ? 1 : 2}` })} />
      <NumberField bare label={`${label}: ${say(texts.which)}`} value={Number(number)} whole least={least} most={most} onNumber={(one) => choose({ [axis]: `${shownKind}:${one}` })} />
    </div>
  );
}

/** A net that only draws begins at a code that is drawn by chance. */
function Another() {
  const seed = whole("from", 1);
  return (
    <div class="row begin-row">
      <h3>{say(texts.begin_random, { seed })}</h3>
      <Button onClick={() => choose({ from: String(seed + 1), a: "", b: "" })}>{say(texts.another)}</Button>
    </div>
  );
}

function Begin({ space }: { space: Space }) {
  const samples = space.samples;
  const images = useMemo(() => Array.from({ length: samples?.shape[0] ?? 0 }, (_, at) => (samples ? pictured(part(samples, at)) : null)), [samples]);
  const from = word("from") === "" ? -1 : whole("from", -1);
  return (
    <>
      <div class="row begin-row">
        <h3>{say(texts.begin_at)}</h3>
        <Button kind="quiet" pressed={from < 0} onClick={() => choose({ from: "" })}>{say(texts.the_mean)}</Button>
      </div>
      <Shelf label={say(texts.begin_at)} kind="tiles small" names={images.map((_, at) => say(texts.sample_named, { number: at }))} chosen={from} onChoose={(at) => choose({ from: String(at), a: "", b: "" })}>
        {(at) => <Picture image={images[at] ?? null} label="" />}
      </Shelf>
    </>
  );
}
