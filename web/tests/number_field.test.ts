import { afterEach, expect, test } from "vitest";
import { LANGUAGES, language } from "../src/language";
import { counted, expectation, typedNumber, writtenNumber } from "../src/ui/number_field";

afterEach(() => void (language.value = "en"));

test("a decimal comma is one, and what is out of bounds is no number of the field", () => {
  language.value = "pt";
  expect(["1,25", "1.25", "−0,5", "2,6", "1.250", "1,2,5", "", "abc", "0x1"].map((one) => typedNumber(one, { least: -2.5, most: 2.5 }))).toEqual([1.25, 1.25, -0.5, null, null, null, null, null, null]);
  expect([typedNumber("3,5", { whole: true }), typedNumber("3", { whole: true }), typedNumber("1e-4"), typedNumber("Infinity")]).toEqual([null, 3, 1e-4, null]);
  expect(expectation({ least: -2.5, most: 2.5 })).toBe("Espera-se um número, entre −2,5 e 2,5.");
});

test("what a field shows is read as the same number, in every language", () => {
  for (const tongue of LANGUAGES) {
    language.value = tongue;
    for (const value of [1.25, -0.125, 1.125e-7, 1.125, 2000, 1234.5, 1e21, 0]) expect(typedNumber(writtenNumber(value))).toBe(value);
  }
});

test("arrow keys count from what stands there, also where the value has not come by", () => {
  expect(counted(undefined, 0.3, -0.1)).toBe(0.2);
  expect(counted("0.223", 0.12345678, 0.1)).toBe(0.323);
  expect(["abc", "5"].map((one) => counted(one, 1, 0.5, { most: 4 }))).toEqual([1.5, 1.5]);
  language.value = "pt";
  expect(counted("0,4", 0, 0.1)).toBe(0.5);
});

test("no field leaves its numbers to the browser's language", () => {
  const sources = import.meta.glob("../src/**/*.tsx", { query: "?raw", import: "default", eager: true });
  expect(Object.keys(sources).length).toBeGreaterThan(30);
  expect(Object.entries(sources).filter(([, text]) => /type="number"|valueAsNumber/.test(String(text))).map(([name]) => name)).toEqual([]);
});
