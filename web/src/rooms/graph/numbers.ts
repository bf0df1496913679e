// Numbers as the graph's formulas have them: all their digits, without signs between thousands, so that they can be typed again.
import texts from "@texts/graph.json";
import { count, known, language, local, say, scientific, type Text } from "../../language";
import { digitsOf, mark } from "../../numbers";
import type { Entries, Figure, Summary } from "./types";

const WORDS: Readonly<Record<string, string>> = { nan: "NaN", inf: "∞", "-inf": "−∞" };

/** Exact where few digits say it all, else so many of them behind ≈. */
export const written = (value: Figure | undefined, digits = 4): string => (typeof value === "number" ? mark(value) + plain(value, digitsOf(value, digits)) : plain(value, digits));

/** "= 9", or "≈ 2.773" of what is rounded. */
export const equals = (value: Figure | undefined, digits = 4): string => `= ${written(value, digits)}`.replace("= ≈", "≈ ");

/** So many significant digits, without zeros at the end. */
export function plain(value: Figure | undefined, digits: number): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return WORDS[value] ?? value;
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "NaN" : value > 0 ? "∞" : "−∞";
  const short = Number(value.toPrecision(digits));
  const size = Math.abs(short);
  if (size !== 0 && (size < 1e-4 || size >= 1e10)) return scientific(short, digits);
  return local(short === 0 ? "0" : String(short)).replace("-", "−");
}

const KINDS: Readonly<Record<string, Text>> = { input: texts.kind_input, constant: texts.kind_constant, parameter: texts.kind_parameter, buffer: texts.kind_buffer };

/** An operation as PyTorch calls it; what is given, and no operation, in words. */
export const kindOf = (op: string, otherwise = op): string => known(KINDS, op, otherwise);

/** What stands between values in a list: where a comma is decimal, a semicolon. */
const between = (): string => (language.value === "en" ? ", " : "; ");

/** A formula that Profundo wrote, as the page writes numbers: f(0.5, 1) is f(0,5; 1) where commas are decimal. */
export function localized(formula: string): string {
  const text = local(formula);
  return text === formula ? formula : text.replaceAll(", ", between());
}

/** An error or a step: 1.5·10⁻⁹. */
export function power(value: Figure | undefined): string {
  if (typeof value !== "number" || value === 0) return plain(value, 2);
  return scientific(value, 2);
}

/** A value beside its box: the number, a short list, or mean and spread. */
export function brief(summary: Summary, gradient = false): string {
  if (summary.item !== null) return written(summary.item);
  const { entries } = summary;
  if (Array.isArray(entries) && entries.length <= 3 && entries.every((one) => !Array.isArray(one))) {
    return `[${(entries as readonly Figure[]).map((one) => written(one, 2)).join(between())}]`;
  }
  return gradient ? `‖∇‖ ${plain(summary.norm, 3)}` : `${plain(summary.mean, 3)} ± ${plain(summary.std, 3)}`;
}

/** A whole value as rows of cells, where it is a list or a matrix. */
export function rows(entries: Entries | undefined): readonly (readonly string[])[] | null {
  if (!Array.isArray(entries) || entries.length === 0) return null;
  const list = entries as readonly Entries[];
  if (!Array.isArray(list[0])) return [list.map((one) => written(one as Figure))];
  const matrix = list as readonly (readonly Entries[])[];
  return matrix.some((row) => Array.isArray(row[0])) ? null : matrix.map((row) => row.map((one) => written(one as Figure)));
}

const DECIMAL = String.raw`(?:\d+[.,]?\d*|[.,]\d+)(?:e[-+]?\d+)?`;
const NUMBER = new RegExp(`^([-+]?${DECIMAL})(?:/(${DECIMAL}))?$`, "i");

const DOUBTFUL = /(?<![\d.,])[1-9]\d{0,2},\d{3}(?![\d.,])/; // one, or a thousand: formulas refuse it, too

/** A number as a person types it: 1.5, 1,5, −3 or 1/9; null for what is none yet, such as "−" or "1/", and for two, 1,000. */
export function numberOf(text: string): number | null {
  const [, above, below] = NUMBER.exec(text.trim().replace(/−/g, "-")) ?? [];
  if (above === undefined || DOUBTFUL.test(text)) return null;
  const value = pointed(above) / (below === undefined ? 1 : pointed(below));
  return Number.isFinite(value) ? value : null;
}

const pointed = (text: string): number => Number(text.replace(",", "."));

/** Why a text is no value, where that is because it may be two. */
export function doubtOf(text: string): string {
  const [number = ""] = DOUBTFUL.exec(text) ?? [];
  return number === "" || typed(text) !== null ? "" : say(texts.comma_doubt, { text: number, first: number.replace(",", "."), second: number.replace(",", "") });
}

/** What a value may be at most, to both sides: the lab takes no larger one. */
export const LARGEST = 1e6;

const GROUPED = /^[-+−]?([1-9]\d{0,2}(?:\.\d{3})+),(\d+)$/; // 1.234,5
const BEGUN = /^[-+−]?\d*[.,]?\d*(?:e[-+−]?)?(?:\/[.,]?)?$/i;

const isWithin = (value: number | readonly unknown[]): boolean => [value].flat(2).every((one) => Math.abs(one as number) <= LARGEST);

/** What a cell, or a field where lists are values, too, takes; null for anything else. */
export function taken(text: string): number | null;
export function taken(text: string, lists: boolean): number | number[] | number[][] | null;
export function taken(text: string, lists = false): number | number[] | number[][] | null {
  const value = lists ? typed(text) : numberOf(text);
  return value !== null && isWithin(value) ? value : null;
}

/** Why a text is not taken, in a sentence; "" where it is, and while it may only be begun: "−", "1/", "[1". */
export function troubleOf(text: string, lists = false): string {
  const plain = text.trim();
  if (taken(plain, lists) !== null) return "";
  const doubt = doubtOf(plain);
  const isOne = NUMBER.test(plain.replace(/−/g, "-")) || (lists && typed(plain) !== null);
  if (doubt === "" && isOne) return say(texts.value_span, { text: plain, most: count(LARGEST) });
  if (doubt !== "" || BEGUN.test(plain) || (lists && /^\[[^\]a-z]*$/i.test(plain))) return doubt;
  const [, whole, part] = GROUPED.exec(plain) ?? [];
  if (whole !== undefined && part !== undefined) return say(texts.value_grouped, { text: plain, first: `${whole.replaceAll(".", "")},${part}` });
  return say(lists ? texts.value_or_list : texts.value_number, { text: plain });
}

/** What a person has typed for a variable: a number, or a list as in [1.5, 2] or [1,5; 2]; null for anything else. */
export function typed(text: string): number | number[] | number[][] | null {
  const number = numberOf(text);
  if (number !== null) return number;
  const plain = text.trim().replace(/−/g, "-");
  if (!/^[[\]\d.,;\s+\-e]+$/i.test(plain) || (plain.includes(";") && DOUBTFUL.test(plain))) return null;
  try {
    return listed(JSON.parse(plain.includes(";") ? plain.replaceAll(",", ".").replaceAll(";", ",") : plain));
  } catch {
    return null;
  }
}

const isNumber = (one: unknown): one is number => typeof one === "number";

function listed(value: unknown): number[] | number[][] | null {
  if (!Array.isArray(value) || value.length === 0) return null;
  if (value.every(isNumber)) return value;
  const sizes = new Set(value.map((row: unknown) => (Array.isArray(row) && row.length > 0 && row.every(isNumber) ? row.length : 0)));
  return sizes.size === 1 && !sizes.has(0) ? (value as number[][]) : null;
}

/** As it is typed; of three decimals behind a comma a nought says that they are. */
export function shown(value: number | readonly unknown[]): string {
  const text = typeof value === "number" ? local(String(Number(value.toPrecision(12)))) : local(JSON.stringify(value).replaceAll(",", " ")).replaceAll(" ", between());
  return text.replace(new RegExp(DOUBTFUL, "g"), "$&0").replaceAll("-", "−");
}
