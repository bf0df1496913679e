// Images of the lab, channels first, as a canvas takes them.
import type { Numbers } from "../../frames";

/** uint8 (channels, height, width) → RGBA: one channel is grey, three are colours, four have an opacity. */
export function painted({ data, shape: [channels = 1, height = 1, width = 1] }: Numbers): { pixels: Uint8ClampedArray<ArrayBuffer>; width: number; height: number } {
  const size = width * height;
  const pixels = new Uint8ClampedArray(4 * size);
  for (let place = 0; place < size; place += 1) {
    for (let colour = 0; colour < 3; colour += 1) pixels[4 * place + colour] = data[(channels >= 3 ? colour : 0) * size + place] ?? 0;
    pixels[4 * place + 3] = channels === 4 ? (data[3 * size + place] ?? 255) : 255;
  }
  return { pixels, width, height };
}
