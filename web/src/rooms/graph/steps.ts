// A pass through a graph, stop by stop: what is given, each value forward, each gradient backward.
import type { Box, Graph, Node, Scene } from "./types";

export type Phase = "given" | "forward" | "backward";

export interface Stop {
  readonly phase: Phase;
  /** The box at work; "" while only the given values are there. */
  readonly box: string;
  readonly node: string;
}

const GIVEN = new Set(["input", "parameter", "buffer", "shared", "constant"]);

export const byName = (graph: Graph): ReadonlyMap<string, Node> => new Map(graph.nodes.map((node) => [node.name, node]));

const resultOf = (box: Box, nodes: ReadonlyMap<string, Node>): Node | undefined => nodes.get(box.result);

export function isGiven(box: Box, nodes: ReadonlyMap<string, Node>): boolean {
  return box.path === "" && GIVEN.has(resultOf(box, nodes)?.op ?? "");
}

/** Boxes come in the order in which they are computed; backward they are taken from the last one. */
export function stopsOf(scene: Scene, graph: Graph): readonly Stop[] {
  const nodes = byName(graph);
  const stop = (phase: Phase) => (box: Box) => ({ phase, box: box.name, node: box.result });
  const forward = scene.boxes.filter((box) => !isGiven(box, nodes)).map(stop("forward"));
  const backward = scene.boxes.filter((box) => resultOf(box, nodes)?.gradient).reverse().map(stop("backward"));
  return [{ phase: "given", box: "", node: "" }, ...forward, ...backward];
}

export interface Seen {
  readonly values: ReadonlySet<string>;
  readonly gradients: ReadonlySet<string>;
}

/** Boxes whose value and whose gradient are known at a stop. */
export function seen(stops: readonly Stop[], at: number, scene: Scene, graph: Graph): Seen {
  const nodes = byName(graph);
  const passed = stops.slice(0, at + 1);
  const of = (phase: Phase) => passed.filter((stop) => stop.phase === phase).map((stop) => stop.box);
  const given = scene.boxes.filter((box) => isGiven(box, nodes)).map((box) => box.name);
  return { values: new Set([...given, ...of("forward")]), gradients: new Set(of("backward")) };
}

/** Where the gradient of a node is worked out, or else its value; 0 for one that is given and has none. */
export function stopOf(stops: readonly Stop[], box: string, phase?: Phase): number {
  const last = stops.findLastIndex((stop) => stop.box === box && (phase === undefined || stop.phase === phase));
  return Math.max(0, last);
}

/** Edges that are at work at a stop: into the box forward, out of it backward, where its gradient comes from. */
export function atWork(stop: Stop | undefined, scene: Scene): ReadonlySet<number> {
  if (!stop || stop.phase === "given") return new Set();
  const end = stop.phase === "forward" ? "target" : "source";
  return new Set(scene.edges.flatMap((edge, index) => (edge[end] === stop.box ? [index] : [])));
}

/** Which edges a path of nodes goes along. */
export function along(path: readonly string[], scene: Scene): ReadonlySet<number> {
  const pairs = new Set(path.slice(1).map((node, index) => `${path[index] ?? ""} ${node}`));
  const box = new Map(scene.boxes.map((one) => [one.name, one.result]));
  return new Set(scene.edges.flatMap(({ source, target }, index) => (pairs.has(`${box.get(source) ?? ""} ${box.get(target) ?? ""}`) ? [index] : [])));
}

/** Parts that are open when one more is opened, or one is closed with all that is in it. */
export function toggled(scene: Scene, path: string): readonly string[] {
  const open = scene.frames.map((frame) => frame.path);
  if (!open.includes(path)) return [...open, path];
  const outer = new Map(scene.frames.map((frame) => [frame.path, frame.frame]));
  const isInside = (one: string): boolean => one === path || (outer.get(one) !== undefined && outer.get(one) !== "" && isInside(outer.get(one) ?? ""));
  return open.filter((one) => !isInside(one));
}
