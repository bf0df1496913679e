// Two runs or more: their curves over each other, their scores, and the settings in which they differ.
import { useState } from "preact/hooks";
import texts from "@texts/training.json";
import { local, say } from "../../language";
import { Choice, Panel, Switch } from "../../ui/controls";
import { Curves } from "../../ui/curves";
import { Legend, Stroke, type Line } from "../../ui/legend";
import { clock, column, dataOf, differences, isBestOf, netOf, rivals, together, type Run } from "./model";
import { colourOf } from "./one_run";
import { scoreText, StateMark } from "./run_table";
import { courses, linkTo } from "./state";
import { Table } from "../../ui/table";
import { setting, term } from "../../terms";

export function Compared({ runs }: { runs: readonly Run[] }) {
  const known = runs.filter((run) => courses.value[run.name]?.history["epoch"]);
  const names = [...new Set(known.flatMap((run) => Object.keys(courses.value[run.name]?.history ?? {})))].filter((name) => name !== "epoch");
  const [wanted, choose] = useState("validation loss");
  const [logarithmic, turn] = useState(true);
  const name = names.includes(wanted) ? wanted : (names[0] ?? "");
  const lines = known.map((run) => lineOf(run, runs));
  const curves = known.map((run) => [column(courses.value[run.name]?.history["epoch"]), column(courses.value[run.name]?.history[name], logarithmic)] as const);
  return (
    <>
      <section class="panel head">
        <div class="panel-head">
          <h1>{say(texts.comparison, { count: runs.length })}</h1>
          <Switch label={say(texts.logarithmic)} checked={logarithmic} onChange={turn} />
        </div>
        {name !== "" && (
          <>
            <Choice label={say(texts.curve)} value={name} options={names.map((one) => [one, term(one)])} onChoose={choose} />
            <Curves lines={lines} data={together(curves)} label={`${term(name)}: ${known.map((run) => run.name).join(", ")}`} across={term("epoch")} height={300} logarithmic={logarithmic} whole />
            <Legend lines={lines} />
            {[...rivals(known).values()].some((group) => group.length < known.length) && <p class="hint">{say(texts.not_rivals)}</p>}
          </>
        )}
      </section>
      <Results runs={runs} />
      <Differences runs={runs} />
    </>
  );
}

const lineOf = (run: Run, runs: readonly Run[]): Line => ({ label: run.name, colour: colourOf(runs.indexOf(run)), dash: runs.indexOf(run) });

function Results({ runs }: { runs: readonly Run[] }) {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.scores)))];
  const judged = rivals(runs);
  const rows = runs.map((run) => ({
    key: run.name,
    cells: [
      <>
        <Stroke line={lineOf(run, runs)} /> <a href={linkTo({ kind: "runs", chosen: [run.name] })}>{run.name}</a>
      </>,
      dataOf(run),
      netOf(run),
      <StateMark run={run} />,
      ...names.map((name) => {
        const value = run.scores[name];
        const isBest = typeof value === "number" && isBestOf(judged.get(run.name) ?? [], name, value);
        return value === undefined ? "" : isBest ? <b>{scoreText(name, value)} ★</b> : scoreText(name, value);
      }),
      clock(run.seconds),
      run.pages.includes("report.html") && (
        <a href={`/files/runs/${encodeURIComponent(run.name)}/report.html`} target="_blank" rel="noopener">
          {say(texts.report)} ↗
        </a>
      ),
    ],
  }));
  const heads = [texts.by_name, texts.by_data, texts.by_net, texts.by_state].map((one) => say(one));
  return (
    <Panel title={say(texts.scores)}>
      <Table label={say(texts.scores)} kind="results" heads={[...heads, ...names.map(term), say(texts.by_time), say(texts.report)]} rows={rows} />
      {[...judged.values()].some((group) => group.length > 1) && <p class="hint">{say(texts.best_hint)}</p>}
    </Panel>
  );
}

function Differences({ runs }: { runs: readonly Run[] }) {
  const rows = differences(runs);
  return (
    <Panel title={say(texts.differences)}>
      {rows.length === 0 && <p>{say(texts.same)}</p>}
      {rows.length > 0 && <Table label={say(texts.differences)} heads={[say(texts.setting), ...runs.map((run) => run.name)]} rows={rows.map(([name, values]) => ({ key: name, cells: [setting(name), ...values.map((value) => (value === "" ? "–" : local(value)))] }))} />}
    </Panel>
  );
}
