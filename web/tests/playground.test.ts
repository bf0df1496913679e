import { afterEach, expect, test, vi } from "vitest";
import { chosenOf } from "../src/rooms/playground/own_table";
import { classesToAdd, isHatched } from "../src/rooms/playground/output";
import { course } from "../src/rooms/playground/race";
import { joined, parted, type Page } from "../src/rooms/playground/query";

const USUAL: Page = { view: { gradients: false, warped: false, discrete: false, test: true, parts: true, answer: false, more: false }, speed: "epoch", lesson: "" };

test("the usual page adds nothing to the settings", () => {
  expect(joined("data=spiral&hidden=8,8", USUAL)).toBe("data=spiral&hidden=8,8");
  expect(joined("", USUAL)).toBe("");
  expect(parted("")).toEqual({ settings: "", page: USUAL });
});

test("switches, speed and lesson are found again beside the settings", () => {
  const page: Page = { view: { gradients: true, warped: true, discrete: false, test: false, parts: true, answer: true, more: false }, speed: "fast", lesson: "rate-too-high" };
  const query = joined("data=xor&labels=a%26b,c", page);
  expect(query).toBe("data=xor&labels=a%26b,c&show=gradients,warped,answer&hide=test&speed=fast&lesson=rate-too-high");
  expect(parted(query)).toEqual({ settings: "data=xor&labels=a%26b,c", page });
  expect(parted(joined("", page)).page).toEqual(page);
});

test("what says nothing is as usual, and the settings are left for the lab to judge", () => {
  expect(parted("show=__proto__,flames&speed=warp&data=nothing&hide=")).toEqual({ settings: "data=nothing", page: USUAL });
  expect(parted("&&lesson=%E0%A4%A&data").settings).toBe("data");
});

test("the plane has two columns beside the target, those before where they still can be", () => {
  expect(chosenOf(["a", "b", "c"], "b")).toEqual(["a", "c"]);
  expect(chosenOf(["a", "b", "c", "d"], "a", ["d", "a"])).toEqual(["d", "b"]);
  expect(chosenOf(["a", "b"], "k", ["b", "b"])).toEqual(["b", "a"]);
  expect(chosenOf(["a"], "a")).toEqual([]);
});

test("a point is added to a class of the table by its word, and without words to one of four", () => {
  expect(classesToAdd({ words: { labels: "cat,dog" }, classes: ["cat", "dog"] })).toEqual(["cat", "dog"]);
  expect(classesToAdd({ words: { labels: "" }, classes: ["0", "1"] })).toEqual(["0", "1", "2", "3"]);
});

test("a racer's line ends where it was stopped, or blew up", () => {
  expect(course([0.7, 0.3, 0.3, 0.3], 1)).toEqual([0.7, 0.3, null, null]);
  expect(course([0.7, Number.NaN, Infinity], 2)).toEqual([0.7, null, null]);
});

/** The playground of a lab that answers when the test does. */
async function playing() {
  const hear = new Map<string, (value: object) => void>();
  const calls: { name: string; words: Record<string, string>; answer: (told: object) => void; refuse: (why: Error) => void }[] = [];
  vi.stubGlobal("location", { hash: "#/playground" });
  vi.stubGlobal("history", { replaceState: () => undefined });
  vi.resetModules();
  vi.doMock("../src/connection", async (original) => ({
    ...(await original<object>()),
    listen: (name: string, show: (value: object) => void) => (hear.set(name, show), () => undefined),
    call: (name: string, { words = {} }: { words?: Record<string, string> }) => new Promise((answer, refuse) => calls.push({ name: name.replace("playground.", ""), words, answer, refuse })),
  }));
  const play = await import("../src/rooms/playground/play");
  const told = (words: Record<string, string>) => ({ words, query: "", lesson: "", speed: "epoch", classes: [], regression: false });
  play.setup.value = told({ noise: "0", hidden: "4,2" }) as unknown as typeof play.setup.value;
  return { ...play, hear, calls, told };
}

afterEach(() => {
  vi.doUnmock("../src/connection");
  vi.unstubAllGlobals();
});

test("keys that come faster than the lab answers all count, and what it refuses is taken back and said", async () => {
  const { choose, setup, problem, calls, told } = await playing();
  for (const words of [{ noise: "5" }, { noise: "10" }, { hidden: "4,2,2" }, { noise: "15" }]) void choose(words);
  expect(setup.value?.words).toEqual({ noise: "15", hidden: "4,2,2" });
  calls[0]?.answer(told({ noise: "5", hidden: "4,2" }));
  await vi.waitFor(() => expect(calls.map(({ words }) => words)).toEqual([{ noise: "5" }, { noise: "15", hidden: "4,2,2" }]));
  expect(setup.value?.words).toEqual({ noise: "15", hidden: "4,2,2" });
  void choose({ noise: "20" });
  calls[1]?.refuse(new Error("no"));
  await vi.waitFor(() => expect(setup.value?.words).toEqual({ noise: "20", hidden: "4,2" }));
  calls[2]?.answer(told({ noise: "20", hidden: "4,2" }));
  await new Promise((done) => setTimeout(done));
  expect(problem.value).toContain("no");
});

test("the next key goes on from the one before, also where the lab answers something else meanwhile", async () => {
  const { act, choose, setup, calls, told } = await playing();
  const acted = act("epoch");
  void choose({ noise: "5" });
  calls[0]?.answer(told({ noise: "0", hidden: "4,2" }));
  await acted;
  expect(setup.value?.words).toEqual({ noise: "5", hidden: "4,2" });
});

test("what was chosen for the net before goes not to a new one, and one that is refused leaves that before", async () => {
  const { begin, choose, setup, problem, calls, told } = await playing();
  for (const noise of ["5", "7"]) void choose({ noise });
  const begun = begin("data=xor");
  calls[0]?.answer(told({ noise: "5", hidden: "4,2" }));
  calls[1]?.refuse(new Error("no"));
  await vi.waitFor(() => expect(calls.map(({ name }) => name)).toEqual(["change", "open", "view"]));
  calls[2]?.answer({});
  await begun;
  expect(setup.value?.words).toEqual({ noise: "5", hidden: "4,2" });
  expect(problem.value).toContain("no");
});

test("the page asks once how things stand where a run ended by itself", async () => {
  const { act, setup, watch, hear, calls, told } = await playing();
  const leave = watch();
  const acted = act("run");
  calls[0]?.answer({ ...told({}), running: true, until: 60 });
  await acted;
  for (const stopped of ["", "loss", "loss"]) hear.get("playground")?.({ stopped });
  expect(calls.map(({ name }) => name)).toEqual(["act", "open"]);
  calls[1]?.answer({ ...told({}), running: false, until: 3 });
  await vi.waitFor(() => expect(setup.value?.until).toBe(3));
  leave();
});

test("classes of a plane have hatchings of their own, as many as there may be", () => {
  const drawn = Array.from({ length: 8 }, (_, label) => Array.from({ length: 24 * 24 }, (_, at) => isHatched(label, at % 24, Math.floor(at / 24))).join());
  expect(new Set(drawn).size).toBe(8);
});
