// Inside: a finished run from within. What excites its units, why it answers so, its codes as a map, what it draws from codes.
import { useEffect } from "preact/hooks";
import texts from "@texts/inside.json";
import lab from "@texts/lab.json";
import { useVisits } from "../address";
import { whenOpened } from "../connection";
import { anything, formOf, matching, numberIn, oneOf, wholeIn } from "../forms";
import { figure, say, told } from "../language";
import { Choice, Problem, type Option } from "../ui/controls";
import { CodesView } from "./inside/codes";
import { LatentView } from "./inside/latent";
import { again, choose, current, enter, gone, net, problem, runs, take, views, VIEWS, watch, word, type RunRow, type View } from "./inside/looking";
import { UnitsView } from "./inside/units";
import { WhyView } from "./inside/why";
import { NoRuns } from "../ui/no_runs";
import { Tabs } from "../ui/tabs";
import "./inside.css";

const SHOWN = { units: UnitsView, why: WhyView, codes: CodesView, latent: LatentView } as const;

export const form = formOf({
  run: anything, view: oneOf(...VIEWS), layer: anything, unit: wholeIn(), thumbs: oneOf("patches"), sample: wholeIn(), file: anything, methods: matching(/^[a-z_+,]+$/), of: anything,
  code: anything, map: matching(/^[a-z-]+$/), marks: oneOf("pictures"), at: wholeIn(), space: anything, from: wholeIn(-1), first: anything, second: anything, a: numberIn(-100, 100), b: numberIn(-100, 100),
});

export default function Inside() {
  useEffect(() => {
    const leave = [watch(), whenOpened(() => void enter())];
    return () => leave.forEach((one) => one());
  }, []);
  useVisits(again);
  const row = current();
  const view = word("view") as View;
  const Shown = row && views(row).includes(view) ? SHOWN[view] : null;
  return (
    <div class="inside">
      <h1 class="unseen">{say(texts.title)}</h1>
      <Problem text={gone() ? say(lab.no_run, { run: gone() }) : problem.value || net.problem.value} />
      {runs.value?.length === 0 && !gone() && <NoRuns title={say(texts.no_runs)} hint={say(texts.no_runs_hint)} command={"profundo train mnist --net lenet5\nprofundo recipe vae"} />}
      {gone() !== "" && <Choice label={say(texts.run)} value={gone()} options={(runs.value ?? []).map((one): Option => [one.run, titled(one)])} onChoose={take} />}
      {row && (
        <Tabs
          label={say(texts.views)}
          views={views(row).map((one) => [one, say(texts[one])] as const)}
          now={view}
          onChoose={(one) => choose({ view: one })}
          aside={
            <>
              <Choice label={say(texts.run)} value={row.run} options={(runs.value ?? []).map((one): Option => [one.run, titled(one)])} onChoose={take} />
              <Facts row={row} />
            </>
          }
        >
          {Shown && <Shown />}
        </Tabs>
      )}
    </div>
  );
}

const titled = ({ run, net: of, data }: RunRow): string => [run, of, data].filter((one, at, all) => one && (at === 0 || !all[0]?.includes(one))).join(" · ");

function Facts({ row }: { row: RunRow }) {
  const shown = net.value.value;
  if (!row.looks) return <p class="facts">{row.score && told(row.score)}</p>;
  if (!shown || shown.run !== row.run) return <p class="facts">{net.busy.value ? say(texts.opening) : ""}</p>;
  return (
    <p class="facts">
      {say(texts.facts, { parameters: figure(shown.parameters, 9), data: shown.data })}
      {row.score ? ` · ${told(row.score)}` : ""}
    </p>
  );
}

