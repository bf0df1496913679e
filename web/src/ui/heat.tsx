// Arrays as pictures on a canvas: one value, one pixel, enlarged by the browser.
import { useEffect, useRef } from "preact/hooks";
import type { Numbers } from "../frames";
import { DIVERGING } from "./colours";

interface HeatProps {
  /** (height, width); uint8 are places in the palette, floats are values. */
  values: Numbers | null;
  /** Value of the palette's ends, for floats: −most … most. */
  most?: number;
  /** Only the sign is shown. */
  discrete?: boolean;
  palette?: Uint32Array;
  label: string;
  smooth?: boolean;
}

export function Heat({ values, most = 1, discrete = false, palette = DIVERGING, label, smooth = false }: HeatProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current && values) paint(canvas.current, values, most, discrete, palette);
  }, [values, most, discrete, palette]);
  return <canvas ref={canvas} class={smooth ? "heat smooth" : "heat"} role="img" aria-label={label} />;
}

export function paint(canvas: HTMLCanvasElement, values: Numbers, most: number, discrete: boolean, palette: Uint32Array): void {
  const [height = 1, width = 1] = values.shape;
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const pixels = new Uint32Array(width * height);
  const { data } = values;
  const places = data instanceof Uint8Array;
  for (let index = 0; index < pixels.length; index += 1) {
    const value = data[index] ?? 0;
    const place = places ? value : Math.round(((Math.max(-most, Math.min(most, value)) / most + 1) / 2) * 255);
    pixels[index] = palette[discrete ? (place < 128 ? 0 : 255) : place] ?? 0;
  }
  canvas.getContext("2d")?.putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), width, height), 0, 0);
}
