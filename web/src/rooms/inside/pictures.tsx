// Images of numbers on canvases, and rows of them to choose from with mouse or arrow keys.
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Numbers } from "../../frames";
import { DIVERGING } from "../../ui/colours";

/** (channels, height, width) of bytes → pixels. */
export function pixels(image: Numbers): ImageData {
  const [channels = 1, height = 1, width = 1] = image.shape;
  const size = height * width;
  const made = new ImageData(width, height);
  for (let at = 0; at < size; at += 1) {
    for (let channel = 0; channel < 3; channel += 1) made.data[4 * at + channel] = image.data[(channels > 2 ? channel : 0) * size + at] ?? 0;
    made.data[4 * at + 3] = 255;
  }
  return made;
}

export function put(canvas: HTMLCanvasElement, image: ImageData): void {
  if (canvas.width !== image.width || canvas.height !== image.height) [canvas.width, canvas.height] = [image.width, image.height];
  canvas.getContext("2d")?.putImageData(image, 0, 0);
}

/** A map of values in blue and orange; bright places of the image it is about are darker, so that one sees what lies where. */
export function overlaid(map: Numbers, image: Numbers | null): ImageData {
  const [height = 1, width = 1] = map.shape;
  let most = 1e-12;
  for (const value of map.data) most = Math.max(most, Math.abs(value));
  const ground = image && image.shape[1] === height && image.shape[2] === width ? pixels(image).data : null;
  const made = new ImageData(width, height);
  for (let at = 0; at < height * width; at += 1) {
    const colour = DIVERGING[Math.round((((map.data[at] ?? 0) / most + 1) / 2) * 255)] ?? 0;
    const light = ground ? ((ground[4 * at] ?? 0) + (ground[4 * at + 1] ?? 0) + (ground[4 * at + 2] ?? 0)) / 765 : 0;
    for (let channel = 0; channel < 3; channel += 1) made.data[4 * at + channel] = ((colour >>> (8 * channel)) & 255) * (1 - 0.3 * light);
    made.data[4 * at + 3] = 255;
  }
  return made;
}

export function Picture({ image, label, kind = "" }: { image: ImageData | null; label: string; kind?: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current && image) put(canvas.current, image);
  }, [image]);
  return <canvas ref={canvas} class={`picture ${kind}`} width={1} height={1} {...(label ? { role: "img", "aria-label": label } : { "aria-hidden": true })} />;
}

const STEP: Readonly<Record<string, number>> = { ArrowLeft: -1, ArrowRight: 1 };

interface ShelfProps {
  label: string;
  /** One name for each, read aloud. */
  names: readonly string[];
  chosen: number;
  onChoose: (index: number) => void;
  children: (index: number) => ComponentChildren;
  kind?: string;
}

/** One of many small things. The arrow keys walk, also up and down by what stands there. */
export function Shelf({ label, names, chosen, onChoose, children, kind = "" }: ShelfProps) {
  const place = useRef<HTMLDivElement>(null);
  const buttons = () => [...(place.current?.querySelectorAll<HTMLElement>("[role=radio]") ?? [])];
  const onKeyDown = (event: KeyboardEvent) => {
    const all = buttons();
    const at = Math.max(0, all.findIndex((one) => one === document.activeElement));
    const next = event.key in STEP ? at + (STEP[event.key] ?? 0) : below(all, at, event.key);
    if (next === null || next < 0 || next >= all.length) return;
    event.preventDefault();
    all[next]?.focus();
    onChoose(next);
  };
  return (
    <div ref={place} class={`shelf ${kind}`} role="radiogroup" aria-label={label} onKeyDown={onKeyDown}>
      {names.map((name, index) => (
        <button key={index} type="button" role="radio" aria-checked={index === chosen} aria-label={name} title={name} tabIndex={index === Math.max(0, chosen) ? 0 : -1} onClick={() => onChoose(index)}>
          {children(index)}
        </button>
      ))}
    </div>
  );
}

function below(all: readonly HTMLElement[], at: number, key: string): number | null {
  if (key !== "ArrowUp" && key !== "ArrowDown") return null;
  const here = all[at];
  if (!here) return null;
  const order = key === "ArrowDown" ? all.slice(at + 1) : all.slice(0, at).reverse();
  const found = order.find((one) => one.offsetTop !== here.offsetTop && Math.abs(one.offsetLeft - here.offsetLeft) < 4);
  return found ? all.indexOf(found) : null;
}
