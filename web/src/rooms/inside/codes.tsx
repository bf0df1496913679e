// Codes as a map to walk through: what the net takes for alike lies together. Drag, zoom, hover, or go from sample to sample by arrow keys.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import texts from "@texts/inside.json";
import lab from "@texts/lab.json";
import { part } from "../../frames";
import { figure, percent, say } from "../../language";
import { Button, Choice, Panel, Problem, Switch, type Option } from "../../ui/controls";
import { Facts } from "../../ui/facts";
import { dress } from "../../ui/dress";
import { choose, codes, net, whole, word, type CodeMap, type Net } from "./looking";
import { colourOf, drawMark, fitted, nearest, neighbour, zoomed, type Frame } from "../../ui/marks";
import { Picture } from "./pictures";
import { pictured, put } from "../../ui/raster";
import { useTold } from "../../telling";

const METHODS: readonly Option[] = [["pca", "PCA"], ["t-sne", "t-SNE"]];
const REACH = 14; // pixels from which a sample is pointed at
const KEYS: Readonly<Record<string, readonly [number, number]>> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export function CodesView() {
  const of = net.value.value;
  const method = word("map", "pca");
  const layer = word("code", of?.code_layer ?? "");
  const run = of?.run ?? "";
  useEffect(() => {
    if (run && layer) codes.ask({ run, layer, method });
  }, [run, layer, method]);
  const shown = codes.value.value;
  const fresh = shown && shown.layer === layer && shown.method === method ? shown : null;
  const about = fresh ? say(method === "pca" ? texts.pca_hint : texts.tsne_hint, { share: percent(fresh.shares.reduce((sum, one) => sum + one, 0)), width: fresh.width, samples: fresh.numbers.length }) : "";
  useTold(about);
  if (!of) return null;
  return (
    <div class="columns codes-view">
      <Panel title={say(texts.codes)} aside={<span class="hint" role="status">{codes.busy.value ? say(texts.at_work) : ""}</span>}>
        <div class="row codes-row">
          <Choice label={say(texts.layer)} value={layer} options={of.layers.map(({ name, module }): Option => [name, `${name} · ${module}`])} onChoose={(name) => choose({ code: name })} />
          <Choice label={say(texts.plane)} value={method} options={METHODS} onChoose={(name) => choose({ map: name })} />
        </div>
        <Problem text={codes.problem.value} />
        {shown && <Walk key={`${shown.layer} ${shown.method}`} map={shown} of={of} />}
        {about && <p class="hint">{about}</p>}
      </Panel>
      {shown && <Told map={shown} of={of} />}
    </div>
  );
}

const at = (map: CodeMap): number => Math.max(0, map.numbers.indexOf(whole("at", map.numbers[0] ?? 0)));
const isWrong = (map: CodeMap, index: number): boolean => map.targets !== null && map.targets.data[index] !== map.answers?.data[index];

function Walk({ map, of }: { map: CodeMap; of: Net }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, measure] = useState({ width: 640, height: 480 });
  const [frame, move] = useState<Frame | null>(null);
  const pictures = word("marks") === "pictures";
  const here = at(map);
  const points = map.places.data;
  const shown = frame ?? fitted(points, size.width, size.height);
  const tiles = useMemo(() => (pictures && map.images ? tilesOf(map) : null), [map, pictures]);
  useEffect(() => {
    const element = canvas.current;
    if (!element) return undefined;
    const observer = new ResizeObserver(() => measure({ width: element.clientWidth, height: element.clientHeight }));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  useEffect(() => {
    if (canvas.current) draw(canvas.current, map, shown, size, here, tiles);
  }, [map, shown, size, here, tiles, dress.value]);

  const place = (event: MouseEvent) => {
    const box = canvas.current?.getBoundingClientRect();
    return [event.clientX - (box?.left ?? 0) - size.width / 2, size.height / 2 - (event.clientY - (box?.top ?? 0))] as const;
  };
  const point = (event: MouseEvent): number | null => {
    const [right, up] = place(event);
    return nearest(points, shown.x + right / shown.scale, shown.y + up / shown.scale, REACH / shown.scale);
  };
  const go = (index: number | null) => index !== null && index !== here && choose({ at: String(map.numbers[index] ?? 0) });
  const drag = useRef<{ x: number; y: number; from: Frame; moved: boolean } | null>(null);
  const onPointerMove = (event: PointerEvent) => {
    const held = drag.current;
    if (!held) return void go(point(event));
    const [dx, dy] = [event.clientX - held.x, event.clientY - held.y];
    held.moved ||= Math.hypot(dx, dy) > 3;
    if (held.moved) move({ ...held.from, x: held.from.x - dx / held.from.scale, y: held.from.y + dy / held.from.scale });
  };
  const onWheel = (event: WheelEvent) => {
    event.preventDefault();
    move(zoomed(shown, Math.exp(-event.deltaY / 400), ...place(event)));
  };
  useEffect(() => {
    const element = canvas.current; // a wheel that is not passive, so that the page stays where it is
    element?.addEventListener("wheel", onWheel, { passive: false });
    return () => element?.removeEventListener("wheel", onWheel);
  });
  const onKeyDown = (event: KeyboardEvent) => {
    const way = KEYS[event.key];
    if (way) {
      const next = neighbour(points, here, ...way);
      go(next);
      if (next !== null) move(followed(shown, size, points[2 * next] ?? 0, points[2 * next + 1] ?? 0));
    } else if (event.key === "+" || event.key === "=") move(zoomed(shown, 1.4, 0, 0));
    else if (event.key === "-") move(zoomed(shown, 1 / 1.4, 0, 0));
    else if (event.key === "0") move(null);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <canvas
        ref={canvas}
        class="walk"
        tabIndex={0}
        role="application"
        aria-label={say(texts.map_walk)}
        aria-describedby="walk-keys"
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          drag.current = { x: event.clientX, y: event.clientY, from: shown, moved: false };
        }}
        onPointerMove={onPointerMove}
        onPointerUp={(event) => {
          if (drag.current && !drag.current.moved) go(point(event));
          drag.current = null;
        }}
        onPointerCancel={() => (drag.current = null)}
        onKeyDown={onKeyDown}
      />
      <div class="row walk-row">
        <Button label={say(texts.nearer)} onClick={() => move(zoomed(shown, 1.4, 0, 0))}>+</Button>
        <Button label={say(texts.farther)} onClick={() => move(zoomed(shown, 1 / 1.4, 0, 0))}>−</Button>
        <Button onClick={() => move(null)}>{say(texts.whole_map)}</Button>
        {map.images && <Switch label={say(texts.as_pictures)} checked={pictures} onChange={(on) => choose({ marks: on ? "pictures" : "" })} />}
        <span class="hint" id="walk-keys">{say(texts.walk_keys)}</span>
      </div>
      {map.targets && <Legend of={of} />}
    </>
  );
}

/** The frame moved so far that a place lies within it. */
function followed(frame: Frame, { width, height }: { width: number; height: number }, x: number, y: number): Frame {
  const [wide, high] = [(0.46 * width) / frame.scale, (0.46 * height) / frame.scale];
  return { ...frame, x: Math.min(Math.max(frame.x, x - wide), x + wide), y: Math.min(Math.max(frame.y, y - high), y + high) };
}

function tilesOf(map: CodeMap): readonly HTMLCanvasElement[] {
  const { images } = map;
  return map.numbers.map((_, index) => {
    const tile = document.createElement("canvas");
    if (images) put(tile, pictured(part(images, index)));
    return tile;
  });
}

function draw(canvas: HTMLCanvasElement, map: CodeMap, frame: Frame, size: { width: number; height: number }, here: number, tiles: readonly HTMLCanvasElement[] | null): void {
  const ratio = devicePixelRatio || 1;
  [canvas.width, canvas.height] = [Math.round(size.width * ratio), Math.round(size.height * ratio)];
  const context = canvas.getContext("2d");
  if (!context) return;
  context.scale(ratio, ratio);
  const ink = getComputedStyle(canvas).color;
  const points = map.places.data;
  const spot = (index: number) => [size.width / 2 + ((points[2 * index] ?? 0) - frame.x) * frame.scale, size.height / 2 - ((points[2 * index + 1] ?? 0) - frame.y) * frame.scale] as const;
  const nearness = frame.scale / fitted(points, size.width, size.height).scale;
  const radius = Math.min(9, 4.2 * Math.sqrt(nearness));
  const one = (index: number, grown: number) => {
    const [x, y] = spot(index);
    const label = map.targets?.data[index] ?? 0;
    const tile = tiles?.[index];
    const side = grown * Math.min(44, 18 * Math.sqrt(nearness));
    context.fillStyle = colourOf(label);
    if (tile) {
      context.imageSmoothingEnabled = false;
      context.fillRect(x - side / 2 - 2, y - side / 2 - 2, side + 4, side + 4);
      context.drawImage(tile, x - side / 2, y - side / 2, side, side);
    } else drawMark(context, x, y, label, grown * radius);
    if (!isWrong(map, index)) return;
    context.strokeStyle = ink;
    context.lineWidth = 1.6;
    context.beginPath();
    context.arc(x, y, tile ? 0.75 * side + 2 : grown * radius + 3.5, 0, 7);
    context.stroke();
  };
  context.globalAlpha = tiles ? 1 : 0.8;
  map.numbers.forEach((_, index) => index !== here && one(index, 1));
  context.globalAlpha = 1;
  one(here, 1.7);
  const [x, y] = spot(here);
  context.strokeStyle = ink;
  context.lineWidth = 2;
  context.strokeRect(x - 17, y - 17, 34, 34);
}

function Legend({ of }: { of: Net }) {
  return (
    <ul class="legend">
      {of.outputs.slice(0, 24).map((name, index) => (
        <li key={name}>
          <Mark index={index} /> {name}
        </li>
      ))}
      <li>
        <svg width="16" height="16" viewBox="-8 -8 16 16" aria-hidden="true"><circle r="6" fill="none" stroke="currentColor" stroke-width="1.6" /></svg>
        {say(texts.mistake)}
      </li>
    </ul>
  );
}

function Mark({ index }: { index: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    context.clearRect(0, 0, 32, 32);
    context.fillStyle = colourOf(index);
    drawMark(context, 16, 16, index, 11);
  }, [index]);
  return <canvas ref={canvas} class="mark" width={32} height={32} aria-hidden="true" />;
}

function Told({ map, of }: { map: CodeMap; of: Net }) {
  const index = at(map);
  const image = useMemo(() => (map.images ? pictured(part(map.images, index)) : null), [map, index]);
  const number = map.numbers[index] ?? 0;
  const [truth, answer] = [of.outputs[map.targets?.data[index] ?? -1], of.outputs[map.answers?.data[index] ?? -1]];
  return (
    <Panel title={say(texts.sample_named, { number })} kind="told">
      <div aria-live="polite">
        {image && <Picture image={image} label={say(texts.sample_named, { number })} kind="large" />}
        {map.words?.[index] && <p>{map.words[index]}</p>}
        <Facts
          kind="figures"
          of={[
            truth !== undefined && [say(texts.is), truth],
            truth !== undefined && [say(texts.net_says), <span class={isWrong(map, index) ? "wrong" : ""}>{isWrong(map, index) ? `${answer ?? ""} ✗` : answer}</span>],
            truth !== undefined && [say(texts.probability), percent(map.sure?.data[index])],
            [say(texts.place), `(${figure(map.places.data[2 * index], 3)}; ${figure(map.places.data[2 * index + 1], 3)})`],
          ]}
        />
      </div>
      <Button onClick={() => choose({ view: "why", sample: String(number), file: "" })}>{say(lab.ask_why)}</Button>
    </Panel>
  );
}
