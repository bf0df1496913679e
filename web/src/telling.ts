// What is said aloud by screen readers: what changed, in a line, once it rests; at thirty frames a second nobody could listen.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { language } from "./language";

const REST = 600; // ms without a change until it is said: longer than between two keys; what plays by itself is silent until it stops
const AT_ONCE = 50; // ms within which lines are said together: the reader takes a later one for the last one's successor

/** What was said last; `App` has the place that it is read from. */
export const said = signal("");

let lines: string[] = [];

/** Say it, also where the same was said last; after what else there is to say at the moment. */
export function tell(line: string): void {
  if (lines.push(line) === 1) setTimeout(sayAll, AT_ONCE);
}

function sayAll(): void {
  const all = [...new Set(lines)].reduce((before, line) => `${before}${/[.!?…]$/.test(before) ? "" : "."} ${line}`);
  said.value = said.value === all ? `${all}\u00a0` : all;
  lines = [];
}

/** Say what the line becomes; as it stood first, it is read where it stands, and so is what only the language changes. */
export function useTold(line: string): void {
  const before = useRef({ line, language: language.value });
  useEffect(() => {
    if (before.current.language !== language.value) before.current = { line, language: language.value };
    if (line === before.current.line) return undefined;
    const timer = setTimeout(() => {
      before.current = { line, language: language.value };
      if (line !== "") tell(line);
    }, REST);
    return () => clearTimeout(timer);
  }, [line, language.value]);
}
