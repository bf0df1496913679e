// The net as it is now: features, neurons and outputs as small maps, links as wide and as blue or orange as their weights.
// What changes with every frame is painted straight on canvases and lines; only another net is another tree of elements.
import { effect } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import texts from "@texts/playground.json";
import { part } from "../../frames";
import { say } from "../../language";
import { brief } from "../../numbers";
import { useTold } from "../../telling";
import { css } from "../../ui/colours";
import { put, shaded } from "../../ui/raster";
import { Button } from "../../ui/controls";
import { named } from "./choices";
import { calm, choose, features, form, frame, hidden, outputs, selected, setup, view, type Frame, type Setup } from "./play";

const NODE = 34;
const ROW = 41;
const TOP = 40;
const MOST_LAYERS = 6;
const MOST_UNITS = 8;

interface Node {
  readonly x: number;
  readonly y: number;
}

interface Plan {
  readonly columns: readonly (readonly Node[])[];
  readonly height: number;
}

/** Where each feature that is used, each neuron and each output stands. */
export function planned(rows: readonly (readonly number[])[], width: number): Plan {
  const most = Math.max(...rows.map((row) => Math.max(...row, 0) + 1));
  const left = 34 + NODE;
  const step = rows.length > 1 ? (width - left - NODE / 2 - 12) / (rows.length - 1) : 0;
  const middle = (row: readonly number[], index: number) => (index === 0 ? 0 : ((most - row.length) * ROW) / 2);
  const columns = rows.map((row, index) => row.map((place) => ({ x: left + index * step, y: TOP + NODE / 2 + place * ROW + middle(row, index) })));
  return { columns, height: TOP + most * ROW + 6 };
}

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

export function Network() {
  const now = setup.value;
  const choices = form.value;
  const box = useRef<HTMLDivElement>(null);
  const [width, resize] = useState(0);
  useEffect(() => {
    if (!box.current) return undefined;
    const watch = new ResizeObserver(([entry]) => entry && resize(entry.contentRect.width));
    watch.observe(box.current);
    return () => watch.disconnect();
  }, []);
  if (!now || !choices) return <div ref={box} class="net" />;
  const names = choices.options["features"] ?? [];
  return (
    <div ref={box} class="net scroll">
      {width > 0 && <Drawing now={now} names={names} width={Math.max(width, 110 + 74 * (hidden(now).length + 1))} />}
    </div>
  );
}

/** Of each layer in numbers, beside the links that show them one by one. */
export function GradientSizes() {
  const sizes = calm.value?.gradient_sizes;
  if (!sizes || !view.value.gradients) return null;
  return (
    <dl class="gradient-sizes">
      <dt>{say(texts.gradient_sizes)}</dt>
      {sizes.map((size, layer) => (
        <dd key={layer}>
          {layer === sizes.length - 1 ? say(texts.output_layer) : say(texts.layer_number, { layer: layer + 1 })} <b>{brief(size, 2)}</b>
        </dd>
      ))}
    </dl>
  );
}

export function LayerCount() {
  const now = setup.value;
  const layers = now ? hidden(now) : [];
  const written = say(layers.length === 1 ? texts.layer : texts.layers, { count: layers.length });
  useTold(now ? `${written}: ${layers.join(", ")}` : "");
  if (!now) return null;
  return (
    <div class="row layer-count">
      <Button label={say(texts.fewer_layers)} disabled={layers.length === 0} onClick={() => choose(withLayers(now, layers.slice(0, -1)))}>
        −
      </Button>
      <b>{written}</b>
      <Button label={say(texts.more_layers)} disabled={layers.length >= MOST_LAYERS} onClick={() => choose(withLayers(now, [...layers, layers.at(-1) ?? 4]))}>
        +
      </Button>
    </div>
  );
}

/** Layers of such sizes; activations of their own keep to those that stay. */
function withLayers(now: Setup, sizes: readonly number[]): Record<string, string> {
  const own = (now.words["activation"] ?? "").split(",");
  const activation = own.length > 1 ? { activation: sizes.map((_, index) => own[index] ?? own.at(-1) ?? "tanh").join(",") || "tanh" } : {};
  return { hidden: sizes.join(",") || "none", ...activation };
}

function Drawing({ now, names, width }: { now: Setup; names: readonly string[]; width: number }) {
  const used = features(now);
  const sizes = hidden(now);
  const key = JSON.stringify([used, sizes, outputs(now), width]);
  const plan = useMemo(() => planned([used.map((name) => names.indexOf(name)), ...sizes.map(range), range(outputs(now))], width), [key]);
  const height = Math.max(plan.height, TOP + names.length * ROW + 6);
  const svg = useRef<SVGSVGElement>(null);
  const nodes = useRef<HTMLDivElement>(null);
  useEffect(
    () =>
      effect(() => {
        const shown = frame.value;
        const { gradients } = view.value;
        if (shown && svg.current && nodes.current) draw(shown, svg.current, nodes.current, gradients);
      }),
    [plan],
  );
  return (
    <div class="drawing" style={{ width: `${width}px`, height: `${height}px` }}>
      <svg ref={svg} width={width} height={height} aria-hidden="true">
        {plan.columns.slice(1).flatMap((column, layer) =>
          column.flatMap((to, unit) =>
            (plan.columns[layer] ?? []).map((from, input) => (
              <path key={`${layer}.${unit}.${input}`} d={link(from, to)} fill="none" onClick={() => pick(layer, unit, input)} />
            )),
          ),
        )}
      </svg>
      {sizes.map((size, layer) => (
        <UnitCount key={layer} x={plan.columns[layer + 1]?.[0]?.x ?? 0} now={now} sizes={sizes} layer={layer} size={size} />
      ))}
      <FeatureSwitches names={names} used={used} />
      <div ref={nodes}>
        {(plan.columns[0] ?? []).map(({ x, y }, index) => (
          <canvas key={used[index]} class="node feature" style={at(x, y)} aria-hidden="true" />
        ))}
        {plan.columns.slice(1).map((column, layer) =>
          column.map(({ x, y }, unit) => (
            <NodeButton key={`${layer}.${unit}`} layer={layer} unit={unit} last={layer === sizes.length} place={at(x, y)} now={now} />
          )),
        )}
      </div>
    </div>
  );
}

const at = (x: number, y: number) => ({ left: `${x - NODE / 2}px`, top: `${y - NODE / 2}px`, width: `${NODE}px`, height: `${NODE}px` });
const link = (from: Node, to: Node): string => {
  const [x1, x2] = [from.x + NODE / 2, to.x - NODE / 2];
  const middle = (x1 + x2) / 2;
  return `M${x1} ${from.y}C${middle} ${from.y} ${middle} ${to.y} ${x2} ${to.y}`;
};

function pick(layer: number, unit: number, input?: number): void {
  selected.value = { layer, unit };
  setTimeout(() => document.getElementById("neuron")?.scrollIntoView({ block: "nearest" }));
  if (input !== undefined) setTimeout(() => document.querySelectorAll<HTMLElement>("#neuron input")[input]?.focus());
}

function NodeButton({ layer, unit, last, place, now }: { layer: number; unit: number; last: boolean; place: Record<string, string>; now: Setup }) {
  const chosen = selected.value?.layer === layer && selected.value.unit === unit;
  const name = last
    ? say(texts.output_of, { name: now.classes.length > 2 ? (now.classes[unit] ?? "") : "" })
    : say(texts.neuron_of, { unit: unit + 1, layer: layer + 1 });
  return (
    <button type="button" class={last ? "node output" : "node"} style={place} aria-pressed={chosen} aria-label={name} title={name} onClick={() => pick(layer, unit)}>
      {last ? <span aria-hidden="true">{now.classes.length > 2 ? (now.classes[unit] ?? "").slice(0, 3) : "ŷ"}</span> : <canvas aria-hidden="true" />}
      <i aria-hidden="true" />
    </button>
  );
}

function FeatureSwitches({ names, used }: { names: readonly string[]; used: readonly string[] }) {
  return (
    <>
      {names.map((name, index) => {
        const on = used.includes(name);
        const rest = on ? used.filter((one) => one !== name) : names.filter((one) => one === name || used.includes(one));
        return (
          <label key={name} class={on ? "feature-switch" : "feature-switch off"} style={{ top: `${TOP + index * ROW}px`, height: `${NODE}px` }}>
            <input type="checkbox" checked={on} disabled={on && used.length === 1} onChange={() => choose({ features: rest.join(",") })} />
            <span>{named("features", name)}</span>
          </label>
        );
      })}
    </>
  );
}

function UnitCount({ x, now, sizes, layer, size }: { x: number; now: Setup; sizes: readonly number[]; layer: number; size: number }) {
  const sized = (count: number) => choose(withLayers(now, sizes.map((one, index) => (index === layer ? count : one))));
  const called = (text: typeof texts.fewer_units): string => say(text, { layer: layer + 1 });
  return (
    <div class="unit-count" style={{ left: `${x - 34}px` }}>
      <Small label={called(texts.fewer_units)} disabled={size <= 1} onClick={() => sized(size - 1)}>
        −
      </Small>
      <Small label={called(texts.more_units)} disabled={size >= MOST_UNITS} onClick={() => sized(size + 1)}>
        +
      </Small>
    </div>
  );
}

function Small(props: { label: string; disabled: boolean; onClick: () => void; children: ComponentChildren }) {
  return <Button {...props} />;
}

// ------------------------------------------------------------------------------------------------ painted with every frame
function draw(shown: Frame, svg: SVGSVGElement, nodes: HTMLElement, gradients: boolean): void {
  drawLinks(svg, gradients && shown.gradients ? shown.gradients : shown.weights, gradients);
  const canvases = nodes.querySelectorAll("canvas");
  let index = 0;
  for (const maps of [shown.features, ...shown.neurons])
    for (let unit = 0; unit < (maps.shape[0] ?? 0); unit += 1) {
      const canvas = canvases[index];
      index += 1;
      if (canvas) put(canvas, shaded(part(maps, unit)));
    }
  for (const button of nodes.querySelectorAll<HTMLElement>("button.node.output")) button.dataset["state"] = ""; // it may have been a neuron
  const buttons = nodes.querySelectorAll<HTMLElement>("button.node:not(.output)");
  let place = 0;
  for (const layer of shown.units)
    for (let unit = 0; unit < layer.units; unit += 1) {
      const button = buttons[place];
      place += 1;
      if (button) button.dataset["state"] = layer.dead.includes(unit) ? "dead" : layer.saturated.includes(unit) ? "saturated" : "";
    }
}

/** Wide as the square root of what a link carries; negative ones are dashed, too, since colour alone tells nothing. */
function drawLinks(svg: SVGSVGElement, values: Frame["weights"], gradients: boolean): void {
  const paths = svg.querySelectorAll("path");
  const largest = gradients ? Math.max(1e-12, ...values.map(({ data }) => largestOf(data))) : 1;
  let index = 0;
  for (const { data } of values)
    for (const value of data) {
      const path = paths[index];
      index += 1;
      if (!path) continue;
      const share = value / largest;
      dress(path, "stroke", css(Math.sign(share) * Math.min(1, 0.25 + Math.abs(share))));
      dress(path, "stroke-width", Math.min(9, 0.6 + 3.4 * Math.sqrt(Math.abs(share))).toFixed(1));
      dress(path, "stroke-dasharray", value < 0 ? "7 4" : "none");
    }
}

/** What did not change is not drawn again. */
function dress(path: SVGPathElement, name: string, value: string): void {
  if (path.getAttribute(name) !== value) path.setAttribute(name, value);
}

function largestOf(values: ArrayLike<number>): number {
  let most = 0;
  for (let index = 0; index < values.length; index += 1) most = Math.max(most, Math.abs(values[index] ?? 0));
  return most;
}
