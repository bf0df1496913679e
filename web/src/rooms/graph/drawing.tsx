// The graph as SVG: Profundo says where everything stands; here it is coloured step by step, moved and enlarged.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import texts from "@texts/graph.json";
import { local, say } from "../../language";
import { Button } from "../../ui/controls";
import { brief, kindOf, localized, written } from "./numbers";
import { atWork, byName, seen, type Stop } from "./steps";
import type { Box, Edge, Flow, Graph, Line, Node, Scene } from "./types";

interface DrawingProps {
  graph: Graph;
  scene: Scene;
  stops: readonly Stop[];
  at: number;
  /** Edges of a chosen path. */
  path?: ReadonlySet<number>;
  label: string;
  onPick: (box: Box) => void;
  onToggle?: (path: string) => void;
}

interface View {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

const MARGIN = 20;
const [SMALL, LEGIBLE] = [0.55, 0.8]; // of its own size: all is shown down to the first; below, a part of it at the second
const HIGHEST = 0.58; // of the window
const LARGEST_FIT = 1.4;
const [LEAST, LARGEST] = [0.1, 4];
const NOWHERE: ReadonlySet<number> = new Set();

export function Drawing({ graph, scene, stops, at, path = NOWHERE, label, onPick, onToggle }: DrawingProps) {
  const place = useRef<HTMLDivElement>(null);
  const width = useWidth(place);
  const size = { width, height: heightFor(scene, width) };
  const fitted = useMemo(() => fit(scene, size), [scene.width, scene.height, size.width, size.height]);
  const [moved, move] = useState<View | null>(null);
  const view = moved ?? fitted;
  const drag = useDrag(view, move);
  useEffect(() => move(null), [scene.width, scene.height]);
  useEffect(() => {
    const active = scene.boxes.find((box) => box.name === stops[at]?.box);
    if (active && !isInView(active, view, size)) move(centred(active, view, size));
  }, [at, stops]);
  const zoom = (factor: number) => move(zoomed(view, factor, size.width / 2, size.height / 2));
  return (
    <div class="graph-drawing" ref={place} style={{ height: `${size.height}px` }}>
      <svg
        width={size.width}
        height={size.height}
        tabindex={0}
        role="group"
        aria-label={label}
        class={moved ? "moved" : ""}
        {...drag}
        onWheel={(event) => {
          if (!event.ctrlKey && !event.metaKey) return;
          event.preventDefault();
          const { left, top } = event.currentTarget.getBoundingClientRect();
          move(zoomed(view, Math.exp(-event.deltaY / 300), event.clientX - left, event.clientY - top));
        }}
        onKeyDown={(event) => {
          if (event.key === "+") zoom(1.25);
          else if (event.key === "-") zoom(0.8);
          else if (event.key === "0") move(null);
        }}
      >
        <g transform={`translate(${view.x} ${view.y}) scale(${view.scale})`}>
          <Everything graph={graph} scene={scene} stops={stops} at={at} path={path} onPick={onPick} {...(onToggle ? { onToggle } : {})} />
        </g>
      </svg>
      <div class="graph-zoom">
        <Button kind="quiet" label={say(texts.larger)} onClick={() => zoom(1.25)}>
          +
        </Button>
        <Button kind="quiet" label={say(texts.smaller)} onClick={() => zoom(0.8)}>
          −
        </Button>
        <Button kind="quiet" label={say(texts.fit)} onClick={() => move(whole(scene, size))}>
          <svg width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true">
            <path d="M2 6V2h4M10 2h4v4M14 10v4h-4M6 14H2v-4" />
          </svg>
        </Button>
      </div>
    </div>
  );
}

type EverythingProps = Omit<DrawingProps, "label" | "path"> & { path: ReadonlySet<number> };

function Everything({ graph, scene, stops, at, path, onPick, onToggle }: EverythingProps) {
  const nodes = useMemo(() => byName(graph), [graph]);
  const flows = useMemo(() => new Map(graph.edges.map((flow) => [`${flow.to} ${flow.place}`, flow])), [graph]);
  const now = seen(stops, at, scene, graph);
  const stop = stops[at];
  const busy = path.size ? path : atWork(stop, scene);
  const backward = path.size > 0 || stop?.phase === "backward";
  const onPath = new Set([...path].flatMap((index) => [scene.edges[index]?.source ?? "", scene.edges[index]?.target ?? ""]));
  return (
    <>
      {scene.frames.map((frame) => (
        <g key={frame.path} class="graph-frame">
          <rect x={frame.x} y={frame.y} width={frame.width} height={frame.height} rx="10" />
          <g class={onToggle ? "graph-opens" : ""} onClick={() => onToggle?.(frame.path)}>
            <text x={frame.x + 11} y={frame.y + 18}>
              {onToggle && <tspan class="graph-sign">− </tspan>}
              <Spans lines={frame.title} />
            </text>
          </g>
        </g>
      ))}
      {scene.edges.map((edge, index) => (
        <Arrow key={index} edge={edge} kind={`${busy.has(index) ? (backward ? "busy back" : "busy") : path.size ? "aside" : ""} ${now.gradients.has(edge.source) && now.gradients.has(edge.target) ? "flowed" : ""}`} />
      ))}
      {scene.boxes.map((box) => (
        <Boxed
          key={box.name}
          box={box}
          node={nodes.get(box.result)}
          hasValue={now.values.has(box.name)}
          hasGradient={now.gradients.has(box.name)}
          kind={onPath.has(box.name) || box.name === stop?.box ? (backward ? "busy back" : "busy") : ""}
          onPick={() => onPick(box)}
          {...(onToggle && box.path && scene.parts.includes(box.path) ? { onOpen: () => onToggle(box.path) } : {})}
        />
      ))}
      {scene.edges.map((edge, index) => {
        const text = now.gradients.has(edge.target) ? derivative(edge, flows) : "";
        return edge.label && text ? (
          <text key={index} class={busy.has(index) ? "graph-local busy" : "graph-local"} x={edge.label[0]} y={edge.label[1]} dy="0.35em">
            {text}
          </text>
        ) : null;
      })}
    </>
  );
}

/** At a line: the local derivative, as a formula and as a number. */
function derivative(edge: Edge, flows: ReadonlyMap<string, Flow>): string {
  const [use] = edge.uses;
  const flow = edge.uses.length === 1 && use ? flows.get(`${use[0]} ${use[1]}`) : undefined;
  if (flow?.local === undefined || flow.local === null) return "";
  const number = written(flow.local);
  const rule = localized(flow.rule ?? "");
  return rule && rule.length <= 14 && rule !== number ? `${rule} = ${number}`.replace("= ≈", "≈ ") : number;
}

function Arrow({ edge, kind }: { edge: Edge; kind: string }) {
  return (
    <g class={`graph-edge ${kind}`}>
      <path d={edge.path} />
      <polygon points={edge.head} />
    </g>
  );
}

interface BoxedProps {
  box: Box;
  node: Node | undefined;
  hasValue: boolean;
  hasGradient: boolean;
  kind: string;
  onPick: () => void;
  onOpen?: () => void;
}

function Boxed({ box, node, hasValue, hasGradient, kind, onPick, onOpen }: BoxedProps) {
  const { x, y, width, height } = box;
  const isConstant = node?.op === "constant" && node.shape.length === 0;
  const above = y - height / 2 - 4;
  const top = above - (hasValue && !isConstant ? 17 : 0);
  return (
    <g class={`graph-box ${kind} ${hasValue ? "" : "waiting"}`} data-box={box.name} onClick={onPick}>
      <title>{node ? facts(node, hasValue, hasGradient) : box.name}</title>
      {box.stacked && <Outline box={box} dx={3.5} hue={box.hue} />}
      <Outline box={box} dx={0} hue={box.hue} />
      <Lines lines={box.inside} x={x} top={y - box.inside.reduce((sum, line) => sum + 1.28 * line.size, 0) / 2} />
      {box.above.map((line, index) => (
        <text key={index} class="graph-formula" x={x} y={top - 3 - 13 * (box.above.length - 1 - index)} font-size={line.size}>
          {localized(line.text)}
        </text>
      ))}
      {hasValue && !isConstant && node?.value && (
        <text class={node.value.item === null ? "graph-value list" : "graph-value"} x={x} y={above - 2}>
          {brief(node.value)}
        </text>
      )}
      {hasGradient && node?.gradient && (
        <text class={node.gradient.item === null ? "graph-gradient list" : "graph-gradient"} x={x} y={y + height / 2 + 17}>
          {brief(node.gradient, true)}
        </text>
      )}
      {onOpen && (
        <g
          class="graph-opens"
          onClick={(event) => {
            event.stopPropagation();
            onOpen();
          }}
        >
          <circle cx={x + width / 2} cy={y - height / 2} r="9" />
          <text x={x + width / 2} y={y - height / 2} dy="0.35em">
            +
          </text>
        </g>
      )}
    </g>
  );
}

function Outline({ box, dx, hue }: { box: Box; dx: number; hue: string }) {
  const look = { class: "graph-outline", stroke: hue, "stroke-width": box.heavy ? 2.4 : 1.4 };
  const { x, y, width, height } = box;
  if (box.round) return <circle cx={x + dx} cy={y + dx} r={width / 2} {...look} />;
  return <rect x={x - width / 2 + dx} y={y - height / 2 + dx} width={width} height={height} rx={box.corner} {...look} />;
}

function Lines({ lines, x, top }: { lines: readonly Line[]; x: number; top: number }) {
  let y = top;
  return (
    <>
      {lines.map((line, index) => {
        const middle = y + 0.64 * line.size;
        y += 1.28 * line.size;
        return (
          <text key={index} x={x} y={middle} dy="0.35em" text-anchor="middle" font-size={line.size} fill={line.hue} {...(line.bold ? { "font-weight": 600 } : {})}>
            {inWords(line.text)}
          </text>
        );
      })}
    </>
  );
}

function Spans({ lines }: { lines: readonly Line[] }) {
  return (
    <>
      {lines.map((line, index) => (
        <tspan key={index} font-size={line.size} fill={line.hue} {...(line.bold ? { "font-weight": 600 } : {})}>
          {inWords(line.text)}
        </tspan>
      ))}
    </>
  );
}

/** A line of a box: how many parameters it has, what kind of a node it is, or a formula. */
function inWords(text: string): string {
  const [, number] = /^\s*([\d,.]+\s?[kM]?)\s(?:parameters)$/.exec(text) ?? [];
  return number === undefined ? kindOf(text, localized(text)) : say(texts.many_parameters, { count: local(number.replaceAll(",", "\u202f")) });
}

function facts(node: Node, hasValue: boolean, hasGradient: boolean): string {
  return [
    node.text && node.text !== node.name ? `${node.name} = ${localized(node.text)}` : `${node.name}: ${kindOf(node.op)}`,
    node.shape.length ? node.shape.join(" × ") : "",
    hasValue && node.value ? `${say(texts.value)}: ${brief(node.value)}` : "",
    hasGradient && node.gradient ? `${say(texts.gradient)}: ${brief(node.gradient, true)}` : "",
    node.module,
    node.line,
  ]
    .filter(Boolean)
    .join("\n");
}

// ------------------------------------------------------------------------------------------------------------ the view

interface Size {
  readonly width: number;
  readonly height: number;
}

function useWidth(place: { current: HTMLDivElement | null }): number {
  const [width, set] = useState(600);
  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const watched = new ResizeObserver(() => set(element.clientWidth));
    watched.observe(element);
    return () => watched.disconnect();
  }, []);
  return width;
}

/** As high as the drawing where that leaves room for what is under it. */
function heightFor(scene: Scene, width: number): number {
  const byWidth = Math.min(LARGEST_FIT, (width - 2 * MARGIN) / scene.width);
  const scale = byWidth < SMALL ? LEGIBLE : byWidth;
  return Math.round(Math.max(220, Math.min(HIGHEST * innerHeight, scale * scene.height + 2 * MARGIN)));
}

/** All of it in the middle, no larger than it was drawn by half. */
export function whole(scene: Size, size: Size): View {
  const scale = Math.min((size.width - 2 * MARGIN) / scene.width, (size.height - 2 * MARGIN) / scene.height, LARGEST_FIT);
  return { x: (size.width - scale * scene.width) / 2, y: (size.height - scale * scene.height) / 2, scale };
}

/** All of it, or its beginning where all would be too small to read. */
export function fit(scene: Size, size: Size): View {
  const all = whole(scene, size);
  if (all.scale >= SMALL) return all;
  const [x, y] = [size.width - LEGIBLE * scene.width, size.height - LEGIBLE * scene.height];
  return { x: x > 0 ? x / 2 : MARGIN, y: y > 0 ? y / 2 : MARGIN, scale: LEGIBLE };
}

/** Enlarged around a place of the page. */
export function zoomed(view: View, factor: number, x: number, y: number): View {
  const scale = Math.max(LEAST, Math.min(LARGEST, view.scale * factor));
  const by = scale / view.scale;
  return { x: x - by * (x - view.x), y: y - by * (y - view.y), scale };
}

function isInView(box: Box, { x, y, scale }: View, size: Size): boolean {
  const [left, right] = [x + scale * (box.x - box.width / 2), x + scale * (box.x + box.width / 2)];
  const [high, low] = [y + scale * (box.y - box.height / 2 - 30), y + scale * (box.y + box.height / 2 + 20)];
  return left >= 0 && right <= size.width && high >= 0 && low <= size.height;
}

const centred = (box: Box, { scale }: View, size: Size): View => ({ x: size.width / 2 - scale * box.x, y: size.height / 2 - scale * box.y, scale });

/** Dragging with one pointer moves, with two it enlarges. */
function useDrag(view: View, move: (view: View) => void) {
  const pointers = useRef(new Map<number, { x: number; y: number }>());
  const far = useRef(0);
  return {
    onPointerDown: (event: PointerEvent) => {
      pointers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
      far.current = 0;
    },
    onPointerMove: (event: PointerEvent) => {
      const before = pointers.current.get(event.pointerId);
      if (!before) return;
      const after = { x: event.clientX, y: event.clientY };
      const [dx, dy] = [after.x - before.x, after.y - before.y];
      far.current += Math.abs(dx) + Math.abs(dy);
      if (far.current < 4) return; // a click that trembles
      (event.currentTarget as Element).setPointerCapture(event.pointerId);
      const other = [...pointers.current].find(([id]) => id !== event.pointerId)?.[1];
      pointers.current.set(event.pointerId, after);
      if (!other) return move({ ...view, x: view.x + dx, y: view.y + dy });
      const { left, top } = (event.currentTarget as Element).getBoundingClientRect();
      const apart = (one: { x: number; y: number }) => Math.hypot(one.x - other.x, one.y - other.y);
      move(zoomed(view, apart(after) / Math.max(1, apart(before)), (after.x + other.x) / 2 - left, (after.y + other.y) / 2 - top));
    },
    onPointerUp: (event: PointerEvent) => pointers.current.delete(event.pointerId),
    onPointerCancel: (event: PointerEvent) => pointers.current.delete(event.pointerId),
  };
}

const WIDE = 800; // pixels, from which on the explanations stand beside the drawing

/** Pixels that a drawing has in the middle of the page, for whoever places its boxes. */
export function room(stage: HTMLElement | null): [width: number, height: number] {
  const wide = Math.round(stage?.clientWidth || innerWidth);
  const width = wide > WIDE ? Math.round(wide * 0.58) : wide;
  return [Math.max(300, Math.min(2000, width)), Math.max(300, Math.min(1200, Math.round(HIGHEST * innerHeight)))];
}
