// What the page makes of runs: addresses, orders, comparisons, curves over different places.
import { expect, test } from "vitest";
import type { Numbers } from "../src/frames";
import { strokeOf } from "../src/ui/legend";
import { clock, column, differences, done, inLanguage, isBestOf, isBetter, lines, mainScore, MOST_CHOSEN, queryOf, rateOf, rivals, sorted, together, viewOf, type Run } from "../src/rooms/training/model";
import { kindsIn, leftOut, withKind, withoutColumn } from "../src/rooms/training/reading";

const run = (name: string, more: Partial<Run> = {}): Run => ({
  name,
  state: "finished",
  fault: "",
  kind: "training",
  settings: {},
  scores: {},
  baseline: {},
  linear: {},
  linear_name: "",
  begun: 0,
  seconds: null,
  told_to_stop: false,
  epochs: null,
  may_resume: false,
  pages: [],
  progress: null,
  source: "",
  ...more,
});
const numbers = (values: number[], shape: number[] = [values.length]): Numbers => ({ data: new Float32Array(values), shape });

test("a report is in the language of the page that started its training, unless another was chosen", () => {
  expect(inLanguage({ epochs: "5" }, "ca")).toEqual({ epochs: "5", lang: "ca" });
  expect(inLanguage({ lang: "pt" }, "ca")).toEqual({ lang: "pt" });
  expect(inLanguage({ epochs: "5" }, "en")).toEqual({ epochs: "5" });
});

test("an address leads back to the view that it was made of", () => {
  for (const view of [
    { kind: "runs", chosen: [] },
    { kind: "runs", chosen: ["a b", "c&d=é", "#"] },
    { kind: "new", data: "own:AAAAAAAAAAAAAAAA/my houses.csv", words: { target: "price €", columns: "a=number\nb=c=text" }, name: "x" },
  ] as const)
    expect(viewOf(queryOf(view))).toEqual(view);
});

test("an address names each run once, and no more than can be compared", () => {
  const view = viewOf(`${"run=a&".repeat(3)}${Array.from({ length: 20 }, (_, index) => `run=r${index}`).join("&")}`);
  expect(view.kind === "runs" && view.chosen).toEqual(["a", "r0", "r1", "r2", "r3", "r4", "r5", "r6"]);
});

test("runs are sorted by the better score, whether that is the larger or the smaller one", () => {
  const of = (name: string, figure: string, value: number) => run(name, { scores: { [figure]: value } });
  const names = (all: Run[]) => sorted(all, "score", false).map((one) => one.name);
  expect(names([of("a", "accuracy", 0.5), of("b", "accuracy", 0.9), run("none")])).toEqual(["b", "a", "none"]);
  expect(names([of("a", "RMSE", 5), of("b", "RMSE", 0.9)])).toEqual(["b", "a"]);
  expect(isBetter("log loss", 0.1, 0.2)).toBe(true);
  expect(isBetter("R²", 0.1, 0.2)).toBe(false);
});

test("names are sorted with their numbers as numbers, and the newest run comes first", () => {
  const all = [run("iris-10", { begun: 3 }), run("iris-9", { begun: 1 }), run("Digits-1", { begun: 2 })];
  expect(sorted(all, "name", false).map((one) => one.name)).toEqual(["Digits-1", "iris-9", "iris-10"]);
  expect(sorted(all, "begun", false).map((one) => one.name)).toEqual(["iris-10", "Digits-1", "iris-9"]);
  expect(sorted(all, "begun", true).map((one) => one.name)).toEqual(["iris-9", "Digits-1", "iris-10"]);
});

test("a run is told by its first figure that is a number", () => {
  expect(mainScore(run("a", { scores: { accuracy: null, "macro F1": 0.5 } }))).toEqual(["macro F1", 0.5]);
  expect(mainScore(run("a"))).toBeNull();
});

test("runs differ in settings that one of them lacks, too", () => {
  const [a, b] = [run("a", { settings: { net: "mlp", seed: 0 } }), run("b", { settings: { net: "mlp", seed: 1, l1: 0.5 } })];
  expect(differences([a, b])).toEqual([
    ["seed", ["0", "1"]],
    ["l1", ["", "0.5"]],
  ]);
});

test("curves over different places share their x, and only a curve's own hole is one", () => {
  const [x, one, other] = together([
    [[1, 2, 3], [5, null, 7]],
    [[2, 4], [8, 9]],
  ]);
  expect(x).toEqual([1, 2, 3, 4]);
  expect(one).toEqual([5, null, 7, undefined]);
  expect(other).toEqual([undefined, 8, undefined, 9]);
});

test("what no scale can show is a hole: NaN, and below a logarithm what is not positive", () => {
  expect(column(numbers([1, NaN, -2, Infinity]))).toEqual([1, null, -2, null]);
  expect(column(numbers([1, 0, -2]), true)).toEqual([1, null, null]);
  expect(lines(numbers([1, 2, 3, 4, 5, 6], [2, 3]))).toEqual([
    [1, 2, 3],
    [4, 5, 6],
  ]);
});

test("half of a training is half of its steps", () => {
  const progress = { phase: "training", epoch: 3, epochs: 4, step: 0, steps: 10, samples_per_second: null, seconds: 1, left: 1, rate: 1, losses: {} } as const;
  expect(done(progress)).toBe(0.5);
  expect(done({ ...progress, epoch: 4, step: 10 })).toBe(1);
  expect(done({ ...progress, epochs: 0, steps: 0 })).toBe(0);
});

test("the learning rate is the schedule's factor times the largest one", () => {
  expect(rateOf(run("a", { settings: { learning_rate: 0.02 } }), 0.5)).toBe(0.01);
  expect(rateOf(run("a"), 0.5)).toBe(0.5);
});

test("times read as people write them", () => {
  expect([3.14159, 59.4, 185, 7500, null].map(clock)).toEqual(["3.1 s", "59 s", "3:05", "2:05:00", "–"]);
});

test("a correction of a column is one line of a setting", () => {
  expect(kindsIn("a=number:,\nb=c=text")).toEqual({ a: "number:,", "b=c": "text" });
  expect(withKind("a=number", "b", "date:dmy")).toBe("a=number\nb=date:dmy");
  expect(withKind("a=number\nb=text", "a", "")).toBe("b=text");
  expect(leftOut(withoutColumn(withoutColumn("", "a", true), "b", true))).toEqual(["a", "b"]);
  expect(withoutColumn("a\nb", "a", false)).toBe("b");
});

test("a run is the best of its own data and target only", () => {
  const scored = (name: string, data: string, target: string, accuracy: number) => run(name, { settings: { data, target }, scores: { accuracy } });
  const all = [scored("a", "iris", "", 0.9), scored("b", "iris", "", 0.95), scored("c", "wine", "", 0.99), scored("d", "iris", "other", 0.97)];
  const groups = rivals(all);
  expect(all.map(({ name, scores }) => isBestOf(groups.get(name) ?? [], "accuracy", scores["accuracy"] ?? 0))).toEqual([false, true, false, false]);
});

test("the lines of as many runs as can be compared are told apart without their colours", () => {
  expect(new Set(Array.from({ length: MOST_CHOSEN }, (_, dash) => strokeOf({ label: "", colour: "", dash }).join())).size).toBe(MOST_CHOSEN);
});
