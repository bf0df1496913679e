// Colours of values: blue above zero, orange below, as everywhere in Profundo; lightness tells the sign apart as well.

type Colour = readonly [red: number, green: number, blue: number];

const NEGATIVE: Colour = [224, 106, 20];
const NEUTRAL: Colour = [240, 238, 232];
const POSITIVE: Colour = [31, 95, 191];
const STEPS = 256;

function between(from: Colour, to: Colour, share: number): Colour {
  return [0, 1, 2].map((index) => Math.round((from[index] ?? 0) + ((to[index] ?? 0) - (from[index] ?? 0)) * share)) as unknown as Colour;
}

function packed([red, green, blue]: Colour): number {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

const entry = (index: number): Colour => {
  const place = (2 * index) / (STEPS - 1) - 1;
  return place < 0 ? between(NEUTRAL, NEGATIVE, -place) : between(NEUTRAL, POSITIVE, place);
};

/** 256 colours from −1 to 1, as canvases take them. */
export const DIVERGING = Uint32Array.from({ length: STEPS }, (_, index) => packed(entry(index)));

/** 256 greys. */
export const GREYS = Uint32Array.from({ length: STEPS }, (_, index) => packed([index, index, index]));

/** As CSS writes it; value from −1 to 1. */
export function css(value: number): string {
  const [red, green, blue] = entry(Math.round(((Math.max(-1, Math.min(1, value)) + 1) / 2) * (STEPS - 1)));
  return `rgb(${red} ${green} ${blue})`;
}

/** Marks of classes: colour and shape, so that neither alone tells them apart. */
export const CLASS_COLOURS = ["#e06a14", "#1f5fbf", "#2f7d4f", "#8a3ea8", "#8a6100", "#c01f48", "#00838f", "#5b6472"] as const;
