// Words of the field, such as the names of scores and of curves, in the language of the page; a name that a person gave as it is.
import findings from "@texts/findings.json";
import labels from "@texts/labels.json";
import quantities from "@texts/quantities.json";
import terms from "@texts/terms.json";
import texts from "@texts/training.json";
import { count, known, language, say } from "./language";

const OF_CLASS = /^(.+?) of (.+)$/;
const ON_SOME = /^(.+) on ([\d,]+) of ([\d,]+) samples$/; // a linear model that was fitted to some
const HELD_OUT = /^validation (.+)$/;

/** "recall of cat", "validation loss" and "linear regression on 10,000 of 45,000 samples" are put together from their parts. */
export function term(name: string): string {
  if (Object.hasOwn(terms, name)) return known(terms, name);
  const [, figure = "", of = ""] = OF_CLASS.exec(name) ?? [];
  if (Object.hasOwn(terms, figure)) return say(texts.figure_of, { figure: known(terms, figure), name: of });
  const [, model, some = "", all = ""] = ON_SOME.exec(name) ?? [];
  if (model !== undefined) return say(texts.on_some, { name: term(model), some: counted(some), all: counted(all) });
  const [, judged] = HELD_OUT.exec(name) ?? [];
  return judged === undefined ? name : say(texts.on_validation, { figure: term(judged) });
}

const counted = (written: string): string => count(Number(written.replaceAll(",", "")));

/** What the doctor measured, or where. */
export const quantity = (name: string): string => known(quantities, name, term(name));

/** A setting of a training. */
export const setting = (name: string): string => known(labels, name, name.replaceAll("_", " "));

/** What the doctor calls by a code. */
export const cause = (code: string): string => known(findings, code, code.replaceAll("_", " "));

const capital = (text: string): string => text.charAt(0).toLocaleUpperCase(language.value) + text.slice(1);

/** A setting as the form of a new training calls its field. */
export const fieldOf = (name: string): string => capital(setting(name));

const OPTION = /(?<![\w-])--([a-z]+(?:-[a-z]+)*)(?: (?:'([^']+)'|([\w-]+)))?/g;
const CALLED: Readonly<Record<string, string>> = { column: "columns", id: "id_columns", "net-option": "net_options" };
const settingOf = (option: string): string => CALLED[option] ?? option.replaceAll("-", "_");
const quoted = (text: string): string => (language.value === "en" || language.value === "pt" ? `“${text}”` : `«${text}»`);

/** Options of the command line in a text, as fields of the form: --split-by 'time:day' is “Split by”: “time:day”. */
export const inFields = (text: string): string =>
  text.replace(OPTION, (typed, option: string, value: string | undefined, next: string | undefined) => {
    const name = settingOf(option);
    if (!Object.hasOwn(labels, name)) return typed;
    const choice = `${name}_${next}`;
    const given = Object.hasOwn(texts, choice) ? known(texts, choice) : value;
    return quoted(fieldOf(name)) + (given !== undefined ? `: ${quoted(given)}` : next === undefined ? "" : ` ${next}`);
  });

/** Settings as they are typed, and nothing else: --learning-rate 0.01 --clip 1; several of a name as its lines. None of any other text. */
export function typedSettings(text: string): Readonly<Record<string, string>> | null {
  const words = text.split(" ");
  const found: Record<string, string> = {};
  for (let at = 0; at < words.length; at += 2) {
    const [option = "", value = ""] = words.slice(at, at + 2);
    const name = settingOf(option.slice(2));
    if (!option.startsWith("--") || value === "" || !Object.hasOwn(labels, name)) return null;
    found[name] = name in found ? `${found[name]}\n${value}` : value;
  }
  return found;
}
