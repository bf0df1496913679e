// Numbers as people read them, for all rooms: exact where that takes few digits, else rounded, and then said to be.
import { figure, scientific } from "./language";

const EXACT = 10; // significant digits of a number that is shown as it is
const NOISE = 1e-12; // of a value, that double precision adds to one of few digits

/** Whether so many significant digits say it all. */
export const isExact = (value: number, digits = EXACT): boolean => Math.abs(value - Number(value.toPrecision(digits))) <= NOISE * Math.abs(value);

/** The digits that are shown of a value: all of them where few are enough, so many of any other. */
export const digitsOf = (value: number, digits: number): number => (isExact(value) ? Math.max(digits, EXACT) : digits);

/** ≈ before what is rounded; nothing before what is exact. */
export const mark = (value: number): string => (Number.isFinite(value) && !isExact(value) ? "≈" : "");

/** As the language writes it, in two or three digits; far below one, and from a thousand millions, with a power of ten. */
export function brief(value: number | null | undefined, digits = 2): string {
  const size = Math.abs(value ?? 0);
  return typeof value === "number" && size !== 0 && Number.isFinite(value) && (size < 1e-3 || size >= 1e9) ? scientific(value, digits) : figure(value, digits);
}

/** As short as a scale has room for: 0.05, 2000, 5·10⁶. */
export function short(value: number): string {
  const size = Math.abs(value);
  return size !== 0 && Number.isFinite(size) && (size < 1e-3 || size >= 1e5) ? scientific(value, 2) : figure(value, 6);
}

/** So many seconds: 7.2 s, 45 s. */
export const inSeconds = (seconds: number): string => `${figure(seconds < 10 ? Math.round(10 * seconds) / 10 : Math.round(seconds))} s`;

const EXPLOSION = 1e6;
/** Whether a line above zero rises to a million times where it began: on a straight scale all the rest of it is nothing. */
export function explodes(lines: readonly (readonly (number | null | undefined)[])[]): boolean {
  return lines.some((line) => {
    const known = line.filter((one): one is number => typeof one === "number");
    return known.every((one) => one > 0) && known.some((one) => one > EXPLOSION * (known[0] ?? Infinity));
  });
}
