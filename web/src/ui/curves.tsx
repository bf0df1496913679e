// Lines over steps, drawn by uPlot: loaded with the first room that has one.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

export interface Line {
  readonly label: string;
  /** A colour of the page, such as --curve-1. */
  readonly colour: string;
  readonly dashed?: boolean;
}

interface CurvesProps {
  lines: readonly Line[];
  /** x first, then one array a line; null where a line has no value. */
  data: readonly (readonly (number | null)[])[];
  label: string;
  height?: number;
  logarithmic?: boolean;
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

export function Curves({ lines, data, label, height = 160, logarithmic = false }: CurvesProps) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const shape = JSON.stringify([lines, height, logarithmic]);
  useEffect(() => {
    const element = place.current;
    if (!element) return undefined;
    const made = new uPlot(options(lines, element.clientWidth || 300, height, logarithmic), data as uPlot.AlignedData, element);
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

function options(lines: readonly Line[], width: number, height: number, logarithmic: boolean): uPlot.Options {
  const muted = resolved("--muted");
  const grid = { stroke: resolved("--rule"), width: 1 };
  return {
    width,
    height,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false }, y: logarithmic ? { distr: 3 } : {} },
    axes: [
      { stroke: muted, grid, ticks: { show: false }, size: 26, font: "12px system-ui" },
      { stroke: muted, grid, ticks: { show: false }, size: 46, font: "12px system-ui" },
    ],
    series: [{}, ...lines.map(({ label, colour, dashed }) => ({ label, stroke: resolved(colour), width: 1.75, points: { show: false }, ...(dashed ? { dash: [5, 4] } : {}) }))],
  };
}

/** What the lines of a chart are called, in their colours and strokes. */
export function Legend({ lines, values }: { lines: readonly Line[]; values?: readonly string[] }) {
  return (
    <ul class="legend">
      {lines.map(({ label, colour, dashed }, index) => (
        <li key={label}>
          <svg width="22" height="8" aria-hidden="true">
            <line x1="0" y1="4" x2="22" y2="4" stroke={`var(${colour})`} stroke-width="2.5" {...(dashed ? { "stroke-dasharray": "5 4" } : {})} />
          </svg>
          {label} {values?.[index] !== undefined && <b>{values[index]}</b>}
        </li>
      ))}
    </ul>
  );
}
