import { describe, expect, test, vi } from "vitest";
import { readMatrices, unfit, writtenMatrices } from "../src/rooms/graph/matrices";
import { language } from "../src/language";
import { fit, whole, zoomed } from "../src/rooms/graph/drawing";
import { EXAMPLES } from "../src/rooms/graph/examples";
import { pathName } from "../src/rooms/graph/derivation";
import { figure, isAgain, rulesOf, word } from "../src/rooms/graph/explained";
import { read, sides, type Piece } from "../src/rooms/graph/latex";
import { decades } from "../src/rooms/graph/loglog";
import { brief, doubtOf, equals, localized, numberOf, power, rows, shown, taken, troubleOf, typed, written } from "../src/rooms/graph/numbers";
import { readFormula, runTogether, writtenFormula } from "../src/rooms/graph/query";
import { byKey } from "../src/rooms/graph/stepper";
import { along, atWork, seen, stopOf, stopsOf, toggled } from "../src/rooms/graph/steps";
import type { Graph, Scene, Step, Summary } from "../src/rooms/graph/types";
import { reachOf } from "../src/rooms/graph/variables";

const summary = (item: number): Summary => ({ item, mean: item, std: 0, norm: Math.abs(item), bad: 0 });

/** f = u·v with u = a + b, v = 3·b, as the lab sends it, in so far as stops need it. */
function course(): { graph: Graph; scene: Scene } {
  const nodes = ["a", "b", "u", "3", "v", "f"].map((name) => ({ name, op: name === "3" ? "constant" : "ab".includes(name) ? "input" : "mul", value: summary(1), gradient: name === "3" ? null : summary(1) }));
  const boxes = nodes.map(({ name }) => ({ name: `node ${name}`, result: name, nodes: [name], path: "" }));
  const edges = [["a", "u"], ["b", "u"], ["3", "v"], ["b", "v"], ["u", "f"], ["v", "f"]].map(([from, to]) => ({ source: `node ${from}`, target: `node ${to}` }));
  return { graph: { nodes, edges: [], of: "f" } as unknown as Graph, scene: { boxes, edges, frames: [], parts: [] } as unknown as Scene };
}

describe("stops", () => {
  const { graph, scene } = course();
  const stops = stopsOf(scene, graph);

  test("what is given, values forward, gradients backward", () => {
    expect(stops.map(({ phase, node }) => `${phase[0]} ${node}`)).toEqual(["g ", "f u", "f v", "f f", "b f", "b v", "b u", "b b", "b a"]);
  });

  test("a value is seen from its own stop on, a gradient likewise", () => {
    expect([...seen(stops, 0, scene, graph).values]).toEqual(["node a", "node b", "node 3"]);
    expect(seen(stops, 2, scene, graph).values.has("node f")).toBe(false);
    expect(seen(stops, 3, scene, graph).values.has("node f")).toBe(true);
    expect([...seen(stops, 5, scene, graph).gradients]).toEqual(["node f", "node v"]);
  });

  test("forward the edges into a box are at work, backward those out of it", () => {
    expect([...atWork(stops[1], scene)]).toEqual([0, 1]);
    expect([...atWork(stops[7], scene)]).toEqual([1, 3]);
    expect(atWork(stops[0], scene).size).toBe(0);
  });

  test("a box is found where its gradient is, and a path along its edges", () => {
    expect(stopOf(stops, "node b")).toBe(7);
    expect(stopOf(stops, "node u", "forward")).toBe(1);
    expect(stopOf(stops, "node 3")).toBe(0);
    expect([...along(["b", "v", "f"], scene)]).toEqual([3, 5]);
  });
});

test("a part that closes closes what is in it", () => {
  const scene = { frames: [{ path: "a", frame: "" }, { path: "a.b", frame: "a" }, { path: "c", frame: "" }] } as unknown as Scene;
  expect(toggled(scene, "a")).toEqual(["c"]);
  expect(toggled(scene, "a.b")).toEqual(["a", "c"]);
  expect(toggled(scene, "d")).toEqual(["a", "a.b", "c", "d"]);
});

describe("LaTeX", () => {
  const kinds = (latex: string) => (read(latex) as Piece & { kind: "row" }).of.map((piece) => piece.kind);

  test("derivatives are fractions", () => {
    expect(read("\\frac{\\partial f}{\\partial p_{1}}")).toEqual({
      kind: "fraction",
      above: { kind: "row", of: [{ kind: "sign", text: "∂" }, { kind: "name", text: "f" }] },
      below: { kind: "row", of: [{ kind: "sign", text: "∂" }, { kind: "script", base: { kind: "name", text: "p" }, below: { kind: "number", text: "1" } }] },
    });
  });

  test("numbers, powers, roots, brackets and functions", () => {
    expect(kinds("-1.5 \\cdot 10^{-5}")).toEqual(["sign", "number", "sign", "script"]);
    expect(kinds("\\sqrt{x} + \\left|a\\right|")).toEqual(["root", "sign", "fence"]);
    expect(kinds("\\max(0, a)")).toEqual(["function", "sign", "number", "sign", "name", "sign"]);
    expect(kinds("\\mathrm{expand\\_like}\\left(x\\right)")).toEqual(["word", "fence"]);
    expect(read("\\mathrm{bias\\_1}")).toEqual({ kind: "word", text: "bias_1" });
  });

  test("cases have rows of two cells", () => {
    const cases = read("\\begin{cases} a & a > 0 \\\\ 0.01 \\cdot a & \\text{otherwise} \\end{cases}") as Piece & { kind: "cases" };
    expect(cases.rows.map((row) => row.length)).toEqual([2, 2]);
  });

  test("whatever comes is read to its end", () => {
    for (const latex of ["", "{", "}", "\\frac", "\\left(", "\\begin{cases}", "^", "a^", "\\\\", "_", "\\unknown{x}"]) expect(read(latex)).toBeDefined();
  });

  test("equations break before their signs", () => {
    expect(sides(read("a = b + c = 3")).length).toBe(3);
    expect(sides(read("a + b")).length).toBe(1);
    expect(sides(read("f = 1 \\cdot 2 \\cdot 3 + 4 \\cdot 5 \\cdot 6")).length).toBe(3);
  });

  test("of a node that is two inputs of one user, as in xˣ, each use is told apart", () => {
    const term = (user: string, place: number) => ({ user, place, outer: 1, local: 1, value: 1, rule: "" });
    const step = { name: "x", terms: [term("f", 0), term("f", 1), term("g", 0)] } as unknown as Step;
    expect(step.terms.map((one) => isAgain(step, one))).toEqual([true, true, false]);
    const paths = [{ nodes: ["x", "f"] }, { nodes: ["x", "u", "f"] }, { nodes: ["x", "f"] }];
    expect(paths.map((_, at) => pathName(paths, at))).toEqual(["x → f (1)", "x → u → f", "x → f (2)"]);
  });

  test("names are written as Profundo writes them", () => {
    expect(["x", "p1", "w_in", "bias", "h12", "σ"].map(word)).toEqual(["x", "p_{1}", "w_{\\mathrm{in}}", "\\mathrm{bias}", "h_{12}", "σ"]);
  });
});

describe("numbers", () => {
  test("as the formulas have them", () => {
    expect([33, -0.5, 1 / 3, 1e-9, -12345678, 0, -0].map((one) => written(one))).toEqual(["33", "−0.5", "≈0.3333", "10⁻⁹", "−12345678", "0", "0"]);
    expect([written("nan"), written("-inf"), written(null), written(NaN)]).toEqual(["NaN", "−∞", "–", "NaN"]);
    expect([10003, 90030, 0.1 + 0.2, 12345.678912345].map((one) => written(one))).toEqual(["10003", "90030", "0.3", "≈12350"]);
    expect([equals(9), equals(2 / 3)]).toEqual(["= 9", "≈ 0.6667"]);
    expect([power(1e-9), power(2.5e-3), power(0)]).toEqual(["10⁻⁹", "2.5·10⁻³", "0"]);
  });

  test("with the decimals of the page, and typed again as they are shown", () => {
    language.value = "es";
    const again = [0.5, -1 / 3, 1e-7, 90030, [0.5, 2], [[1, 0.25], [0, -1]]];
    expect(again.slice(0, 2).map((one) => written(one as number))).toEqual(["0,5", "≈−0,3333"]);
    expect(again.map((one) => typed(shown(one as number)))).toEqual([0.5, -0.333333333333, 1e-7, 90030, [0.5, 2], [[1, 0.25], [0, -1]]]);
    const thousandths = [1.234, -999.125, 0.125, 1234.567, [1.234, 2], [[-1.5, 12.345]]];
    expect(thousandths.map((one) => shown(one))).toEqual(["1,2340", "−999,1250", "0,125", "1234,567", "[1,2340; 2]", "[[−1,5; 12,3450]]"]);
    expect(thousandths.map((one) => typed(shown(one)))).toEqual(thousandths);
    expect(brief({ ...summary(0), item: null, entries: [1, -2.345] })).toBe("[1; −2,345]");
    expect([localized("max(0.5·x, 1)"), localized("max(0, x)"), localized("layers.0.weight + x1.5y")]).toEqual(["max(0,5·x; 1)", "max(0, x)", "layers.0.weight + x1.5y"]);
    expect([figure(2.5e-7), figure(-1e-9), figure(0.25)]).toEqual(["2,5 \\cdot 10^{-7}", "-10^{-9}", "0,25"]);
    expect(read(localized("0.5"))).toEqual({ kind: "number", text: "0,5" });
    language.value = "en";
    expect([typed("[1,5; 2]"), typed("[[1; 0,5]; [0; 1]]"), typed("[1.5, 2]")]).toEqual([[1.5, 2], [[1, 0.5], [0, 1]], [1.5, 2]]);
  });

  test("short lists are written out, long ones as mean and spread", () => {
    const list = { ...summary(0), item: null, mean: 1, std: 0.5, norm: 3 };
    expect(brief({ ...list, entries: [1, -2.345] })).toBe("[1, −2.345]");
    expect(brief({ ...list, entries: [1, 2, 3, 4] })).toBe("1 ± 0.5");
    expect(brief(list, true)).toBe("‖∇‖ 3");
    expect(rows([[1, 2], [3, 4]])).toEqual([["1", "2"], ["3", "4"]]);
    expect(rows([[[1]]])).toBe(null);
  });

  test("a number is typed with either sign of decimals, or as a fraction; what is none yet is null", () => {
    expect(["1.5", "1,5", "0,25", "−3.75", ".5", "1.", "1/9", "−1,5/3", "2e-3"].map(numberOf)).toEqual([1.5, 1.5, 0.25, -3.75, 0.5, 1, 1 / 9, -0.5, 0.002]);
    for (const text of ["", "−", "1/", "1/0", "1,5,2", "1.000,5", "a", "1e999", "1 2"]) expect(numberOf(text)).toBe(null);
    expect([typed("1,5"), typed("1/4"), typed("[1,5]")]).toEqual([1.5, 0.25, [1, 5]]);
    for (const text of ["1,000", "−1,500", "1,000/3", "1/2,000", "100,000", "1,234e2", "[1,500; 2]", "[[1; 2]; [1,000; −3,250]]"]) expect(typed(text)).toBe(null);
    expect(["1,000", "[1,5; −12,250]", "1,5", "1,", "[1,500]", "x"].map(doubtOf)).toEqual(["1,000 may be 1.000 or 1000; write one of these", "12,250 may be 12.250 or 12250; write one of these", "", "", "", ""]);
    expect(["0,125", "1,0000", "1,00", "1.000", "1000,000", "−0,500"].map(typed)).toEqual([0.125, 1, 1, 1, 1000, -0.5]);
    expect([typed("[1,500]"), typed("[0,500; 1.250]")]).toEqual([[1, 500], [0.5, 1.25]]);
  });

  test("what is typed is a number, a list, a matrix or nothing yet", () => {
    expect([typed("5"), typed(" −2.5e1 "), typed("[1, −2]"), typed("[[1, 0], [0, 1]]")]).toEqual([5, -25, [1, -2], [[1, 0], [0, 1]]]);
    for (const text of ["", "-", "[1, ", "[]", "[[1], [1, 2]]", "[1, [2]]", "alert(1)", "[[[1]]]", "1 2"]) expect(typed(text)).toBe(null);
  });

  test("sliders reach beyond their value", () => {
    for (const value of [0, 1, -2, 3, 5, 9, 10, 60, 99, -1234]) expect(reachOf(value)).toBeGreaterThanOrEqual(Math.max(4, Math.abs(value)));
    expect(decades([1e-9, 0, null, 3e-2])).toEqual({ low: -9, high: -1 });
  });
});

describe("the address", () => {
  test("says what was asked, and no more than the example does not", () => {
    const first = readFormula(new URLSearchParams());
    expect([first.example, first.text, first.by]).toEqual(["product", "(a+b)*3*b", "b"]);
    expect(writtenFormula(first)).toBe("ex=product");
    const changed = { ...first, values: { a: 5, b: -1.5 }, at: 3, step: -2.5 };
    expect(readFormula(new URLSearchParams(writtenFormula(changed)))).toEqual(changed);
  });

  test("an example begins at its beginning, one's own formula at its end", () => {
    expect(EXAMPLES.map(({ id }) => readFormula(new URLSearchParams({ ex: id })).at)).toEqual(EXAMPLES.map(() => 0));
    expect([readFormula(new URLSearchParams("ex=product&at=end")).at, readFormula(new URLSearchParams("f=a*b")).at]).toEqual([null, null]);
  });

  test("names of a few letters may have been meant as products", () => {
    expect(runTogether(["ab", "wx", "a", "x1", "mu", "loss", "w_1", "abc"])).toEqual(["ab", "wx", "abc"]);
  });

  test("carries an own formula with lists", () => {
    const asked = { example: "", text: "w^T x + b & c", values: { w: [1, 2], A: [[1], [2]] }, by: "w", at: null, step: -6 };
    expect(readFormula(new URLSearchParams(writtenFormula(asked)))).toEqual(asked);
  });

  test("every example comes back as itself", () => {
    for (const { id, formula } of EXAMPLES) {
      const asked = readFormula(new URLSearchParams(`ex=${id}`));
      expect(asked.text).toBe(formula);
      expect(writtenFormula(asked)).toBe(`ex=${id}`);
      const moved = { ...asked, at: asked.at === null ? 2 : null, step: asked.step === null ? -4 : null };
      expect(readFormula(new URLSearchParams(writtenFormula(moved)))).toEqual(moved);
    }
  });
});

describe("the view", () => {
  const size = { width: 600, height: 400 };

  test("small drawings are shown whole, in the middle", () => {
    const view = fit({ width: 280, height: 150 }, size);
    expect(view.scale).toBeGreaterThan(1);
    expect(view.x + (280 * view.scale) / 2).toBeCloseTo(300);
    expect(view).toEqual(whole({ width: 280, height: 150 }, size));
  });

  test("large ones begin where they can be read", () => {
    expect(fit({ width: 3000, height: 200 }, size)).toMatchObject({ x: 20, scale: 0.8 });
  });

  test("a place stays where it is when it is enlarged", () => {
    const before = { x: 10, y: 20, scale: 1 };
    const after = zoomed(before, 2, 100, 50);
    expect([(100 - after.x) / after.scale, (50 - after.y) / after.scale]).toEqual([90, 30]);
    expect(zoomed(before, 100, 0, 0).scale).toBe(4);
  });
});

test("matrices of an address that cannot be multiplied are named", () => {
  expect(unfit(new URLSearchParams("left=[[1]]&right=[[1,2],[3,4]]"))).toEqual(["left=[[1]]", "right=[[1,2],[3,4]]"]);
  expect(unfit(new URLSearchParams("left=[[1,2]]&right=[[1,2],[3,4]]"))).toEqual([]);
  expect(unfit(new URLSearchParams(""))).toEqual([]);
});

test("the cell of a product that is worked out stands in the address", () => {
  const query = "view=matrices&kind=product&left=[[1,2],[3,4]]&right=[[1],[2]]&hide=1&cell=1";
  const asked = readMatrices(new URLSearchParams(query));
  expect(asked.cell).toBe(1);
  expect(decodeURIComponent(writtenMatrices(asked))).toBe(query);
  expect(readMatrices(new URLSearchParams("cell=x")).cell).toBe(0);
});

describe("what a cell says", () => {
  test("what is no value gets its reason, in the words of the page", () => {
    language.value = "ca";
    expect(troubleOf("tres")).toBe("tres no és un nombre; escriu-ne un com 3, −1,5 o 1/9");
    expect(troubleOf("1e400")).toContain("1e400 queda fora d’abast");
    expect(troubleOf("2000000", true)).toContain("queda fora d’abast");
    expect(troubleOf("1.234,5")).toContain("1234,5");
    expect(troubleOf("1,000")).toBe(doubtOf("1,000"));
    expect(troubleOf("[1; x]", true)).toContain("[1; 2]");
    language.value = "en";
  });

  test("what is taken, or only begun, gets none", () => {
    for (const text of ["", "−", "1/", "1e", "1,5", "3", "1/9", "-2.5"]) expect([text, troubleOf(text)]).toEqual([text, ""]);
    for (const text of ["[1", "[1; 2]", "[[1; 0]; [0; 1]]"]) expect([text, troubleOf(text, true)]).toEqual([text, ""]);
    expect(taken("1e6")).toBe(1e6);
    expect([taken("1e7"), taken("[1; 1e7]", true), taken("[1; 2]")]).toEqual([null, null, null]);
  });
});

test("a power has one rule for its base and another for its exponent", () => {
  const nodes = new Map([["f", { op: "pow" }], ["u", { op: "mul" }]]);
  const terms = (...ends: [string, number][]) => ({ terms: ends.map(([user, place]) => ({ user, place })) }) as unknown as Step;
  expect(rulesOf(terms(["f", 0], ["f", 1]), nodes)).toEqual(["pow", "pow_exponent"]);
  expect(rulesOf(terms(["f", 0]), nodes)).toEqual(["pow"]);
  expect(rulesOf(terms(["f", 1], ["u", 0], ["u", 1]), nodes)).toEqual(["pow_exponent", "mul"]);
});

test("arrow keys step wherever they have no use of their own; what scrolls a page does where nothing is to be scrolled", () => {
  const went = (key: string, high: number, { used = false, away = false } = {}) => {
    const to: number[] = [];
    vi.stubGlobal("innerHeight", 1000);
    vi.stubGlobal("document", { documentElement: { scrollHeight: high }, querySelector: () => away || null });
    byKey({ key, target: { closest: () => used || null }, preventDefault: () => undefined } as unknown as KeyboardEvent, 2, 3, (at) => to.push(at));
    vi.unstubAllGlobals();
    return to;
  };
  expect([went("ArrowRight", 2000), went("End", 1000), went("Home", 1000), went("PageDown", 1000), went("PageUp", 1000)]).toEqual([[3], [3], [0], [3], [1]]);
  expect([went("PageDown", 2000), went("Home", 2000), went("End", 2000), went("a", 1000)]).toEqual([[], [], [], []]);
  expect([went("ArrowRight", 1000, { used: true }), went("ArrowRight", 1000, { away: true })]).toEqual([[], []]);
});
