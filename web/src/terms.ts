// Words of the field, such as the names of scores and of curves, in the language of the page; a name that a person gave as it is.
import findings from "@texts/findings.json";
import labels from "@texts/labels.json";
import quantities from "@texts/quantities.json";
import terms from "@texts/terms.json";
import texts from "@texts/training.json";
import { known, say } from "./language";

const OF_CLASS = /^(.+?) of (.+)$/;
const HELD_OUT = /^validation (.+)$/;

/** "recall of cat" and "validation loss" are put together from their parts. */
export function term(name: string): string {
  if (Object.hasOwn(terms, name)) return known(terms, name);
  const [, figure = "", of = ""] = OF_CLASS.exec(name) ?? [];
  if (Object.hasOwn(terms, figure)) return say(texts.figure_of, { figure: known(terms, figure), name: of });
  const [, judged] = HELD_OUT.exec(name) ?? [];
  return judged === undefined ? name : say(texts.on_validation, { figure: term(judged) });
}

/** What the doctor measured, or where. */
export const quantity = (name: string): string => known(quantities, name, term(name));

/** A setting of a training. */
export const setting = (name: string): string => known(labels, name, name.replaceAll("_", " "));

/** What the doctor calls by a code. */
export const cause = (code: string): string => known(findings, code, code.replaceAll("_", " "));
