// A net as a graph: folded by module, gone through forward and backward on one sample, every value open to view.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import texts from "@texts/graph.json";
import { part } from "../../frames";
import { count, say } from "../../language";
import { useAnswer, useAsking } from "../../ui/asking";
import { Button, Choice, Panel, Problem } from "../../ui/controls";
import { Facts } from "../../ui/facts";
import { Heat } from "../../ui/heat";
import { NumberField } from "../../ui/number_field";
import { useAsked } from "./asked";
import { Drawing, room } from "./drawing";
import { brief, equals, kindOf, written } from "./numbers";
import { Stepper, useKeys, stepWords } from "./stepper";
import { byName, stopOf, stopsOf, toggled, type Stop } from "./steps";
import { NodeTable } from "./table";
import type { Box, InsideAnswer, NetAnswer, Node } from "./types";

interface Known {
  readonly nets: readonly { readonly name: string; readonly net: string; readonly data: string }[];
  readonly runs: readonly string[];
}

interface Asked {
  readonly net: string;
  readonly sample: number;
  /** null: as much as fits. */
  readonly open: readonly string[] | null;
}

const MOST_SAMPLES = 1e7;

export function NetPage({ query }: { query: URLSearchParams }) {
  const [asked, ask] = useAsked<Asked>(query, readNet, writtenNet);
  const stage = useRef<HTMLDivElement>(null);
  const [known, fault] = useAnswer<Known>("graph.nets", {});
  const { answer, problem, busy, ask: send } = useAsking<NetAnswer>("graph.net");
  useEffect(() => {
    send({ net: asked.net, sample: asked.sample, room: room(stage.current), ...(asked.open ? { open: asked.open } : {}) });
  }, [asked]);
  return (
    <div class="graph-page">
      <div class="stack">
        <Panel title={say(texts.net)} kind="graph-asked">
          <Choice
            label={say(texts.net)}
            value={asked.net}
            options={[...(known?.nets ?? []).map((one) => [one.name, `${one.net} · ${one.data}`] as const), ...(known?.runs ?? []).map((run) => [`run:${run}`, say(texts.run, { run })] as const)]}
            onChoose={(net) => ask({ net, sample: 0, open: null })}
          />
          <NumberField label={say(texts.sample)} value={asked.sample} whole least={0} most={MOST_SAMPLES} onNumber={(sample) => ask({ ...asked, sample })} />
          <div class="row">
            <Button onClick={() => ask({ ...asked, open: answer ? answer.scene.parts : null })}>{say(texts.open_all)}</Button>
            <Button onClick={() => ask({ ...asked, open: [] })}>{say(texts.close_all)}</Button>
          </div>
          <p class="hint">{say(texts.net_hint)}</p>
          <Problem text={problem || fault} />
          {busy && (
            <p class="muted" role="status">
              {say(texts.tracing)}
            </p>
          )}
        </Panel>
      </div>
      <div ref={stage} class="stack graph-stage">
        {answer && <Stage answer={answer} asked={asked} onOpen={(open) => ask({ ...asked, open })} />}
      </div>
    </div>
  );
}

function Stage({ answer, asked, onOpen }: { answer: NetAnswer; asked: Asked; onOpen: (open: readonly string[]) => void }) {
  const { graph, scene } = answer;
  const stops = useMemo(() => stopsOf(scene, graph), [answer]);
  const last = stops.length - 1;
  const [chosen, go] = useState<Stop | null>(null);
  const found = chosen ? stops.findIndex((stop) => stop.box === chosen.box && stop.phase === chosen.phase) : last;
  const at = found < 0 ? last : found;
  const move = (to: number) => go(stops[to] ?? null);
  const named = (name: string) => {
    const one = scene.boxes.find((box) => box.nodes.includes(name));
    if (one) move(stopOf(stops, one.name));
  };
  const nodes = byName(graph);
  const node = nodes.get(stops[at]?.node ?? "") ?? nodes.get(graph.of);
  const box = scene.boxes.find((one) => one.name === stops[at]?.box);
  useKeys(at, last, move);
  return (
    <div class="graph-stage-grid net">
      <section class="panel graph-panel large" aria-label={say(texts.graph)}>
        <Drawing graph={graph} scene={scene} stops={stops} at={at} label={say(texts.drawing, { count: graph.nodes.length })} onPick={(one: Box) => move(stopOf(stops, one.name))} onToggle={(path) => onOpen(toggled(scene, path))} />
        <p class="graph-legend">
          <span class="value">{say(texts.above_net)}</span>
          <span class="gradient">{say(texts.below_net)}</span>
        </p>
        <Stepper stops={stops} at={at} onGo={move} />
        <NodeTable graph={graph} onPick={named} />
      </section>
      <div class="stack">
        <Panel title={stepWords(stops[at])}>
          {box?.path && (
            <p>
              <b>{box.inside[0]?.text}</b> {box.path}{" "}
              {scene.parts.includes(box.path) && <Button onClick={() => onOpen(toggled(scene, box.path))}>{say(texts.open_part)}</Button>}
            </p>
          )}
          {node && <NodeFacts node={node} inside={box?.nodes.map((name) => nodes.get(name)).filter((one): one is Node => one !== undefined) ?? [node]} />}
          {node && <Inside asked={asked} node={node.name} />}
        </Panel>
      </div>
    </div>
  );
}

function NodeFacts({ node, inside }: { node: Node; inside: readonly Node[] }) {
  const learned = inside.reduce((sum, one) => sum + one.parameters, 0);
  const flops = inside.reduce((sum, one) => sum + one.forward.flops, 0);
  const slope = node.gradient && (node.gradient.item === null ? `‖∇‖ ${equals(node.gradient.norm)}` : written(node.gradient.item));
  return (
    <Facts
      kind="graph-facts"
      of={[
        [say(texts.operation), kindOf(node.op)],
        [say(texts.shape), node.shape.join(" × ") || say(texts.number)],
        [say(texts.value), node.value ? brief(node.value) : "–"],
        [say(texts.gradient), slope ?? "–"],
        learned > 0 && [say(texts.parameters), count(learned)],
        flops > 0 && ["FLOPs", count(flops)],
        node.line !== "" && [say(texts.line), node.line],
      ]}
    />
  );
}

/** Value and gradient of a node, entry by entry: blue above zero, orange below. */
function Inside({ asked: { net, sample }, node }: { asked: Asked; node: string }) {
  const [inside] = useAnswer<InsideAnswer>("graph.inside", { net, sample, node });
  if (inside?.node !== node) return null;
  return (
    <>
      {(["value", "gradient"] as const).map((kind) => {
        const maps = inside[kind];
        if (!maps || maps.data.length < 2) return null;
        const most = Math.max(...Array.from(maps.data, Math.abs)) || 1;
        return (
          <div key={kind}>
            <h3>
              {say(texts[kind])} <span class="muted">± {written(most, 3)}</span>
            </h3>
            <div class={`graph-maps ${(maps.shape[1] ?? 1) === 1 ? "flat" : ""}`}>
              {Array.from({ length: maps.shape[0] ?? 0 }, (_, index) => (
                <Heat key={index} values={part(maps, index)} most={most} label={`${say(texts[kind])} ${node} ${index + 1}`} />
              ))}
            </div>
          </div>
        );
      })}
    </>
  );
}

function readNet(query: URLSearchParams): Asked {
  const sample = Number(query.get("sample") ?? 0);
  const open = query.get("open");
  return { net: query.get("net") ?? "digits-lenet5", sample: Number.isInteger(sample) && sample >= 0 ? sample : 0, open: open === null ? null : open.split(",").filter(Boolean) };
}

function writtenNet({ net, sample, open }: Asked): string {
  const query = new URLSearchParams({ view: "net", net });
  if (sample) query.set("sample", String(sample));
  if (open && open.length < 40) query.set("open", open.join(","));
  return query.toString();
}
