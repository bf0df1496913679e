// The nodes as a table: the same for who would rather read, or hear, than look.
import { useState } from "preact/hooks";
import texts from "@texts/graph.json";
import { say } from "../../language";
import { brief, kindOf, localized } from "./numbers";
import type { Graph } from "./types";
import { Table } from "../../ui/table";

export function NodeTable({ graph, onPick }: { graph: Graph; onPick: (name: string) => void }) {
  const [isOpen, open] = useState(false);
  return (
    <details class="graph-table" onToggle={(event) => open(event.currentTarget.open)}>
      <summary>{say(texts.as_table)}</summary>
      {isOpen && <Rows graph={graph} onPick={onPick} />}
    </details>
  );
}

function Rows({ graph, onPick }: { graph: Graph; onPick: (name: string) => void }) {
  const slopes = graph.of === "" ? [] : [`∂${graph.of}/∂·`];
  const rows = graph.nodes.map((node) => ({
    key: node.name,
    cells: [
      <button type="button" class="quiet" onClick={() => onPick(node.name)}>{node.name}</button>,
      <td class="mono">{node.text === node.name || node.text === "" ? kindOf(node.op) : localized(node.text)}</td>,
      node.value ? brief(node.value) : "",
      ...slopes.map(() => (node.gradient ? brief(node.gradient, true) : "")),
    ],
  }));
  return <Table named={false} heads={[say(texts.node), say(texts.formula), say(texts.value), ...slopes]} rows={rows} />;
}
