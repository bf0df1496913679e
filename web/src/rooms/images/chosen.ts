// What is chosen, kept in the address, and the answers of the lab to it.
import { signal } from "@preact/signals";
import { useEffect, useMemo, useState } from "preact/hooks";
import { address, remember } from "../../address";
import { connected, latest } from "../../connection";
import { DRAWN, parsedQuery, unpacked, whole, writtenQuery, type Chosen, type Source } from "./query";

const ROOM = "images";

const here = () => address.value.room === ROOM || address.value.room === "";

export const chosen = signal<Chosen>(here() ? parsedQuery(address.value.query) : {});

/** Take what the address says; called when the room is entered, which a link within it does, too. */
export function readAddress(): void {
  if (here() && address.value.query !== writtenQuery(chosen.value)) chosen.value = parsedQuery(address.value.query);
}

let writing: ReturnType<typeof setTimeout> | undefined;

/** Change something that is chosen; empty is the usual. The address follows: browsers let it change a few times a second. */
export function choose(change: Chosen): void {
  chosen.value = { ...chosen.value, ...change };
  clearTimeout(writing);
  writing = setTimeout(() => here() && remember(ROOM, writtenQuery(chosen.value)), 150);
}

export const pick = (key: string, usual: string): string => chosen.value[key] || usual;
export const number = (key: string, usual: number, least = 0, most = 1e6): number => whole(chosen.value[key], usual, least, most);

/** The image that all rooms but the net's look at. */
export function source(): Source {
  const image = pick("image", "course");
  return image === DRAWN ? { image, strokes: unpacked(pick("d", "")) } : { image };
}

/** What the lab answers to a question, asked again whenever it changes; what it says no with. */
export function useAnswer<Answer>(name: string, asked: object | null): readonly [answer: Answer | null, problem: string] {
  const [answer, show] = useState<Answer | null>(null);
  const [problem, fail] = useState("");
  const ask = useMemo(
    () =>
      latest<Answer>(
        name,
        (given) => (show(given), fail("")),
        (error) => fail(error.message),
      ),
    [name],
  );
  const question = JSON.stringify(asked);
  useEffect(() => {
    if (asked !== null && connected.value) void ask(asked as Record<string, unknown>);
  }, [question, connected.value]);
  return [asked === null ? null : answer, problem];
}
