// The way from mark to mark on a map, and what is seen of it.
import { expect, test } from "vitest";
import { colourOf, fitted, nearest, neighbour, outline, zoomed } from "../src/ui/marks";

//            0       1        2         3          4
const points = [0, 0, 1, 0.1, 3, 0, -1, -0.2, 0.2, 2];

test("an arrow leads to the nearest point in its direction, and nowhere where there is none", () => {
  expect(neighbour(points, 0, 1, 0)).toBe(1);
  expect(neighbour(points, 1, 1, 0)).toBe(2);
  expect(neighbour(points, 0, -1, 0)).toBe(3);
  expect(neighbour(points, 0, 0, 1)).toBe(4);
  expect(neighbour(points, 2, 1, 0)).toBeNull();
  expect(neighbour(points, 0, 0, -1)).toBeNull();
});

test("from every point every other can be reached", () => {
  const many = Array.from({ length: 80 }, (_, at) => Math.sin(37 * at) * (1 + (at % 7)));
  const seen = new Set([0]);
  for (const from of seen) {
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]] as const) {
      const next = neighbour(many, from, dx, dy);
      if (next !== null) seen.add(next);
    }
  }
  expect(seen.size).toBe(40);
});

test("pointing finds the nearest within reach", () => {
  expect(nearest(points, 0.9, 0, 0.5)).toBe(1);
  expect(nearest(points, 10, 10, 0.5)).toBeNull();
});

test("all points lie within the fitted frame", () => {
  const { x, y, scale } = fitted(points, 400, 200);
  for (let at = 0; at < points.length; at += 2) {
    expect(Math.abs(((points[at] ?? 0) - x) * scale)).toBeLessThanOrEqual(200);
    expect(Math.abs(((points[at + 1] ?? 0) - y) * scale)).toBeLessThanOrEqual(100);
  }
});

test("zooming keeps what is under the pointer where it is", () => {
  const before = { x: 1, y: 2, scale: 10 };
  const after = zoomed(before, 3, 40, -20);
  expect(after.scale).toBe(30);
  expect(after.x + 40 / after.scale).toBeCloseTo(before.x + 40 / before.scale);
  expect(after.y - 20 / after.scale).toBeCloseTo(before.y - 20 / before.scale);
});

test("no two of thirty classes have the same mark", () => {
  const marks = Array.from({ length: 30 }, (_, index) => JSON.stringify([colourOf(index), outline(index, 10)]));
  expect(new Set(marks).size).toBe(30);
});

test("eight classes have eight different shapes of about one size", () => {
  const shapes = Array.from({ length: 8 }, (_, index) => outline(index, 10));
  expect(new Set(shapes.map((one) => JSON.stringify(one))).size).toBe(8);
  for (const shape of shapes) for (const [x, y] of shape ?? []) expect(Math.hypot(x, y)).toBeLessThan(16);
});
