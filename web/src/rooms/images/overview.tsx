// The maps of every layer, side by side in the order of the pass: a canvas a layer, in which a map is chosen.
import { useEffect, useRef } from "preact/hooks";
import texts from "@texts/images.json";
import { part, type Numbers } from "../../frames";
import { say } from "../../language";
import type { LayerMaps, Look, Net } from "./answers";
import { put, shaded } from "../../ui/raster";
import { Picture } from "./picture";
import { moved } from "../../ui/moves";

const TALL = 8; // maps in a column
const UNITS_TALL = 21; // units without places in a column
const TILE = 44; // CSS pixels of a map's longer side
const CELL = 14; // of a unit without places
const GAP = 3;

interface OverviewProps {
  look: Look;
  net: Net;
  layer: string;
  unit: number;
  onUnit: (layer: string, unit: number) => void;
}

export function Overview({ look, net, layer, unit, onUnit }: OverviewProps) {
  const apart = new Set(net.layers.filter((row) => row.apart).map(({ name }) => name));
  return (
    <>
      <p class="hint">{say(texts.mapsHint)}</p>
      <ol class="layers scroll">
        <li>
          <b>{say(texts.netInput)}</b>
          <span class="muted">{net.shape.join(" × ")}</span>
          <Picture values={part(look.picture, 0)} first label={say(texts.netSees)} size="small" />
        </li>
        {look.layers
          .filter(({ kind }) => kind !== "Flatten")
          .map((one) => (
            <li key={one.name}>
              <b>{one.name}</b>
              <span class="muted">
                {one.kind} · {one.shape.join(" × ")}
              </span>
              <Layer one={one} chosen={layer === one.name ? unit : null} canOpen={apart.has(one.name)} onUnit={(at) => onUnit(one.name, at)} />
            </li>
          ))}
      </ol>
    </>
  );
}

function Layer({ one, chosen, canOpen, onUnit }: { one: LayerMaps; chosen: number | null; canOpen: boolean; onUnit: (unit: number) => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [units = 1, height = 1, width = 1] = one.maps.shape;
  const side = one.shape.length === 3 ? TILE : CELL;
  const rows = Math.min(units, one.shape.length === 3 ? TALL : UNITS_TALL);
  const columns = Math.ceil(units / rows);
  useEffect(() => {
    if (canvas.current) tile(canvas.current, one.maps, rows, side, chosen);
  }, [one, rows, side, chosen]);
  const at = (event: PointerEvent) => {
    const box = canvas.current?.getBoundingClientRect();
    if (!box) return;
    const [column, row] = [Math.floor(((event.clientX - box.left) / box.width) * columns), Math.floor(((event.clientY - box.top) / box.height) * rows)];
    const unit = column * rows + row;
    if (unit >= 0 && unit < units) onUnit(unit);
  };
  const pressed = (event: KeyboardEvent) => {
    const now = chosen ?? -1;
    const there = chosen === null && (event.key === "Enter" || event.key === " ") ? ([0, 0] as const) : moved(event.key, Math.floor(Math.max(0, now) / rows), Math.max(0, now) % rows, columns, rows, false);
    if (!there) return;
    event.preventDefault();
    onUnit(Math.min(units - 1, there[0] * rows + there[1]));
  };
  const label = say(canOpen ? texts.layerOpen : texts.layer, { name: one.name, kind: one.kind, shape: one.shape.join(" × ") });
  const hidden = (one.shape[0] ?? units) - units;
  return (
    <>
      <canvas ref={canvas} class={canOpen ? "maps open" : "maps"} tabIndex={0} role="application" aria-label={chosen === null ? label : `${label}; ${say(texts.unit)} ${chosen}`} onPointerDown={at} onKeyDown={pressed} data-size={`${height}×${width}`} />
      {hidden > 0 && <span class="hint">{say(texts.more, { n: hidden })}</span>}
    </>
  );
}

/** All maps of a layer on one canvas, column by column, the chosen one in a frame. */
function tile(canvas: HTMLCanvasElement, maps: Numbers, rows: number, side: number, chosen: number | null): void {
  const [units = 1, height = 1, width = 1] = maps.shape;
  const columns = Math.ceil(units / rows);
  const density = Math.min(2, window.devicePixelRatio || 1);
  const [wide, high] = [columns * (side + GAP) + GAP, rows * (side + GAP) + GAP];
  if (canvas.width !== wide * density || canvas.height !== high * density) {
    [canvas.width, canvas.height] = [wide * density, high * density];
    [canvas.style.width, canvas.style.height] = [`${wide}px`, `${high}px`];
  }
  const context = canvas.getContext("2d");
  if (!context) return;
  context.setTransform(density, 0, 0, density, 0, 0);
  context.clearRect(0, 0, wide, high);
  context.imageSmoothingEnabled = width > side;
  const strip = document.createElement("canvas"); // of all maps, one below the other
  put(strip, shaded({ data: maps.data, shape: [units * height, width] }));
  const scale = side / Math.max(width, height);
  for (let unit = 0; unit < units; unit += 1) {
    const [x, y] = [GAP + Math.floor(unit / rows) * (side + GAP), GAP + (unit % rows) * (side + GAP)];
    context.drawImage(strip, 0, unit * height, width, height, x, y, width * scale, height * scale);
    if (unit !== chosen) continue;
    for (const [strokeStyle, lineWidth] of [["#1c1b19", 4.5], ["#ffd54a", 2]]) {
      Object.assign(context, { strokeStyle, lineWidth });
      context.strokeRect(x, y, width * scale, height * scale);
    }
  }
}
