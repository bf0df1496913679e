// A box to draw in, with a finger, a mouse or the keyboard; what is drawn is sent in the size that the net sees.
import { useEffect, useRef, useState } from "preact/hooks";
import texts from "@texts/training.json";
import { say } from "../../language";
import { Button, Switch } from "../../ui/controls";

const SIDE = 224; // pixels of the box
const THINNEST = 18; // pixels of the pen, which is at least a pixel of the net's
const STEP = 8; // pixels that an arrow key moves the pen

const MOVES: Readonly<Record<string, readonly [number, number]>> = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };

export function Drawing({ width, height, onDrawn }: { width: number; height: number; onDrawn: (png: string) => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const at = useRef<{ x: number; y: number; down: boolean }>({ x: SIDE / 2, y: SIDE / 2, down: false });
  const [dark, invert] = useState(true);
  const [pen, place] = useState<{ x: number; y: number; down: boolean } | null>(null);
  const thick = Math.max(THINNEST, (1.3 * SIDE) / Math.max(width, height));
  const clear = () => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    context.fillStyle = dark ? "#000" : "#fff";
    context.fillRect(0, 0, SIDE, SIDE);
  };
  useEffect(clear, [dark]);
  const send = () => {
    if (canvas.current) onDrawn(shrunk(canvas.current, width, height));
  };
  const line = (x: number, y: number) => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    context.strokeStyle = dark ? "#fff" : "#000";
    [context.lineWidth, context.lineCap] = [thick, "round"];
    context.beginPath();
    context.moveTo(at.current.x, at.current.y);
    context.lineTo(x, y);
    context.stroke();
    [at.current.x, at.current.y] = [x, y];
    send();
  };
  const moved = (event: PointerEvent) => {
    const box = (event.currentTarget as HTMLCanvasElement).getBoundingClientRect();
    const [x, y] = [((event.clientX - box.left) / box.width) * SIDE, ((event.clientY - box.top) / box.height) * SIDE];
    if (event.type === "pointerdown") {
      (event.currentTarget as HTMLCanvasElement).setPointerCapture(event.pointerId);
      at.current = { x, y, down: true };
      line(x, y);
    } else if (at.current.down) line(x, y);
  };
  const typed = (event: KeyboardEvent) => {
    const move = MOVES[event.key];
    if (!move && event.key !== " ") return;
    event.preventDefault();
    const { x, y, down } = at.current;
    if (event.key === " ") {
      at.current.down = !down;
      if (!down) line(x, y);
    } else if (move) {
      const [nextX, nextY] = [Math.max(0, Math.min(SIDE, x + move[0])), Math.max(0, Math.min(SIDE, y + move[1]))];
      if (down) line(nextX, nextY);
      else [at.current.x, at.current.y] = [nextX, nextY];
    }
    place({ ...at.current });
  };
  return (
    <div class="drawing">
      <div class="board">
        <canvas
          ref={canvas}
          width={SIDE}
          height={SIDE}
          tabIndex={0}
          role="img"
          aria-label={say(texts.draw_label)}
          onPointerDown={moved}
          onPointerMove={moved}
          onPointerUp={() => (at.current.down = false)}
          onPointerCancel={() => (at.current.down = false)}
          onKeyDown={typed}
          onBlur={() => {
            at.current.down = false;
            place(null);
          }}
        />
        {pen && (
          <svg viewBox={`0 0 ${SIDE} ${SIDE}`} aria-hidden="true">
            <circle cx={pen.x} cy={pen.y} r={thick / 2} class={pen.down ? "down" : ""} />
          </svg>
        )}
      </div>
      <div class="row">
        <Button onClick={() => clear()}>{say(texts.clear)}</Button>
        <Switch label={say(texts.dark_ground)} checked={dark} onChange={invert} />
      </div>
      <p class="hint">{say(texts.draw_hint)}</p>
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
