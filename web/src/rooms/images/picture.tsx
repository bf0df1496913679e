// An image on a canvas, one pixel a number, with a frame over some of them; a place is chosen by finger, mouse or arrow keys.
import { useEffect, useRef } from "preact/hooks";
import type { Numbers } from "../../frames";
import { GREYS } from "../../ui/colours";
import { pictured, put, shaded } from "../../ui/raster";
import { moved } from "../../ui/moves";

export interface Frame {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface PictureProps {
  /** uint8 (height, width) or (height, width, channels), or channels first; signed: 0 … 255 is −most … most. */
  values: Numbers | null;
  first?: boolean;
  label: string;
  signed?: boolean;
  frame?: Frame | null;
  /** Where the keyboard stands, for a picture in which places are chosen. */
  place?: readonly [x: number, y: number];
  onPlace?: (x: number, y: number) => void;
  size?: "small" | "large";
}

export function Picture({ values, label, first = false, signed = false, frame = null, place, onPlace, size = "large" }: PictureProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [height = 1, width = 1] = values?.shape.slice(first ? 1 : 0) ?? [];
  useEffect(() => {
    if (canvas.current && values) put(canvas.current, signed ? shaded(values) : values.shape.length === 2 ? shaded(values, GREYS) : pictured(values, !first));
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

