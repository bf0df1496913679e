// Samples of the data, and what the trained net is most wrong about.
import { useMemo, useState } from "preact/hooks";
import texts from "@texts/training.json";
import { call } from "../../connection";
import type { Numbers } from "../../frames";
import { local, percent, say } from "../../language";
import { term } from "../../terms";
import { useWork } from "../../ui/asking";
import { Button, Panel, Problem } from "../../ui/controls";
import type { Run } from "./model";
import { Canvas, pictured } from "../../ui/raster";
import { Table } from "../../ui/table";

interface Sample {
  readonly image: Numbers;
  readonly label: string;
}

interface Mistake {
  readonly truth: string;
  readonly prediction: string;
  readonly judged: boolean;
  readonly confidence: number | null;
  readonly loss: number;
  readonly image: Numbers | null;
  readonly number: number | null;
  readonly row: readonly { readonly name: string; readonly text: string; readonly numeric: boolean }[];
}

interface Samples {
  /** Whether truths and predictions are numbers. */
  readonly numeric: boolean;
  readonly examples: readonly Sample[];
  readonly mistakes: readonly Mistake[];
}

export function Mistakes({ run }: { run: Run }) {
  const [told, tell] = useState<Samples | null>(null);
  const { busy, problem, work } = useWork();
  const ask = () => work(async () => tell(await call<Samples>("training.samples", { run: run.name })));
  const mistakes = (told?.mistakes ?? []).map((one) => (told?.numeric ? { ...one, truth: local(one.truth), prediction: local(one.prediction) } : one));
  return (
    <Panel title={say(texts.samples)}>
      <Problem text={problem} />
      {!told && (
        <Button disabled={busy} onClick={() => void ask()}>
          {say(busy ? texts.loading : texts.show_samples)}
        </Button>
      )}
      {told && told.mistakes.length === 0 && <p>{say(texts.no_mistakes)}</p>}
      {told && told.mistakes.length > 0 && <h3>{say(texts.mistakes)}</h3>}
      {told?.mistakes.some((one) => one.row.length > 0) ? <Rows mistakes={mistakes} /> : mistakes.length > 0 && <Cards mistakes={mistakes} />}
      {told && told.examples.length > 0 && (
        <>
          <h3>{say(texts.examples)}</h3>
          <ul class="samples">
            {told.examples.map((one, index) => (
              <li key={index}>
                <Picture image={one.image} label={one.label} />
                <span>{one.label}</span>
              </li>
            ))}
          </ul>
        </>
      )}
    </Panel>
  );
}

function Cards({ mistakes }: { mistakes: readonly Mistake[] }) {
  return (
    <ul class="samples wide">
      {mistakes.map((one, index) => (
        <li key={index}>
          {one.image && <Picture image={one.image} label={one.truth} />}
          <span>
            <Said mistake={one} />
          </span>
        </li>
      ))}
    </ul>
  );
}

function Said({ mistake: { truth, prediction, confidence } }: { mistake: Mistake }) {
  return (
    <>
      {say(texts.is)} <b>{truth}</b>, {say(texts.said)} <b>{prediction}</b>
      {confidence !== null && ` (${percent(confidence, 0)})`}
    </>
  );
}

function Rows({ mistakes }: { mistakes: readonly Mistake[] }) {
  const names = mistakes[0]?.row.map(({ name }) => name) ?? [];
  const sure = mistakes.some(({ confidence }) => confidence !== null); // of numbers no answer is
  const rows = mistakes.map((one, index) => ({
    key: index,
    cells: [
      one.number ?? index + 1,
      one.truth,
      one.prediction,
      ...(sure ? [one.confidence === null ? "" : percent(one.confidence, 0)] : []),
      ...one.row.map(({ text, numeric }) => <td class="cell" title={text}>{numeric ? local(text) : text}</td>),
    ],
  }));
  return <Table label={say(texts.mistakes)} heads={[term("row"), say(texts.is), say(texts.said), ...(sure ? [say(texts.sureness)] : []), ...names]} rows={rows} />;
}

function Picture({ image, label }: { image: Numbers; label: string }) {
  const raster = useMemo(() => pictured(image), [image]);
  return <Canvas raster={raster} label={label} kind={(image.shape[2] ?? 0) <= 96 ? "picture sharp" : "picture"} />;
}
