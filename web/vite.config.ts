import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig, type Plugin } from "vite";
import { textsByLanguage } from "./texts";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

const PACKAGE = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/;

// The licences of what is bundled ask that their text goes with every copy: it lies beside the scripts.
const notices: Plugin = {
  name: "notices",
  generateBundle() {
    const folders = [...this.getModuleIds()].flatMap((id) => PACKAGE.exec(id)?.[0] ?? []);
    const texts = [...new Set(folders)].sort().map((folder) => {
      const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as Record<string, string>;
      const file = readdirSync(folder).find((one) => /^licen[cs]e(\.\w+)?$/i.test(one));
      if (!file) throw new Error(`${name}: expected a file with its licence`);
      return `${name} ${version} (${license})\n\n${readFileSync(`${folder}/${file}`, "utf8").trim()}\n`;
    });
    this.emitFile({ type: "asset", fileName: "NOTICES.txt", source: texts.join(`\n${"-".repeat(80)}\n\n`) });
  },
};

// Names without a hash: the built files are committed, and the server says that nobody keeps them.
export default defineConfig({
  base: "/assets/",
  plugins: [notices, textsByLanguage(here("../src/profundo/texts"), here("src"))],
  resolve: { alias: { "@texts": here("../src/profundo/texts") } },
  build: {
    outDir: here("../src/profundo/lab/static/lab"),
    emptyOutDir: true,
    target: "es2022",
    assetsDir: "",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rollupOptions: {
      output: { entryFileNames: "[name].js", chunkFileNames: (chunk) => (chunk.facadeModuleId?.startsWith("\0virtual:texts/") ? "texts-[name].js" : "[name].js"), assetFileNames: "[name][extname]" },
    },
  },
  test: { environment: "node", include: ["tests/**/*.test.ts"], testTimeout: 60_000 },
} as Parameters<typeof defineConfig>[0]);
