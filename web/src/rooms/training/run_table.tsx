// All runs of the folder, those of a terminal too: sorted, chosen to be looked at or compared.
import { signal } from "@preact/signals";
import texts from "@texts/training.json";
import { refusal } from "../../connection";
import { figure, percent, say } from "../../language";
import { clock, dataOf, done, isShare, mainScore, MOST_CHOSEN, netOf, ORDERS, sorted, type Order, type Run, type State } from "./model";
import { linkTo, runs, show, view } from "./state";
import { term } from "../../terms";

const order = signal<Order>("begun");
const backward = signal(false);

const SIGNS: Record<State, string> = { starting: "◌", running: "▶", paused: "❚❚", stopped: "■", failed: "✗", finished: "✓", damaged: "?" };

export function StateMark({ run }: { run: Run }) {
  return (
    <span class={`state ${run.state}`}>
      <span aria-hidden="true">{SIGNS[run.state]}</span> {say(texts[run.state])}
    </span>
  );
}

export const scoreText = (name: string, value: number | null | undefined): string => (isShare(name) ? percent(value, 1) : figure(value, 4));

export function RunTable() {
  const all = runs.value ?? [];
  const chosen = view.value.kind === "runs" ? view.value.chosen : [];
  const turn = (name: string) => {
    const next = chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name].slice(-MOST_CHOSEN);
    show({ kind: "runs", chosen: next });
  };
  return (
    <section class="panel" aria-labelledby="all-runs">
      <div class="panel-head">
        <h2 id="all-runs">{say(texts.runs, { count: all.length })}</h2>
        <div class="row sorting">
          <label class="muted" for="order">
            {say(texts.sort)}
          </label>
          <select id="order" value={order.value} onChange={(event) => (order.value = event.currentTarget.value as Order)}>
            {ORDERS.map((one) => (
              <option key={one} value={one} selected={one === order.value}>
                {say(texts[`by_${one}`])}
              </option>
            ))}
          </select>
          <button type="button" class="quiet" aria-pressed={backward.value} aria-label={say(texts.backward)} title={say(texts.backward)} onClick={() => (backward.value = !backward.value)}>
            {backward.value ? "↑" : "↓"}
          </button>
        </div>
      </div>
      <div class="scroll run-list">
        <table class="runs">
          <colgroup>
            <col class="mark" />
            <col />
            <col class="score" />
            <col class="when" />
          </colgroup>
          <thead class="unseen">
            <tr>
              <th>{say(texts.compare)}</th>
              <th>{say(texts.by_name)}</th>
              <th>{say(texts.by_score)}</th>
              <th>{say(texts.by_state)}</th>
            </tr>
          </thead>
          <tbody>
            {sorted(all, order.value, backward.value).map((run) => (
              <Row key={run.name} run={run} chosen={chosen.includes(run.name)} onTurn={() => turn(run.name)} />
            ))}
          </tbody>
        </table>
      </div>
      {all.length > 1 && <p class="hint">{say(texts.compare_hint)}</p>}
    </section>
  );
}

function Row({ run, chosen, onTurn }: { run: Run; chosen: boolean; onTurn: () => void }) {
  const score = mainScore(run);
  return (
    <>
      <tr class={chosen ? "chosen" : ""}>
        <td>
          <input type="checkbox" checked={chosen} aria-label={`${say(texts.compare)}: ${run.name}`} onChange={onTurn} />
        </td>
        <td class="what">
          <a href={linkTo({ kind: "runs", chosen: [run.name] })} {...(chosen ? { "aria-current": "true" as const } : {})}>
            {run.name}
          </a>
          <span class="muted">{[dataOf(run), netOf(run)].filter(Boolean).join(" · ")}</span>
        </td>
        <td class="score">
          {score && (
            <>
              <b title={term(score[0])}>{scoreText(...score)}</b>
              <span class="muted">
                {term(score[0])}
                {typeof run.baseline[score[0]] === "number" && ` (${scoreText(score[0], run.baseline[score[0]])})`}
              </span>
            </>
          )}
          {run.progress && run.progress.epochs > 0 && <progress value={done(run.progress)} aria-label={say(texts.done)} />}
        </td>
        <td class="when">
          <StateMark run={run} />
          <span class="muted">{run.progress ? (run.progress.left === null ? "" : say(texts.still, { time: clock(run.progress.left) })) : run.seconds === null ? "" : clock(run.seconds)}</span>
        </td>
      </tr>
      {run.fault !== "" && (
        <tr class={chosen ? "failing chosen" : "failing"}>
          <td />
          <td class="what" colSpan={3}>
            <span class="fault">{refusal(run.fault)}</span>
          </td>
        </tr>
      )}
    </>
  );
}
