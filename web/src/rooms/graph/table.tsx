// The nodes as a table: the same for who would rather read, or hear, than look.
import { useState } from "preact/hooks";
import texts from "@texts/graph.json";
import { say } from "../../language";
import { brief, kindOf, localized } from "./numbers";
import type { Graph } from "./types";
import { Scroll } from "../../ui/scroll";

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
  return (
    <Scroll>
      <table>
        <thead>
          <tr>
            <th>{say(texts.node)}</th>
            <th>{say(texts.formula)}</th>
            <th>{say(texts.value)}</th>
            {graph.of !== "" && <th>{`∂${graph.of}/∂·`}</th>}
          </tr>
        </thead>
        <tbody>
          {graph.nodes.map((node) => (
            <tr key={node.name}>
              <td>
                <button type="button" class="quiet" onClick={() => onPick(node.name)}>
                  {node.name}
                </button>
              </td>
              <td class="mono">{node.text === node.name || node.text === "" ? kindOf(node.op) : localized(node.text)}</td>
              <td>{node.value ? brief(node.value) : ""}</td>
              {graph.of !== "" && <td>{node.gradient ? brief(node.gradient, true) : ""}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
