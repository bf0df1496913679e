// What is chosen of a surface, as the address holds it.
import { chosenIn } from "../../chosen";
import type { Scale } from "./terrain";

export const ROOM = "surface";
export const MODES = ["run", "roll", "net"] as const;
export type Mode = (typeof MODES)[number];

export const { word, number, whole, choose, enter } = chosenIn(ROOM);
export const mode = (): Mode => MODES.find((one) => one === word("mode")) ?? "run";
export const scale = (): Scale => (word("scale") === "linear" ? "linear" : "log");
export const isSolid = (): boolean => word("view") !== "above";

/** From where a surface in three dimensions is looked at: two angles and how far, as the address has them. */
export interface Eye {
  readonly around: number;
  readonly over: number;
  readonly far: number;
}
export const EYE = /^-?\d+(\.\d+)?(_\d+(\.\d+)?){2}$/;
const FIRST_EYE: Eye = { around: 0.6, over: 0.95, far: 4.3 };
export const writtenEye = (eye: Eye): string => [eye.around, eye.over, eye.far].map((one) => String(Number(one.toFixed(2)))).join("_");
/** The eye never goes below the ground or out of sight. */
export const bounded = ({ around, over, far }: Eye): Eye => ({ around, over: Math.min(1.5, Math.max(0.08, over)), far: Math.min(9, Math.max(1.6, far)) });
export function eyeOf(text: string): Eye {
  const [around = 0, over = 0, far = 0] = text.split("_").map(Number);
  return EYE.test(text) ? bounded({ around, over, far }) : FIRST_EYE;
}

/** `adam:0.1,sgd:0.03` ↔ a rate for each. */
export function ratesOf(text: string, known: readonly string[]): Record<string, number> {
  const pairs = text.split(",").map((pair) => pair.split(":"));
  return Object.fromEntries(pairs.filter(([name = "", rate = ""]) => known.includes(name) && Number(rate) > 0 && Number(rate) <= 1e4).map(([name = "", rate]) => [name, Number(rate)]));
}
export const textOf = (rates: Readonly<Record<string, number>>): string => Object.entries(rates).map(([name, rate]) => `${name}:${rate}`).join(",");

/** Of the page's curve colours one for each optimizer, the same everywhere. */
export const curveOf = (name: string, all: readonly string[]): string => `--curve-${(Math.max(0, all.indexOf(name)) % 8) + 1}`;

/** The same as canvases take it: darker than on a dark page, for the surface is light there, too. */
const INKS = ["#1f5fbf", "#c2500a", "#2f7d4f", "#8a3ea8", "#8a6100", "#5b6472", "#c01f48", "#00838f"] as const;
export const inkOf = (name: string, all: readonly string[]): string => INKS[Math.max(0, all.indexOf(name)) % INKS.length] ?? "#1c1b19";
