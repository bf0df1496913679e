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
}

const VALUE = "v.";

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
    at: at !== null && /^\d{1,4}$/.test(at) ? Number(at) : query.has("at") ? null : (example?.at ?? null),
  };
}

export function writtenFormula({ example, text, values, by, at }: Asked): string {
  const query = new URLSearchParams();
  const known = EXAMPLES.find((one) => one.id === example);
  if (known) query.set("ex", known.id);
  else query.set("f", text);
  for (const [name, value] of Object.entries(values)) {
    const written = JSON.stringify(value);
    if (written !== JSON.stringify(known?.values[name])) query.set(VALUE + name, written);
  }
  if (by !== (known?.by ?? "")) query.set("by", by);
  if (at !== (known?.at ?? null)) query.set("at", at === null ? "end" : String(at));
  return query.toString();
}
