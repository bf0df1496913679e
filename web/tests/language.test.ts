import { expect, test } from "vitest";
import { language, plainNumber } from "../src/language";

test("numbers are read as the language of the page writes them", () => {
  const read = (tongue: "en" | "es", typed: string) => ((language.value = tongue), plainNumber(typed));
  expect([read("es", "2.000"), read("es", "1.234,5"), read("es", "0,005"), read("es", "0.005"), read("es", "12")]).toEqual(["2000", "1234.5", "0.005", "0.005", "12"]);
  expect([read("en", "2,000"), read("en", "1,234.5"), read("en", "0,005"), read("en", "2.000"), read("en", "1e-4")]).toEqual(["2000", "1234.5", "0.005", "2.000", "1e-4"]);
  expect([read("es", "all"), read("es", "cost:10,1"), read("es", "")]).toEqual(["all", "cost:10,1", ""]);
});
