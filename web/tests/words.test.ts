import { afterEach, expect, test } from "vitest";
import { language } from "../src/language";
import { found, words } from "../src/words";

afterEach(() => (language.value = "en"));

const keys = (text: string): string[] => found(words(), text).map(({ key }) => key);

test("every word has its sentence in every language, and an order of its own", () => {
  for (const tongue of ["en", "es", "ca", "pt"] as const) {
    language.value = tongue;
    const all = words();
    expect(all.length).toBeGreaterThan(40);
    for (const { key, name, meaning } of all) expect([key, name !== "", meaning.endsWith(".")]).toEqual([key, true, true]);
    const names = all.map(({ name }) => name);
    expect(names).toEqual([...names].sort((one, other) => one.localeCompare(other, tongue)));
    expect(new Set(names).size).toBe(names.length);
  }
});

test("typing finds a word without accents and capitals, by its English name, too, and by what it means", () => {
  language.value = "es";
  expect(keys("RETROPROPAGACION")[0]).toBe("backpropagation");
  expect(keys("learning rate")[0]).toBe("learning_rate");
  expect(keys("tasa")[0]).toBe("learning_rate");
  expect(keys("de memoria")).toContain("overfitting");
  expect(keys("backprop")[0]).toBe("backpropagation");
  expect(keys("xyzzy")).toEqual([]);
  expect(keys("  ").length).toBe(words().length);
});
