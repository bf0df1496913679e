// Lines over steps, drawn by uPlot: loaded with the first room that has one.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { language } from "../language";
import { explodes, short } from "../numbers";
import { dress } from "./dress";
import { strokeOf, type Line } from "./legend";

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
  const drawn = (byPower ? powersOf(data) : data) as uPlot.AlignedData;
  const shape = JSON.stringify([lines, across, height, byPower, whole, dress.value, language.value]);
  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const made = new uPlot(options({ lines, across, height, logarithmic: byPower, whole }, element.clientWidth || 300), drawn, element);
    plot.current = made;
    const resized = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(drawn), [data]);
  return <div ref={place} class="curves" role="img" aria-label={label} />;
}

const WHOLE = [1, 2, 5].flatMap((one) => [1, 10, 100, 1000, 1e4, 1e5, 1e6].map((power) => one * power)).sort((a, b) => a - b);
/** Values by their powers of ten, for a straight scale: uPlot's own logarithmic one has no marks beyond 10¹⁷. */
const powersOf = (data: CurvesProps["data"]): CurvesProps["data"] => data.map((line, at) => (at === 0 ? line : line.map((one) => (typeof one !== "number" ? one : one > 0 ? Math.log10(one) : null))));
/** From one whole power to another. */
const whole10: uPlot.Range.Function = (_, low, high) => (Number.isFinite(low + high) ? [Math.floor(low), Math.max(Math.ceil(high), Math.floor(low) + 1)] : [0, 1]);

/** A line of one place would not be seen. */
const isAlone = (plot: uPlot, index: number): boolean => (plot.data[index] ?? []).filter((value) => typeof value === "number").length === 1;

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
    scales: { x: { time: false }, y: logarithmic ? { range: whole10 } : {} },
    axes: [
      { stroke: muted, grid, ticks: { show: false }, size: 2.2 * letter, gap: 4, font, label: across, labelFont: font, labelSize: 1.4 * letter, labelGap: 0, values: (_, places) => places.map(short), ...(whole ? { incrs: WHOLE } : {}) },
      {
        stroke: muted,
        grid,
        ticks: { show: false },
        size: (_: uPlot, places: string[] | null) => Math.max(3.8 * letter, letter * (1.2 + 0.6 * Math.max(0, ...(places ?? []).map((place) => place?.length ?? 0)))),
        font,
        values: (_, places) => places.map((one) => short(logarithmic ? 10 ** one : one)),
        ...(logarithmic ? { incrs: WHOLE } : {}),
      },
    ],
    series: [{}, ...lines.map((line) => ({ label: line.label, stroke: resolved(line.colour), width: 1.75, points: { show: isAlone, size: 8, fill: resolved(line.colour) }, dash: strokeOf(line) }))],
  };
}

