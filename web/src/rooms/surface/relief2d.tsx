// A surface from above: colours for heights, lines of equal height, ways over it.
import { useEffect, useRef, useState } from "preact/hooks";
import texts from "@texts/surface.json";
import { figure, say } from "../../language";
import { drawMark } from "../../ui/marks";
import { useTold } from "../../telling";
import type { ReliefProps, Scene } from "./relief";
import { colourOf, contour, indexOf, interpolated, LEVELS, scaled, type Terrain } from "./terrain";

const SIDE = 900; // pixels of the drawing, shown smaller
const KEYS: Readonly<Record<string, readonly [number, number]>> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

/** A surface with a place that arrow keys move: where to begin, else where its height is told. */
export function Above({ scene, label, begin, onBegin, names }: ReliefProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [looked, look] = useState<readonly [number, number] | null>(null);
  const place = begin ?? looked;
  const go = onBegin ?? ((x: number, y: number) => look([x, y]));
  useEffect(() => {
    if (canvas.current) drawAbove(canvas.current, scene, place);
  }, [scene, place?.[0], place?.[1]]);
  const { across, up } = scene.terrain;
  const height = looked ? say(texts.height_here, { x: figure(looked[0]), y: figure(looked[1]), height: figure(interpolated(scene.terrain.heights, across.length, up.length, indexOf(across, looked[0]), indexOf(up, looked[1]))) }) : "";
  useTold(height);
  const [left, right, low, high] = ends(scene.terrain);
  const point = (event: PointerEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const [x, y] = [(event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height];
    go(left + Math.min(1, Math.max(0, x)) * (right - left), low + Math.min(1, Math.max(0, y)) * (high - low));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const way = KEYS[event.key];
    if (!way) return;
    event.preventDefault();
    const step = event.shiftKey ? 0.1 : 0.02;
    const [x, y] = place ?? [(left + right) / 2, (low + high) / 2];
    go(Math.min(right, Math.max(left, x + way[0] * step * (right - left))), Math.min(high, Math.max(low, y + way[1] * step * (high - low))));
  };
  return (
    <div class="above-frame">
      <span class="axis up">{names[1]}</span>
      <canvas
        ref={canvas}
        class={onBegin ? "above pick" : "above read"}
        width={SIDE}
        height={SIDE}
        tabIndex={0}
        role="application"
        aria-label={`${label}. ${say(onBegin ? texts.pick_keys : texts.read_keys)}`}
        onPointerDown={(event) => (event.currentTarget.setPointerCapture(event.pointerId), point(event))}
        onPointerMove={(event) => event.buttons > 0 && point(event)}
        onKeyDown={onKeyDown}
      />
      <span class="axis across">
        <span>{figure(across[0])}</span> {names[0]} <span>{figure(across[across.length - 1])}</span>
      </span>
      <span class="axis ends">
        <span>{figure(up[up.length - 1])}</span>
        <span>{figure(up[0])}</span>
      </span>
      {!onBegin && <p class="hint here">{height || say(texts.read_keys)}</p>}
    </div>
  );
}

function ends({ across, up }: Terrain): readonly [number, number, number, number] {
  return [across[0] ?? 0, across[across.length - 1] ?? 1, up[0] ?? 0, up[up.length - 1] ?? 1];
}

export function drawAbove(canvas: HTMLCanvasElement, scene: Scene, begin: readonly [number, number] | null): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  const { terrain } = scene;
  const [columns, rows] = [terrain.across.length, terrain.up.length];
  const { shares } = scaled(terrain, scene.scale, scene.lowest);
  context.clearRect(0, 0, SIDE, SIDE);
  context.drawImage(coloured(shares, columns, rows), 0.5, 0.5, columns - 1, rows - 1, 0, 0, SIDE, SIDE);
  const onto = (column: number, row: number) => [(column / (columns - 1)) * SIDE, SIDE - (row / (rows - 1)) * SIDE] as const;
  context.strokeStyle = "rgb(0 0 0 / .38)";
  context.lineWidth = 1.6;
  context.beginPath();
  for (const level of LEVELS) {
    const pieces = contour(shares, columns, rows, level);
    for (let at = 0; at + 3 < pieces.length; at += 4) {
      context.moveTo(...onto(pieces[at] ?? 0, pieces[at + 1] ?? 0));
      context.lineTo(...onto(pieces[at + 2] ?? 0, pieces[at + 3] ?? 0));
    }
  }
  context.stroke();
  const spot = (x: number, y: number) => onto(indexOf2(terrain.across, x), indexOf2(terrain.up, y));
  if (scene.goal) cross(context, ...spot(...scene.goal));
  for (const way of scene.ways) drawWay(context, way, spot);
  if (begin) ring(context, ...spot(...begin));
}

/** Also beyond the ends. */
function indexOf2(places: ArrayLike<number>, value: number): number {
  const inside = indexOf(places, value);
  if (!Number.isNaN(inside)) return inside;
  const last = places.length - 1;
  return ((value - (places[0] ?? 0)) / ((places[last] ?? 1) - (places[0] ?? 0))) * last;
}

function coloured(shares: Float32Array, columns: number, rows: number): HTMLCanvasElement {
  const made = document.createElement("canvas");
  [made.width, made.height] = [columns, rows];
  const picture = new ImageData(columns, rows);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const share = shares[row * columns + column] ?? NaN;
      if (Number.isNaN(share)) continue;
      picture.data.set([...colourOf(share).map(Math.round), 255], 4 * ((rows - 1 - row) * columns + column));
    }
  }
  made.getContext("2d")?.putImageData(picture, 0, 0);
  return made;
}

function drawWay(context: CanvasRenderingContext2D, { places, shown, colour, mark }: Scene["ways"][number], spot: (x: number, y: number) => readonly [number, number]): void {
  const count = Math.min(shown, places.length / 2);
  if (count === 0) return;
  const at = (index: number) => spot(places[2 * index] ?? 0, places[2 * index + 1] ?? 0);
  for (const [ink, width] of [["rgb(255 255 255 / .85)", 7], [colour, 4]] as const) {
    context.strokeStyle = ink;
    context.lineWidth = width;
    context.lineJoin = "round";
    context.beginPath();
    for (let index = 0; index < count; index += 1) (index === 0 ? context.moveTo(...at(0)) : context.lineTo(...at(index)));
    context.stroke();
  }
  context.fillStyle = "#fff";
  drawMark(context, ...at(count - 1), mark, 15);
  context.fillStyle = colour;
  drawMark(context, ...at(count - 1), mark, 11.5);
}

function cross(context: CanvasRenderingContext2D, x: number, y: number): void {
  for (const [ink, width] of [["#fff", 8], ["#1c1b19", 4]] as const) {
    context.strokeStyle = ink;
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(x - 12, y - 12);
    context.lineTo(x + 12, y + 12);
    context.moveTo(x + 12, y - 12);
    context.lineTo(x - 12, y + 12);
    context.stroke();
  }
}

function ring(context: CanvasRenderingContext2D, x: number, y: number): void {
  for (const [ink, width] of [["#fff", 9], ["#1c1b19", 4]] as const) {
    context.strokeStyle = ink;
    context.lineWidth = width;
    context.beginPath();
    context.arc(x, y, 13, 0, 7);
    context.stroke();
  }
}
