// Numbers of any size in few characters.
import { figure } from "../language";

/** Two or three digits; far below one with a power of ten. */
export function brief(value: number | null | undefined, digits = 2): string {
  if (typeof value === "number" && value !== 0 && Math.abs(value) < 1e-3) return value.toExponential(digits - 1).replace("e-", " × 10⁻").replace(/⁻(\d+)$/, (_, power: string) => `⁻${[...power].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[Number(digit)]).join("")}`);
  return figure(value, digits);
}
