// What is chosen in a room, word by word, as its address holds it: a reload and a sent link show the same.
import { signal, type Signal } from "@preact/signals";
import { address, remember } from "./address";

export type Words = Readonly<Record<string, string>>;

export interface Chosen {
  readonly words: Signal<Words>;
  /** The usual one where nothing is chosen. */
  readonly word: (name: string, usual?: string) => string;
  readonly number: (name: string, usual: number, least?: number, most?: number) => number;
  /** A whole number. */
  readonly whole: (name: string, usual: number, least?: number, most?: number) => number;
  /** Change some; an empty word is the usual one. */
  readonly choose: (words: Words) => void;
  /** Take what the address says. */
  readonly enter: () => void;
}

export const parsedWords = (query: string): Words => Object.fromEntries(new URLSearchParams(query));

/** Without what is empty, in a fixed order, so that the same choice has one address. */
export function writtenWords(words: Words): string {
  const pairs = Object.entries(words).filter(([, value]) => value !== "");
  return new URLSearchParams(pairs.sort(([a], [b]) => (a < b ? -1 : 1))).toString();
}

/** A number of the address, within bounds; the usual one where there is none. */
export function numberOf(text: string | undefined, usual: number, least = -Infinity, most = Infinity): number {
  const value = Number(text);
  return text === undefined || text === "" || !Number.isFinite(value) ? usual : Math.max(least, Math.min(most, value));
}

export const wholeOf = (text: string | undefined, usual: number, least = 0, most = 1e6): number => (Number.isInteger(Number(text)) ? numberOf(text, usual, least, most) : usual);

const WAIT = 150; // ms without another change: browsers let the address change a few times a second

export function chosenIn(room: string): Chosen {
  const here = () => address.value.room === room || address.value.room === "";
  const words = signal<Words>({});
  let writing: ReturnType<typeof setTimeout> | undefined;
  const choose = (more: Words) => {
    words.value = Object.fromEntries(Object.entries({ ...words.value, ...more }).filter(([, value]) => value !== ""));
    clearTimeout(writing);
    writing = setTimeout(() => here() && remember(room, writtenWords(words.value)), WAIT);
  };
  const enter = () => {
    clearTimeout(writing);
    if (here() && address.value.query !== writtenWords(words.value)) words.value = parsedWords(address.value.query);
  };
  enter();
  return {
    words,
    word: (name, usual = "") => words.value[name] || usual,
    number: (name, ...bounds) => numberOf(words.value[name], ...bounds),
    whole: (name, ...bounds) => wholeOf(words.value[name], ...bounds),
    choose,
    enter,
  };
}
