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

/** As the language writes it, in two or three digits; far below one with a power of ten. */
export function brief(value: number | null | undefined, digits = 2): string {
  if (typeof value !== "number" || value === 0 || Math.abs(value) >= 1e-3) return figure(value, digits);
  const [mantissa = "", exponent = "0"] = value.toExponential(digits - 1).split("e");
  return `${mantissa} × ${raised(Number(exponent))}`;
}
