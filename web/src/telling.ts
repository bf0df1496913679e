// What is said aloud by screen readers: what changed, in a line, once it rests; at thirty frames a second nobody could listen.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

const REST = 600; // ms without a change until it is said: longer than between two keys, or two steps of what plays

/** What was said last; `App` has the place that it is read from. */
export const said = signal("");

/** Say it, also where the same was said last. */
export function tell(line: string): void {
  said.value = said.value === line ? `${line}\u00a0` : line;
}

/** Say what the line becomes; as it stood first, it is read where it stands. */
export function useTold(line: string): void {
  const before = useRef(line);
  useEffect(() => {
    if (line === before.current) return undefined;
    const timer = setTimeout(() => {
      before.current = line;
      if (line !== "") tell(line);
    }, REST);
    return () => clearTimeout(timer);
  }, [line]);
}
