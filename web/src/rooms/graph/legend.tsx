// What the lines of a chart are called, in their colours and strokes.

export interface Key {
  readonly label: string;
  readonly colour: string;
  readonly dashed?: boolean;
}

export function Legend({ lines }: { lines: readonly Key[] }) {
  return (
    <ul class="legend">
      {lines.map(({ label, colour, dashed }) => (
        <li key={label}>
          <svg width="22" height="8" aria-hidden="true">
            <line x1="0" y1="4" x2="22" y2="4" stroke={`var(${colour})`} stroke-width="2.5" {...(dashed ? { "stroke-dasharray": "5 4" } : {})} />
          </svg>
          {label}
        </li>
      ))}
    </ul>
  );
}
