// How it goes: both losses and scores, the confusion, what may be wrong, one neuron in numbers, and what to take home.
import { useState } from "preact/hooks";
import texts from "@texts/playground.json";
import type { Numbers } from "../../frames";
import { figure, local, percent, say } from "../../language";
import { Button, Copy, Panel } from "../../ui/controls";
import { NumberField } from "../../ui/number_field";
import { Found, type Finding } from "../../ui/finding";
import { Curves } from "../../ui/curves";
import { Legend, type Line } from "../../ui/legend";
import { Heat } from "../../ui/heat";
import { Table } from "../../ui/table";
import { named } from "./choices";
import { calm, edit, examine, exported, features, hidden, outputs, selected, setup, view } from "./play";
import { part } from "../../frames";
import { brief } from "../../numbers";
import { tell, useTold } from "../../telling";
import { cause } from "../../terms";

export function Progress() {
  const now = setup.value;
  const shown = calm.value;
  if (!now || !shown) return <Panel title={say(texts.progress)}>{null}</Panel>;
  const { train, test } = shown.scores;
  const score = now.regression ? "R²" : say(texts.accuracy);
  const losses: Line[] = [
    { label: say(texts.train_loss), colour: "--curve-1" },
    { label: say(texts.test_loss), colour: "--curve-2", dash: 1 },
  ];
  return (
    <Panel title={say(texts.progress)}>
      <Legend lines={losses} values={[brief(train.loss, 3), brief(test.loss, 3)]} />
      <Curves lines={losses} data={columns(shown.curves, [0, 1, 2])} label={say(texts.curves_label)} across={say(texts.update)} height={154} />
      <Table
        kind="scores"
        heads={["", say(texts.training_points), say(texts.test_points)]}
        rows={[
          { key: "loss", cells: [named("objective", now.objective), brief(train.loss, 3), brief(test.loss, 3)] },
          { key: "score", cells: [score, ...[train, test].map(({ r2, accuracy }) => (now.regression ? brief(r2, 3) : percent(accuracy)))] },
          ...(now.regression ? [{ key: "rmse", cells: ["RMSE", brief(train.rmse, 3), brief(test.rmse, 3)] }] : []),
        ]}
      />
      {!now.regression && <Confusion classes={now.classes} counts={test.samples > 0 ? test.confusion : train.confusion} />}
    </Panel>
  );
}

/** Some rows of (rows, steps), the first as x, with gaps where there is no number. */
function columns(curves: Numbers, rows: readonly number[]): (number | null)[][] {
  return rows.map((row) => Array.from(part(curves, row).data, (value) => (Number.isFinite(value) ? value : null)));
}

function Confusion({ classes, counts }: { classes: readonly string[]; counts: readonly (readonly number[])[] }) {
  const heads = ["", ...classes.map((name) => say(texts.said, { name }))];
  const rows = counts.map((row, truth) => ({
    key: truth,
    cells: [say(texts.true_class, { name: classes[truth] ?? "" }), ...row.map((count, chosen) => <td class={count === 0 ? "" : truth === chosen ? "right" : "wrong"}>{count}</td>)],
  }));
  return <Table kind="confusion" caption={say(texts.confusion)} heads={heads} rows={rows} />;
}

// ----------------------------------------------------------------------------------------------------------------- doctor
export function Doctor() {
  const shown = calm.value;
  const [proved, prove] = useState<{ of: string; step: number; findings: Finding[] } | null>(null);
  const [busy, work] = useState(false);
  useTold((shown?.findings ?? []).map((one) => cause(one.cause)).join(", ")); // its numbers change with every frame
  if (!shown) return null;
  const of = setup.value?.query ?? ""; // what is proved of one net says nothing of another
  const ask = async () => {
    work(true);
    const report = await examine();
    prove(report && { of, step: shown.step, findings: report.findings });
    if (report) tell([conclusion(report.findings), ...report.findings.map((one) => cause(one.cause))].join(" "));
    work(false);
  };
  return (
    <Panel title={say(texts.doctor)} aside={<span class="muted">{shown.findings.length === 0 ? say(texts.nothing_wrong) : ""}</span>}>
      {shown.findings.map((one) => (
        <Found key={one.cause} finding={one} />
      ))}
      <Button disabled={busy || shown.step === 0} onClick={() => void ask()}>
        {say(busy ? texts.examining : texts.examine)}
      </Button>
      {proved && proved.of === of && proved.step <= shown.step && (
        <div>
          <p>{conclusion(proved.findings)}</p>
          {proved.findings.map((one) => (
            <Found key={one.cause} finding={one} />
          ))}
        </div>
      )}
    </Panel>
  );
}

const conclusion = (findings: readonly Finding[]): string => say(findings.length === 0 ? texts.found_nothing : texts.found);

// ----------------------------------------------------------------------------------------------------------------- neuron
/** Bias and incoming weights of the chosen neuron as numbers to edit, with their gradients where those are shown. */
export function Neuron() {
  const now = setup.value;
  const shown = calm.value;
  const place = selected.value;
  if (!now || !shown) return null;
  if (!place) return <Panel title={say(texts.neuron)}>{<p class="hint">{say(texts.neuron_hint)}</p>}</Panel>;
  const { layer, unit } = place;
  const weights = shown.weights[layer];
  if (!weights) return null;
  const sources = layer === 0 ? features(now).map((name) => named("features", name)) : Array.from({ length: hidden(now)[layer - 1] ?? 0 }, (_, index) => say(texts.neuron_number, { unit: index + 1 }));
  const last = layer === hidden(now).length;
  const slopes = shown.gradients?.[layer];
  const map = last ? null : shown.neurons[layer];
  return (
    <Panel title={last ? say(texts.output_of, { name: outputs(now) > 1 ? (now.classes[unit] ?? "") : "" }) : say(texts.neuron_of, { unit: unit + 1, layer: layer + 1 })}>
      <div class="neuron" key={`${layer} ${unit}`}>
        {map && (
          <div class="neuron-map">
            <Heat values={part(map, unit)} label={say(texts.neuron_map)} smooth />
          </div>
        )}
        <table>
          <thead>
            <tr>
              <th scope="col">{say(texts.from)}</th>
              <th scope="col">{say(texts.weight)}</th>
              {slopes && view.value.gradients && <th scope="col">{say(texts.gradient)}</th>}
            </tr>
          </thead>
          <tbody>
            {sources.map((name, input) => (
              <tr key={input}>
                <th scope="row">{name}</th>
                <td>
                  <Editable label={say(texts.weight_from, { name })} value={part(weights, unit).data[input] ?? 0} onValue={(value) => void edit("weight", [layer, unit, input], value)} />
                </td>
                {slopes && view.value.gradients && <td>{figure(part(slopes, unit).data[input])}</td>}
              </tr>
            ))}
            <tr>
              <th scope="row">{say(texts.bias)}</th>
              <td>
                <Editable label={say(texts.bias)} value={shown.biases[layer]?.data[unit] ?? 0} onValue={(value) => void edit("bias", [layer, unit], value)} />
              </td>
              {shown.bias_gradients && view.value.gradients && <td>{figure(shown.bias_gradients[layer]?.data[unit])}</td>}
            </tr>
          </tbody>
        </table>
      </div>
    </Panel>
  );
}

const MOST_WEIGHT = 1e6; // that the lab takes

/** A number that the training moves until somebody types in it. */
function Editable({ label, value, onValue }: { label: string; value: number; onValue: (value: number) => void }) {
  return <NumberField bare late label={label} value={value} shown={local(value.toFixed(3))} step={0.1} least={-MOST_WEIGHT} most={MOST_WEIGHT} onNumber={onValue} />;
}

// ------------------------------------------------------------------------------------------------------------ taking home
export function Home() {
  const now = setup.value;
  const [kept, keep] = useState("");
  if (!now) return null;
  const source = async () => {
    const made = await exported("source");
    if (made) location.assign(made.place);
  };
  const run = async () => {
    const made = await exported("run");
    if (made) keep(made.name);
  };
  return (
    <Panel title={say(texts.home)}>
      <p class="hint">{say(texts.command_hint, { epoch: now.until })}</p>
      <pre class="command" tabIndex={0}>
        {now.command}
      </pre>
      {now.edits > 0 && <p class="hint">{say(texts.edited, { count: now.edits })}</p>}
      <div class="row">
        <Button onClick={() => void source()}>{say(texts.as_source)}</Button>
        <Button onClick={() => void run()}>{say(texts.as_run)}</Button>
        <Copy what={() => location.href}>{say(texts.copy_link)}</Copy>
      </div>
      <p role="status">{kept && say(texts.kept_run, { name: kept })}</p>
    </Panel>
  );
}
