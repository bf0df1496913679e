import { afterEach, expect, test } from "vitest";
import { count, known, language, moment } from "../src/language";
import { cause, inFields, term, typedSettings } from "../src/terms";

afterEach(() => (language.value = "en"));

test("names of figures are in the language of the page, and put together from their parts", () => {
  expect(["accuracy", "validation accuracy", "recall of cat", "my own figure"].map(term)).toEqual(["accuracy", "validation accuracy", "recall of cat", "my own figure"]);
  language.value = "es";
  expect(["accuracy", "validation accuracy", "recall of cat", "my own figure"].map(term)).toEqual(["exactitud", "exactitud de validación", "exhaustividad de cat", "my own figure"]);
  expect(term("logistic regression on 10,000 of 45,000 samples")).toBe("regresión logística con 10\u202f000 de 45\u202f000 muestras");
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

test("options of the command line are told as the fields of the form", () => {
  expect(inFields("To predict what comes later, --split-by 'time:when'.")).toBe("To predict what comes later, “Split by”: “time:when”.");
  expect(inFields("leave them out with --skip-bad; --task real predicts a number (--sound-rate, --sound-seconds)")).toBe(
    "leave them out with “Skip bad images”; “What it is”: “a number” predicts a number (“Sound rate”, “Sound seconds”)",
  );
  language.value = "es";
  expect(inFields("o --column zip=category")).toBe("o «Se toma por» zip=category");
  language.value = "pt";
  expect(inFields("ou --column zip=category")).toBe("ou “Tomada por” zip=category");
  language.value = "es";
  expect(inFields("en la página de --out, --constructor; pre--entrenada")).toBe("en la página de --out, --constructor; pre--entrenada");
});

test("settings alone can be taken over, sentences cannot", () => {
  expect(typedSettings("--learning-rate 0.01 --clip 1")).toEqual({ learning_rate: "0.01", clip: "1" });
  expect(typedSettings("--net-option width=2 --net-option depth=3")).toEqual({ net_options: "width=2\ndepth=3" });
  for (const other of ["Lower the learning rate.", "leave out --net-option", "--clip", "--unheard 3", ""]) expect(typedSettings(other)).toBeNull();
});
