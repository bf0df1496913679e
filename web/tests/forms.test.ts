import { describe, expect, it } from "vitest";
import { anything, formOf, listOf, matching, numberIn, oneOf, sifted, wholeIn } from "../src/forms";

const form = formOf({ view: oneOf("a", "b"), size: wholeIn(1, 8), x: numberIn(-1, 1), show: listOf(["p", "q"]), name: anything, path: matching(/^[a-z]+$/) });

describe("what an address says", () => {
  it("stays as it is, to the letter, where all of it can be", () => {
    for (const query of ["", "view=a&size=8&x=-0.5&show=p,q&name=caf%C3%A9+au%20lait&path=z", "x=1e-3&size="]) expect(sifted(query, form)).toEqual({ query, bad: [] });
  });

  it("keeps the good parts and names the bad ones", () => {
    expect(sifted("view=c&size=3&x=abc", form)).toEqual({ query: "size=3", bad: ["view=c", "x=abc"] });
    expect(sifted("size=9&size=2.5&size=0&size=4", form)).toEqual({ query: "size=4", bad: ["size=9", "size=2.5", "size=0"] });
    expect(sifted("show=p,r&x=Infinity&x=%20&nope=1&path=Z", form).bad).toEqual(["show=p,r", "x=Infinity", "x= ", "nope=1", "path=Z"]);
  });

  it("is no trap: keys of every object, broken escapes, endless values", () => {
    expect(sifted("constructor=1&__proto__=2", form).query).toBe("");
    expect(sifted("name=%E0%A4%A&size=%", form)).toEqual({ query: "name=%E0%A4%A", bad: ["size=%"] });
    expect(sifted(`view=${"x".repeat(9999)}`, form).bad[0]?.length).toBeLessThan(50);
  });
});
