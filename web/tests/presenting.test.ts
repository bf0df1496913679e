import { afterEach, expect, test, vi } from "vitest";

afterEach(() => vi.unstubAllGlobals());

/** Whether a page follows that is loaded at such an address, in a tab that keeps these. */
async function follows(hash: string, kept: Map<string, string>): Promise<boolean> {
  vi.stubGlobal("location", { hash });
  vi.stubGlobal("sessionStorage", { getItem: (key: string) => kept.get(key) ?? null, setItem: (key: string, value: string) => void kept.set(key, value) });
  vi.resetModules();
  return (await import("../src/presenting")).following.value;
}

test("a page that followed follows when it is loaded again, at the place that it had come to", async () => {
  const tab = new Map<string, string>();
  expect(await follows("", tab)).toBe(true);
  expect(await follows("#/playground?data=xor&lesson=dead-relus", tab)).toBe(true);
});

test("who comes by an address of a place stays there when it is loaded again, and follows by the address of the lab", async () => {
  const tab = new Map<string, string>();
  expect(await follows("#/graph?view=net", tab)).toBe(false);
  expect(await follows("#/graph?view=net", tab)).toBe(false);
  expect(await follows("", tab)).toBe(true);
});
