// The loss of a run as a surface: measured from coarse to fine while one watches, with the way of training on it.
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import lab from "@texts/lab.json";
import texts from "@texts/surface.json";
import { call } from "../../connection";
import type { Numbers } from "../../frames";
import { job } from "../../jobs";
import { figure, percent, say } from "../../language";
import { useTold } from "../../telling";
import { useListed } from "../../ui/asking";
import { Button, Choice, Panel, Problem, type Option } from "../../ui/controls";
import { Facts } from "../../ui/facts";
import { NoRuns } from "../../ui/no_runs";
import { choose, word } from "./chosen";
import { OnSurface } from "./relief";

interface RunRow {
  readonly run: string;
  readonly data: string | null;
  readonly net: string | null;
  readonly score: string | null;
}

interface Plane {
  readonly run: string;
  readonly kind: string;
  readonly wanted: number;
  readonly measured?: number;
  readonly across?: Numbers;
  readonly up?: Numbers;
  readonly losses?: Numbers;
  readonly places?: Numbers;
  readonly explained?: readonly number[] | null;
  readonly epochs?: readonly number[];
  readonly how?: string;
  readonly loss?: number;
  readonly samples?: number;
  readonly parameters?: number;
}

const KINDS = ["random", "path"] as const;
const FINENESS = ["coarse", "medium", "fine"] as const;
const SAMPLES = ["100", "500", "2000"] as const;
const INK = "#1c1b19";

const runs = signal<readonly RunRow[] | null>(null);
const refused = signal("");
export const plane = job<Plane>("surface.plane");

export async function findRuns(): Promise<void> {
  try {
    runs.value = (await call<{ runs: RunRow[] }>("surface.runs")).runs;
  } catch (error) {
    refused.value = (error as Error).message;
  }
}

export function OfRun() {
  const all = runs.value;
  const wanted = word("run");
  const row = wanted ? all?.find(({ run }) => run === wanted) : all?.[0];
  const gone = all !== null && wanted !== "" && !row;
  useListed(wanted, all && all.map(({ run }) => run), () => void findRuns());
  const kind = KINDS.find((one) => one === word("plane")) ?? "random";
  const fineness = FINENESS.find((one) => one === word("fineness")) ?? "coarse";
  const samples = SAMPLES.find((one) => one === word("samples")) ?? "500";
  const run = row?.run ?? "";
  const asked = { run, kind, fineness, samples: Number(samples) };
  useEffect(() => {
    if (run) plane.ask(asked);
  }, [run, kind, fineness, samples]);
  const told = plane.value.value;
  const shown = told?.run === run && told.kind === kind ? told : null;
  const cancel = () => {
    plane.busy.value = false;
    void call("surface.stop").catch(() => undefined);
  };
  if (all?.length === 0 && !gone) {
    return <NoRuns title={say(texts.no_runs)} hint={say(texts.no_runs_hint)} command="profundo train digits --net lenet5 --keep-epochs" />;
  }
  return (
    <div class="columns surface-view">
      <div class="stack">
        <Panel title={say(texts.what)}>
          <Choice label={say(texts.run)} value={gone ? wanted : run} options={(all ?? []).map((one): Option => [one.run, one.run])} onChoose={(name) => choose({ run: name, epoch: "" })} />
          <Choice label={say(texts.plane)} value={kind} options={[["random", say(texts.random)], ["path", say(texts.path)]]} onChoose={(name) => choose({ plane: name, epoch: "" })} />
          <p class="hint">{say(kind === "random" ? texts.random_hint : texts.path_hint)}</p>
          <Choice label={say(texts.fineness)} value={fineness} options={FINENESS.map((one): Option => [one, say(texts[one])])} onChoose={(name) => choose({ fineness: name })} />
          <Choice label={say(texts.samples)} value={samples} options={SAMPLES.map((one): Option => [one, figure(Number(one), 6)])} onChoose={(name) => choose({ samples: name })} />
          <Progress shown={shown} onCancel={cancel} />
        </Panel>
        {shown?.losses && <Measures shown={shown} />}
      </div>
      <Panel title={say(kind === "random" ? texts.surface_random : texts.surface_path)}>
        <Problem text={gone ? say(lab.no_run, { run: wanted }) : refused.value || plane.problem.value} />
        {shown?.losses ? <Drawn shown={shown} /> : <p class="hint">{plane.busy.value ? say(texts.opening) : ""}</p>}
      </Panel>
    </div>
  );
}

function Progress({ shown, onCancel }: { shown: Plane | null; onCancel: () => void }) {
  const [done, wanted] = [shown?.measured ?? 0, shown?.wanted ?? 1];
  const busy = plane.busy.value;
  const measured = say(texts.measured, { done: figure(done, 6), wanted: figure(wanted, 6) });
  useTold(busy ? say(texts.opening) : done > 0 ? measured : "");
  return (
    <div class="measuring">
      <progress value={done} max={wanted} aria-label={measured} />
      <div class="row">
        <span class="hint">{busy && done === 0 ? say(texts.opening) : measured}</span>
        {busy && <Button onClick={onCancel}>{say(texts.cancel)}</Button>}
      </div>
    </div>
  );
}

function Drawn({ shown }: { shown: Plane }) {
  const epochs = shown.epochs ?? [];
  const [first, second] = shown.explained ?? [];
  const names = shown.kind === "random" ? ([say(texts.direction_1), say(texts.direction_2)] as const) : ([say(texts.component, { number: 1, share: percent(first) }), say(texts.component, { number: 2, share: percent(second) })] as const);
  const ways = epochs.length && shown.places ? [{ name: "path", colour: INK, mark: 0, places: shown.places.data }] : [];
  return (
    <>
      <OnSurface across={shown.across} up={shown.up} heights={shown.losses} label={say(texts.relief_label, { run: shown.run })} names={names} goal={[0, 0]} ways={ways} epochs={epochs} />
      <p class="hint">{say(texts.solution_mark)}</p>
    </>
  );
}

function Measures({ shown }: { shown: Plane }) {
  const finite = Array.from(shown.losses?.data ?? []).filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  return (
    <Panel title={say(texts.numbers)}>
      <Facts
        kind="figures"
        of={[
          [say(texts.loss_here), figure(shown.loss)],
          [say(texts.lowest), figure(low)],
          [say(texts.highest), figure(high)],
          [say(texts.measured_on), say(texts.samples_of, { samples: figure(shown.samples, 6) })],
          [say(texts.parameters), figure(shown.parameters, 9)],
          shown.explained && [say(texts.held), percent(shown.explained.reduce((sum, one) => sum + one, 0))],
        ]}
      />
    </Panel>
  );
}
