// What the lab's calls of this room answer (`profundo.lab.rooms.image_room` and `image_nets`).
import type { Numbers } from "../../frames";
import type { Near } from "./grid";

export interface Channel {
  readonly letter: string;
  readonly meaning: string;
  readonly low: number;
  readonly high: number;
}

export interface Choices {
  readonly samples: readonly string[];
  readonly sets: readonly { readonly name: string; readonly classes: readonly string[] }[];
  readonly kernels: readonly { readonly name: string; readonly numbers: readonly { readonly what: string; readonly low: number; readonly high: number; readonly usual: number }[] }[];
  readonly spaces: readonly { readonly name: string; readonly title: string; readonly channels: readonly Channel[] }[];
}

/** Sets whose classes are the digits, however a language writes them. */
export const DIGIT_SETS: ReadonlySet<string> = new Set(["digits", "mnist"]);

export interface Opened {
  readonly width: number;
  readonly height: number;
  readonly channels: readonly string[];
  readonly bits: number;
  readonly low: number;
  readonly high: number;
  readonly format: string;
  /** Of how many pixels this is the mean, as "4000 × 3000"; empty where it is all there was. */
  readonly whole: string;
  readonly picture: Numbers;
  readonly facts: readonly { readonly name: string; readonly least: number; readonly most: number; readonly mean: number; readonly deviation: number }[];
  readonly edges: Numbers;
  readonly counts: Numbers;
}

export interface Pixel {
  readonly x: number;
  readonly y: number;
  readonly near: Near;
  readonly colours: Numbers;
  readonly five: readonly number[];
  readonly spaces: Readonly<Record<string, Numbers>>;
}

export interface InSpace {
  readonly planes: Numbers;
  readonly least: Numbers;
  readonly most: Numbers;
  readonly back: Numbers;
  readonly difference: number;
}

export interface Convolved {
  readonly shape: readonly [rows: number, columns: number];
  readonly picture: Numbers;
  readonly low: number;
  readonly high: number;
  readonly least: number;
  readonly most: number;
  readonly kernel: { readonly weights: Numbers; readonly written: readonly (readonly (readonly string[])[])[]; readonly sum: number; readonly sum_written: string; readonly symmetric: boolean; readonly rank: number | null };
  readonly padding: readonly [rows: readonly [number, number], columns: readonly [number, number]];
  readonly formulas: readonly string[];
}

export interface StepAt {
  readonly row: number;
  readonly column: number;
  readonly rows: Numbers;
  readonly columns: Numbers;
  readonly patch: Numbers;
  readonly products: Numbers;
  readonly sums: Numbers;
  readonly sum: number;
  readonly input: Near & { readonly inside: Numbers };
  readonly output: Near;
}

export interface Pooled {
  readonly shape: readonly [rows: number, columns: number];
  readonly picture: Numbers;
  readonly unpooled: Numbers | null;
  readonly formulas: readonly string[];
  readonly row: number;
  readonly column: number;
  readonly window: Numbers;
  readonly value: number;
  readonly place: readonly [row: number, column: number] | null;
  readonly input: Near;
  readonly output: Near;
}

export interface LayerRow {
  readonly name: string;
  readonly kind: string;
  readonly shape: readonly number[];
  readonly parameters: number;
  readonly field: readonly [number, number] | null;
  readonly apart: boolean;
}

export interface Net {
  readonly data: string;
  readonly shape: readonly number[];
  readonly classes: readonly string[];
  readonly labels: readonly number[];
  readonly tests: Numbers;
  readonly frame: { readonly box: number; readonly pen: number; readonly by_mass: boolean; readonly dark: boolean } | null;
  readonly layers: readonly LayerRow[];
}

export interface LayerMaps {
  readonly name: string;
  readonly kind: string;
  readonly shape: readonly number[];
  readonly maps: Numbers;
  readonly most: number;
}

export interface Look {
  readonly picture: Numbers;
  readonly layers: readonly LayerMaps[];
  /** Dark on bright where the training images are bright on dark, or the other way round. */
  readonly reversed: boolean;
  readonly shares: Numbers | null;
  readonly terms: { readonly outputs: Numbers; readonly greatest: number; readonly exponentials: Numbers; readonly total: number; readonly shares: Numbers } | null;
}

export interface UnitApart {
  readonly channels: readonly number[];
  readonly of: number;
  readonly inputs: Numbers;
  readonly weights: Numbers;
  readonly parts: Numbers;
  readonly bias: number;
  readonly map: Numbers;
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly row: number;
  readonly column: number;
  readonly place: { readonly top: number; readonly left: number; readonly value: number; readonly patch: Numbers; readonly products: Numbers; readonly sums: Numbers; readonly rest: number };
  readonly after: { readonly name: string; readonly kind: string; readonly map: Numbers } | null;
}
