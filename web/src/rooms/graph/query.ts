// What is chosen, in the address: a reload and a sent link show the same.
import { EXAMPLES, type Example } from "./examples";
import { typed } from "./numbers";
import type { Value } from "./types";

export interface Asked {
  readonly example: string;
  readonly text: string;
  readonly values: Readonly<Record<string, Value>>;
  readonly by: string;
  /** The stop; null for the last one. */
  readonly at: number | null;
  /** Power of ten of the step of differences; null while the ways to differentiate are not looked at. */
  readonly step: number | null;
}

const VALUE = "v.";

/** An example is told from the beginning; of a formula of one's own the result is seen at once. */
export const firstStop = (example: Example | undefined): number | null => (example ? 0 : null);

const GREEK = new Set(["mu", "nu", "xi", "pi", "eta", "rho", "tau", "phi", "chi", "psi"]);

/** Variables whose names may have been meant as products of letters: ab, wx. */
export const runTogether = (names: readonly string[]): readonly string[] => names.filter((name) => /^\p{L}{2,3}$/u.test(name) && !GREEK.has(name.toLowerCase()));

export function readFormula(query: URLSearchParams): Asked {
  const own = query.get("f");
  const example: Example | undefined = EXAMPLES.find((one) => one.id === (query.get("ex") ?? (own === null ? "product" : "")));
  const values = Object.fromEntries(
    [...query].flatMap(([key, text]) => {
      const value = key.startsWith(VALUE) ? typed(text) : null;
      return value === null ? [] : [[key.slice(VALUE.length), value] as const];
    }),
  );
  const at = query.get("at");
  return {
    example: example?.id ?? "",
    text: own ?? example?.formula ?? "",
    values: { ...example?.values, ...values },
    by: query.get("by") ?? example?.by ?? "",
    step: query.has("h") ? exponent(query.get("h")) : (example?.step ?? null),
    at: at !== null && /^\d{1,4}$/.test(at) ? Number(at) : query.has("at") ? null : firstStop(example),
  };
}

export function writtenFormula({ example, text, values, by, at, step }: Asked): string {
  const query = new URLSearchParams();
  const known = EXAMPLES.find((one) => one.id === example);
  if (known) query.set("ex", known.id);
  else query.set("f", text);
  for (const [name, value] of Object.entries(values)) {
    const written = JSON.stringify(value);
    if (written !== JSON.stringify(known?.values[name])) query.set(VALUE + name, written);
  }
  if (by !== (known?.by ?? "")) query.set("by", by);
  if (at !== firstStop(known)) query.set("at", at === null ? "end" : String(at));
  if (step !== (known?.step ?? null)) query.set("h", String(step ?? "-"));
  return query.toString();
}

function exponent(text: string | null): number | null {
  const number = Number(text);
  return text !== null && text !== "-" && number >= -14 && number <= 0 ? number : null;
}
