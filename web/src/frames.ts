// Messages of the lab as values: JSON, or JSON followed by the arrays that it refers to (`profundo.lab.messages`).

/** Numbers row by row, as the server's array had them. */
export interface Numbers {
  readonly data: Float32Array | Int32Array | Uint8Array;
  readonly shape: readonly number[];
}

const KINDS = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array } as const;
type Placed = { $array: [type: keyof typeof KINDS, shape: number[], offset: number] };

export function decoded(message: string | ArrayBuffer): Record<string, unknown> {
  if (typeof message === "string") return JSON.parse(message, (_, value: unknown) => named(value)) as Record<string, unknown>;
  const length = new DataView(message).getUint32(0, true);
  const head = new TextDecoder().decode(new Uint8Array(message, 4, length));
  const begin = 4 + length;
  return JSON.parse(head, (_, value: unknown) => (isPlaced(value) ? placed(message, begin, value) : named(value))) as Record<string, unknown>;
}

function isPlaced(value: unknown): value is Placed {
  return typeof value === "object" && value !== null && "$array" in value;
}

/** Keys that begin with a $ travel with another one before it, so that none of a file's names is taken for an array. */
function named(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const entries = Object.entries(value);
  return entries.some(([key]) => key.startsWith("$$")) ? Object.fromEntries(entries.map(([key, one]) => [key.startsWith("$$") ? key.slice(1) : key, one])) : value;
}

/** A view of the message itself: nothing is copied. */
function placed(message: ArrayBuffer, begin: number, { $array: [type, shape, offset] }: Placed): Numbers {
  const count = shape.reduce((product, size) => product * size, 1);
  return { data: new KINDS[type](message, begin + offset, count), shape };
}

/** One row, or one plane, of an array along its first axis. */
export function part(numbers: Numbers, index: number): Numbers {
  const shape = numbers.shape.slice(1);
  const size = shape.reduce((product, one) => product * one, 1);
  return { data: numbers.data.subarray(index * size, (index + 1) * size), shape };
}
