// What is chosen in the room, as the address has it, and how it is read: pure functions.

import type { Point, Strokes } from "../../ui/moves";
import { typedNumber } from "../../ui/number_field";

/** The image that is asked for, as the lab's calls take it. */
export interface Source {
  readonly image: string;
  readonly strokes?: Strokes;
}

export const DRAWN = "drawn";

const DIGITS = 2; // of base 36 a coordinate, 0 to 1000

export function packed(strokes: Strokes): string {
  const coordinate = (value: number) => value.toString(36).padStart(DIGITS, "0");
  return strokes.map((stroke) => stroke.map(([x, y]) => coordinate(x) + coordinate(y)).join("")).join(".");
}

/** What `packed` wrote; anything else is no drawing. */
export function unpacked(text: string): Strokes {
  if (!/^[0-9a-z.]*$/.test(text)) return [];
  const strokes = text.split(".").map((one) => (one.match(/[0-9a-z]{4}/g) ?? []).map((four): Point => [parseInt(four.slice(0, DIGITS), 36), parseInt(four.slice(DIGITS), 36)]));
  return strokes.filter((stroke) => stroke.length > 0 && stroke.every(([x, y]) => x <= 1000 && y <= 1000));
}

/** A kernel's cells as a person typed them: [table of a channel][row][column]. */
export type Tables = readonly (readonly (readonly string[])[])[];

/** What was typed into a cell, as the lab reads it: a number, or a fraction of whole ones; null for what is neither. */
export function cellOf(typed: string): string | null {
  const [above = "", below, ...more] = typed.split("/");
  if (below === undefined) return typedNumber(above)?.toString() ?? null;
  const [up, down] = [typedNumber(above, { whole: true }), typedNumber(below, { whole: true, least: 1 })];
  return up === null || down === null || more.length > 0 ? null : `${up}/${down}`;
}

/** As `profundo.images.kernel_of` reads weights: numbers, rows between semicolons, channels between bars. */
export const kernelText = (tables: Tables): string => tables.map((rows) => rows.map((row) => row.map((cell) => cell.trim() || "0").join(" ")).join("; ")).join(" | ");

/** From rows of columns of channels, as the lab writes them. */
export function tablesOf(written: readonly (readonly (readonly string[])[])[]): Tables {
  const channels = written[0]?.[0]?.length ?? 1;
  return Array.from({ length: channels }, (_, channel) => written.map((row) => row.map((cell) => cell[channel] ?? "0")));
}

/** The same cells in a table of another size: what is new is 0; the middle stays in the middle where both sides allow it. */
export function resized(tables: Tables, height: number, width: number): Tables {
  return tables.map((rows) => {
    const up = Math.floor((height - rows.length) / 2);
    const left = Math.floor((width - (rows[0]?.length ?? 0)) / 2);
    return Array.from({ length: height }, (_, row) => Array.from({ length: width }, (_, column) => rows[row - up]?.[column - left] ?? "0"));
  });
}

export function withCell(tables: Tables, channel: number, row: number, column: number, cell: string): Tables {
  return tables.map((rows, at) => (at === channel ? rows.map((cells, y) => (y === row ? cells.map((old, x) => (x === column ? cell : old)) : cells)) : rows));
}

/** One table a colour, or a single one. */
export const forChannels = (tables: Tables, channels: number): Tables => Array.from({ length: channels }, (_, at) => tables[Math.min(at, tables.length - 1)] ?? [["1"]]);

/** The place after this one, row by row, from the last to the first again. */
export function next(row: number, column: number, rows: number, columns: number): readonly [row: number, column: number] {
  const at = (row * columns + column + 1) % Math.max(1, rows * columns);
  return [Math.floor(at / columns), at % columns];
}
