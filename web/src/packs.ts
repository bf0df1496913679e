// The texts of one language are one file, loaded when the page speaks it: what stands in `src/profundo/texts/ROOM.json` side by side
// is parted by the build (texts.ts beside the configuration), which puts `pack(room, keys)` in the place of each room's texts.
import type { Language, Text } from "./language";

type Pack = Record<string, Record<string, string>>;

const FILES: Record<Language, () => Promise<{ default: Pack }>> = {
  en: () => import("virtual:texts/en"),
  es: () => import("virtual:texts/es"),
  ca: () => import("virtual:texts/ca"),
  pt: () => import("virtual:texts/pt"),
};
const loaded: Partial<Record<Language, Pack>> = {};

export async function load(language: Language): Promise<void> {
  loaded[language] ??= (await FILES[language]()).default;
}

/** A room's texts; each is there in the languages that were loaded. */
export function pack(room: string, keys: string[]): Record<string, Text> {
  return Object.fromEntries(keys.map((key) => [key, new Packed(room, key)]));
}

class Packed implements Text {
  constructor(
    private readonly room: string,
    private readonly key: string,
  ) {}

  get en() { return this.said("en"); }
  get es() { return this.said("es"); }
  get ca() { return this.said("ca"); }
  get pt() { return this.said("pt"); }

  private said(language: Language): string {
    return loaded[language]?.[this.room]?.[this.key] ?? "";
  }
}
