// Messages of the lab as values: JSON, or JSON followed by the arrays that it refers to (`profundo.lab.messages`).

/** Numbers row by row, as the server's array had them. */
export interface Numbers {
  readonly data: Float32Array | Int32Array | Uint8Array;
  readonly shape: readonly number[];
}

type Placed = { $array: [type: "uint8" | "int32" | "float32", shape: number[], offset: number] };

const KINDS = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array } as const;

export function decoded(message: string | ArrayBuffer): Record<string, unknown> {
  if (typeof message === "string") return JSON.parse(message) as Record<string, unknown>;
  const length = new DataView(message).getUint32(0, true);
  const head = new TextDecoder().decode(new Uint8Array(message, 4, length));
  const begin = 4 + length;
  return JSON.parse(head, (_, value: unknown) => (isPlaced(value) ? placed(message, begin, value) : value)) as Record<string, unknown>;
}

function isPlaced(value: unknown): value is Placed {
  return typeof value === "object" && value !== null && "$array" in value;
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
