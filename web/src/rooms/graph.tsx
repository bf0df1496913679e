// The room of the computational graph: formulas, nets, products of matrices, activations; each page is loaded when it is entered.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import texts from "@texts/graph.json";
import { address } from "../address";
import { say, type Text } from "../language";
import "./graph.css";

type Shown = ComponentType<{ query: URLSearchParams }>;

interface Page {
  readonly id: string;
  readonly name: Text;
  readonly load: () => Promise<Shown>;
}

const PAGES: readonly [Page, ...Page[]] = [
  { id: "formula", name: texts.formula, load: async () => (await import("./graph/formula")).FormulaPage },
  { id: "net", name: texts.net, load: async () => (await import("./graph/net")).NetPage },
  { id: "matrices", name: texts.matrices, load: async () => (await import("./graph/matrices")).MatrixPage },
  { id: "activations", name: texts.activations, load: async () => (await import("./graph/activations")).ActivationPage },
];

export default function Graph() {
  const [query, turn] = useState(() => new URLSearchParams(address.value.query));
  const page = PAGES.find(({ id }) => id === query.get("view")) ?? PAGES[0];
  return (
    <>
      <h1 class="unseen">{say(texts.graph)}</h1>
      <nav class="graph-tabs" aria-label={say(texts.pages)}>
        {PAGES.map(({ id, name }) => (
          <button key={id} type="button" {...(id === page.id ? { "aria-current": "page" as const } : {})} onClick={() => turn(new URLSearchParams({ view: id }))}>
            {say(name)}
          </button>
        ))}
      </nav>
      <Loaded key={page.id} page={page} query={query} />
    </>
  );
}

function Loaded({ page, query }: { page: Page; query: URLSearchParams }) {
  const [loaded, show] = useState<{ Shown: Shown } | null>(null);
  useEffect(() => {
    let there = true;
    void page.load().then((Shown) => there && show({ Shown }));
    return () => {
      there = false;
    };
  }, [page]);
  return loaded && <loaded.Shown query={query} />;
}
