// Two runs or more: their curves over each other, their scores, and the settings in which they differ.
import { useState } from "preact/hooks";
import texts from "@texts/training.json";
import { say } from "../../language";
import { Choice, Panel, Switch } from "../../ui/controls";
import { Curves } from "../../ui/curves";
import { Legend, type Line } from "../../ui/legend";
import { clock, column, dataOf, differences, isBestOf, netOf, rivals, together, type Run } from "./model";
import { colourOf } from "./one_run";
import { scoreText, StateMark } from "./run_table";
import { courses, linkTo } from "./state";
import { Scroll } from "../../ui/scroll";
import { term } from "../../terms";

export function Compared({ runs }: { runs: readonly Run[] }) {
  const known = runs.filter((run) => courses.value[run.name]?.history["epoch"]);
  const names = [...new Set(known.flatMap((run) => Object.keys(courses.value[run.name]?.history ?? {})))].filter((name) => name !== "epoch");
  const [wanted, choose] = useState("validation loss");
  const [logarithmic, turn] = useState(true);
  const name = names.includes(wanted) ? wanted : (names[0] ?? "");
  const lines: Line[] = known.map((run) => ({ label: run.name, colour: colourOf(runs.indexOf(run)) }));
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
            <Curves lines={lines} data={together(curves)} label={`${term(name)}: ${known.map((run) => run.name).join(", ")}`} height={300} logarithmic={logarithmic} whole />
            <Legend lines={lines} />
          </>
        )}
      </section>
      <Results runs={runs} />
      <Differences runs={runs} />
    </>
  );
}

function Results({ runs }: { runs: readonly Run[] }) {
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.scores)))];
  const judged = rivals(runs);
  return (
    <Panel title={say(texts.scores)}>
      <Scroll label={say(texts.scores)}>
        <table class="results">
          <thead>
            <tr>
              <th scope="col">{say(texts.by_name)}</th>
              <th scope="col">{say(texts.by_data)}</th>
              <th scope="col">{say(texts.by_net)}</th>
              <th scope="col">{say(texts.by_state)}</th>
              {names.map((name) => (
                <th key={name} scope="col">
                  {term(name)}
                </th>
              ))}
              <th scope="col">{say(texts.by_time)}</th>
              <th scope="col">{say(texts.report)}</th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run, index) => (
              <tr key={run.name}>
                <th scope="row">
                  <span class="swatch" style={{ background: `var(${colourOf(index)})` }} aria-hidden="true" /> <a href={linkTo({ kind: "runs", chosen: [run.name] })}>{run.name}</a>
                </th>
                <td>{dataOf(run)}</td>
                <td>{netOf(run)}</td>
                <td>
                  <StateMark run={run} />
                </td>
                {names.map((name) => {
                  const value = run.scores[name];
                  const isBest = typeof value === "number" && isBestOf(judged.get(run.name) ?? [], name, value);
                  return <td key={name}>{value === undefined ? "" : isBest ? <b>{scoreText(name, value)} ★</b> : scoreText(name, value)}</td>;
                })}
                <td>{clock(run.seconds)}</td>
                <td>
                  {run.pages.includes("report.html") && (
                    <a href={`/files/runs/${encodeURIComponent(run.name)}/report.html`} target="_blank" rel="noopener">
                      {say(texts.report)} ↗
                    </a>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {[...judged.values()].some((group) => group.length > 1) && <p class="hint">{say(texts.best_hint)}</p>}
    </Panel>
  );
}

function Differences({ runs }: { runs: readonly Run[] }) {
  const rows = differences(runs);
  return (
    <Panel title={say(texts.differences)}>
      {rows.length === 0 && <p>{say(texts.same)}</p>}
      {rows.length > 0 && (
        <Scroll label={say(texts.differences)}>
          <table>
            <thead>
              <tr>
                <th scope="col">{say(texts.setting)}</th>
                {runs.map((run) => (
                  <th key={run.name} scope="col">
                    {run.name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map(([name, values]) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  {values.map((value, index) => (
                    <td key={runs[index]?.name}>{value === "" ? "–" : value}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      )}
    </Panel>
  );
}
