import { afterEach, expect, test } from "vitest";
import { count, known, language, moment } from "../src/language";
import { cause, term } from "../src/terms";

afterEach(() => (language.value = "en"));

test("names of figures are in the language of the page, and put together from their parts", () => {
  expect(["accuracy", "validation accuracy", "recall of cat", "my own figure"].map(term)).toEqual(["accuracy", "validation accuracy", "recall of cat", "my own figure"]);
  language.value = "es";
  expect(["accuracy", "validation accuracy", "recall of cat", "my own figure"].map(term)).toEqual(["exactitud", "exactitud de validación", "exhaustividad de cat", "my own figure"]);
  expect(cause("dead_units")).not.toContain("dead");
  expect(cause("a_new_cause")).toBe("a new cause");
});

test("names are looked up among the texts alone", () => {
  expect(known({}, "constructor")).toBe("constructor");
  expect(term("toString")).toBe("toString");
});

test("numbers and moments follow the page, not the browser", () => {
  expect(count(1234567)).toBe("1,234,567");
  language.value = "es";
  expect(count(1234567)).toBe("1\u202f234\u202f567");
  expect(moment(0)).toMatch(/19(69|70)/);
  expect(moment(86400 * 45)).toContain("feb");
});
