// A surface as heights over a lattice: scaled, coloured, cut into lines of equal height. Numbers only; relief2d and relief3d draw.

export interface Terrain {
  /** Places along both sides, rising; heights row by row of `up`, NaN where nothing is known yet. */
  readonly across: ArrayLike<number>;
  readonly up: ArrayLike<number>;
  readonly heights: ArrayLike<number>;
}

export type Scale = "log" | "linear";

export interface Scaled {
  /** From 0, the lowest, to 1; NaN where nothing is known. */
  readonly shares: Float32Array;
  readonly low: number;
  readonly high: number;
  readonly of: (height: number) => number;
  readonly height: (share: number) => number;
}

const BEYOND = 1e-3; // of the range: what the logarithm adds, so that the lowest place is no pit

/** Heights as shares of the range; what is infinite is as high as the highest. */
export function scaled({ heights }: Terrain, scale: Scale, lowest = Infinity): Scaled {
  let [low, high] = [lowest, -Infinity];
  for (let at = 0; at < heights.length; at += 1) {
    const height = heights[at] ?? NaN;
    if (!Number.isFinite(height)) continue;
    low = Math.min(low, height);
    high = Math.max(high, height);
  }
  if (!(high > low)) [low, high] = [Number.isFinite(low) ? low : 0, (Number.isFinite(low) ? low : 0) + 1];
  const range = high - low;
  const log = Math.log(1 / BEYOND + 1) - Math.log(1);
  const of = (height: number): number => {
    if (Number.isNaN(height)) return NaN;
    const share = Math.min(1, Math.max(0, (height - low) / range));
    return scale === "linear" ? share : Math.log(share / BEYOND + 1) / log;
  };
  const height = (share: number): number => low + range * (scale === "linear" ? share : (Math.exp(share * log) - 1) * BEYOND);
  return { shares: Float32Array.from({ length: heights.length }, (_, at) => of(heights[at] ?? NaN)), low, high, of, height };
}

type Colour = readonly [number, number, number];
const STOPS: readonly Colour[] = [[16, 42, 92], [31, 95, 191], [126, 170, 222], [238, 234, 224], [240, 176, 116], [204, 92, 20]];

/** Deep blue is low, orange is high; from 0 to 255. */
export function colourOf(share: number): Colour {
  const place = Math.min(1, Math.max(0, share)) * (STOPS.length - 1);
  const at = Math.min(STOPS.length - 2, Math.floor(place));
  const [from, to] = [STOPS[at] ?? [0, 0, 0], STOPS[at + 1] ?? [0, 0, 0]];
  return [0, 1, 2].map((one) => (from[one] ?? 0) + ((to[one] ?? 0) - (from[one] ?? 0)) * (place - at)) as unknown as Colour;
}

/** Pieces of the line of one level: x0, y0, x1, y1 … in columns and rows. Marching squares; a saddle is cut by its mean. */
export function contour(shares: ArrayLike<number>, columns: number, rows: number, level: number): number[] {
  const pieces: number[] = [];
  for (let row = 0; row + 1 < rows; row += 1) {
    for (let column = 0; column + 1 < columns; column += 1) cut(shares, columns, row, column, level, pieces);
  }
  return pieces;
}

// Edges of a cell: 0 below, 1 right, 2 above, 3 left; corners: 1 | 2 | 4 | 8 from the lower left on, against the clock.
const EDGES: readonly (readonly number[])[] = [[], [3, 0], [0, 1], [3, 1], [1, 2], [], [0, 2], [3, 2], [2, 3], [2, 0], [], [2, 1], [1, 3], [1, 0], [0, 3], []];

function cut(shares: ArrayLike<number>, columns: number, row: number, column: number, level: number, pieces: number[]): void {
  const at = row * columns + column;
  const corners = [shares[at] ?? NaN, shares[at + 1] ?? NaN, shares[at + columns + 1] ?? NaN, shares[at + columns] ?? NaN];
  if (corners.some(Number.isNaN)) return;
  const above = corners.reduce((code, height, corner) => code | (height > level ? 1 << corner : 0), 0);
  const middle = corners.reduce((sum, height) => sum + height, 0) / 4 > level;
  const edges = above === 5 ? (middle ? [3, 2, 1, 0] : [3, 0, 1, 2]) : above === 10 ? (middle ? [0, 3, 2, 1] : [0, 1, 2, 3]) : (EDGES[above] ?? []);
  for (const edge of edges) {
    const [from, to] = [corners[edge] ?? 0, corners[(edge + 1) % 4] ?? 0];
    const share = (level - from) / (to - from);
    const [x, y] = edge === 0 ? [share, 0] : edge === 1 ? [1, share] : edge === 2 ? [1 - share, 1] : [0, 1 - share];
    pieces.push(column + x, row + y);
  }
}

/** Where a value lies among rising places, in steps of them; NaN outside. */
export function indexOf(places: ArrayLike<number>, value: number): number {
  const last = places.length - 1;
  if (!(value >= (places[0] ?? NaN) && value <= (places[last] ?? NaN))) return NaN;
  return ((value - (places[0] ?? 0)) / ((places[last] ?? 1) - (places[0] ?? 0))) * last;
}

/** Between the four nearest places; NaN outside, and where nothing is known. */
export function interpolated(values: ArrayLike<number>, columns: number, rows: number, column: number, row: number): number {
  if (!(column >= 0 && row >= 0 && column <= columns - 1 && row <= rows - 1)) return NaN;
  const [left, below] = [Math.min(columns - 2, Math.floor(column)), Math.min(rows - 2, Math.floor(row))];
  const [x, y] = [column - left, row - below];
  const value = (dx: number, dy: number) => values[(below + dy) * columns + left + dx] ?? NaN;
  return (1 - y) * ((1 - x) * value(0, 0) + x * value(1, 0)) + y * ((1 - x) * value(0, 1) + x * value(1, 1));
}

export const LEVELS: readonly number[] = Array.from({ length: 14 }, (_, at) => (at + 1) / 15);
