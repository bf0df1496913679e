// The sign of an optimizer: a colour and a shape, as on the surface.
import { outline } from "../../ui/marks";

export function Sign({ index, colour }: { index: number; colour: string }) {
  const points = outline(index, 4.6);
  return (
    <svg class="sign" width="14" height="14" viewBox="-7 -7 14 14" fill={`var(${colour})`} aria-hidden="true">
      {points ? <polygon points={points.map(([x, y]) => `${x.toFixed(2)},${y.toFixed(2)}`).join(" ")} /> : <circle r="4.6" />}
    </svg>
  );
}
