// An image on a canvas, one pixel a number, with a frame over some of them; a place is chosen by finger, mouse or arrow keys.
import { useEffect, useRef } from "preact/hooks";
import type { Numbers } from "../../frames";
import { DIVERGING, GREYS } from "../../ui/colours";
import { moved } from "./query";

export interface Frame {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface PictureProps {
  /** uint8 (height, width), (height, width, 1) or (height, width, 3); signed: 0 … 255 is −most … most. */
  values: Numbers | null;
  label: string;
  signed?: boolean;
  frame?: Frame | null;
  /** Where the keyboard stands, for a picture in which places are chosen. */
  place?: readonly [x: number, y: number];
  onPlace?: (x: number, y: number) => void;
  size?: "small" | "large";
}

export function Picture({ values, label, signed = false, frame = null, place, onPlace, size = "large" }: PictureProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [height = 1, width = 1] = values?.shape ?? [];
  useEffect(() => {
    if (canvas.current && values) paintImage(canvas.current, values, signed);
  }, [values, signed]);
  const at = (event: PointerEvent) => {
    const box = canvas.current?.getBoundingClientRect();
    if (!box || !onPlace) return;
    const within = (share: number, most: number) => Math.max(0, Math.min(most - 1, Math.floor(share * most)));
    onPlace(within((event.clientX - box.left) / box.width, width), within((event.clientY - box.top) / box.height, height));
  };
  const pressed = (event: KeyboardEvent) => {
    const there = place && moved(event.key, place[0], place[1], width, height, event.shiftKey);
    if (!there || !onPlace) return;
    event.preventDefault();
    onPlace(there[0], there[1]);
  };
  const chosen = onPlace
    ? {
        tabIndex: 0,
        role: "application" as const,
        "aria-label": label,
        onKeyDown: pressed,
        onPointerDown: (event: PointerEvent) => (at(event), canvas.current?.setPointerCapture?.(event.pointerId)),
        onPointerMove: (event: PointerEvent) => event.buttons > 0 && at(event),
      }
    : label
      ? { role: "img" as const, "aria-label": label }
      : { "aria-hidden": true }; // of a button that has a name itself
  return (
    <div class={`picture ${size} ${width / height > 1.2 ? "wide" : ""} ${onPlace ? "choosing" : ""}`} style={{ aspectRatio: `${width} / ${height}` }} {...chosen}>
      <canvas ref={canvas} class={width > 200 ? "" : "pixelated"} aria-hidden="true" />
      {frame && (
        <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" aria-hidden="true">
          <rect class="frame-under" {...frame} />
          <rect class="frame" {...frame} />
        </svg>
      )}
    </div>
  );
}

export function paintImage(canvas: HTMLCanvasElement, { data, shape }: Numbers, signed: boolean): void {
  const [height = 1, width = 1, channels = 1] = shape;
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const palette = signed ? DIVERGING : GREYS;
  const pixels = new Uint32Array(width * height);
  for (let index = 0; index < pixels.length; index += 1) {
    const from = index * channels;
    pixels[index] = channels < 3 ? (palette[data[from] ?? 0] ?? 0) : ((255 << 24) | ((data[from + 2] ?? 0) << 16) | ((data[from + 1] ?? 0) << 8) | (data[from] ?? 0)) >>> 0;
  }
  canvas.getContext("2d")?.putImageData(new ImageData(new Uint8ClampedArray(pixels.buffer), width, height), 0, 0);
}

/** Channels last, as pictures have them, where they came first. */
export function last(values: Numbers): Numbers {
  const [channels = 1, height = 1, width = 1] = values.shape.length === 3 ? values.shape : [1, ...values.shape];
  if (channels > 4) return { data: Uint8Array.from(values.data), shape: values.shape };
  const data = new Uint8Array(values.data.length);
  for (let at = 0; at < height * width; at += 1) for (let channel = 0; channel < channels; channel += 1) data[at * channels + channel] = values.data[channel * height * width + at] ?? 0;
  return { data, shape: [height, width, channels] };
}
