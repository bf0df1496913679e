// What the net answers everywhere in the plane, with the points on it; or the plane as the last hidden layer carries it.
import { useEffect, useRef } from "preact/hooks";
import texts from "@texts/playground.json";
import type { Numbers } from "../../frames";
import { language, percent, say } from "../../language";
import { brief } from "../../numbers";
import { CLASS_COLOURS, css, DIVERGING } from "../../ui/colours";
import { Button, Choice, Panel, Switch } from "../../ui/controls";
import { dress } from "../../ui/dress";
import { drawMark } from "../../ui/marks";
import { Sign } from "../../ui/sign";
import { areNumbers, NumberField } from "../../ui/number_field";
import { useTold } from "../../telling";
import { put, shaded } from "../../ui/raster";
import { CurvePlot } from "./curve";
import { calm, choose, frame, hidden, outputs, setup, show, view, type Points, type Setup, type Warped } from "./play";
import { useState } from "preact/hooks";

const REACH = 6;
const SIDE = 600; // pixels of the drawing, shown smaller
const OWN = "points";

export function Output() {
  const now = setup.value;
  const shown = frame.value;
  const { discrete, test, warped, gradients, parts } = view.value;
  const [chosen, addTo] = useState("1");
  if (!now) return <Panel title={say(texts.output)}>{null}</Panel>;
  const mayWarp = hidden(now).length > 0;
  const isWarped = warped && mayWarp;
  const own = now.words["data"] === OWN;
  const adding = chosen in classesToAdd(now) ? chosen : "0";
  return (
    <Panel title={say(isWarped ? texts.warped : now.curve ? texts.curve : texts.output)} aside={<Score now={now} />}>
      {isWarped ? (
        <WarpedPlane warped={shown?.warped ?? null} now={now} />
      ) : now.curve ? (
        <CurvePlot now={now} onPoint={own ? (x, y) => addPoint(now, x, 0, y) : undefined} />
      ) : (
        <Plane now={now} adding={Number(adding)} />
      )}
      {!isWarped && now.curve && <p class="hint">{say(texts.curve_hint)}</p>}
      {!isWarped && !now.curve && <Scale now={now} />}
      <div class="switches">
        {now.curve ? <Switch label={say(texts.show_parts)} checked={parts} onChange={(on) => show({ parts: on })} /> : <Switch label={say(texts.discrete)} checked={discrete} onChange={(on) => show({ discrete: on })} />}
        <Switch label={say(texts.show_test)} checked={test} onChange={(on) => show({ test: on })} />
        <Switch label={say(texts.show_gradients)} checked={gradients} onChange={(on) => show({ gradients: on })} />
        <Switch label={say(texts.show_warped)} checked={isWarped} disabled={!mayWarp} onChange={(on) => show({ warped: on })} />
      </div>
      {own && <OwnPoints now={now} adding={adding} addTo={addTo} />}
    </Panel>
  );
}

/** Of test points, or where there are none of those of training. */
function Score({ now }: { now: Setup }) {
  const scores = calm.value?.scores;
  if (!scores) return null;
  const isHeld = scores.test.samples > 0;
  const { r2, accuracy } = isHeld ? scores.test : scores.train;
  const score = now.regression ? "R²" : say(texts.accuracy).toLocaleLowerCase(language.value);
  return (
    <span class="score">
      {say(isHeld ? texts.test_score : texts.train_score, { score })} <b>{now.regression ? brief(r2, 3) : percent(accuracy)}</b>
    </span>
  );
}

function Plane({ now, adding }: { now: Setup; adding: number }) {
  const map = useRef<HTMLCanvasElement>(null);
  const lines = useRef<HTMLCanvasElement>(null);
  const dots = useRef<HTMLCanvasElement>(null);
  const shown = frame.value;
  const { discrete, test } = view.value;
  useEffect(() => {
    if (map.current && shown) paintOutput(map.current, shown.output, discrete);
    if (lines.current && shown) hatch(lines.current, shown.output);
  }, [shown, discrete, now]);
  useEffect(() => {
    const context = dots.current?.getContext("2d");
    if (!context) return;
    context.clearRect(0, 0, SIDE, SIDE);
    if (test) drawPoints(context, now.test, now, true, plane);
    drawPoints(context, now.train, now, false, plane);
  }, [now.train, now.test, test]);
  const own = now.words["data"] === OWN;
  const add = (event: MouseEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * 2 * REACH - REACH;
    const y = REACH - ((event.clientY - box.top) / box.height) * 2 * REACH;
    addPoint(now, x, y, adding);
  };
  return (
    <div class={own ? "plane own" : "plane"} onClick={own ? add : undefined} role="img" aria-label={say(texts.output_label)}>
      <canvas ref={map} class="heat smooth" />
      <canvas ref={lines} width={HATCHED} height={HATCHED} />
      <canvas ref={dots} width={SIDE} height={SIDE} />
    </div>
  );
}

export function addPoint(now: Setup, x: number, y: number, target: number): void {
  const before = now.words["points"] === "none" ? [] : [now.words["points"] ?? ""];
  choose({ data: OWN, task: now.regression ? "regression" : "classification", points: [...before, [x, y, target].map((one) => String(Number(one.toFixed(2)))).join(":")].join(";") });
}

/** The words of a table stay what its classes are; without words there may be four. */
export const classesToAdd = ({ words, classes }: Pick<Setup, "words" | "classes">): readonly string[] => (words["labels"] === "" ? ["0", "1", "2", "3"] : classes);

function OwnPoints({ now, adding, addTo }: { now: Setup; adding: string; addTo: (name: string) => void }) {
  const [x, atX] = useState(0);
  const [y, atY] = useState(0);
  const box = useRef<HTMLDivElement>(null);
  const points = (now.words["points"] ?? "").split(";").filter((one) => one !== "" && one !== "none");
  useTold(`${say(texts.samples)}: ${points.length}`);
  const add = () => areNumbers(box.current) && (now.curve ? addPoint(now, x, 0, y) : addPoint(now, x, y, Number(adding)));
  const drop = () => choose({ points: points.slice(0, -1).join(";") });
  return (
    <>
      <p class="hint">{say(now.curve ? texts.own_curve_hint : texts.own_hint)}</p>
      <div ref={box} class="own-point">
        {now.curve ? <i /> : <Choice label={say(texts.class)} value={adding} options={classesToAdd(now).map((name, index) => [String(index), name])} onChoose={addTo} />}
        <NumberField label="x₁" value={x} step={0.5} least={-REACH} most={REACH} onNumber={atX} />
        <NumberField label={now.curve ? "y" : "x₂"} value={y} step={0.5} least={-REACH} most={REACH} onNumber={atY} />
        <Button onClick={add}>{say(texts.add)}</Button>
        <Button onClick={drop}>{say(texts.drop_last)}</Button>
      </div>
    </>
  );
}

function Scale({ now }: { now: Setup }) {
  const many = outputs(now) > 1;
  return (
    <div class="scale">
      {many ? (
        now.classes.map((name, index) => (
          <span key={name}>
            <Sign index={index} fill={CLASS_COLOURS[index % CLASS_COLOURS.length] ?? ""} /> {name}
          </span>
        ))
      ) : (
        <>
          <span>
            {!now.regression && <Sign index={0} fill={css(-1)} />} {now.regression ? "−1" : (now.classes[0] ?? "0")}
          </span>
          <i style={{ background: `linear-gradient(90deg, ${[-1, -0.5, 0, 0.5, 1].map(css).join(", ")})` }} />
          <span>
            {now.regression ? "1" : (now.classes[1] ?? "1")} {!now.regression && <Sign index={1} fill={css(1)} />}
          </span>
        </>
      )}
    </div>
  );
}


// ---------------------------------------------------------------------------------------------------------------- painting
type Onto = (x: number, y: number) => readonly [number, number];
const plane: Onto = (x, y) => [((x + REACH) / (2 * REACH)) * SIDE, ((REACH - y) / (2 * REACH)) * SIDE];

/** One output: from orange to blue. Several: the colour of the likeliest class, paler where it is less sure. */
export function paintOutput(canvas: HTMLCanvasElement, output: Numbers, discrete: boolean): void {
  if (output.shape.length === 2) {
    put(canvas, shaded(output, DIVERGING, 1, discrete));
    return;
  }
  const [, height = 1, width = 1] = output.shape;
  const pixels = new Uint8ClampedArray(4 * width * height);
  const count = width * height;
  for (let index = 0; index < count; index += 1) {
    const [red, green, blue] = rgb(CLASS_COLOURS[(output.data[index] ?? 0) % CLASS_COLOURS.length] ?? "#000000");
    const sure = discrete ? 0.85 : 0.15 + 0.7 * ((output.data[count + index] ?? 0) / 255);
    pixels.set([mixed(red, sure), mixed(green, sure), mixed(blue, sure), 255], 4 * index);
  }
  put(canvas, { pixels, width, height });
}

const HATCHED = 300; // pixels of the lines' drawing
const APART = 12; // pixels between two lines

/** What the answer is, told without colours too: of a single output where it is negative, of classes each has lines of its own. */
function hatch(canvas: HTMLCanvasElement, output: Numbers): void {
  const side = output.shape.at(-1) ?? 1;
  const context = canvas.getContext("2d");
  const drawn = context?.createImageData(HATCHED, HATCHED);
  for (let at = 0; drawn && at < HATCHED * HATCHED; at += 1) {
    const [x, y] = [at % HATCHED, Math.floor(at / HATCHED)];
    const value = output.data[Math.floor((y * side) / HATCHED) * side + Math.floor((x * side) / HATCHED)] ?? 0;
    if (isHatched(output.shape.length === 2 ? (value < 128 ? 1 : 0) : value, x, y)) drawn.data.set([255, 255, 255, 110], 4 * at);
  }
  if (drawn) context?.putImageData(drawn, 0, 0);
}

/** Whether a line of that class runs there: none of the first, then of four slants, then of two crossed ones, so that eight differ. */
export function isHatched(label: number, x: number, y: number): boolean {
  const [rising, falling, level, upright] = [x + y, HATCHED + x - y, y, x].map((along) => along % APART === 0);
  return [false, rising, falling, level, upright, rising || falling, level || upright, rising || level][label % 8] ?? false;
}

const mixed = (value: number, share: number): number => Math.round(245 + (value - 245) * share);
const rgb = (hex: string): [number, number, number] => [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16)) as [number, number, number];

/** Each class has a shape as well as a colour; points to test on are hollow. */
function drawPoints(context: CanvasRenderingContext2D, { points, targets }: Points, now: Setup, hollow: boolean, onto: Onto, size = 8): void {
  const several = outputs(now) > 1;
  for (let index = 0; index < targets.data.length; index += 1) {
    const target = targets.data[index] ?? 0;
    const colour = now.regression ? css(target) : several ? (CLASS_COLOURS[target % CLASS_COLOURS.length] ?? "") : css(2 * target - 1);
    const [x, y] = onto(points.data[2 * index] ?? 0, points.data[2 * index + 1] ?? 0);
    context.lineWidth = hollow ? 3 : 2;
    context.strokeStyle = hollow ? colour : "#ffffff";
    context.fillStyle = hollow ? "#ffffffb0" : colour;
    drawMark(context, x, y, now.regression ? 0 : target, size);
    context.stroke();
  }
}


function WarpedPlane({ warped, now }: { warped: Warped | null; now: Setup }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (context && warped) drawWarped(context, warped, now);
  }, [warped, now, dress.value]);
  return (
    <>
      <div class="plane">
        <canvas ref={canvas} width={SIDE} height={SIDE} role="img" aria-label={say(texts.warped_label)} class="warped" />
      </div>
      <p class="hint">{warped && !warped.exact ? say(texts.warped_share, { share: Math.round(100 * warped.explained) }) : say(texts.warped_hint)}</p>
    </>
  );
}

function drawWarped(context: CanvasRenderingContext2D, { lines, samples }: Warped, now: Setup): void {
  const [count = 0, places = 0] = lines.shape;
  const bounds = [0, 1].map((axis) => {
    const values = lines.data.filter((_, index) => index % 2 === axis);
    return [Math.min(...values), Math.max(...values)] as const;
  });
  const onto: Onto = (x, y) => {
    const [across, along] = [x, y].map((value, axis) => {
      const [low, high] = bounds[axis] ?? [0, 1];
      return 0.06 + (0.88 * (value - low)) / (high - low || 1);
    });
    return [(across ?? 0) * SIDE, (1 - (along ?? 0)) * SIDE];
  };
  const ink = getComputedStyle(context.canvas).color;
  context.clearRect(0, 0, SIDE, SIDE);
  context.strokeStyle = ink;
  context.globalAlpha = 0.35;
  for (let line = 0; line < count; line += 1) {
    context.beginPath();
    for (let place = 0; place < places; place += 1) {
      const index = 2 * (line * places + place);
      const [x, y] = onto(lines.data[index] ?? 0, lines.data[index + 1] ?? 0);
      if (place === 0) context.moveTo(x, y);
      else context.lineTo(x, y);
    }
    context.stroke();
  }
  context.globalAlpha = 1;
  drawPoints(context, { points: samples, targets: now.train.targets }, now, false, onto);
}
