// Images of numbers on canvases, and rows of them to choose from with mouse or arrow keys.
import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import type { Numbers } from "../../frames";
import { DIVERGING } from "../../ui/colours";
import { Canvas, pictured, shaded, type Raster } from "../../ui/raster";

/** A map of values in blue and orange; bright places of the image it is about are darker, so that one sees what lies where. */
export function overlaid(map: Numbers, image: Numbers | null): Raster {
  const [height = 1, width = 1] = map.shape;
  const raster = shaded(map, DIVERGING, Math.max(1e-12, ...map.data.map(Math.abs)));
  if (!image || image.shape[1] !== height || image.shape[2] !== width) return raster;
  const ground = pictured(image).pixels;
  for (let at = 0; at < 4 * height * width; at += 1) {
    const light = ground.subarray(at - (at % 4), at - (at % 4) + 3).reduce((sum, one) => sum + one, 0) / 765;
    if (at % 4 < 3) raster.pixels[at] = (raster.pixels[at] ?? 0) * (1 - 0.3 * light);
  }
  return raster;
}

export function Picture({ image, label, kind = "" }: { image: Raster | null; label: string; kind?: string }) {
  return <Canvas raster={image} label={label} kind={`raster ${kind}`} />;
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
