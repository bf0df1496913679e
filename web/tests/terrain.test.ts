// Surfaces as numbers: scales, lines of equal height, what lies between places.
import { expect, test } from "vitest";
import { curveOf, ratesOf, textOf } from "../src/rooms/surface/chosen";
import { colourOf, contour, indexOf, interpolated, scaled } from "../src/rooms/surface/terrain";

const size = 41;
const places = Array.from({ length: size }, (_, at) => -1 + (2 * at) / (size - 1));
const bowl = places.flatMap((y) => places.map((x) => x * x + y * y));

test("the line of one level of a bowl is a circle", () => {
  const pieces = contour(bowl, size, size, 0.5);
  expect(pieces.length).toBeGreaterThan(100);
  const onto = (index: number) => -1 + (2 * index) / (size - 1);
  let length = 0;
  for (let at = 0; at < pieces.length; at += 4) {
    const [x0, y0, x1, y1] = [0, 1, 2, 3].map((one) => onto(pieces[at + one] ?? NaN)) as [number, number, number, number];
    expect(Math.abs(Math.hypot(x0, y0) - Math.SQRT1_2)).toBeLessThan(0.002);
    length += Math.hypot(x1 - x0, y1 - y0);
  }
  expect(length).toBeCloseTo(2 * Math.PI * Math.SQRT1_2, 1);
});

test("every cell of a saddle is cut without a gap", () => {
  // prettier-ignore
  const pieces = contour([1, 0, 0, 1], 2, 2, 0.4);
  expect(pieces.length).toBe(8);
  expect(contour([0, 0, 0, 0], 2, 2, 0.4)).toEqual([]);
  expect(contour([0, 1, NaN, 1], 2, 2, 0.4)).toEqual([]);
});

test("what is not measured stays unknown, what is infinite is highest", () => {
  const { shares, low, high } = scaled({ across: [0, 1], up: [0, 1], heights: [2, NaN, Infinity, 10] }, "linear");
  expect([low, high]).toEqual([2, 10]);
  expect([...shares]).toEqual([0, NaN, 1, 1]);
});

test("heights and shares are each other's inverse on both scales", () => {
  const terrain = { across: places, up: places, heights: bowl };
  for (const scale of ["log", "linear"] as const) {
    const range = scaled(terrain, scale, 0);
    for (const height of [0, 0.01, 0.7, 2]) expect(range.height(range.of(height))).toBeCloseTo(height, 6);
    expect(range.of(0)).toBe(0);
    expect(range.of(2)).toBeCloseTo(1, 9);
  }
  expect(scaled(terrain, "log", 0).of(0.02)).toBeGreaterThan(scaled(terrain, "linear", 0).of(0.02));
});

test("a flat surface has a scale, too", () => {
  expect([...scaled({ across: [0], up: [0], heights: [3, 3] }, "log").shares]).toEqual([0, 0]);
});

test("between four places lies their mean", () => {
  expect(interpolated([0, 1, 2, 3], 2, 2, 0.5, 0.5)).toBeCloseTo(1.5);
  expect(interpolated([0, 1, 2, 3], 2, 2, 1, 1)).toBe(3);
  expect(interpolated([0, 1, 2, 3], 2, 2, 1.01, 0)).toBeNaN();
  expect(indexOf(places, 0)).toBeCloseTo(20);
  expect(indexOf(places, 1.5)).toBeNaN();
});

test("colours get no darker from the middle up, and differ at both ends", () => {
  expect(colourOf(0)).not.toEqual(colourOf(1));
  expect(colourOf(-3)).toEqual(colourOf(0));
});

test("rates travel in the address, and what is none does not", () => {
  const known = ["sgd", "adam"];
  expect(ratesOf("sgd:0.1,adam:0.003", known)).toEqual({ sgd: 0.1, adam: 0.003 });
  expect(ratesOf(textOf({ sgd: 0.1 }), known)).toEqual({ sgd: 0.1 });
  expect(ratesOf("lion:1,sgd:-1,adam:x,,__proto__:1", known)).toEqual({});
  expect(curveOf("adam", known)).toBe("--curve-2");
});
