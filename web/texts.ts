// The texts of the page by language: the build puts those of each into a file of its own, and the page loads the one that it speaks.
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import type { Plugin } from "vite";

type Texts = Record<string, Record<string, string>>;
const VIRTUAL = /^virtual:texts\/(\w+)$/;
const ROOM = /^\0virtual:room\/(\w+)$/;

/** texts: the folder of ROOM.json; sources: that of the page, whose imports say which rooms it needs. */
export function textsByLanguage(texts: string, sources: string): Plugin {
  const read = (room: string) => JSON.parse(readFileSync(`${texts}/${room}.json`, "utf8")) as Texts;
  return {
    name: "texts-by-language",
    enforce: "pre",
    resolveId(id) {
      if (VIRTUAL.test(id)) return `\0${id}`;
      const isRoom = id.startsWith(`${texts}/`) && !process.env.VITEST; // tests have every language at once
      return isRoom ? `\0virtual:room/${basename(id, ".json")}` : undefined;
    },
    load(id) {
      const language = VIRTUAL.exec(id.replace("\0", ""))?.[1];
      if (language) {
        const rooms = roomsOf(sources).map((room) => [room, mapped(read(room), (text) => text[language] ?? "")]);
        return `export default ${JSON.stringify(Object.fromEntries(rooms))}`;
      }
      const room = ROOM.exec(id)?.[1];
      return room && `import { pack } from "${sources}/packs.ts"; export default pack("${room}", ${JSON.stringify(Object.keys(read(room)))})`;
    },
  };
}

function roomsOf(sources: string): string[] {
  const files = readdirSync(sources, { recursive: true, encoding: "utf8" }).filter((file) => /\.tsx?$/.test(file));
  const imports = files.flatMap((file) => [...readFileSync(`${sources}/${file}`, "utf8").matchAll(/"@texts\/(\w+)\.json"/g)]);
  return [...new Set(imports.map((found) => found[1] ?? ""))].sort();
}

const mapped = (texts: Texts, said: (text: Record<string, string>) => string) =>
  Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, said(text)]));
