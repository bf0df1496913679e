// What the lab answers about graphs, as `profundo.lab.rooms.graph_room` sends it.
import type { Numbers } from "../../frames";
import type { Told } from "../../language";

/** A number as JSON has it; those that it has no word for are words. */
export type Figure = number | "nan" | "inf" | "-inf" | null;
export type Entries = Figure | readonly Entries[];

export interface Summary {
  readonly item: Figure;
  readonly mean: Figure;
  readonly std: Figure;
  readonly norm: Figure;
  readonly bad: number;
  readonly entries?: Entries;
}

export interface Cost {
  readonly flops: number;
}

export interface Node {
  readonly name: string;
  readonly op: string;
  readonly text: string;
  readonly latex: string;
  readonly module: string;
  readonly line: string;
  readonly parameters: number;
  readonly shape: readonly (number | string)[];
  readonly inputs: readonly { readonly node: string }[];
  readonly value: Summary | null;
  readonly gradient: Summary | null;
  readonly forward: Cost;
}

export interface Flow {
  readonly from: string;
  readonly to: string;
  readonly place: number;
  readonly gradient?: Figure;
  readonly local?: Figure;
  readonly rule?: string;
  readonly latex?: string;
}

export interface Graph {
  readonly nodes: readonly Node[];
  readonly edges: readonly Flow[];
  readonly outputs: readonly { readonly node: string }[];
  readonly of: string;
  readonly notes: readonly Told[];
}

export interface Line {
  readonly text: string;
  readonly size: number;
  readonly hue: string;
  readonly bold: boolean;
}

export interface Box {
  readonly name: string;
  readonly nodes: readonly string[];
  readonly result: string;
  readonly path: string;
  readonly frame: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly round: boolean;
  readonly corner: number;
  readonly hue: string;
  readonly heavy: boolean;
  readonly stacked: boolean;
  readonly inside: readonly Line[];
  readonly above: readonly Line[];
}

export interface Frame {
  readonly path: string;
  readonly frame: string;
  readonly title: readonly Line[];
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Edge {
  readonly source: string;
  readonly target: string;
  readonly uses: readonly (readonly [node: string, place: number])[];
  readonly path: string;
  readonly head: string;
  readonly label: readonly [x: number, y: number] | null;
}

export interface Scene {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly Box[];
  readonly frames: readonly Frame[];
  readonly edges: readonly Edge[];
  readonly parts: readonly string[];
}

export interface Term {
  readonly user: string;
  readonly place: number;
  readonly outer: Figure;
  readonly local: Figure;
  readonly value: Figure;
  readonly rule: string;
}

export interface Step {
  readonly name: string;
  readonly value: Figure;
  readonly norm: Figure;
  readonly latex: string;
  readonly local: readonly string[];
  readonly terms: readonly Term[];
}

export interface Path {
  readonly nodes: readonly string[];
  readonly factors: readonly Figure[];
  readonly value: Figure;
}

export interface Derivation {
  readonly of: string;
  readonly by: string;
  readonly value: Figure;
  readonly count: number;
  readonly stepwise: boolean;
  readonly paths: readonly Path[];
  readonly steps: readonly Step[];
  readonly latex: string;
}

export type Value = number | readonly number[] | readonly (readonly number[])[];

export interface FormulaAnswer {
  readonly variables: readonly { readonly name: string; readonly value: Value }[];
  /** What may look like numbers with a decimal comma, and are two arguments each. */
  readonly commas: readonly string[];
  readonly graph: Graph;
  readonly scene: Scene;
  readonly numbers: Readonly<Record<string, string>>;
  readonly sweep: readonly Step[];
  readonly handed: readonly { readonly node: string; readonly place: number; readonly latex: string }[];
  readonly derivation: Derivation | null;
}

export interface Way {
  readonly way: string;
  readonly why?: string;
  readonly gradients?: readonly Figure[];
  readonly entries?: number;
  readonly absolute?: Figure;
  readonly evaluations?: number;
  readonly operations?: number;
  readonly of_f?: number;
  readonly seconds?: number;
}

export interface WaysAnswer {
  readonly value: Figure;
  readonly entries: readonly string[];
  readonly rows: readonly Way[];
  readonly formulas: { readonly latex: Readonly<Record<string, string>>; readonly written_out: number; readonly shared: number } | null;
  readonly step: number;
  readonly differences: readonly { readonly differences: string; readonly gradients: readonly Figure[]; readonly error: Figure; readonly errors: readonly Figure[]; readonly evaluations: number }[];
}

export interface CurveAnswer {
  readonly steps: readonly number[];
  readonly curves: readonly { readonly differences: string; readonly precision: string; readonly errors: readonly Figure[]; readonly best: number }[];
}

export interface NetAnswer {
  readonly graph: Graph;
  readonly scene: Scene;
}

export interface InsideAnswer {
  readonly node: string;
  readonly shape: readonly number[];
  readonly value: Numbers | null;
  readonly gradient: Numbers | null;
}

export interface ProductAnswer {
  readonly result: readonly (readonly number[])[];
  readonly steps: readonly (readonly string[])[];
  readonly terms: readonly (readonly (readonly number[])[])[];
  readonly activated: readonly (readonly number[])[] | null;
}

export interface Activation {
  readonly name: string;
  readonly title: string;
  readonly formula: string;
  readonly derivative: string;
  readonly latex: string;
  readonly derivative_latex: string;
  readonly range: string;
  readonly gain: number;
  readonly places: Numbers;
  readonly values: Numbers;
  readonly slopes: Numbers;
}
