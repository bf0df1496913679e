// What the lines of a chart are called, in their colours and strokes.

export interface Line {
  readonly label: string;
  /** A colour of the page, such as --curve-1. */
  readonly colour: string;
  /** Which of the strokes; colours alone are not told apart by everybody. */
  readonly dash?: number;
}

const STROKES = [[], [5, 4], [2, 3], [12, 4], [9, 3, 2, 3], [5, 2], [12, 3, 2, 3, 2, 3], [2, 6]];
export const strokeOf = ({ dash = 0 }: Line): number[] => STROKES[dash % STROKES.length] ?? [];

/** A piece of the line, beside its name. */
export function Stroke({ line }: { line: Line }) {
  return (
    <svg width="28" height="8" aria-hidden="true">
      <line x1="0" y1="4" x2="28" y2="4" stroke={`var(${line.colour})`} stroke-width="2.5" stroke-dasharray={strokeOf(line).join(" ") || undefined} />
    </svg>
  );
}

export function Legend({ lines, values }: { lines: readonly Line[]; values?: readonly string[] }) {
  return (
    <ul class="legend">
      {lines.map((line, index) => (
        <li key={line.label}>
          <Stroke line={line} />
          {line.label} {values?.[index] !== undefined && <b>{values[index]}</b>}
        </li>
      ))}
    </ul>
  );
}
