// What the page knows of its session, and everything that it can ask of it. The lab computes; here are only its answers.
import { signal } from "@preact/signals";
import { remember } from "../../address";
import { call, latest, listen, Refused, role } from "../../connection";
import type { Numbers } from "../../frames";

export interface Figures {
  readonly samples: number;
  readonly loss: number | null;
  readonly accuracy: number | null;
  readonly confusion: readonly (readonly number[])[];
  readonly rmse: number | null;
  readonly r2: number | null;
}

export interface Finding {
  readonly cause: string;
  readonly where: string;
  readonly remedy: string;
  readonly severity: string;
  readonly evidence: Readonly<Record<string, string>>;
}

export interface Points {
  readonly points: Numbers;
  readonly targets: Numbers;
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
  readonly words: Readonly<Record<string, string>>;
  readonly regression: boolean;
  readonly classes: readonly string[];
  readonly objective: string;
  readonly activations: readonly string[];
  readonly train: Points;
  readonly test: Points;
  readonly per_epoch: number;
  readonly edits: number;
  readonly speed: Speed;
  readonly running: boolean;
  readonly command: string;
}

/** What changes at every step. */
export interface Frame {
  readonly running: boolean;
  readonly findings: readonly Finding[];
  readonly epoch: number;
  readonly step: number;
  readonly stopped: string;
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
  readonly warped?: Warped;
}

export interface Form {
  readonly usual: Readonly<Record<string, string>>;
  readonly live: readonly string[];
  readonly options: Readonly<Record<string, readonly string[]>>;
  readonly all: number;
  readonly thumbnails: Readonly<Record<string, { task: string; points: Numbers; targets: Numbers }>>;
  readonly presets: readonly { readonly name: string; readonly query: string }[];
}

export interface Lane {
  readonly optimizer: string;
  readonly losses: Numbers;
  readonly output: Numbers;
  readonly scores: Figures;
}

export type Speed = "slow" | "epoch" | "fast";
export type Place = { readonly layer: number; readonly unit: number };

export const form = signal<Form | null>(null);
export const setup = signal<Setup | null>(null);
export const frame = signal<Frame | null>(null);
export const calm = signal<Frame | null>(null);
export const problem = signal("");
export const preset = signal("");
export const selected = signal<Place | null>(null);
export const view = signal({ gradients: false, warped: false, discrete: false, test: true });

const ROOM = "playground";

async function asked<Answer>(name: string, question: Record<string, unknown> = {}): Promise<Answer | null> {
  try {
    const answer = await call<Answer>(`${ROOM}.${name}`, question);
    problem.value = "";
    return answer;
  } catch (error) {
    problem.value = error instanceof Refused ? error.message : String(error);
    return null;
  }
}

function take(told: Setup | null): void {
  if (told === null) return;
  setup.value = told;
  remember(ROOM, told.query);
  const place = selected.value;
  const sizes = [...hidden(told), outputs(told)];
  if (place && place.unit >= (sizes[place.layer] ?? 0)) selected.value = null;
}

export const hidden = ({ words }: Setup): number[] => (words["hidden"] === "none" ? [] : (words["hidden"] ?? "").split(",").map(Number));
export const outputs = (of: Setup): number => (of.regression || of.classes.length <= 2 ? 1 : of.classes.length);
export const features = ({ words }: Setup): string[] => (words["features"] ?? "").split(",");

/** Called when the room is entered and whenever the lab comes back. */
export async function enter(query: string): Promise<void> {
  form.value ??= await asked<Form>("form");
  const told = await asked<Setup>("open", query === "" ? {} : { query });
  const why = problem.value; // of an address that says nothing: the usual settings are shown instead
  take(told ?? (await asked<Setup>("open")));
  await look();
  problem.value = why;
}

const CALM = 150; // ms between two values of what is read rather than watched

/** The newest frame for maps and links; for curves and tables one that changes slowly enough to be read, and cheaply. */
export function watch(): () => void {
  let last = 0;
  const leave = [
    listen<Setup>(`${ROOM}.setup`, take), // of whom a visitor looks at
    listen<Frame>(ROOM, (value) => {
      frame.value = value;
      const now = performance.now();
      if (value.running && now - last < CALM) return;
      last = now;
      calm.value = value;
    }),
  ];
  return () => leave.forEach((one) => one());
}

export async function begin(query: string): Promise<void> {
  take(await asked<Setup>("open", { query, again: true }));
}

const change = latest<Setup>(`${ROOM}.change`, (told) => ((problem.value = ""), take(told)), (error) => (problem.value = error.message));

/** Choose settings, each as the word that an address holds. */
export function choose(words: Record<string, string>): void {
  preset.value = "";
  void change({ words });
}

export async function act(what: "run" | "pause" | "step" | "epoch" | "reset" | "regenerate"): Promise<void> {
  take(await asked<Setup>("act", { what }));
}

export async function pace(speed: Speed): Promise<void> {
  await asked("pace", { speed });
  if (setup.value) setup.value = { ...setup.value, speed };
}

export async function edit(what: "weight" | "bias", at: readonly number[], value: number): Promise<void> {
  take(await asked<Setup>("edit", { what, at, value }));
}

export function show(more: Partial<typeof view.value>): void {
  view.value = { ...view.value, ...more };
  void look();
}

async function look(): Promise<unknown> {
  if (role.value === "visitor") return null;
  const { gradients, warped } = view.value;
  return asked("view", { gradients, warped: warped ? -1 + hidden(setup.value ?? ({ words: { hidden: "none" } } as unknown as Setup)).length : null });
}

export const examine = () => asked<{ healthy: boolean; findings: Finding[] }>("examine", { seconds: 15 });
export const race = (optimizers: readonly string[], epochs: number) => asked<{ lanes: Lane[] }>("race", { optimizers, epochs });
export const exported = (kind: "source" | "run") => asked<{ name: string; place: string }>("export", { kind });

/** A table of one's own, as the lab received it: two columns become the plane, the third the target. */
export async function ownTable(name: string, failed = ""): Promise<void> {
  problem.value = failed;
  if (name !== "") take(await asked<Setup>("table", { upload: name }));
}
