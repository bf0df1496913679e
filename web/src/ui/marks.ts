// Marks of classes on a map: a colour and a shape each, so that neither alone tells them apart; and the way from mark to mark.
import { CLASS_COLOURS } from "./colours";

const SHAPES = 8;
export const colourOf = (index: number): string => CLASS_COLOURS[index % CLASS_COLOURS.length] ?? "#5b6472";

/** The outline of a mark about the origin, of a class; its size is a radius. Colours come round, too: then with another shape. */
export function outline(index: number, size: number): readonly (readonly [number, number])[] | null {
  const s = size;
  switch ((index + 3 * Math.floor(index / SHAPES)) % SHAPES) {
    case 1:
      return [[-s, -s], [s, -s], [s, s], [-s, s]].map(([x = 0, y = 0]) => [0.85 * x, 0.85 * y]);
    case 2:
      return [[0, -1.15 * s], [1.05 * s, 0.8 * s], [-1.05 * s, 0.8 * s]];
    case 3:
      return [[0, -1.25 * s], [1.25 * s, 0], [0, 1.25 * s], [-1.25 * s, 0]];
    case 4:
      return [[0, 1.15 * s], [1.05 * s, -0.8 * s], [-1.05 * s, -0.8 * s]];
    case 5: {
      const t = 0.45 * s;
      return [[-t, -s * 1.1], [t, -s * 1.1], [t, -t], [s * 1.1, -t], [s * 1.1, t], [t, t], [t, s * 1.1], [-t, s * 1.1], [-t, t], [-s * 1.1, t], [-s * 1.1, -t], [-t, -t]];
    }
    case 6:
      return [0, 1, 2, 3, 4].map((corner) => [1.15 * s * Math.sin((corner * 2 * Math.PI) / 5), -1.15 * s * Math.cos((corner * 2 * Math.PI) / 5)]);
    case 7:
      return [[-s, -s], [s, -s], [0.35 * s, 0], [s, s], [-s, s], [-0.35 * s, 0]];
    default:
      return null; // a disc
  }
}

export function drawMark(context: CanvasRenderingContext2D, x: number, y: number, index: number, size: number): void {
  const points = outline(index, size);
  context.beginPath();
  if (points === null) context.arc(x, y, size, 0, 7);
  else points.forEach(([dx, dy], at) => (at === 0 ? context.moveTo(x + dx, y + dy) : context.lineTo(x + dx, y + dy)));
  context.closePath();
  context.fill();
}

/** The nearest point in a direction: what lies aside counts twice, what lies behind not at all. null where there is none. */
export function neighbour(points: ArrayLike<number>, from: number, dx: number, dy: number): number | null {
  const [x, y] = [points[2 * from] ?? 0, points[2 * from + 1] ?? 0];
  let best: number | null = null;
  let least = Infinity;
  for (let at = 0; at < points.length / 2; at += 1) {
    const [right, up] = [(points[2 * at] ?? 0) - x, (points[2 * at + 1] ?? 0) - y];
    const along = right * dx + up * dy;
    const aside = Math.abs(right * dy - up * dx);
    const far = Math.hypot(along, 2 * aside);
    if (at !== from && along > 0 && aside <= along && far < least) [best, least] = [at, far];
  }
  return best;
}

/** The point nearest to a place, within a reach; null where there is none. */
export function nearest(points: ArrayLike<number>, x: number, y: number, reach: number): number | null {
  let best: number | null = null;
  let least = reach * reach;
  for (let at = 0; at < points.length / 2; at += 1) {
    const far = ((points[2 * at] ?? 0) - x) ** 2 + ((points[2 * at + 1] ?? 0) - y) ** 2;
    if (far <= least) [best, least] = [at, far];
  }
  return best;
}

export interface Frame {
  readonly x: number;
  readonly y: number;
  /** Pixels for one unit of the map. */
  readonly scale: number;
}

/** All points with a margin, in the middle. */
export function fitted(points: ArrayLike<number>, width: number, height: number, margin = 0.06): Frame {
  const ends = [Infinity, -Infinity, Infinity, -Infinity];
  for (let at = 0; at < points.length; at += 1) {
    const axis = 2 * (at % 2);
    ends[axis] = Math.min(ends[axis] ?? 0, points[at] ?? 0);
    ends[axis + 1] = Math.max(ends[axis + 1] ?? 0, points[at] ?? 0);
  }
  const [left = 0, right = 1, low = 0, high = 1] = ends.map((end) => (Number.isFinite(end) ? end : 0));
  const scale = Math.min((width * (1 - 2 * margin)) / Math.max(right - left, 1e-9), (height * (1 - 2 * margin)) / Math.max(high - low, 1e-9));
  return { x: (left + right) / 2, y: (low + high) / 2, scale };
}

/** Nearer or further about a place of the drawing, which stays where it is. */
export function zoomed(frame: Frame, factor: number, right: number, up: number): Frame {
  const scale = frame.scale * factor;
  return { scale, x: frame.x + right / frame.scale - right / scale, y: frame.y + up / frame.scale - up / scale };
}
