// A net that sees x₁ alone is a curve: drawn through the points, over what each unit of its last layer adds to it.
import { useMemo } from "preact/hooks";
import texts from "@texts/playground.json";
import { figure, say } from "../../language";
import { css } from "../../ui/colours";
import { frame, view, type Points, type Setup } from "./play";

const REACH = 6;
const [WIDTH, HEIGHT] = [600, 420];
const [LEFT, BOTTOM] = [46, 30];

/** From the lowest to the highest value of the points, with room around: what stays as it is while the net learns. */
export function heights({ train, test }: Pick<Setup, "train" | "test">): readonly [low: number, high: number] {
  const values = [...train.targets.data, ...test.targets.data].filter(Number.isFinite);
  const [low, high] = [Math.min(-1, ...values), Math.max(1, ...values)];
  return [low - 0.15 * (high - low), high + 0.15 * (high - low)];
}

export function CurvePlot({ now, onPoint }: { now: Setup; onPoint?: ((x: number, y: number) => void) | undefined }) {
  const [low, high] = useMemo(() => heights(now), [now.train, now.test]);
  const across = (x: number) => LEFT + ((x + REACH) / (2 * REACH)) * (WIDTH - LEFT);
  const up = (y: number) => (HEIGHT - BOTTOM) * (1 - (y - low) / (high - low));
  const { test, parts } = view.value;
  const dots = useMemo(
    () => (
      <g class="dots">
        {test && marks(now.test).map(([x, y], at) => <circle key={`t${at}`} class="held" cx={across(x)} cy={up(y)} r="4" />)}
        {marks(now.train).map(([x, y], at) => (
          <circle key={at} cx={across(x)} cy={up(y)} r="4.5" />
        ))}
      </g>
    ),
    [now.train, now.test, test, low, high],
  );
  const add = (event: MouseEvent) => {
    const box = (event.currentTarget as Element).getBoundingClientRect();
    const [right, down] = [((event.clientX - box.left) / box.width) * WIDTH, ((event.clientY - box.top) / box.height) * HEIGHT];
    onPoint?.(((right - LEFT) / (WIDTH - LEFT)) * 2 * REACH - REACH, low + (high - low) * (1 - down / (HEIGHT - BOTTOM)));
  };
  const shown = frame.value?.curve;
  const path = (values: ArrayLike<number>) => Array.from(values, (y, at) => `${at === 0 ? "M" : "L"}${across(shown?.x.data[at] ?? 0).toFixed(1)} ${bounded(up(y)).toFixed(1)}`).join("");
  const [units = 0, places = 0] = shown?.parts.shape ?? [];
  return (
    <svg class={onPoint ? "curve-plot own" : "curve-plot"} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={say(texts.curve_label)} onClick={onPoint && add}>
      {[low, 0, high].map((y, at) => (
        <g key={at}>
          <line class={y === 0 ? "zero" : "grid"} x1={LEFT} x2={WIDTH} y1={up(y)} y2={up(y)} />
          <text x={LEFT - 5} y={bounded(up(y), 10, HEIGHT - BOTTOM)} dy="0.35em" text-anchor="end">
            {figure(y, 2)}
          </text>
        </g>
      ))}
      {[-REACH, 0, REACH].map((x) => (
        <text key={x} x={across(x)} y={HEIGHT - 6} text-anchor={x < 0 ? "start" : x > 0 ? "end" : "middle"}>
          {figure(x)}
        </text>
      ))}
      {dots}
      {shown && parts && Array.from({ length: units }, (_, unit) => <path key={unit} class="part" stroke={css(sum(shown.parts.data.subarray(unit * places, (unit + 1) * places)) >= 0 ? 0.8 : -0.8)} d={path(shown.parts.data.subarray(unit * places, (unit + 1) * places))} />)}
      {shown && <path class="whole" d={path(shown.y.data)} />}
    </svg>
  );
}

const sum = (values: ArrayLike<number>): number => Array.from(values).reduce((all, one) => all + one, 0);
const bounded = (value: number, low = -HEIGHT, high = 2 * HEIGHT): number => Math.max(low, Math.min(high, value));
const marks = ({ points, targets }: Points): (readonly [x: number, y: number])[] => Array.from(targets.data, (y, at) => [points.data[2 * at] ?? 0, y] as const);
