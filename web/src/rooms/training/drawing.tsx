// A drawing for a net to judge: sent in the size that the net sees.
import { useState } from "preact/hooks";
import texts from "@texts/training.json";
import { say } from "../../language";
import { Switch } from "../../ui/controls";
import type { Strokes } from "../../ui/moves";
import { inked, Pad } from "../../ui/pad";

const THINNEST = 0.08; // of the paper's side, but at least a pixel of the net's

export function Drawing({ width, height, onDrawn }: { width: number; height: number; onDrawn: (png: string) => void }) {
  const [strokes, draw] = useState<Strokes>([]);
  const [dark, invert] = useState(true);
  const pen = Math.max(THINNEST, 1.3 / Math.max(width, height));
  const change = (drawn: Strokes) => {
    draw(drawn);
    if (drawn.length > 0) onDrawn(shrunk(inked(drawn, pen, dark), width, height));
  };
  return (
    <div class="drawing">
      <Pad strokes={strokes} label={say(texts.draw_label)} pen={pen} dark={dark} onDraw={change} />
      <Switch label={say(texts.dark_ground)} checked={dark} onChange={invert} />
    </div>
  );
}

/** As a PNG in base64, in the net's size. Halved again and again, so that every pixel of the box counts. */
function shrunk(from: HTMLCanvasElement, width: number, height: number): string {
  let now: HTMLCanvasElement = from;
  while (now.width > 2 * width && now.height > 2 * height) now = scaled(now, now.width / 2, now.height / 2);
  return scaled(now, width, height).toDataURL("image/png").replace("data:image/png;base64,", "");
}

function scaled(from: HTMLCanvasElement, width: number, height: number): HTMLCanvasElement {
  const to = document.createElement("canvas");
  [to.width, to.height] = [Math.round(width), Math.round(height)];
  to.getContext("2d")?.drawImage(from, 0, 0, to.width, to.height);
  return to;
}
