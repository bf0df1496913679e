import { describe, expect, it } from "vitest";
import { numberOf, parsedWords, wholeOf, writtenWords } from "../src/chosen";
import { pictured, shaded } from "../src/ui/raster";
import { moved, type Strokes } from "../src/ui/moves";
import { inkOn } from "../src/rooms/images/grid";
import { cellOf, forChannels, kernelText, next, packed, resized, tablesOf, unpacked, withCell } from "../src/rooms/images/query";

describe("the address", () => {
  it("keeps what is chosen, without what is empty, in one order", () => {
    const chosen = { view: "kernels", kernel: "1 0; 0 1 | −1 2", image: "upload:a_b-c.png", x: "" };
    const query = writtenWords(chosen);
    expect(parsedWords(query)).toEqual({ view: "kernels", kernel: "1 0; 0 1 | −1 2", image: "upload:a_b-c.png" });
    expect(writtenWords({ kernel: chosen.kernel, view: "kernels", image: chosen.image })).toBe(query);
  });
  it("keeps a drawing, and takes no other text for one", () => {
    const strokes: Strokes = [[[0, 1000], [512, 7]], [[35, 36]]];
    expect(unpacked(packed(strokes))).toEqual(strokes);
    expect(unpacked("")).toEqual([]);
    expect(unpacked("<script>")).toEqual([]);
    expect(unpacked("zzzz")).toEqual([]); // beyond the paper
  });
  it("takes whole numbers within bounds, and the usual one for anything else", () => {
    expect([wholeOf("3", 1, 0, 9), wholeOf("12", 1, 0, 9), wholeOf("-2", 1, 0, 9), wholeOf("2.5", 1), wholeOf("", 1), wholeOf(undefined, 7), wholeOf("x", 4)]).toEqual([3, 9, 0, 1, 1, 7, 4]);
    expect([numberOf("2.5", 1), numberOf("-7", 1, 0), numberOf("1e999", 4)]).toEqual([2.5, 0, 4]);
  });
});

describe("a kernel's cells", () => {
  const sobel = [[["-1"], ["0"], ["1"]], [["-2"], ["0"], ["2"]], [["-1"], ["0"], ["1"]]];
  it("become text and a table for each colour", () => {
    const tables = tablesOf(sobel);
    expect(kernelText(tables)).toBe("-1 0 1; -2 0 2; -1 0 1");
    expect(["1,000", "0,5", "−1/9", " 2. "].map(cellOf)).toEqual(["1000", "0.5", "-1/9", "2"]);
    expect(["", "-", "1/", "1/0", "1/2/3", "1.5/2", "x"].map(cellOf)).toEqual(Array(7).fill(null));
    expect(kernelText(forChannels(tables, 2))).toBe("-1 0 1; -2 0 2; -1 0 1 | -1 0 1; -2 0 2; -1 0 1");
    expect(kernelText(withCell(forChannels(tables, 2), 1, 0, 2, "1/9"))).toBe("-1 0 1; -2 0 2; -1 0 1 | -1 0 1/9; -2 0 2; -1 0 1");
  });
  it("stay in the middle of a larger table", () => {
    const five = resized(tablesOf(sobel), 5, 5);
    expect(five[0]?.[1]).toEqual(["0", "-1", "0", "1", "0"]);
    expect(resized(five, 3, 3)).toEqual(tablesOf(sobel));
    expect(resized(tablesOf(sobel), 1, 1)).toEqual([[["0"]]]);
  });
});

describe("places", () => {
  it("are led by arrow keys and end at the border", () => {
    expect(moved("ArrowRight", 3, 2, 7, 5, false)).toEqual([4, 2]);
    expect(moved("ArrowUp", 3, 2, 7, 5, true)).toEqual([3, 0]);
    expect(moved("End", 3, 2, 7, 5, false)).toEqual([6, 2]);
    expect(moved("a", 3, 2, 7, 5, false)).toBeNull();
  });
  it("follow each other row by row, and begin anew", () => {
    expect([next(0, 3, 5, 5), next(0, 4, 5, 5), next(4, 4, 5, 5)]).toEqual([[0, 4], [1, 0], [0, 0]]);
  });
});

describe("pictures", () => {
  it("have their channels first or last, grey in all three colours", () => {
    const grey = pictured({ data: Uint8Array.of(0, 255, 7, 9), shape: [1, 2, 2] });
    expect([...grey.pixels]).toEqual([0, 0, 0, 255, 255, 255, 255, 255, 7, 7, 7, 255, 9, 9, 9, 255]);
    const colour = [1, 3, 5, 255, 2, 4, 6, 255];
    expect([...pictured({ data: Uint8Array.of(1, 2, 3, 4, 5, 6), shape: [3, 1, 2] }).pixels]).toEqual(colour);
    expect([...pictured({ data: Uint8Array.of(1, 3, 5, 2, 4, 6), shape: [1, 2, 3] }, true).pixels]).toEqual(colour);
    expect(pictured({ data: Uint8Array.of(1, 2, 3, 128), shape: [1, 1, 4] }, true)).toEqual({ pixels: Uint8ClampedArray.of(1, 2, 3, 128), width: 1, height: 1 });
  });
  it("of values have the palette's ends at −most and most", () => {
    const palette = Uint32Array.from({ length: 256 }, (_, place) => place);
    const places = (data: Float32Array | Uint8Array, most = 1, discrete = false) => [...new Uint32Array(shaded({ data, shape: [1, data.length] }, palette, most, discrete).pixels.buffer)];
    expect(places(Float32Array.of(-4, -2, 0, 2), 2)).toEqual([0, 0, 128, 255]);
    expect(places(Uint8Array.of(0, 9, 255))).toEqual([0, 9, 255]);
    expect(places(Uint8Array.of(0, 127, 128), 1, true)).toEqual([0, 0, 255]);
  });
  it("have numbers that can be read on every shade", () => {
    const luminance = (shade: number) => (shade <= 10 ? shade / 3295 : ((shade / 255 + 0.055) / 1.055) ** 2.4);
    for (let shade = 0; shade < 256; shade += 1) {
      const ink = luminance(inkOn(`rgb(${shade} ${shade} ${shade})`) === "#ffffff" ? 255 : 0);
      const [light, dark] = [Math.max(ink, luminance(shade)), Math.min(ink, luminance(shade))];
      expect((light + 0.05) / (dark + 0.05)).toBeGreaterThan(4.5);
    }
  });
});
