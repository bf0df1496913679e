// The sign of a class or an optimizer: a colour and a shape, as on its map.
import { outline } from "./marks";

export function Sign({ index, fill }: { index: number; fill: string }) {
  const points = outline(index, 4.6);
  return (
    <svg class="sign" width="14" height="14" viewBox="-7 -7 14 14" fill={fill} aria-hidden="true">
      {points ? <polygon points={points.map(([x, y]) => `${x.toFixed(2)},${y.toFixed(2)}`).join(" ")} /> : <circle r="4.6" />}
    </svg>
  );
}
