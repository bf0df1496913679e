// Activations: each with its curve, its derivative and advice; a point moves along both.
import texts from "@texts/activations.json";
import room from "@texts/graph.json";
import { known, say, type Text } from "../../language";
import { useTold } from "../../telling";
import { useAnswer } from "../../ui/asking";
import { Panel, Problem, Slider } from "../../ui/controls";
import { Facts } from "../../ui/facts";
import { Legend } from "../../ui/legend";
import { Scroll } from "../../ui/scroll";
import { Formula } from "./math";
import { useAsked } from "./asked";
import { equals, localized, written } from "./numbers";
import type { Activation } from "./types";

interface Point {
  readonly name: string;
  readonly at: number;
  readonly value: number;
  readonly slope: number;
}

const REACH = 5;
const ADVICE = texts as Readonly<Record<string, Text>>;
const titled = ({ name, title }: Activation): string => known(texts, `${name.replace(".", "_")}_title`, title);
const LINES = () => [
  { label: "f(a)", colour: "--curve-1" },
  { label: `f′(a), ${say(texts.derivative)}`, colour: "--curve-2", dashed: true },
];

const readActivation = (query: URLSearchParams) => ({ name: query.get("name") ?? "logistic", at: bounded(Number(query.get("a") ?? 1)) });

const writtenActivation = ({ name, at }: { name: string; at: number }) => new URLSearchParams({ view: "activations", name, a: String(at) }).toString();

export function ActivationPage({ query }: { query: URLSearchParams }) {
  const [{ name, at }, ask] = useAsked(query, readActivation, writtenActivation);
  const move = (a: number) => ask({ name, at: bounded(a) });
  const [known, fault] = useAnswer<{ activations: readonly Activation[] }>("graph.activations", {});
  const [point, problem] = useAnswer<Point>("graph.activation", { name, at });
  const values = point ? [`f(${written(point.at)}) ${equals(point.value)}`, `f′(${written(point.at)}) ${equals(point.slope)}`] : [];
  useTold(values.join("; "));
  const all = known?.activations ?? [];
  const chosen = all.find((one) => one.name === name) ?? all[0];
  return (
    <div class="graph-page">
      <div class="stack">
        <Panel title={say(room.activations)}>
          <ul class="graph-list">
            {all.map((one) => (
              <li key={one.name}>
                <button type="button" aria-pressed={one.name === chosen?.name} onClick={() => ask({ name: one.name, at })}>
                  <Curve one={one} small />
                  {titled(one)}
                </button>
              </li>
            ))}
          </ul>
          <Problem text={problem || fault} />
        </Panel>
      </div>
      {chosen && (
        <section class="panel graph-activation">
          <h2>{titled(chosen)}</h2>
          <Scroll kind="row graph-formulas" label={titled(chosen)}>
            <Formula latex={`f(a) = ${chosen.latex}`} />
            <Formula latex={`f′(a) = ${chosen.derivative_latex}`} />
          </Scroll>
          <div class="graph-activation-grid">
            <div>
              <Curve one={chosen} point={point?.name === chosen.name ? point : null} onMove={move} />
              <Legend lines={LINES()} />
              <Slider label="a" value={at} shown={written(at)} min={-REACH} max={REACH} step={0.05} onInput={move} />
              <p class="graph-point">
                {values[0]}
                <span>{values[1]}</span>
              </p>
              <p>{point && say(texts.passes, { slope: written(point.slope) })}</p>
            </div>
            <div>
              <h3>{say(texts.when)}</h3>
              <p>{advice(chosen.name, "use")}</p>
              <h3>{say(texts.beware)}</h3>
              <p>{advice(chosen.name, "beware")}</p>
              <Facts kind="graph-facts" of={[[say(texts.range), localized(chosen.range)], [say(texts.gain), written(chosen.gain)]]} />
              <p class="hint">{say(texts.notation)}</p>
            </div>
          </div>
        </section>
      )}
    </div>
  );
}

const bounded = (a: number): number => (Number.isFinite(a) ? Math.max(-REACH, Math.min(REACH, Number(a.toFixed(2)))) : 1);

function advice(name: string, kind: "use" | "beware"): string {
  const text = ADVICE[`${name.replace(".", "_")}_${kind}`];
  return text ? say(text) : "";
}

interface CurveProps {
  one: Activation;
  small?: boolean;
  point?: Point | null;
  onMove?: (a: number) => void;
}

const [WIDTH, HEIGHT] = [560, 360];
const [LOW, HIGH] = [-1.6, 3.4];
const x = (a: number) => ((a + REACH) / (2 * REACH)) * WIDTH;
const y = (value: number) => HEIGHT - ((value - LOW) / (HIGH - LOW)) * HEIGHT;

function Curve({ one, small = false, point = null, onMove }: CurveProps) {
  const moved = (event: PointerEvent) => {
    if (!onMove || (event.type === "pointermove" && event.buttons === 0 && event.pointerType !== "mouse")) return;
    const { left, width } = (event.currentTarget as Element).getBoundingClientRect();
    onMove(bounded(((event.clientX - left) / width) * 2 * REACH - REACH));
  };
  return (
    <svg class={small ? "graph-curve small" : "graph-curve"} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} {...(small ? { "aria-hidden": true } : { role: "img", "aria-label": titled(one) })} {...(onMove ? { onPointerMove: moved, onPointerDown: moved } : {})}>
      {!small && <Axes />}
      <line class="axis" x1="0" x2={WIDTH} y1={y(0)} y2={y(0)} />
      <line class="axis" x1={x(0)} x2={x(0)} y1="0" y2={HEIGHT} />
      {!small && <path class="slope" d={line(one.places.data, one.slopes.data)} />}
      <path class="value" d={line(one.places.data, one.values.data)} />
      {point && (
        <>
          <line class="tangent" x1={x(point.at - 1)} x2={x(point.at + 1)} y1={y(point.value - point.slope)} y2={y(point.value + point.slope)} />
          <line class="chosen" x1={x(point.at)} x2={x(point.at)} y1="0" y2={HEIGHT} />
          <circle class="value" cx={x(point.at)} cy={y(point.value)} r="7" />
          <rect class="slope" x={x(point.at) - 6} y={y(point.slope) - 6} width="12" height="12" />
        </>
      )}
    </svg>
  );
}

function Axes() {
  const whole = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);
  return (
    <>
      {whole(-4, 4).map((a) => (
        <g key={a}>
          <line class="grid" x1={x(a)} x2={x(a)} y1="0" y2={HEIGHT} />
          {a !== 0 && (
            <text x={x(a)} y={y(0) + 18} text-anchor="middle">
              {written(a)}
            </text>
          )}
        </g>
      ))}
      {whole(-1, 3).map((value) => (
        <g key={value}>
          <line class="grid" x1="0" x2={WIDTH} y1={y(value)} y2={y(value)} />
          {value !== 0 && (
            <text x={x(0) - 6} y={y(value)} dy="0.35em" text-anchor="end">
              {written(value)}
            </text>
          )}
        </g>
      ))}
    </>
  );
}

/** What is not a number parts the line: an activation may jump. */
function line(places: ArrayLike<number>, values: ArrayLike<number>): string {
  let pen = "M";
  let path = "";
  for (let index = 0; index < places.length; index += 1) {
    const [a, value] = [places[index] ?? NaN, values[index] ?? NaN];
    if (Number.isNaN(a) || Number.isNaN(value)) pen = "M";
    else {
      path += `${pen}${x(a).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = "L";
    }
  }
  return path;
}
