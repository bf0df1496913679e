import { expect, test, vi } from "vitest";
import { link, parsed } from "../src/address";

test("a link leads where it says", () => {
  expect(parsed(link("playground", "data=spiral&hidden=4,2"))).toEqual({ room: "playground", query: "data=spiral&hidden=4,2" });
  expect(parsed(link("graph"))).toEqual({ room: "graph", query: "" });
});

test("what is no address leads to no room", () => {
  for (const hash of ["", "#", "#/UP", "#x", "#/a/b"]) expect(parsed(hash)).toEqual({ room: "", query: "" });
});

test("a place that is being left is not written over the one that its person goes to", async () => {
  const place = { hash: "#/graph?ex=a" };
  const written: string[] = [];
  vi.stubGlobal("location", place);
  vi.stubGlobal("history", { replaceState: (_: unknown, __: string, hash: string) => void (written.push(hash), (place.hash = hash)) });
  vi.resetModules();
  const { goTo, remember } = await import("../src/address");
  remember("graph", "ex=b");
  place.hash = "#/playground"; // the back button was pressed, and the event is on its way
  remember("graph", "ex=c");
  goTo("graph", "ex=d");
  expect(written).toEqual(["#/graph?ex=b"]);
  vi.unstubAllGlobals();
});

test("an address of no room leads to the first one without its words, and says which there is not", async () => {
  const place = { hash: "#/nowhere?x=1" };
  vi.stubGlobal("location", place);
  vi.stubGlobal("history", { replaceState: (_: unknown, __: string, hash: string) => void (place.hash = hash) });
  vi.resetModules();
  const { address, noRoom, settle } = await import("../src/address");
  settle(["playground", "graph"]);
  expect([address.value, place.hash, noRoom.value]).toEqual([{ room: "playground", query: "" }, "#/playground", "nowhere"]);
  vi.unstubAllGlobals();
});
