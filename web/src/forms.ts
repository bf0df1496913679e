// What an address may say in a room: each key with a check of its value. What fits is kept, the rest is left out and named.

export type Check = (text: string) => boolean;
export type Form = (key: string) => Check | undefined;

export const anything: Check = () => true;
export const oneOf = (...words: readonly string[]): Check => (text) => words.includes(text);
export const listOf = (words: readonly string[]): Check => (text) => text.split(",").every((one) => words.includes(one));
export const numberIn = (least = -Infinity, most = Infinity): Check => (text) => text.trim() !== "" && Number.isFinite(Number(text)) && Number(text) >= least && Number(text) <= most;
export const wholeIn = (least = 0, most = 1e9): Check => (text) => Number.isInteger(Number(text)) && numberIn(least, most)(text);
export const matching = (pattern: RegExp): Check => (text) => pattern.test(text);
export const formOf = (checks: Readonly<Record<string, Check>>): Form => (key) => (Object.hasOwn(checks, key) ? checks[key] : undefined);

const LONGEST = 40; // characters of a part that is named
const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
};

/** The query without what the form does not take, and that: an unknown key, a value that cannot be. */
export function sifted(query: string, form: Form): { readonly query: string; readonly bad: readonly string[] } {
  const parts = query.split("&").filter((part) => part !== "");
  const fits = (part: string) => {
    const at = part.indexOf("=");
    const value = at < 0 ? "" : decoded(part.slice(at + 1));
    return value === "" || (form(decoded(at < 0 ? part : part.slice(0, at)))?.(value) ?? false);
  };
  const bad = parts.filter((part) => !fits(part));
  const named = bad.map(decoded).map((part) => (part.length > LONGEST ? `${part.slice(0, LONGEST)}…` : part));
  return { query: bad.length === 0 ? query : parts.filter(fits).join("&"), bad: named };
}
