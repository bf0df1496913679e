// What is looked at, as the address holds it, and what the lab has told of it.
import { signal } from "@preact/signals";
import { address } from "../../address";
import { call, Refused } from "../../connection";
import type { Numbers } from "../../frames";
import type { Told } from "../../language";
import { job } from "../../jobs";
import { chosenIn } from "../../chosen";

export const ROOM = "inside";

export interface RunRow {
  readonly run: string;
  readonly data: string | null;
  readonly net: string | null;
  readonly score: Told | null;
  readonly kind: string;
  readonly looks: boolean;
  readonly draws: boolean;
}

export interface Layer {
  readonly name: string;
  readonly module: string;
  readonly units: number;
  readonly kind: "maps" | "code";
  readonly places: readonly number[];
}

export interface Samples {
  readonly numbers: readonly number[];
  readonly images: Numbers | null;
  readonly words: readonly string[];
  readonly targets?: Numbers;
  readonly answers?: Numbers;
  readonly sure?: Numbers;
}

export interface Method {
  readonly name: string;
  readonly title: string;
  readonly adds_up: boolean;
}

export interface Net {
  readonly run: string;
  readonly data: string;
  readonly net: string;
  readonly parameters: number;
  readonly form: "images" | "sequences" | "columns" | "texts" | "ids" | "";
  readonly outputs: readonly string[];
  readonly binary: boolean;
  /** Whether its outputs are numbers in units of their own, of which none is the likeliest. */
  readonly numeric: boolean;
  readonly layers: readonly Layer[];
  readonly unit_layer: string;
  readonly code_layer: string;
  readonly methods: readonly Method[];
  readonly strip: Samples;
}

export interface Units {
  readonly layer: string;
  readonly units: number;
  readonly shown: number;
  readonly patches?: Numbers;
  readonly filters?: Numbers;
}

export interface Unit {
  readonly layer: string;
  readonly unit: number;
  readonly values: Numbers;
  readonly patches?: Numbers;
  readonly samples?: Numbers;
  readonly words?: readonly string[];
  readonly class?: string;
  readonly selectivity?: number;
  readonly chance?: number;
  readonly image?: Numbers;
  readonly peak?: number;
}

export interface Checks {
  readonly layers: readonly string[];
  readonly alike: readonly number[];
  readonly changes: boolean;
  readonly areas: { readonly deletion: number; readonly random_deletion: number; readonly insertion: number; readonly random_insertion: number };
  readonly what: "probability" | "share";
  readonly curves: Numbers;
}

export interface Result {
  readonly method: string;
  readonly refused?: Told;
  readonly unchecked?: Told;
  readonly answer?: number;
  readonly output?: string | null;
  readonly gap?: number | null;
  readonly passes?: number;
  readonly remarks?: readonly string[];
  readonly map?: Numbers;
  readonly labels?: readonly Told[];
  readonly values?: readonly (number | null)[];
  /** Whether the values are in the units of the target, and add up to a change of it. */
  readonly in_units?: boolean;
  readonly checks?: Checks;
}

export interface Why {
  readonly sample: number;
  readonly upload: string;
  readonly of: number | null;
  readonly image: Numbers | null;
  readonly shares?: Numbers;
  readonly truth?: number | null;
  /** Of a net of numbers: what it says, and what is true, of each target. */
  readonly numbers?: readonly (number | null)[];
  readonly truths?: readonly (number | null)[] | null;
  readonly results: readonly Result[];
}

export interface CodeMap {
  readonly layer: string;
  readonly method: string;
  readonly width: number;
  readonly numbers: readonly number[];
  readonly places: Numbers;
  readonly shares: readonly number[];
  readonly targets: Numbers | null;
  readonly answers: Numbers | null;
  readonly sure: Numbers | null;
  readonly images: Numbers | null;
  readonly words?: readonly string[];
}

export interface Space {
  readonly name: string;
  readonly width: number;
  readonly samples: Numbers | null;
  readonly begins: boolean;
}

export interface Lattice {
  readonly begin: readonly (string | number | null)[];
  readonly side: number;
  readonly reach: number;
  readonly images: Numbers;
}

export const VIEWS = ["units", "why", "codes", "latent"] as const;
export type View = (typeof VIEWS)[number];

export const runs = signal<readonly RunRow[] | null>(null);
export const problem = signal("");
const chosen = chosenIn(ROOM);
export const { word, whole, choose } = chosen;

export const net = job<Net>("inside.run");
export const units = job<Units>("inside.units");
export const unit = job<Unit>("inside.unit");
export const why = job<Why>("inside.why");
export const codes = job<CodeMap>("inside.codes");
export const spaces = job<{ run: string; spaces: readonly Space[] }>("inside.spaces");
export const lattice = job<Lattice>("inside.lattice");

/** The run that was asked for, and is none of those that can be looked into; "" for none. */
export const gone = (): string => (runs.value && word("run") !== "" && !current() ? word("run") : "");
export const current = (): RunRow | undefined => runs.value?.find(({ run }) => run === word("run"));

/** The views that a run has: a generator has no units, a plain net draws nothing. */
export const views = (row: RunRow): readonly View[] => VIEWS.filter((view) => (view === "latent" ? row.draws : row.looks));

/** Another run: what was chosen of the one before says nothing of it. */
export function take(run: string): void {
  chosen.words.value = {};
  const row = runs.value?.find((one) => one.run === run);
  const view = row && views(row)[0];
  for (const one of [net, units, unit, why, codes, spaces, lattice]) one.clear();
  choose({ run, ...(view ? { view } : {}) });
  look();
}

export function look(): void {
  const row = current();
  if (!row) return;
  if (row.looks) net.ask({ run: row.run });
  if (row.draws) spaces.ask({ run: row.run });
}

export async function enter(): Promise<void> {
  const query = Object.fromEntries(new URLSearchParams(address.value.query));
  try {
    runs.value = (await call<{ runs: RunRow[] }>("inside.runs")).runs;
  } catch (error) {
    problem.value = (error as Refused).message;
    return;
  }
  const wanted = query["run"] ?? "";
  const usual = () => runs.value?.find(({ looks, kind }) => looks && kind === "image") ?? runs.value?.[0];
  const row = wanted ? runs.value.find(({ run }) => run === wanted) : usual();
  if (!row) {
    chosen.words.value = query; // of a run that is not here nothing is shown, and of no other
    return;
  }
  const own = query["run"] === row.run ? query : {};
  const view = VIEWS.find((one) => one === own["view"]);
  chosen.words.value = own;
  choose({ run: row.run, view: view && views(row).includes(view) ? view : (views(row)[0] ?? "units") });
  look();
}

/** Another place of the same run shows what it says at once. */
export function again(): void {
  const query = Object.fromEntries(new URLSearchParams(address.value.query));
  const row = current();
  if (!row || query["run"] !== row.run || !views(row).includes(query["view"] as View)) void enter();
  else chosen.words.value = query;
}

export function watch(): () => void {
  const leave = [net, units, unit, why, codes, spaces, lattice].map((one) => one.watch());
  return () => {
    leave.forEach((one) => one());
    void call("inside.stop").catch(() => undefined);
  };
}
