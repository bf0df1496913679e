// Runs as the lab tells them, and what the page makes of them: pure values, no page.
import type { Numbers } from "../../frames";
import type { Told } from "../../language";
import type { Finding as Found } from "../../ui/finding";
import { inSeconds } from "../../numbers";

export type State = "starting" | "running" | "paused" | "stopped" | "failed" | "finished" | "damaged";
export type Phase = "preparing" | "training" | "examining" | "evaluating" | "finished" | "interrupted" | "failed";
export type Figures = Readonly<Record<string, number | null>>;

export interface Progress {
  readonly phase: Phase;
  readonly epoch: number;
  readonly epochs: number;
  readonly step: number;
  readonly steps: number;
  readonly samples_per_second: number | null;
  readonly seconds: number;
  readonly left: number | null;
  readonly rate: number | null;
  readonly losses: Figures;
}

export interface Run {
  readonly name: string;
  readonly state: State;
  readonly fault: Told;
  readonly kind: "training" | "recipe";
  readonly settings: Readonly<Record<string, string | number | boolean | null>>;
  readonly scores: Figures;
  readonly baseline: Figures;
  readonly linear: Figures;
  readonly linear_name: string;
  readonly begun: number;
  readonly seconds: number | null;
  readonly epochs: number | null;
  readonly may_resume: boolean;
  /** What the form of a new training calls its data; empty where it cannot. */
  readonly source: string;
  readonly pages: readonly string[];
  readonly progress: Progress | null;
  readonly told_to_stop: boolean;
}

export interface Finding extends Found {
  readonly epoch: number;
}

export interface Course {
  readonly history: Readonly<Record<string, Numbers>>;
  readonly log: readonly string[];
  readonly signs: Readonly<Record<string, Numbers | readonly string[]>>;
  readonly findings: readonly Finding[];
  readonly cures: readonly Told[];
  readonly notes: readonly Told[];
  readonly watched: boolean;
  /** Empty unless the validation loss has risen since its best epoch. */
  readonly overtrained: Told;
  readonly faults: readonly Told[];
}

// ------------------------------------------------------------------------------------------------------------- the address
export type View = { readonly kind: "runs"; readonly chosen: readonly string[] } | { readonly kind: "new"; readonly data: string; readonly words: Words; readonly name: string };
export type Words = Readonly<Record<string, string>>;

/** With the page's language for the report, unless another was chosen; English is the usual one. */
export const inLanguage = (words: Words, language: string): Words => (language === "en" ? words : { lang: language, ...words });

const SETTING = "set.";
export const MOST_CHOSEN = 8;

export function viewOf(query: string): View {
  const given = new URLSearchParams(query);
  if (given.has("new")) {
    const words = Object.fromEntries([...given].filter(([key]) => key.startsWith(SETTING)).map(([key, value]) => [key.slice(SETTING.length), value]));
    return { kind: "new", data: given.get("new") ?? "", words, name: given.get("name") ?? "" };
  }
  return { kind: "runs", chosen: [...new Set(given.getAll("run"))].slice(0, MOST_CHOSEN) };
}

export function queryOf(view: View): string {
  const query = new URLSearchParams();
  if (view.kind === "runs") for (const name of view.chosen) query.append("run", name);
  else {
    query.set("new", view.data);
    if (view.name) query.set("name", view.name);
    for (const [key, value] of Object.entries(view.words)) if (value !== "") query.set(SETTING + key, value);
  }
  return query.toString();
}

// --------------------------------------------------------------------------------------------------------------- the table
export const ORDERS = ["begun", "name", "data", "net", "score", "state", "time"] as const;
export type Order = (typeof ORDERS)[number];

/** The figure that a run is told by: the first of its scores. */
export function mainScore(run: Run): readonly [name: string, value: number] | null {
  const first = Object.entries(run.scores).find((one): one is [string, number] => one[1] !== null);
  return first ?? null;
}

export const isShare = (name: string): boolean => /accuracy|share|exact match|calibration error|average precision|mean IoU|mean Dice/.test(name) && !name.startsWith("F1 of ");
const isError = (name: string): boolean => /RMSE|MAE|loss|error|MASE|distance|perplexity/i.test(name);

/** Whether the first value is the better one of such a figure. */
export const isBetter = (name: string, value: number, other: number): boolean => (isError(name) ? value < other : value > other);

const word = (run: Run, setting: string): string => String(run.settings[setting] ?? "");
export const netOf = (run: Run): string => word(run, "net") || word(run, "recipe");
export const dataOf = (run: Run): string => word(run, "data");

/** Of each run those that may be compared with it: of the same data, the same target and the same first score. */
export function rivals(runs: readonly Run[]): ReadonlyMap<string, readonly Run[]> {
  const key = (run: Run) => JSON.stringify([dataOf(run), word(run, "target"), mainScore(run)?.[0] ?? null]);
  return new Map(runs.map((run) => [run.name, runs.filter((one) => key(one) === key(run))]));
}

/** Whether none of several runs has a better value of a score. */
export const isBestOf = (group: readonly Run[], name: string, value: number): boolean =>
  group.length > 1 && group.every(({ scores }) => typeof scores[name] !== "number" || !isBetter(name, scores[name], value));

const KEYS: Record<Order, (run: Run) => string | number> = {
  begun: (run) => -run.begun,
  name: (run) => run.name.toLowerCase(),
  data: (run) => dataOf(run).toLowerCase(),
  net: (run) => netOf(run).toLowerCase(),
  score: (run) => {
    const score = mainScore(run);
    return score === null ? Infinity : isError(score[0]) ? score[1] : -score[1];
  },
  state: (run) => ["running", "starting", "paused", "stopped", "failed", "damaged", "finished"].indexOf(run.state),
  time: (run) => run.seconds ?? Infinity,
};

export function sorted(runs: readonly Run[], order: Order, backward: boolean): Run[] {
  const key = KEYS[order];
  const compared = (a: string | number, b: string | number) => (typeof a === "string" ? a.localeCompare(String(b), undefined, { numeric: true }) : a - Number(b) || 0);
  const result = [...runs].sort((one, other) => compared(key(one), key(other)));
  return backward ? result.reverse() : result;
}

/** Settings in which the runs differ, with the value of each run. */
export function differences(runs: readonly Run[]): [setting: string, values: string[]][] {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.settings)))];
  const rows = names.map((name): [string, string[]] => [name, runs.map((run) => String(run.settings[name] ?? ""))]);
  return rows.filter(([, values]) => new Set(values).size > 1);
}

// ---------------------------------------------------------------------------------------------------------------- curves
export type Column = readonly (number | null | undefined)[];

export function column(numbers: Numbers | undefined, positive = false): Column {
  return numbers === undefined ? [] : Array.from(numbers.data, (value) => (Number.isFinite(value) && (!positive || value > 0) ? value : null));
}

/** Line after line of a table (lines, looks). */
export function lines(numbers: Numbers | undefined, positive = false): Column[] {
  const [count = 0, length = 0] = numbers?.shape ?? [];
  return Array.from({ length: count }, (_, line) => column({ data: (numbers as Numbers).data.subarray(line * length, (line + 1) * length), shape: [length] }, positive));
}

/** Curves over different places of x, over all places together: x first, as a chart takes them. */
export function together(curves: readonly (readonly [x: Column, y: Column])[]): Column[] {
  const places = [...new Set(curves.flatMap(([x]) => x.filter((one): one is number => typeof one === "number")))].sort((a, b) => a - b);
  return [places, ...curves.map(([x, y]) => along(places, new Map(x.map((place, index) => [place, y[index] ?? null]))))];
}

/** Undefined, which is no hole, where only other curves have a point. */
function along(places: readonly number[], values: ReadonlyMap<unknown, number | null>): Column {
  return places.map((place) => values.get(place));
}

/** What of a history is no error and no matter of its own: figures on the validation samples. */
export function figuresOf(history: Course["history"]): string[] {
  const known = ["epoch", "loss", "validation loss", "rate", "gradient norm"];
  return Object.keys(history).filter((name) => !known.includes(name));
}

/** What the schedule's factor makes of the learning rate; the factor itself where an optimizer of one's own has the rate. */
export function rateOf(run: Run, factor: number | null | undefined): number | null {
  const rate = run.settings["learning_rate"];
  return typeof factor !== "number" ? null : typeof rate === "number" ? factor * rate : factor;
}

/** Share of the training that is done, from 0 to 1. */
export function done({ epoch, epochs, step, steps }: Progress): number {
  const all = epochs * steps;
  return all === 0 ? 0 : Math.min(1, ((Math.max(1, epoch) - 1) * steps + step) / all);
}

/** 7.2 s, 3:05, 2:05:00. */
export function clock(seconds: number | null): string {
  if (seconds === null || !Number.isFinite(seconds)) return "–";
  if (seconds < 60) return inSeconds(seconds);
  const whole = Math.round(seconds);
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  if (hours >= 100) return `${Math.round(hours / 24)} d`;
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
