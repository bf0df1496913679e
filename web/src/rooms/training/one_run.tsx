// One run: how far it is, its curves as they grow, what the doctor finds, what came out, and its net tried at once.
import { useEffect, useState } from "preact/hooks";
import texts from "@texts/training.json";
import { refusal, role } from "../../connection";
import { figure, moment, percent, say, told, type Text } from "../../language";
import { Button, Panel, Switch } from "../../ui/controls";
import { tell, useTold } from "../../telling";
import { Facts, type Fact } from "../../ui/facts";
import { short } from "../../numbers";
import { Curves } from "../../ui/curves";
import { Legend, type Line } from "../../ui/legend";
import { Health } from "./health";
import { Mistakes } from "./mistakes";
import { clock, column, dataOf, done, figuresOf, isShare, netOf, rateOf, type Column, type Course, type Phase, type Progress, type Run } from "./model";
import { scoreText, StateMark } from "./run_table";
import { act, again, courses, mayTrainAgain, show } from "./state";
import { fieldOf, term } from "../../terms";
import { TryOut } from "./try_out";
import { Table } from "../../ui/table";

const PHASES: Record<Phase, Text> = {
  preparing: texts.preparing,
  training: texts.phase_training,
  examining: texts.examining,
  evaluating: texts.evaluating,
  finished: texts.finished,
  interrupted: texts.paused,
  failed: texts.failed,
};

export function OneRun({ run }: { run: Run }) {
  const course = courses.value[run.name];
  const epochs = run.progress ? null : (run.epochs ?? column(course?.history["epoch"]).at(-1));
  const ended = run.told_to_stop && run.state === "finished" ? texts.told_to_stop : texts.after_epochs;
  useTold(`${run.name}: ${say(texts[run.state])}`);
  return (
    <>
      <section class="panel head">
        <div class="panel-head">
          <h1>{run.name}</h1>
          <StateMark run={run} />
        </div>
        <p class="muted">{[dataOf(run), netOf(run), say(texts.begun, { when: moment(run.begun) }), epochs ? say(ended, { epochs }) : ""].filter(Boolean).join(" · ")}</p>
        {run.fault !== "" && <p class="problem">{refusal(run.fault)}</p>}
        {run.progress && <Way run={run} progress={run.progress} />}
        <Actions run={run} begun={course !== undefined} />
      </section>
      {Object.keys(run.scores).length > 0 && <Scores run={run} />}
      {course && Object.keys(course.history).length > 0 && <History run={run} course={course} />}
      {run.state === "finished" && run.kind === "training" && <TryOut run={run} />}
      {course && <Health course={course} run={run} />}
      {run.state === "finished" && run.kind === "training" && <Mistakes run={run} />}
      {course && <Log course={course} />}
      <Settings run={run} />
    </>
  );
}

/** How far it is. */
function Way({ run, progress }: { run: Run; progress: Progress }) {
  const share = done(progress);
  const losses = Object.entries(progress.losses);
  return (
    <div class="way">
      <progress value={share} aria-label={say(texts.done)} />
      <Facts
        kind="facts"
        of={[
          [say(PHASES[progress.phase]), percent(share, 0)],
          [term("epoch"), `${progress.epoch} / ${progress.epochs}`],
          [term("batch"), `${progress.step} / ${progress.steps}`],
          ...losses.map(([name, value]): Fact => [term(name), value === null ? "∞" : short(Number(value.toPrecision(3)))]),
          [fieldOf("learning_rate"), figure(rateOf(run, progress.rate), 3)],
          [say(texts.throughput), figure(progress.samples_per_second, 3)],
          [say(texts.passed), clock(progress.seconds)],
          [say(texts.left), clock(progress.left)],
        ]}
      />
    </div>
  );
}

/** begun: whether it has a state; what was paused before has nothing to be judged by. */
function Actions({ run, begun }: { run: Run; begun: boolean }) {
  const [sure, ask] = useState(false);
  const [pausing, wait] = useState(false);
  const at_work = run.state === "running" || run.state === "starting";
  useEffect(() => wait(false), [run.name, at_work]);
  const remove = async () => {
    ask(false);
    if (await act("remove", { run: run.name })) (show({ kind: "runs", chosen: [] }), tell(say(texts.removed, { name: run.name })));
  };
  return (
    <div class="row actions">
      {run.pages.map((page) => (
        <a key={page} class="button" href={`/files/runs/${encodeURIComponent(run.name)}/${page}`} target="_blank" rel="noopener">
          {page === "report.html" ? say(texts.report) : page} ↗
        </a>
      ))}
      {role.value === "owner" && (
        <>
          {at_work && (
            <Button kind="main" disabled={pausing} onClick={() => (wait(true), void act("pause", { run: run.name }).then((answer) => wait(answer !== null)))}>
              {say(pausing ? texts.pausing : texts.pause)}
            </Button>
          )}
          {run.may_resume && !at_work && (
            <Button kind="main" onClick={() => void act("go_on", { run: run.name })}>
              {say(texts.go_on)}
            </Button>
          )}
          {(run.state === "running" || (run.may_resume && !at_work && begun)) && (
            <Button disabled={run.told_to_stop && at_work} onClick={() => void act("stop", { run: run.name })}>
              {say(run.told_to_stop && at_work ? texts.stopping : texts.stop)}
            </Button>
          )}
          {mayTrainAgain(run) && <Button onClick={() => void again(run)}>{say(texts.again)}</Button>}
          {!at_work && !sure && (
            <Button kind="quiet" onClick={() => ask(true)}>
              {say(texts.remove)}
            </Button>
          )}
          {sure && (
            <span class="row sure" role="group" aria-label={say(texts.sure, { name: run.name })} onKeyDown={({ key }) => key === "Escape" && ask(false)}>
              {say(texts.sure, { name: run.name })}
              <Button onClick={() => ask(false)}>{say(texts.keep)}</Button>
              <Button kind="quiet" onClick={() => void remove()}>
                {say(texts.remove_now)}
              </Button>
            </span>
          )}
        </>
      )}
      {role.value === "owner" && run.kind === "training" && run.source === "" && <span class="hint">{say(texts.again_elsewhere)}</span>}
      {(run.state === "running" || run.may_resume) && <span class="hint">{say(texts.pause_hint)}</span>}
    </div>
  );
}

function Scores({ run }: { run: Run }) {
  const others = [
    { name: term(run.linear_name), values: run.linear },
    { name: term("constant predictor"), values: run.baseline },
  ].filter(({ values }) => Object.keys(values).length > 0);
  const rows = Object.entries(run.scores).map(([name, value]) => ({
    key: name,
    cells: [term(name), <b>{scoreText(name, value)}</b>, ...others.map(({ values }) => (name in values ? scoreText(name, values[name]) : ""))],
  }));
  return (
    <Panel title={say(texts.scores)}>
      <Table label={say(texts.scores)} heads={[say(texts.on_test), say(texts.this_net), ...others.map(({ name }) => name)]} rows={rows} />
    </Panel>
  );
}

const COLOURS = ["--curve-1", "--curve-2", "--curve-3", "--curve-4", "--curve-5", "--curve-6", "--curve-7", "--curve-8"] as const;
export const colourOf = (index: number): string => COLOURS[index % COLOURS.length] ?? COLOURS[0];

function History({ run, course }: { run: Run; course: Course }) {
  const [logarithmic, turn] = useState(false);
  const { history } = course;
  const epochs = column(history["epoch"]);
  const errors = ["loss", "validation loss"].filter((name) => name in history);
  const figures = figuresOf(history);
  const shares = figures.filter(isShare);
  const rest = figures.filter((name) => !isShare(name));
  return (
    <section class="panel" aria-labelledby="curves">
      <div class="panel-head">
        <h2 id="curves">{say(texts.curves)}</h2>
        <Switch label={say(texts.logarithmic)} checked={logarithmic} onChange={turn} />
      </div>
      <div class="charts">
        <Chart title={say(texts.errors)} names={errors} columns={errors.map((name) => column(history[name], logarithmic))} x={epochs} height={260} logarithmic={logarithmic} wide />
        {shares.length > 0 && <Chart title={say(texts.figures)} names={shares} columns={shares.map((name) => column(history[name]))} x={epochs} />}
        {rest.slice(0, 4).map((name) => (
          <Chart key={name} title={term(name)} names={[name]} columns={[column(history[name])]} x={epochs} />
        ))}
        {"rate" in history && <Chart title={fieldOf("learning_rate")} names={[fieldOf("learning_rate")]} columns={[column(history["rate"]).map((factor) => rateOf(run, factor))]} x={epochs} />}
        {"gradient norm" in history && <Chart title={say(texts.gradient)} names={["gradient norm"]} columns={[column(history["gradient norm"], true)]} x={epochs} logarithmic />}
      </div>
    </section>
  );
}

interface ChartProps {
  title: string;
  names: readonly string[];
  columns: readonly Column[];
  x: Column;
  /** What x counts; epochs where nothing is said. */
  across?: string;
  height?: number;
  logarithmic?: boolean;
  wide?: boolean;
  whole?: boolean;
}

export function Chart({ title, names, columns, x, across = term("epoch"), height = 164, logarithmic = false, wide = false, whole = true }: ChartProps) {
  const shown: Line[] = names.map((name, index) => ({ label: term(name), colour: colourOf(index), dash: index }));
  const last = columns.map((values) => lastOf(values));
  return (
    <figure class={wide ? "chart wide" : "chart"}>
      <figcaption>{title}</figcaption>
      <Curves lines={shown} data={[x, ...columns]} label={`${title}: ${names.map((name, index) => `${term(name)} ${last[index]}`).join(", ")}`} across={across} height={height} logarithmic={logarithmic} whole={whole} />
      <Legend lines={shown} values={last} />
    </figure>
  );
}

function lastOf(values: Column): string {
  const last = values.findLast((value) => typeof value === "number");
  return typeof last === "number" ? short(Number(last.toPrecision(3))) : "–";
}

function Log({ course }: { course: Course }) {
  if (course.log.length === 0 && course.faults.length === 0) return null;
  return (
    <Panel title={say(texts.log)}>
      {course.faults.map((fault) => (
        <p key={told(fault)} class="problem">
          {refusal(fault)}
        </p>
      ))}
      <pre class="log" tabIndex={0}>
        {course.log.join("\n")}
      </pre>
    </Panel>
  );
}

function Settings({ run }: { run: Run }) {
  const rows = Object.entries(run.settings).filter(([, value]) => value !== null && value !== "" && value !== "{}" && value !== "[]");
  return (
    <details class="panel">
      <summary>
        <h2>{say(texts.settings)}</h2>
      </summary>
      <Table label={say(texts.settings)} rows={rows.map(([name, value]) => ({ key: name, cells: [name, String(value)] }))} />
    </details>
  );
}
