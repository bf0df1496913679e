// Arrays as pictures on a canvas: one value, one pixel, enlarged by the browser.
import { useEffect, useRef } from "preact/hooks";
import type { Numbers } from "../frames";
import { DIVERGING } from "./colours";

/** What a canvas takes: red, green, blue and opacity of each pixel, row by row. */
export interface Raster {
  readonly pixels: Uint8ClampedArray<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
}

/** Bytes (channels, height, width), or channels last: one channel is grey, three are colours, four have an opacity. */
export function pictured({ data, shape }: Numbers, last = false): Raster {
  const [height = 1, width = 1, channels = 1] = last ? shape : [...shape.slice(1), shape[0] ?? 1];
  const size = width * height;
  const [far, near] = last ? [1, channels] : [size, 1];
  const pixels = new Uint8ClampedArray(4 * size);
  for (let place = 0; place < size; place += 1) {
    for (let colour = 0; colour < 3; colour += 1) pixels[4 * place + colour] = data[(channels >= 3 ? colour : 0) * far + place * near] ?? 0;
    pixels[4 * place + 3] = channels === 4 ? (data[3 * far + place * near] ?? 255) : 255;
  }
  return { pixels, width, height };
}

/** Values (height, width) in the colours of a palette: bytes are places in it, floats lie between −most and most. */
export function shaded({ data, shape: [height = 1, width = 1] }: Numbers, palette: Uint32Array = DIVERGING, most = 1, discrete = false): Raster {
  const colours = new Uint32Array(width * height);
  const places = data instanceof Uint8Array;
  for (let index = 0; index < colours.length; index += 1) {
    const value = data[index] ?? 0;
    const place = places ? value : Math.round(((Math.max(-most, Math.min(most, value)) / most + 1) / 2) * 255);
    colours[index] = palette[discrete ? (place < 128 ? 0 : 255) : place] ?? 0;
  }
  return { pixels: new Uint8ClampedArray(colours.buffer), width, height };
}

export function put(canvas: HTMLCanvasElement, { pixels, width, height }: Raster): void {
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d")?.putImageData(new ImageData(pixels, width, height), 0, 0);
}

/** As a file, such as the lab takes up. */
export async function pngOf(raster: Raster, name: string): Promise<File> {
  const canvas = document.createElement("canvas");
  put(canvas, raster);
  const blob = await new Promise<Blob | null>((made) => canvas.toBlob(made, "image/png"));
  return new File([blob ?? ""], name, { type: "image/png" });
}

/** label: empty for one that stands in something that has a name. */
export function Canvas({ raster, label, kind }: { raster: Raster | null; label: string; kind: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current && raster) put(canvas.current, raster);
  }, [raster]);
  return <canvas ref={canvas} class={kind} width={1} height={1} {...(label ? { role: "img", "aria-label": label } : { "aria-hidden": true })} />;
}
