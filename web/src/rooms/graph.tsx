// The room of the computational graph: formulas, nets, products of matrices, activations; each page is loaded when it is entered.
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import texts from "@texts/graph.json";
import { address, remember, useVisits } from "../address";
import { anything, formOf, matching, numberIn, oneOf, wholeIn, type Check, type Form } from "../forms";
import { say, type Text } from "../language";
import { Tabs } from "../ui/tabs";
import { EXAMPLES } from "./graph/examples";
import { typed } from "./graph/numbers";
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

const isMatrix: Check = (text) => {
  const value = typed(text);
  return Array.isArray(value) && Array.isArray(value[0]);
};
const checks = formOf({
  view: oneOf(...PAGES.map(({ id }) => id)), ex: oneOf(...EXAMPLES.map(({ id }) => id)), f: anything, by: anything, at: matching(/^(\d{1,4}|end)$/), h: matching(/^(-|-?\d+(\.\d+)?)$/),
  net: anything, sample: wholeIn(0, 1e7), open: anything, kind: oneOf("product", "layer"), left: isMatrix, right: isMatrix, bias: anything, activation: anything, name: matching(/^[a-z_0-9.]+$/), a: numberIn(-1e3, 1e3), hide: oneOf("1"), cell: wholeIn(0, 35),
});
/** v.NAME is the value of a variable. */
export const form: Form = (key) => (key.startsWith("v.") ? (text) => typed(text) !== null : checks(key));

export default function Graph() {
  const [query, turn] = useState(() => new URLSearchParams(address.value.query));
  useVisits(() => turn(new URLSearchParams(address.value.query)));
  const open = (id: string) => {
    const next = new URLSearchParams({ view: id });
    remember("graph", next.toString());
    turn(next);
  };
  const page = PAGES.find(({ id }) => id === query.get("view")) ?? PAGES[0];
  return (
    <>
      <h1 class="unseen">{say(texts.graph)}</h1>
      <Tabs label={say(texts.pages)} views={PAGES.map(({ id, name }) => [id, say(name)] as const)} now={page.id} onChoose={open}>
        <Loaded key={page.id} page={page} query={query} />
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
