// Paper to draw on: by mouse, finger or pen, and by keyboard: arrows move the pen, the space bar puts it down and lifts it.
import { useEffect, useRef, useState } from "preact/hooks";
import texts from "@texts/lab.json";
import { percent, say } from "../language";
import { useTold } from "../telling";
import { Button } from "./controls";
import { moved, type Point, type Strokes } from "./moves";

const PAPER = 1000;
const SIDE = 280; // pixels of it
const PEN = 1 / 14; // of its side
const NEAR = 12; // points nearer than that to the last one add nothing
const STRIDE = 40; // of an arrow key
const MOST_STROKES = 90;

interface PadProps {
  strokes: Strokes;
  label: string;
  /** Width of the pen, as a share of the paper's side. */
  pen?: number;
  /** White on black, or black on white. */
  dark?: boolean;
  onDraw: (strokes: Strokes) => void;
}

export function Pad({ strokes, label, pen: width = PEN, dark = true, onDraw }: PadProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const drawing = useRef<Strokes>(strokes);
  const [pen, setPen] = useState<{ at: Point; down: boolean } | null>(null);
  drawing.current = strokes;
  useEffect(() => {
    if (canvas.current) ink(canvas.current, strokes, width, dark, pen?.at ?? null);
  }, [strokes, pen, width, dark]);
  const put = (point: Point, begins: boolean) => {
    const added = extended(drawing.current, point, begins);
    if (added === drawing.current) return;
    drawing.current = added;
    onDraw(added);
  };
  const at = (event: PointerEvent): Point => {
    const box = event.currentTarget instanceof Element ? event.currentTarget.getBoundingClientRect() : new DOMRect();
    const within = (share: number) => Math.round(PAPER * Math.max(0, Math.min(1, share)));
    return [within((event.clientX - box.left) / box.width), within((event.clientY - box.top) / box.height)];
  };
  useTold(pen ? say(pen.down ? texts.pad_down : texts.pad_up) : "");
  useTold(pen ? pen.at.map((one) => percent(one / PAPER, 0)).join(", ") : "");
  const pressed = (event: KeyboardEvent) => {
    const now = pen ?? { at: [PAPER / 2, PAPER / 2] as Point, down: false };
    if (event.key === " " || event.key === "Enter") {
      if (!now.down) put(now.at, true);
      setPen({ ...now, down: !now.down });
    } else {
      const to = moved(event.key, Math.round(now.at[0] / STRIDE), Math.round(now.at[1] / STRIDE), PAPER / STRIDE + 1, PAPER / STRIDE + 1, event.shiftKey);
      if (!to) return;
      const point: Point = [to[0] * STRIDE, to[1] * STRIDE];
      if (now.down) put(point, false);
      setPen({ ...now, at: point });
    }
    event.preventDefault();
  };
  return (
    <div class="pad">
      <canvas
        ref={canvas}
        width={SIDE}
        height={SIDE}
        tabIndex={0}
        role="application"
        aria-label={label}
        aria-describedby="pad-hint"
        onKeyDown={pressed}
        onBlur={() => setPen(null)}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          setPen(null);
          put(at(event), true);
        }}
        onPointerMove={(event) => event.buttons > 0 && put(at(event), false)}
      />
      <div class="row">
        <Button onClick={() => onDraw([])} disabled={strokes.length === 0}>
          {say(texts.pad_clear)}
        </Button>
        <Button onClick={() => onDraw(strokes.slice(0, -1))} disabled={strokes.length === 0}>
          {say(texts.pad_undo)}
        </Button>
      </div>
      <p class="hint" id="pad-hint">
        {say(pen?.down ? texts.pad_down : texts.pad_hint)}
      </p>
    </div>
  );
}

/** With a point more: of a stroke of its own, or at the end of the last one. */
function extended(strokes: Strokes, point: Point, begins: boolean): Strokes {
  const last = strokes.at(-1);
  if (begins || last === undefined) return strokes.length < MOST_STROKES ? [...strokes, [point]] : strokes;
  const [x, y] = last.at(-1) ?? point;
  if (Math.hypot(point[0] - x, point[1] - y) < NEAR || last.length > 1500) return strokes;
  return [...strokes.slice(0, -1), [...last, point]];
}

/** On a canvas of its own, as it is sent to a net. */
export function inked(strokes: Strokes, width: number, dark: boolean): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [SIDE, SIDE];
  ink(canvas, strokes, width, dark, null);
  return canvas;
}

function ink(canvas: HTMLCanvasElement, strokes: Strokes, width: number, dark: boolean, pen: Point | null): void {
  const context = canvas.getContext("2d");
  if (!context) return;
  const scale = canvas.width / PAPER;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = dark ? "#000000" : "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.setTransform(scale, 0, 0, scale, 0, 0);
  Object.assign(context, { strokeStyle: dark ? "#ffffff" : "#000000", lineWidth: PAPER * width, lineCap: "round", lineJoin: "round" });
  for (const stroke of strokes) {
    context.beginPath();
    stroke.forEach(([x, y], index) => (index === 0 ? context.moveTo(x, y) : context.lineTo(x, y)));
    if (stroke.length === 1) context.lineTo((stroke[0]?.[0] ?? 0) + 0.1, stroke[0]?.[1] ?? 0);
    context.stroke();
  }
  if (pen) {
    Object.assign(context, { strokeStyle: "#5aa0ff", lineWidth: 10 });
    context.beginPath();
    context.arc(pen[0], pen[1], PAPER * width * 0.7, 0, 7);
    context.stroke();
  }
}
