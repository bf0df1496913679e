// What is chosen, kept in the address.
import { chosenIn } from "../../chosen";
import { DRAWN, unpacked, type Source } from "./query";

export const { word: pick, whole: number, choose, enter } = chosenIn("images");

/** The image that all rooms but the net's look at. */
export function source(usual = "course"): Source {
  const image = pick("image", usual);
  return image === DRAWN ? { image, strokes: unpacked(pick("d")) } : { image };
}
