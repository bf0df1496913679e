// Errors against steps on two logarithmic axes, with the step that is chosen.
import texts from "@texts/graph.json";
import { say } from "../../language";
import { Legend } from "../../ui/legend";
import { power } from "./numbers";
import type { Figure } from "./types";

export interface Curve {
  readonly label: string;
  readonly colour: string;
  readonly dashed: boolean;
  readonly errors: readonly Figure[];
}

interface LogLogProps {
  curves: readonly Curve[];
  steps: readonly number[];
  at: number;
  dots: readonly { readonly colour: string; readonly y: Figure }[];
}

const [WIDTH, HEIGHT] = [560, 340];
const [LEFT, RIGHT, TOP, BOTTOM] = [56, 14, 12, 44];

export function LogLog({ curves, steps, at, dots }: LogLogProps) {
  const range = decades(curves.flatMap((curve) => curve.errors));
  const [low, high] = [Math.log10(steps[0] ?? 1e-14), Math.log10(steps.at(-1) ?? 1)];
  const x = (step: number) => LEFT + ((Math.log10(step) - low) / (high - low)) * (WIDTH - LEFT - RIGHT);
  const y = (error: number) => HEIGHT - BOTTOM - ((Math.log10(error) - range.low) / (range.high - range.low)) * (HEIGHT - TOP - BOTTOM);
  return (
    <figure class="graph-loglog">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={say(texts.vee)}>
        {ticks(low, high).map((tick) => (
          <g key={tick}>
            <line class="grid" x1={x(10 ** tick)} x2={x(10 ** tick)} y1={TOP} y2={HEIGHT - BOTTOM} />
            <text x={x(10 ** tick)} y={HEIGHT - BOTTOM + 16} text-anchor="middle">
              {power(10 ** tick)}
            </text>
          </g>
        ))}
        {ticks(range.low, range.high).map((tick) => (
          <g key={tick}>
            <line class="grid" x1={LEFT} x2={WIDTH - RIGHT} y1={y(10 ** tick)} y2={y(10 ** tick)} />
            <text x={LEFT - 6} y={y(10 ** tick)} dy="0.35em" text-anchor="end">
              {power(10 ** tick)}
            </text>
          </g>
        ))}
        <text x={(LEFT + WIDTH - RIGHT) / 2} y={HEIGHT - 6} text-anchor="middle">
          {say(texts.step_size)}
        </text>
        <text x={LEFT + 6} y={TOP + 10}>
          {say(texts.error)}
        </text>
        <line class="chosen" x1={x(at)} x2={x(at)} y1={TOP} y2={HEIGHT - BOTTOM} />
        {curves.map((curve) => (
          <path key={curve.label} d={pathOf(curve.errors, steps, x, y)} stroke={`var(${curve.colour})`} {...(curve.dashed ? { "stroke-dasharray": "5 4" } : {})} />
        ))}
        {dots.map((dot, index) => (typeof dot.y === "number" && dot.y > 0 ? <circle key={index} cx={x(at)} cy={y(dot.y)} r="5" fill={`var(${dot.colour})`} /> : null))}
      </svg>
      <Legend lines={curves} />
    </figure>
  );
}

/** Powers of ten that the errors lie between. */
export function decades(errors: readonly Figure[]): { low: number; high: number } {
  const logs = errors.flatMap((error) => (typeof error === "number" && error > 0 ? [Math.log10(error)] : []));
  if (logs.length === 0) return { low: -16, high: 0 };
  const [low, high] = [Math.floor(Math.min(...logs)), Math.ceil(Math.max(...logs))];
  return { low, high: Math.max(high, low + 1) };
}

const ticks = (low: number, high: number): number[] => {
  const every = high - low > 12 ? 4 : high - low > 6 ? 2 : 1;
  return Array.from({ length: Math.floor((high - low) / every + 1e-9) + 1 }, (_, index) => low + index * every);
};

/** Errors of exactly 0 have no logarithm: the line has a gap there. */
function pathOf(errors: readonly Figure[], steps: readonly number[], x: (step: number) => number, y: (error: number) => number): string {
  let pen = "M";
  return errors
    .map((error, index) => {
      if (typeof error !== "number" || error <= 0) {
        pen = "M";
        return "";
      }
      const to = `${pen}${x(steps[index] ?? 1).toFixed(1)} ${y(error).toFixed(1)}`;
      pen = "L";
      return to;
    })
    .join("");
}
