// Optimizers side by side, each at a rate of its own, from the same first weights over the same batches.
import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";
import texts from "@texts/playground.json";
import { figure, say } from "../../language";
import { brief } from "../../numbers";
import { watchShown } from "../../presenting";
import { useTold } from "../../telling";
import { Button, Panel } from "../../ui/controls";
import { Curves } from "../../ui/curves";
import { Legend, type Line } from "../../ui/legend";
import { areNumbers, NumberField } from "../../ui/number_field";
import { named } from "./choices";
import { paintOutput } from "./output";
import { form, race, setup, type Lane } from "./play";

const USUAL = ["sgd", "momentum", "rmsprop", "adam"];
const EPOCHS = 40;

const lanes = signal<readonly Lane[]>([]);

/** On a visitor's page: how the owner's race went. */
export function Raced() {
  useEffect(() => watchShown<{ lanes: readonly Lane[] }>("race", (told) => (lanes.value = told.lanes)), []);
  return lanes.value[0] ? (
    <Panel title={say(texts.race)}>
      <Result lanes={lanes.value} />
    </Panel>
  ) : null;
}

export function Race() {
  const optimizers = form.value?.options["optimizer"] ?? [];
  const usual = Number(setup.value?.words["learning_rate"] ?? 0);
  const [running, choose] = useState<readonly string[]>(USUAL);
  const [typed, type] = useState<Readonly<Record<string, number>>>({});
  const [busy, work] = useState(false);
  const rateOf = (name: string) => typed[name] ?? usual;
  const chosen = optimizers.filter((name) => running.includes(name));
  const ready = chosen.length > 0 && chosen.every((name) => rateOf(name) > 0);
  const box = useRef<HTMLDivElement>(null);
  useTold(busy ? say(texts.racing) : lanes.value.map((lane) => `${named("optimizer", lane.optimizer)} ${lastOf(lane)}`).join("; "));
  const start = async () => {
    if (!areNumbers(box.current)) return;
    work(true);
    lanes.value = (await race(Object.fromEntries(chosen.map((name) => [name, rateOf(name)])), EPOCHS))?.lanes ?? [];
    work(false);
  };
  return (
    <Panel title={say(texts.race)}>
      <p class="hint">{say(texts.race_hint)}</p>
      <div ref={box} class="racers" role="group" aria-label={say(texts.racers)}>
        {optimizers.map((name) => (
          <Racer
            key={name}
            name={named("optimizer", name)}
            runs={running.includes(name)}
            rate={rateOf(name)}
            onRuns={(on) => choose(on ? [...running, name] : running.filter((one) => one !== name))}
            onRate={(rate) => type({ ...typed, [name]: rate })}
          />
        ))}
      </div>
      <Button disabled={busy || !ready} onClick={() => void start()}>
        {say(busy ? texts.racing : texts.start_race)}
      </Button>
      {lanes.value[0] && <Result lanes={lanes.value} />}
    </Panel>
  );
}

interface RacerProps {
  name: string;
  runs: boolean;
  rate: number;
  onRuns: (on: boolean) => void;
  onRate: (rate: number) => void;
}

function Racer({ name, runs, rate, onRuns, onRate }: RacerProps) {
  return (
    <div class="racer">
      <label>
        <input type="checkbox" checked={runs} onChange={(event) => onRuns(event.currentTarget.checked)} /> {name}
      </label>
      <NumberField bare label={say(texts.rate_of, { name })} value={rate} step={0.01} least={0} most={1000} disabled={!runs} onNumber={onRate} />
    </div>
  );
}

function Result({ lanes }: { lanes: readonly Lane[] }) {
  const lines = lanes.map(({ optimizer }, index): Line => ({ label: named("optimizer", optimizer), colour: `--curve-${index + 1}`, dash: index }));
  const last = lanes.map(lastOf);
  const places = Array.from(lanes[0]?.losses.data ?? [], (_, index) => index);
  return (
    <>
      <Legend lines={lines} values={last} />
      <Curves lines={lines} data={[places, ...lanes.map(({ losses, epochs }) => course(losses.data, epochs))]} label={say(texts.race)} across={say(texts.epoch)} height={214} />
      <ul class="race-maps">
        {lanes.map((lane, index) => (
          <li key={lane.optimizer}>
            <LaneMap lane={lane} />
            <b>{lines[index]?.label}</b> {say(texts.at_rate, { rate: figure(lane.rate) })}
            {lane.stopped !== "" && lane.stopped !== "epochs" && `: ${say(texts.stopped_at, { epoch: lane.epochs })}`}
          </li>
        ))}
      </ul>
    </>
  );
}

/** A loss after each epoch that was trained: none after the one that met the stop condition, or blew up. */
export const course = (losses: ArrayLike<number>, epochs: number): (number | null)[] => Array.from(losses, (one, at) => (at <= epochs && Number.isFinite(one) ? one : null));

const lastOf = ({ losses }: Lane): string => brief(losses.data[losses.data.length - 1], 3);

function LaneMap({ lane: { optimizer, output } }: { lane: Lane }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current) paintOutput(canvas.current, output, false);
  }, [output]);
  return <canvas ref={canvas} class="heat smooth" role="img" aria-label={say(texts.map_of, { name: named("optimizer", optimizer) })} />;
}
