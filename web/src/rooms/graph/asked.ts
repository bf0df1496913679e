// What a page of the room shows: what the address says as its person comes to it, also while it is open, and what is chosen then.
import { useEffect, useRef, useState } from "preact/hooks";

type Ask<Asked> = (next: Asked | ((before: Asked) => Asked)) => void;

export function useAsked<Asked>(query: URLSearchParams, read: (query: URLSearchParams) => Asked): readonly [asked: Asked, ask: Ask<Asked>] {
  const [asked, ask] = useState<Asked>(() => read(query));
  const taken = useRef(query);
  useEffect(() => {
    if (taken.current === query) return;
    taken.current = query;
    ask(read(query));
  }, [query]);
  return [asked, ask];
}
