// The same optimizers on a real net: trained on digits from the same first weights, their ways over the surface of its loss.
import { useMemo } from "preact/hooks";
import texts from "@texts/surface.json";
import { call, role } from "../../connection";
import type { Numbers } from "../../frames";
import { job } from "../../jobs";
import { figure, percent, say } from "../../language";
import { Button, Panel, Problem, Slider } from "../../ui/controls";
import { Curves } from "../../ui/curves";
import { Legend } from "../../ui/legend";
import { Table } from "../../ui/table";
import { choose, curveOf, inkOf, number, ratesOf, textOf, word } from "./chosen";
import { OnSurface } from "./relief";
import { form, optimizerName, Optimizers, Signed, type Form } from "./roll";

interface Lap {
  readonly optimizer: string;
  readonly rate: number;
  readonly losses: readonly (number | null)[];
  readonly accuracy: number | null;
}

export interface Walked {
  readonly wanted: number;
  readonly laps: readonly Lap[];
  readonly across?: Numbers;
  readonly up?: Numbers;
  readonly losses?: Numbers;
  readonly ways?: Readonly<Record<string, Numbers>>;
  readonly explained?: readonly number[];
}

const USUAL = ["sgd", "momentum", "rmsprop", "adam"];
export const walked = job<Walked>("surface.walk");

export function OnNet() {
  const known = form.value;
  if (!known) return null;
  const usual = textOf(Object.fromEntries(USUAL.map((name) => [name, known.net_rates[name] ?? 0.01])));
  const rates = ratesOf(word("net", usual), known.optimizers);
  const epochs = Math.max(1, Math.min(20, Math.round(number("epochs", 6))));
  const told = walked.value.value;
  const busy = walked.busy.value;
  const looksOn = role.value === "visitor"; // and sees what the owner trains
  const cancel = () => {
    walked.busy.value = false;
    void call("surface.stop").catch(() => undefined);
  };
  return (
    <div class="columns roll-view">
      <div class="stack">
        <Panel title={say(texts.on_net)}>
          <p class="hint">{say(texts.on_net_hint)}</p>
          <Slider label={say(texts.epochs)} min={1} max={20} value={epochs} onInput={(one) => choose({ epochs: String(one) })} />
          <div class="row">
            {!looksOn && <Button kind="main" disabled={busy} onClick={() => walked.ask({ rates, epochs })}>{say(texts.train)}</Button>}
            {busy && <Button onClick={cancel}>{say(texts.cancel)}</Button>}
          </div>
          <p class="hint" role="status">{busy ? (told && told.laps.length === told.wanted ? say(texts.measuring_surface) : say(texts.trained, { done: told?.laps.length ?? 0, wanted: told?.wanted ?? Object.keys(rates).length })) : ""}</p>
        </Panel>
        <Optimizers known={known} rates={rates} onRates={(one) => choose({ net: textOf(one) })} />
      </div>
      <Panel title={say(texts.ways_on_net)}>
        <Problem text={walked.problem.value} />
        {told?.losses && told.ways ? <Ways told={told} known={known} /> : <p class="hint">{say(looksOn ? texts.ways_awaited : texts.ways_empty)}</p>}
      </Panel>
      {told && told.laps.length > 0 && <Laps told={told} known={known} />}
    </div>
  );
}

function Ways({ told, known }: { told: Walked; known: Form }) {
  const ways = Object.entries(told.ways ?? {}).map(([name, { data }]) => ({ name, colour: inkOf(name, known.optimizers), mark: known.optimizers.indexOf(name), places: data }));
  const places = Math.max(1, ...Object.values(told.ways ?? {}).map(({ shape }) => shape[0] ?? 1));
  const names = [1, 2].map((one) => say(texts.component, { number: one, share: percent(told.explained?.[one - 1]) })) as [string, string];
  return (
    <>
      <OnSurface across={told.across} up={told.up} heights={told.losses} label={say(texts.ways_on_net)} names={names} ways={ways} epochs={Array.from({ length: places }, (_, epoch) => epoch)} />
      <p class="hint">{say(texts.ways_hint)}</p>
    </>
  );
}

function Laps({ told, known }: { told: Walked; known: Form }) {
  const lines = told.laps.map(({ optimizer }, index) => ({ label: optimizerName(optimizer), colour: curveOf(optimizer, known.optimizers), dash: index }));
  const most = Math.max(...told.laps.map(({ losses }) => losses.length));
  const data = useMemo(() => [Array.from({ length: most }, (_, at) => at), ...told.laps.map(({ losses }) => Array.from({ length: most }, (_, at) => losses[at] ?? null))], [told]);
  const rows = told.laps.map(({ optimizer, rate, losses, accuracy }) => {
    const last = losses[losses.length - 1];
    return { key: optimizer, cells: [<Signed name={optimizer} known={known} />, figure(rate, 2), last === null ? say(texts.diverges) : figure(last), percent(accuracy)] };
  });
  return (
    <Panel title={say(texts.numbers)}>
      <Table label={say(texts.numbers)} heads={[texts.optimizer, texts.rate, texts.validation_loss, texts.validation_accuracy].map((one) => say(one))} rows={rows} />
      <Legend lines={lines} />
      <Curves lines={lines} data={data} label={say(texts.laps_label)} across={say(texts.epochs)} height={204} logarithmic />
    </Panel>
  );
}
