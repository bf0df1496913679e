import { expect, test } from "vitest";
import { figure, inPage, inTable, language, local, lowered, percent, plainNumber, raised, say, scientific, type Text } from "../src/language";
import { brief, explodes, inSeconds, short } from "../src/numbers";

test("numbers of a table are shown with the page's sign, and given back with the table's", () => {
  const both = (tongue: "en" | "es", text: string, decimal: string) => ((language.value = tongue), [inPage(text, decimal), inTable(inPage(text, decimal), decimal)]);
  expect(both("es", "5.1", ".")).toEqual(["5,1", "5.1"]);
  expect(both("es", "−0.25", ".")).toEqual(["−0,25", "−0.25"]);
  expect(both("es", "5,1", ",")).toEqual(["5,1", "5,1"]);
  expect(both("en", "5,1", ",")).toEqual(["5.1", "5,1"]);
  expect(both("es", "2.000,5", ".")).toEqual(["2.000,5", "2.000,5"]); // of two signs the lab decides
  language.value = "en";
});

test("numbers are read as the language of the page writes them", () => {
  const read = (tongue: "en" | "es", typed: string) => ((language.value = tongue), plainNumber(typed));
  expect([read("es", "2.000"), read("es", "1.234,5"), read("es", "0,005"), read("es", "0.005"), read("es", "12")]).toEqual(["2000", "1234.5", "0.005", "0.005", "12"]);
  expect([read("en", "2,000"), read("en", "1,234.5"), read("en", "0,005"), read("en", "2.000"), read("en", "1e-4")]).toEqual(["2000", "1234.5", "0.005", "2.000", "1e-4"]);
  expect([read("es", "all"), read("es", "cost:10,1"), read("es", "")]).toEqual(["all", "cost:10,1", ""]);
  expect(["-2,000", "−2,000", "+2,000", "-1,234.5", "−0,5", "-12 345", "−2,000,000", "-0,005", "1e−4", "-,5"].map((one) => read("en", one))).toEqual(["-2000", "-2000", "+2000", "-1234.5", "-0.5", "-12345", "-2000000", "-0.005", "1e-4", "-.5"]);
  expect(["-2.000", "−2.000", "−0,5", "-1.234,5", "−1\u202f234,5", "-0.005", "−1,5e−3", "2.000e3", "−"].map((one) => read("es", one))).toEqual(["-2000", "-2000", "-0.5", "-1234.5", "-1234.5", "-0.005", "-1.5e-3", "2000e3", "−"]);
});

test("numbers have one form in a language, on axes, in tables and in times", () => {
  const shown = (tongue: "en" | "es" | "pt") => ((language.value = tongue), [figure(0.5), figure(12345.6, 6), percent(0.125), brief(2.5e-7), short(0.05), short(20000), short(5e6), short(-1.5e-4), inSeconds(7.24), inSeconds(45.2), local("1.5 s of layers.0.1")]);
  expect(shown("en")).toEqual(["0.5", "12,345.6", "12.5%", "2.5·10⁻⁷", "0.05", "20,000", "5·10⁶", "−1.5·10⁻⁴", "7.2 s", "45 s", "1.5 s of layers.0.1"]);
  for (const tongue of ["es", "pt"] as const) expect(shown(tongue).map((one) => one.replace(/\s?%/, "%"))).toEqual(["0,5", "12\u202f345,6", "12,5%", "2,5·10⁻⁷", "0,05", "20\u202f000", "5·10⁶", "−1,5·10⁻⁴", "7,2 s", "45 s", "1,5 s of layers.0.1"]);
  expect(plainNumber(figure(12345.6, 6))).toBe("12345.6");
  language.value = "en";
  expect([scientific(1e-9), lowered(raised(-12).slice(2)), short(0), brief(null), brief(Number.NaN), brief(123456, 4), brief(1.118e35, 4)]).toEqual(["10⁻⁹", -12, "0", "–", "–", "123,500", "1.118·10³⁵"]);
});

test("a minus is a minus, and outside of English a space stands before %", () => {
  const shown = (tongue: "en" | "es" | "ca" | "pt") => ((language.value = tongue), [figure(-0.009394, 4), percent(0.994), percent(-0.5, 0)]);
  expect(shown("en")).toEqual(["−0.009394", "99.4%", "−50%"]);
  for (const tongue of ["es", "ca", "pt"] as const) expect(shown(tongue)).toEqual(["−0,009394", "99,4\u00a0%", "−50\u00a0%"]);
  expect(plainNumber(figure(-0.009394, 4))).toBe("-0.009394");
  language.value = "en";
});

test("in Catalan short words before a name are joined to it", () => {
  const text = { en: "of {name}", es: "de {name}", ca: "de {name}, el {name} i del {name}", pt: "de {name}" } as Text;
  language.value = "ca";
  const said = (name: string) => say(text, { name });
  expect([said("Adam"), said("1"), said("conv1"), said("12"), said("iode"), said("{name}")]).toEqual([
    "d’Adam, l’Adam i de l’Adam", "d’1, l’1 i de l’1", "de conv1, el conv1 i del conv1", "de 12, el 12 i del 12", "de iode, el iode i del iode", "de {name}, el {name} i del {name}",
  ]);
  expect(say(text)).toBe("de {name}, el {name} i del {name}");
  language.value = "es";
  expect(said("Adam")).toBe("de Adam");
  language.value = "en";
});

test("a minus is a minus, not a hyphen, in every language", () => {
  for (const tongue of ["en", "es", "ca", "pt"] as const) {
    language.value = tongue;
    expect([figure(-18), figure(-0.0007314, 4), percent(-0.5)].join(" ")).not.toContain("-");
    expect(plainNumber(figure(-18))).toBe("-18");
  }
  language.value = "en";
});

test("nobody counts zeros: what is far from one stands with a power of ten", () => {
  language.value = "ca";
  expect([figure(1.08e-10), figure(-3.21e20), figure(3e-5), figure(0)]).toEqual(["1,08·10⁻¹⁰", "−3,21·10²⁰", "0,00003", "0"]);
  language.value = "en";
});

test("a loss that explodes is drawn by its powers, one that falls by a million is not", () => {
  expect(explodes([[1, 0.5, null, 2e6]])).toBe(true);
  expect([explodes([[1, 1e-8]]), explodes([[1, 5e5]]), explodes([[1, -1, 1e9]]), explodes([[]])]).toEqual([false, false, false, false]);
});
