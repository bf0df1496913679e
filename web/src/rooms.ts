// The rooms of the lab: each is loaded when it is first entered.
import type { ComponentType } from "preact";
import texts from "@texts/lab.json";
import type { Form } from "./forms";
import type { Text } from "./language";

export interface Room {
  readonly id: string;
  readonly name: Text;
  /** form: what its address may say. */
  readonly load: () => Promise<{ default: ComponentType; form?: Form }>;
}

export const ROOMS: readonly Room[] = [
  { id: "playground", name: texts.playground, load: () => import("./rooms/playground") },
  { id: "graph", name: texts.graph, load: () => import("./rooms/graph") },
  { id: "training", name: texts.training, load: () => import("./rooms/training") },
  { id: "images", name: texts.images, load: () => import("./rooms/images") },
  { id: "inside", name: texts.inside, load: () => import("./rooms/inside") },
  { id: "surface", name: texts.surface, load: () => import("./rooms/surface") },
  { id: "words", name: texts.words, load: () => import("./rooms/words") },
];

/** The room of an address; one that is none leads to the first. */
export const roomOf = (id: string): Room | undefined => ROOMS.find((one) => one.id === id) ?? ROOMS[0];
