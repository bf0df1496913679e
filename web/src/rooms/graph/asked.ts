// What a page of the room shows: what the address says as its person comes to it, also while it is open, and what is chosen then.
// One value holds both, so that what stands in the address is never of a moment before.
import { useEffect, useRef, useState } from "preact/hooks";
import { remember } from "../../address";

type Ask<Asked> = (next: Asked | ((before: Asked) => Asked)) => void;

export function useAsked<Asked extends object>(query: URLSearchParams, read: (query: URLSearchParams) => Asked, write: (asked: Asked) => string): readonly [asked: Asked, ask: Ask<Asked>] {
  const [, redraw] = useState({});
  const held = useRef<{ query: URLSearchParams; asked: Asked } | null>(null);
  if (held.current?.query !== query) held.current = { query, asked: read(query) };
  const now = held.current;
  const ask: Ask<Asked> = (next) => {
    if (held.current?.query !== now.query) return; // asked on a page that its person has left
    const asked = typeof next === "function" ? next(held.current.asked) : next;
    held.current = { query, asked };
    remember("graph", write(asked));
    redraw({});
  };
  useEffect(() => remember("graph", write(now.asked)), [query]); // what was taken up, in full
  return [now.asked, ask];
}
