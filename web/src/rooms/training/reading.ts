// The two settings that correct how columns were read, as the command line takes them: a line each.

const linesOf = (text: string): string[] => text.split("\n").filter((line) => line !== "");

/** What `columns` says of each column: NAME=KIND, where a name may have equals signs in it. */
export function kindsIn(text: string): Readonly<Record<string, string>> {
  return Object.fromEntries(linesOf(text).map((line) => [line.slice(0, line.lastIndexOf("=")), line.slice(line.lastIndexOf("=") + 1)]));
}

/** With another kind for a column; "" for what it is taken for unless told. */
export function withKind(text: string, name: string, kind: string): string {
  const kinds = { ...kindsIn(text), [name]: kind };
  return Object.entries(kinds)
    .filter(([, one]) => one !== "")
    .map(([one, is]) => `${one}=${is}`)
    .join("\n");
}

export const leftOut = (text: string): readonly string[] => linesOf(text);

export function withoutColumn(text: string, name: string, out: boolean): string {
  const rest = linesOf(text).filter((one) => one !== name);
  return (out ? [...rest, name] : rest).join("\n");
}
