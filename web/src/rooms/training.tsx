// Trainings: all runs in a table beside the one that is looked at, several compared, or a new one.
import { useEffect } from "preact/hooks";
import lab from "@texts/lab.json";
import texts from "@texts/training.json";
import { role } from "../connection";
import { anything, type Form } from "../forms";
import { say } from "../language";
import { toShown } from "../focus";
import { useTold } from "../telling";
import { Button, Problem } from "../ui/controls";
import { Compared } from "./training/compared";
import { NewRun } from "./training/new_run";
import { OneRun } from "./training/one_run";
import { RunTable } from "./training/run_table";
import { lookOn, problem, runs, show, view } from "./training/state";
import "./training/training.css";

/** set.NAME is a setting, which the lab reads. */
export const form: Form = (key) => (["run", "new", "name"].includes(key) || key.startsWith("set.") ? anything : undefined);

export default function Training() {
  const now = view.value;
  const chosen = now.kind === "new" ? [] : now.chosen;
  useEffect(() => lookOn(), []);
  const what = now.kind === "new" ? say(texts.new_run) : chosen.length > 1 ? say(texts.comparison, { count: chosen.length }) : (chosen[0] ?? say(texts.title));
  useTold(what);
  return (
    <div class="training">
      <aside class="stack">
        {role.value === "owner" && (
          <Button kind={view.value.kind === "new" ? "plain" : "main"} onClick={() => (show({ kind: "new", data: "digits", words: {}, name: "" }), toShown())}>
            + {say(texts.new_run)}
          </Button>
        )}
        <RunTable />
      </aside>
      <div class="stack" id="shown" role="region" aria-label={what} tabIndex={-1}>
        <Problem text={problem.value} />
        <Shown />
      </div>
    </div>
  );
}

function Shown() {
  const now = view.value;
  if (now.kind === "new") return <NewRun data={now.data} words={now.words} name={now.name} />;
  if (runs.value === null) return <p class="loading">{say(texts.loading)}</p>;
  const chosen = now.chosen.flatMap((name) => runs.value?.find((run) => run.name === name) ?? []);
  const [first] = chosen;
  const gone = now.chosen.filter((name) => !chosen.some((run) => run.name === name));
  const missed = gone.length > 0 && <Problem text={gone.map((run) => say(lab.no_run, { run })).join(" ")} />;
  if (first) {
    return (
      <>
        {missed}
        {chosen.length > 1 ? <Compared runs={chosen} /> : <OneRun key={first.name} run={first} />}
      </>
    );
  }
  const lost = now.chosen[0];
  return (
    <section class="panel welcome">
      <h1>{say(texts.title)}</h1>
      <p>{lost === undefined ? say(texts.about) : say(texts.lost, { name: lost })}</p>
      <p class="muted">{say(runs.value.length === 0 ? texts.no_runs : texts.choose)}</p>
    </section>
  );
}
