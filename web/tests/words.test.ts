import { afterEach, expect, test } from "vitest";
import { language } from "../src/language";
import { SYNONYMS } from "../src/synonyms";
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

test("what other books call a word finds it, in every language of the page", () => {
  for (const tongue of ["en", "es", "ca", "pt"] as const) {
    language.value = tongue;
    for (const text of ["pèrdua", "funció de pèrdua", "perdida", "pérdida", "perda", "cost"]) expect([text, keys(text)[0]]).toEqual([text, "loss"]);
    expect(keys("R2")).toContain("r_squared");
    expect(keys("logistic")).toContain("sigmoid");
    for (const [key, others] of Object.entries(SYNONYMS)) for (const other of others) expect([other, keys(other).includes(key)]).toEqual([other, true]);
  }
});

test("what tables, curves and remarks speak of is in the list", () => {
  const all = new Set(words().map(({ key }) => key));
  for (const key of ["rmse", "r_squared", "gradient_norm", "batch_normalisation", "f1", "seed", "tanh", "pca", "interval", "gan", "transformer", "regression", "sample", "nan"]) expect([key, all.has(key)]).toEqual([key, true]);
});
