// What the page knows of its session, and everything that it can ask of it. The lab computes; here are only its answers.
import { computed, signal } from "@preact/signals";
import { address, remember } from "../../address";
import { call, listen, refusal, Refused, role } from "../../connection";
import type { Numbers } from "../../frames";
import type { Told } from "../../language";
import type { Finding } from "../../ui/finding";
import { joined, parted, type Kept, type Speed } from "./query";

export type { Speed } from "./query";

export interface Figures {
  readonly samples: number;
  readonly loss: number | null;
  readonly accuracy: number | null;
  readonly confusion: readonly (readonly number[])[];
  readonly rmse: number | null;
  readonly r2: number | null;
}

export interface Points {
  readonly points: Numbers;
  readonly targets: Numbers;
}

export interface Curve {
  readonly x: Numbers;
  readonly y: Numbers;
  readonly parts: Numbers;
  readonly bias: number;
}

export interface Warped {
  readonly lines: Numbers;
  readonly samples: Numbers;
  readonly exact: boolean;
  readonly explained: number;
}

/** What changes only when something is chosen. */
export interface Setup {
  readonly query: string;
  /** Whose settings they are, or were before some were changed. */
  readonly lesson: string;
  readonly words: Readonly<Record<string, string>>;
  readonly regression: boolean;
  readonly curve: boolean;
  readonly classes: readonly string[];
  readonly objective: string;
  /** Those that its targets take. */
  readonly losses: readonly string[];
  readonly activations: readonly string[];
  readonly train: Points;
  readonly test: Points;
  readonly edits: number;
  readonly speed: Speed;
  readonly running: boolean;
  readonly command: string;
  /** The epoch to which the command goes. */
  readonly until: number;
  /** Why something of the address was left out. */
  readonly left_out?: readonly Told[];
}

/** What changes at every step. */
export interface Frame {
  readonly running: boolean;
  readonly findings: readonly Finding[];
  readonly epoch: number;
  readonly step: number;
  readonly stopped: Stop;
  readonly scores: { readonly train: Figures; readonly test: Figures };
  readonly curves: Numbers;
  readonly output: Numbers;
  readonly features: Numbers;
  readonly neurons: readonly Numbers[];
  readonly weights: readonly Numbers[];
  readonly biases: readonly Numbers[];
  readonly units: readonly { readonly units: number; readonly dead: readonly number[]; readonly saturated: readonly number[] }[];
  readonly gradients?: readonly Numbers[];
  readonly bias_gradients?: readonly Numbers[];
  /** Mean |∂ cost / ∂ w| of each layer. */
  readonly gradient_sizes?: readonly number[];
  readonly warped?: Warped;
  readonly curve?: Curve;
}

export interface Form {
  readonly usual: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, readonly string[]>>;
  readonly all: number;
  readonly thumbnails: Readonly<Record<string, { task: string; curve: boolean; points: Numbers; targets: Numbers }>>;
  readonly presets: readonly { readonly name: string; readonly query: string; readonly shows: readonly (keyof Kept)[] }[];
}

export interface Lane {
  readonly optimizer: string;
  readonly rate: number;
  /** How many it trained, and why no more. */
  readonly epochs: number;
  readonly stopped: Stop;
  readonly losses: Numbers;
  readonly output: Numbers;
  readonly scores: Figures;
}

/** Why the training goes on no more; empty while it does. */
export type Stop = "" | "diverged" | "accuracy" | "loss" | "epochs";
export type Place = { readonly layer: number; readonly unit: number };

export const form = signal<Form | null>(null);
export const setup = signal<Setup | null>(null);
export const frame = signal<Frame | null>(null);
export const calm = signal<Frame | null>(null);
export const problem = signal("");
/** The lesson of this net. */
export const preset = computed(() => setup.value?.lesson ?? "");
export const selected = signal<Place | null>(null);
export const view = signal<Kept>(parted("").page.view);

const ROOM = "playground";

const PATIENCE = 500; // ms after which it is said that the lab is at work: what stands there is that of before
export const waiting = signal(0);

async function patiently<Answer>(answer: Promise<Answer>): Promise<Answer> {
  let late = 0;
  const told = setTimeout(() => (waiting.value += late = 1), PATIENCE);
  try {
    return await answer;
  } finally {
    clearTimeout(told);
    waiting.value -= late;
  }
}

async function asked<Answer>(name: string, question: Record<string, unknown> = {}): Promise<Answer | null> {
  try {
    return await call<Answer>(`${ROOM}.${name}`, question);
  } catch (error) {
    problem.value = error instanceof Refused ? error.message : String(error);
    return null;
  }
}

/** What a person asks for: until then, what was refused before stands there to be read. */
function wanted<Answer>(name: string, question: Record<string, unknown> = {}): Promise<Answer | null> {
  problem.value = "";
  return asked<Answer>(name, question);
}

let stands = ""; // the query that was taken up or written last

/** What is chosen stands in the address, unless somebody went to another one meanwhile, which is about to be taken up. */
function note(): void {
  if (!setup.value || (address.value.room === ROOM && address.value.query !== stands)) return;
  stands = joined(setup.value.query, { view: view.value, speed: setup.value.speed, lesson: preset.value });
  remember(ROOM, stands);
}

let known: Setup | null = null; // as the lab told it last
let sent: Readonly<Record<string, string>> = {}; // on their way to it
let unsent: Readonly<Record<string, string>> = {}; // chosen since, while it computes

function take(told: Setup | null): void {
  if (told === null) return;
  known = told;
  setup.value = { ...told, words: { ...told.words, ...sent, ...unsent } };
  note();
  const place = selected.value;
  const sizes = [...hidden(told), outputs(told)];
  if (place && place.unit >= (sizes[place.layer] ?? 0)) selected.value = null;
}

/** Another net: what was chosen for the one before, and not sent yet, goes with it. */
async function takeNew(answer: Promise<Setup | null>): Promise<void> {
  unsent = {};
  take((await answer) ?? known);
}

export const hidden = ({ words }: Setup): number[] => (words["hidden"] === "none" ? [] : (words["hidden"] ?? "").split(",").map(Number));
export const outputs = (of: Setup): number => (of.regression || of.classes.length <= 2 ? 1 : of.classes.length);
export const features = ({ words }: Setup): string[] => (words["features"] ?? "").split(",");

/** Called when the room is entered and whenever the lab comes back. */
export async function enter(query: string): Promise<void> {
  stands = query;
  unsent = {};
  problem.value = "";
  form.value ??= await asked<Form>("form");
  const { settings, page } = parted(query);
  if (query !== "") view.value = page.view;
  if (settings === "" && isLesson(page.lesson) && role.value !== "visitor") return begin(queryOf(page.lesson), page.lesson);
  const answer = await patiently(asked<Setup>("open", query === "" ? {} : { query: settings, lesson: page.lesson }));
  const why = problem.value || (answer?.left_out ?? []).map(refusal).join(" · "); // of an address of which not all can be
  take(answer ?? (await asked<Setup>("open")) ?? known);
  if (query !== "" && role.value !== "visitor" && setup.value?.speed !== page.speed) await pace(page.speed);
  await look();
  problem.value = why;
}

const CALM = 150; // ms between two values of what is read rather than watched

/** A visitor's page that follows: the view of the address; the settings and their lesson come with the session. */
function followed({ room, query }: { room: string; query: string }): void {
  if (role.value !== "visitor" || room !== ROOM || query === stands) return;
  stands = query;
  view.value = parted(query).page.view;
}

/** A run that ended by itself: its command goes to where it stopped. A visitor is told as its owner asks. */
async function restate(): Promise<void> {
  if (!known || role.value === "visitor") return;
  known = { ...known, running: false };
  take(await asked<Setup>("open"));
}

/** The newest frame for maps and links; for curves and tables one that changes slowly enough to be read, and cheaply. */
export function watch(): () => void {
  let last = 0;
  const leave = [
    listen<Setup>(`${ROOM}.setup`, (told) => ((problem.value = ""), take(told))), // of whom a visitor looks at
    address.subscribe(followed),
    listen<Frame>(ROOM, (value) => {
      frame.value = value;
      if (value.stopped !== "" && known?.running) void restate();
      const now = performance.now();
      if (value.running && now - last < CALM) return;
      last = now;
      calm.value = value;
    }),
  ];
  return () => leave.forEach((one) => one());
}

/** Anew; lesson: whose settings these are. */
export async function begin(query: string, lesson = ""): Promise<void> {
  const shows = form.value?.presets.find(({ name }) => name === lesson)?.shows ?? [];
  if (lesson !== "") view.value = { ...parted("").page.view, ...Object.fromEntries(shows.map((one) => [one, true])) };
  await takeNew(patiently(wanted<Setup>("open", { query, lesson, again: true })));
  await look();
}

const isLesson = (name: string): boolean => form.value?.presets.some((one) => one.name === name) ?? false;

/** The settings of a lesson. */
export const queryOf = (lesson: string): string => form.value?.presets.find(({ name }) => name === lesson)?.query ?? "";

let sending = false;

/** Choose settings, each as the word that an address holds; a lesson stays until other points are chosen. They stand at once, so
that the next key goes on from them, and the lab has them all, one call at a time. */
export async function choose(words: Record<string, string>): Promise<void> {
  problem.value = "";
  unsent = { ...unsent, ...words };
  if (setup.value) setup.value = { ...setup.value, words: { ...setup.value.words, ...words } };
  if (sending) return;
  sending = true;
  while (Object.keys(unsent).length > 0) {
    [sent, unsent] = [unsent, {}];
    const answer = await asked<Setup>("change", { words: sent });
    sent = {};
    take(answer ?? known);
  }
  sending = false;
}

export async function act(what: "run" | "pause" | "step" | "epoch" | "reset" | "regenerate"): Promise<void> {
  take(await patiently(wanted<Setup>("act", { what })));
}

export async function pace(speed: Speed): Promise<void> {
  if ((await wanted("pace", { speed })) && known) take({ ...known, speed });
}

export async function edit(what: "weight" | "bias", at: readonly number[], value: number): Promise<void> {
  take(await wanted<Setup>("edit", { what, at, value }));
}

export function show(more: Partial<Kept>): void {
  view.value = { ...view.value, ...more };
  note();
  void look();
}

async function look(): Promise<unknown> {
  if (role.value === "visitor") return null;
  const { gradients, warped } = view.value;
  return asked("view", { gradients, warped: warped ? -1 + hidden(setup.value ?? ({ words: { hidden: "none" } } as unknown as Setup)).length : null });
}

export const examine = () => wanted<{ healthy: boolean; findings: Finding[] }>("examine", { seconds: 15 });
/** rates: of each optimizer that runs. */
export const race = (rates: Readonly<Record<string, number>>, epochs: number) => wanted<{ lanes: Lane[] }>("race", { rates, epochs });
export const exported = (kind: "source" | "run") => wanted<{ name: string; place: string }>("export", { kind });

/** What there is to choose from in a table of one's own, as the lab received it. */
export const tableColumns = (upload: string) => wanted<{ numbers: string[]; targets: string[]; target: string; rows: number; most: number }>("columns", { upload });

/** Two of its columns become the plane. */
export async function takeTable(upload: string, target: string, columns: readonly string[]): Promise<void> {
  await takeNew(wanted<Setup>("table", { upload, target, columns }));
}

export function refuse(error: unknown): void {
  problem.value = error instanceof Error ? error.message : String(error);
}
