// Places on a grid, and where arrow keys lead.

export type Point = readonly [x: number, y: number];
export type Strokes = readonly (readonly Point[])[];

/** Where an arrow key leads from a place in a grid of width × height; null for any other key. */
export function moved(key: string, x: number, y: number, width: number, height: number, far: boolean): Point | null {
  const steps: Record<string, Point> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], Home: [-1e6, 0], End: [1e6, 0], PageUp: [0, -1e6], PageDown: [0, 1e6] };
  const step = steps[key];
  if (step === undefined) return null;
  const many = far ? 10 : 1;
  const within = (value: number, most: number) => Math.max(0, Math.min(most - 1, value));
  return [within(x + many * step[0], width), within(y + many * step[1], height)];
}
