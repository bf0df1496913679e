import { expect, test } from "vitest";
import { sifted } from "../src/forms";
import { bounded, EYE, eyeOf, writtenEye } from "../src/rooms/surface/chosen";
import { form } from "../src/rooms/surface";
import { outcomeAt } from "../src/rooms/surface/roll";

test("from where a surface is looked at stands in the address, and is found there again", () => {
  const eye = { around: -2.35, over: 0.08, far: 9 };
  expect(eyeOf(writtenEye(eye))).toEqual(eye);
  expect(writtenEye(bounded({ around: 0.1 + 0.2, over: -4, far: 100 }))).toBe("0.3_0.08_9");
  expect(EYE.test(writtenEye(bounded({ around: 123.456, over: 1, far: 1.6 })))).toBe(true);
  expect(eyeOf("")).toEqual(eyeOf("nonsense"));
});

test("the step, whether it rolls and the eye are words of the address", () => {
  const query = "mode=roll&step=57&play=1&eye=-0.3_0.08_9";
  expect(sifted(query, form)).toEqual({ query, bad: [] });
  expect(sifted("step=201&play=2&eye=1_2&step=2.5", form).bad).toEqual(["step=201", "play=2", "eye=1_2", "step=2.5"]);
});

test("a rate of an optimizer that there is not is named", () => {
  expect(sifted("rates=adam:0.1,sgd:0.03&net=nope:1", form)).toEqual({ query: "rates=adam:0.1,sgd:0.03", bad: ["net=nope:1"] });
});

test("how a way ends is not told before it is seen", () => {
  const [arrives, strays, diverges] = [{ diverged: false, steps: 30, last: 200 }, { diverged: false, steps: null, last: 200 }, { diverged: true, steps: null, last: 12 }];
  expect([29, 30, 200].map((at) => outcomeAt(at, arrives))).toEqual([null, 30, 30]);
  expect([0, 199, 200].map((at) => outcomeAt(at, strays))).toEqual([null, null, "never"]);
  expect([11, 12].map((at) => outcomeAt(at, diverges))).toEqual([null, "diverges"]);
});
