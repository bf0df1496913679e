// The words of the courses and what they mean, in the language of the page.
import glossary from "@texts/glossary.json";
import { known, language } from "./language";
import { SYNONYMS } from "./synonyms";

const MEANING = "_is";

export interface Word {
  readonly key: string;
  readonly name: string;
  readonly meaning: string;
}

/** All of them, in the order of the language's alphabet. */
export function words(): Word[] {
  const keys = Object.keys(glossary).filter((key) => !key.endsWith(MEANING));
  const all = keys.map((key) => ({ key, name: known(glossary, key), meaning: known(glossary, `${key}${MEANING}`) }));
  return all.sort((one, other) => one.name.localeCompare(other.name, language.value));
}

/** Without accents, capitals and hyphens: as one types in haste. */
const plain = (text: string): string => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").replace(/[-’']/g, "").toLowerCase();

/** Those that have the text in their name or meaning; the name's own first, and those that begin with it before all. The English
 * name is found in every language, for it stands in papers and programs, and so is what others call the same. */
export function found(all: readonly Word[], text: string): Word[] {
  const sought = plain(text.trim());
  if (sought === "") return [...all];
  const rank = ({ key, name, meaning }: Word): number => {
    const called = [plain(name), key.replaceAll("_", " "), key.replaceAll("_", ""), ...(SYNONYMS[key] ?? []).map(plain)];
    return called.some((one) => one.startsWith(sought)) ? 0 : called.some((one) => one.includes(sought)) ? 1 : plain(meaning).includes(sought) ? 2 : 3;
  };
  return all.map((word) => ({ word, at: rank(word) })).filter(({ at }) => at < 3).sort((one, other) => one.at - other.at).map(({ word }) => word);
}
