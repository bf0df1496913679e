// What the lines of a chart are called, in their colours and strokes.

export interface Line {
  readonly label: string;
  /** A colour of the page, such as --curve-1. */
  readonly colour: string;
  readonly dashed?: boolean;
}

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
