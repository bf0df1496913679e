// The room of the computational graph: formulas, nets, products of matrices, activations; each page is loaded when it is entered.
import type { ComponentType } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import texts from "@texts/graph.json";
import { address, parsed } from "../address";
import { say, type Text } from "../language";
import { Tabs } from "../ui/tabs";
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
  const turns = useRef(0); // a link to the page that is open opens it anew
  const enter = (next: URLSearchParams) => {
    turns.current += 1;
    turn(next);
  };
  useEffect(() => {
    const follow = () => {
      const { room, query: asked } = parsed(location.hash);
      if (room === "graph") enter(new URLSearchParams(asked));
    };
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  const page = PAGES.find(({ id }) => id === query.get("view")) ?? PAGES[0];
  return (
    <>
      <h1 class="unseen">{say(texts.graph)}</h1>
      <Tabs label={say(texts.pages)} views={PAGES.map(({ id, name }) => [id, say(name)] as const)} now={page.id} onChoose={(id) => enter(new URLSearchParams({ view: id }))}>
        <Loaded key={turns.current} page={page} query={query} />
      </Tabs>
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
