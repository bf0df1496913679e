import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { said, tell } from "../src/telling";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const heard = (...lines: string[]): string => {
  lines.forEach(tell);
  vi.runAllTimers();
  return said.value;
};

test("what is told at the same moment is said together, each line once", () => {
  expect(heard("The pen is down.", "50 %, 50 %", "50 %, 50 %")).toBe("The pen is down. 50 %, 50 %");
  expect(heard("log of −1", "step 3 of 9")).toBe("log of −1. step 3 of 9");
});

test("the same line is a change, that readers say again", () => {
  const first = heard("3");
  expect([first.trim(), heard("3").trim()]).toEqual(["3", "3"]);
  expect(said.value).not.toBe(first);
});
