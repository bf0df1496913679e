// What the room knows: all runs, how the chosen ones go, and which view the address names.
import { computed, signal } from "@preact/signals";
import { address, link, remember } from "../../address";
import { call, listen, role, whenOpened, type Refused } from "../../connection";
import { toShown } from "../../focus";
import { queryOf, viewOf, type Course, type Run, type View, type Words } from "./model";

export const ROOM = "training";
export const runs = signal<readonly Run[] | null>(null);
export const courses = signal<Readonly<Record<string, Course>>>({});
export const problem = signal("");

export const view = computed<View>(() => (address.value.room === ROOM ? viewOf(address.value.query) : { kind: "runs", chosen: [] }));
const chosen = computed(() => (view.value.kind === "runs" ? view.value.chosen.join("\n") : ""));

/** What is asked for a new run by now, also between a change and the page that shows it: one field is left as another is filled. */
export function askedFor(): Extract<View, { kind: "new" }> {
  const now = view.peek();
  return now.kind === "new" ? now : { kind: "new", data: "", words: {}, name: "" };
}

export const show = (next: View): void => remember(ROOM, queryOf(next));
export const linkTo = (next: View): string => link(ROOM, queryOf(next));

async function watch(): Promise<void> {
  try {
    const told = await call<{ runs: Run[]; courses: Record<string, Course> }>("training.watch", { chosen: chosen.value === "" ? [] : chosen.value.split("\n") });
    runs.value = told.runs;
    courses.value = told.courses;
  } catch {
    /* asked again when the lab is reached */
  }
}

/** Look on, until the function that comes back is called. */
export function lookOn(): () => void {
  const ends = [
    listen<Run[]>("training.runs", (told) => (runs.value = told)),
    listen<Record<string, Course>>("training.courses", (told) => (courses.value = told)),
    whenOpened(() => void watch()),
    chosen.subscribe(() => void watch()),
  ];
  return () => ends.forEach((end) => end());
}

/** Ask the lab for something that is done; what it refuses stands at the top of the room, or where `refuse` puts it. */
export async function act<Answer>(name: string, asked: Record<string, unknown>, refuse = (line: string): void => void (problem.value = line)): Promise<Answer | null> {
  refuse("");
  try {
    const answer = await call<Answer>(`training.${name}`, asked);
    await watch();
    return answer;
  } catch (error) {
    refuse((error as Refused).message);
    return null;
  }
}

export const mayTrainAgain = (run: Run): boolean => role.value === "owner" && run.kind === "training" && run.source !== "";

/** A new run with the settings of this one, to change some of them. */
export async function again(run: Run, changes: Words = {}): Promise<void> {
  const told = await act<{ data: string; words: Words }>("again", { run: run.name });
  if (!told) return;
  show({ kind: "new", data: told.data, words: { ...told.words, ...changes }, name: "" });
  toShown();
}
