// The rooms of the lab: each is loaded when it is first entered.
import type { ComponentType } from "preact";
import texts from "@texts/lab.json";
import type { Form } from "./forms";
import type { Text } from "./language";

export interface Room {
  readonly id: string;
  readonly name: Text;
  /** What it is for, to who is new to it. */
  readonly welcome: Text;
  /** form: what its address may say. */
  readonly load: () => Promise<{ default: ComponentType; form?: Form }>;
}

export const ROOMS: readonly Room[] = [
  { id: "playground", name: texts.playground, welcome: texts.welcome_playground, load: () => import("./rooms/playground") },
  { id: "graph", name: texts.graph, welcome: texts.welcome_graph, load: () => import("./rooms/graph") },
  { id: "training", name: texts.training, welcome: texts.welcome_training, load: () => import("./rooms/training") },
  { id: "images", name: texts.images, welcome: texts.welcome_images, load: () => import("./rooms/images") },
  { id: "inside", name: texts.inside, welcome: texts.welcome_inside, load: () => import("./rooms/inside") },
  { id: "surface", name: texts.surface, welcome: texts.welcome_surface, load: () => import("./rooms/surface") },
  { id: "words", name: texts.words, welcome: texts.welcome_words, load: () => import("./rooms/words") },
];

/** The room of an address; one that is none leads to the first. */
export const roomOf = (id: string): Room | undefined => ROOMS.find((one) => one.id === id) ?? ROOMS[0];
