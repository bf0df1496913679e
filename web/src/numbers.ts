// Numbers as people read them, for all rooms: exact where that takes few digits, else rounded, and then said to be.
import { figure } from "./language";

const EXACT = 10; // significant digits of a number that is shown as it is
const NOISE = 1e-12; // of a value, that double precision adds to one of few digits

/** Whether so many significant digits say it all. */
export const isExact = (value: number, digits = EXACT): boolean => Math.abs(value - Number(value.toPrecision(digits))) <= NOISE * Math.abs(value);

/** The digits that are shown of a value: all of them where few are enough, so many of any other. */
export const digitsOf = (value: number, digits: number): number => (isExact(value) ? Math.max(digits, EXACT) : digits);

/** ≈ before what is rounded; nothing before what is exact. */
export const mark = (value: number): string => (Number.isFinite(value) && !isExact(value) ? "≈" : "");

const RAISED = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/** 10⁻⁹ */
export const raised = (exponent: number): string => `10${[...String(exponent)].map((one) => (one === "-" ? "⁻" : RAISED[Number(one)])).join("")}`;

/** The number of raised digits. */
export const lowered = (digits: string): number => Number([...digits].map((one) => (one === "⁻" ? "-" : RAISED.indexOf(one))).join(""));

/** 1.5·10⁻⁹; of one or ten the power alone. */
export function scientific(value: number, digits = 2): string {
  const [mantissa = "", exponent = "0"] = Math.abs(value).toExponential(digits - 1).split("e");
  const before = Number(mantissa) === 1 ? "" : `${figure(Number(mantissa), digits)}·`;
  return `${value < 0 ? "−" : ""}${before}${raised(Number(exponent))}`;
}

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
