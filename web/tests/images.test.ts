import { describe, expect, it } from "vitest";
import { last } from "../src/rooms/images/picture";
import { inkOn } from "../src/rooms/images/grid";
import { forChannels, kernelText, moved, next, packed, parsedQuery, resized, tablesOf, unpacked, whole, withCell, writtenQuery, type Strokes } from "../src/rooms/images/query";

describe("the address", () => {
  it("keeps what is chosen, without what is empty, in one order", () => {
    const chosen = { view: "kernels", kernel: "1 0; 0 1 | −1 2", image: "upload:a_b-c.png", x: "" };
    const query = writtenQuery(chosen);
    expect(parsedQuery(query)).toEqual({ view: "kernels", kernel: "1 0; 0 1 | −1 2", image: "upload:a_b-c.png" });
    expect(writtenQuery({ kernel: chosen.kernel, view: "kernels", image: chosen.image })).toBe(query);
  });
  it("keeps a drawing, and takes no other text for one", () => {
    const strokes: Strokes = [[[0, 1000], [512, 7]], [[35, 36]]];
    expect(unpacked(packed(strokes))).toEqual(strokes);
    expect(unpacked("")).toEqual([]);
    expect(unpacked("<script>")).toEqual([]);
    expect(unpacked("zzzz")).toEqual([]); // beyond the paper
  });
  it("takes whole numbers within bounds, and the usual one for anything else", () => {
    expect([whole("3", 1, 0, 9), whole("12", 1, 0, 9), whole("-2", 1, 0, 9), whole("2.5", 1), whole("", 1), whole(undefined, 7), whole("x", 4)]).toEqual([3, 9, 0, 1, 1, 7, 4]);
  });
});

describe("a kernel's cells", () => {
  const sobel = [[["-1"], ["0"], ["1"]], [["-2"], ["0"], ["2"]], [["-1"], ["0"], ["1"]]];
  it("become text and a table for each colour", () => {
    const tables = tablesOf(sobel);
    expect(kernelText(tables)).toBe("-1 0 1; -2 0 2; -1 0 1");
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
  it("have their channels last", () => {
    expect(last({ data: Uint8Array.of(1, 2, 3, 4, 5, 6), shape: [3, 1, 2] })).toEqual({ data: Uint8Array.of(1, 3, 5, 2, 4, 6), shape: [1, 2, 3] });
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
