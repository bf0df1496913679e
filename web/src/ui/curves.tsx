// Lines over steps, drawn by uPlot: loaded with the first room that has one.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { language } from "../language";
import { explodes, short } from "../numbers";
import { dress } from "./dress";
import type { Line } from "./legend";

interface CurvesProps {
  lines: readonly Line[];
  /** x first, then one array a line; null where a line has no value, undefined where it goes on past a place of others. */
  data: readonly (readonly (number | null | undefined)[])[];
  label: string;
  /** What x counts, written below it. */
  across: string;
  height?: number;
  logarithmic?: boolean;
  /** x counts something, such as epochs: no place between two of them is marked. */
  whole?: boolean;
}

const css = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const resolved = (name: string) => {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const colour = getComputedStyle(probe).color;
  probe.remove();
  return colour || css(name);
};

export function Curves({ lines, data, label, across, height = 160, logarithmic = false, whole = false }: CurvesProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const byPower = logarithmic || explodes(data.slice(1));
  const shape = JSON.stringify([lines, across, height, byPower, whole, dress.value, language.value]);
  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const made = new uPlot(options({ lines, across, height, logarithmic: byPower, whole }, element.clientWidth || 300), data as uPlot.AlignedData, element);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(data as uPlot.AlignedData), [data]);
  return <div ref={place} class="curves" role="img" aria-label={label} />;
}

const WHOLE = [1, 2, 5].flatMap((one) => [1, 10, 100, 1000, 1e4, 1e5, 1e6].map((power) => one * power)).sort((a, b) => a - b);
/** Powers of ten in a logarithmic scale; where there are many, every second, third … */
function powers(_: uPlot, __: number, low: number, high: number): number[] {
  const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
  const step = Math.max(1, Math.ceil((last - first + 1) / 6));
  return Array.from({ length: Math.max(0, Math.floor((last - first) / step) + 1) }, (_one, index) => 10 ** (first + index * step));
}

type Drawn = Required<Pick<CurvesProps, "lines" | "across" | "height" | "logarithmic" | "whole">>;

function options({ lines, across, height, logarithmic, whole }: Drawn, width: number): uPlot.Options {
  const letter = 0.75 * parseFloat(getComputedStyle(document.documentElement).fontSize); // as large as the page's smallest
  const font = `${letter}px system-ui`;
  const muted = resolved("--muted");
  const grid = { stroke: resolved("--rule"), width: 1 };
  return {
    width,
    height,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false }, y: logarithmic ? { distr: 3 } : {} },
    axes: [
      { stroke: muted, grid, ticks: { show: false }, size: 2.2 * letter, gap: 4, font, label: across, labelFont: font, labelSize: 1.4 * letter, labelGap: 0, values: (_, places) => places.map(short), ...(whole ? { incrs: WHOLE } : {}) },
      {
        stroke: muted,
        grid,
        ticks: { show: false },
        size: 3.8 * letter,
        font,
        values: (_, places) => places.map(short),
        ...(logarithmic ? { splits: powers, filter: (_: uPlot, places: number[]) => places } : {}),
      },
    ],
    series: [{}, ...lines.map(({ label, colour, dashed }) => ({ label, stroke: resolved(colour), width: 1.75, points: { show: false }, ...(dashed ? { dash: [5, 4] } : {}) }))],
  };
}

