// What people read: `src/profundo/texts/ROOM.json`, the languages of a text side by side. A text that lacks one does not compile.
import { signal } from "@preact/signals";
import { load } from "./packs";

export const LANGUAGES = ["en", "es", "ca", "pt"] as const;
export type Language = (typeof LANGUAGES)[number];
export type Text = Record<Language, string>;

const NAMES: Record<Language, string> = { en: "English", es: "Español", ca: "Català", pt: "Português" };
const KEPT = "profundo-language";

function first(): Language {
  const kept = localStorage.getItem(KEPT) ?? document.documentElement.lang;
  return LANGUAGES.find((language) => language === kept) ?? "en";
}

export const language = signal<Language>(typeof document === "undefined" ? "en" : first());

if (typeof document !== "undefined") document.documentElement.lang = language.value;

let asked: Language | undefined;

/** Resolves when the page speaks it, or another that was asked for since. */
export async function speak(chosen: Language): Promise<void> {
  asked = chosen;
  await load(chosen);
  if (asked !== chosen) return;
  language.value = chosen;
  document.documentElement.lang = chosen;
  localStorage.setItem(KEPT, chosen);
}

export const nameOf = (of: Language): string => NAMES[of];

/** Whether what is counted is told in the singular. */
const isOne = (number: string | number | undefined): boolean => new Intl.PluralRules(language.value).select(Number(number)) === "one";

const FILLED = /(?:(?<![\p{L}\d])([Dd]e|del|el|al|pel) )?\{(\w+)\}/gu;
const OPEN = /^(?:h?(?![iu][aeiouàèéíòóúïü])[aeiouàèéíòóúïü]|11?(?![\d.,]))/i;
const SHORTENED: Readonly<Record<string, string>> = { de: "d’", De: "D’", el: "l’", del: "de l’", al: "a l’", pel: "per l’" };

/** A name behind a short word: d’Adam, l’1 and de l’Adam in Catalan. */
const joined = (before: string, name: string): string => (before === "" ? name : language.value === "ca" && OPEN.test(name) ? `${SHORTENED[before] ?? ""}${name}` : `${before} ${name}`);

/** The text in the language of the page; {names} in it are filled in, and of {number|unit|units} the form that the number asks for. */
export function say(text: Text, values: Record<string, string | number> = {}): string {
  const said = text[language.value].replace(/\{(\w+)\|([^|{}]*)\|([^|{}]*)\}/g, (_, name: string, one: string, many: string) => (isOne(values[name]) ? one : many));
  return said.replace(FILLED, (whole, before: string | undefined, name: string) => {
    const value = values[name];
    return value === undefined ? whole : joined(before ?? "", String(value));
  });
}

/** What the lab says: in every language where it has a text for it, else one line of English. */
export type Told = string | Text;

/** The language that it is in, for whoever reads it aloud. */
export const spokenIn = (what: Told): Language => (typeof what === "string" ? "en" : language.value);

export const told = (what: Told): string => (typeof what === "string" ? what : say(what));

/** The text of a name that the lab gave; the name itself, or what stands for it, where it is newer than the page. */
export function known(texts: object, name: string, usual = name): string {
  const text = Object.hasOwn(texts, name) ? (texts as Record<string, Text>)[name] : undefined;
  return text ? say(text) : usual;
}

const THIN = "\u202f";
const MINUS: Readonly<Record<string, string>> = { minusSign: "−" };

/** As the report writes numbers, too: a comma before decimals, a narrow space between thousands and one before %, outside of English. */
function formatted(value: number, digits: Intl.NumberFormatOptions): string {
  const parts = new Intl.NumberFormat(language.value, { useGrouping: "min2", ...digits }).formatToParts(value);
  const other = language.value === "en" ? MINUS : { ...MINUS, group: THIN, percentSign: "\u00a0%", literal: "" };
  return parts.map(({ type, value: text }) => other[type] ?? text).join("");
}

/** A whole number, all its digits. */
export const count = (value: number): string => formatted(value, { maximumFractionDigits: 0 });

/** Day and time; seconds: since 1970. */
export const moment = (seconds: number): string => new Intl.DateTimeFormat(language.value, { dateStyle: "medium", timeStyle: "short" }).format(1000 * seconds);

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

/** A number as the language writes it, with so many significant digits; with a power of ten where zeros would have to be counted. */
export function figure(value: number | null | undefined, digits = 3): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-6 || size >= 1e15) ? scientific(value, digits) : formatted(value, { maximumSignificantDigits: digits });
}

export function percent(value: number | null | undefined, digits = 1): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  return formatted(value, { style: "percent", maximumFractionDigits: digits, minimumFractionDigits: digits });
}

const DECIMAL = /(?<![\w.,])\d+\.\d+(?![\w.])/g;

/** What a program wrote, numbers and all, with decimals as the language has them; names such as layers.0 stay as they are. */
export const local = (text: string): string => (language.value === "en" ? text : text.replace(DECIMAL, (number) => number.replace(".", ",")));

const sign = (): string => (language.value === "en" ? "." : ",");
const signed = (text: string, from: string, to: string): string => (new RegExp(`^\\s*[-+−]?\\d*\\${from}\\d+\\s*$`).test(text) ? text.replace(from, to) : text);

/** A number as a table writes it, `decimal` before its decimals, with the page's sign; anything else as it is. */
export const inPage = (text: string, decimal: string): string => signed(text, decimal, sign());

/** The other way: what is typed on the page as the table would write it. */
export const inTable = (text: string, decimal: string): string => signed(text, sign(), decimal);

/** A typed number as programs write it: in English "2,000" is two thousand, elsewhere "2.000" is; any other comma is a decimal one. */
export function plainNumber(typed: string): string {
  const thousands = language.value === "en" ? /^[-+]?[1-9]\d{0,2}(,\d{3})+(?=$|\.|e)/i : /^[-+]?[1-9]\d{0,2}(\.\d{3})+(?=$|,|e)/i;
  const signed = typed.trim().replace(/−(?=[\d.,])/g, "-");
  const spaced = signed.replace(/^[-+]?[1-9]\d{0,2}([ \u00a0\u202f]\d{3})+(?!\d)/, (digits) => digits.replace(/\s/g, ""));
  const whole = spaced.replace(thousands, (digits) => digits.replace(/[.,]/g, ""));
  return /^[-+]?\d*,\d+(e[-+]?\d+)?$/i.test(whole) ? whole.replace(",", ".") : whole;
}
