import { expect, test } from "vitest";
import { link, parsed } from "../src/address";

test("a link leads where it says", () => {
  expect(parsed(link("playground", "data=spiral&hidden=4,2"))).toEqual({ room: "playground", query: "data=spiral&hidden=4,2" });
  expect(parsed(link("graph"))).toEqual({ room: "graph", query: "" });
});

test("what is no address leads to no room", () => {
  for (const hash of ["", "#", "#/UP", "#x", "#/a/b"]) expect(parsed(hash)).toEqual({ room: "", query: "" });
});
