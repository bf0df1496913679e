// What the server encodes is what the page decodes: bytes made by hand after the format that profundo.lab.messages states.
import { expect, test } from "vitest";
import { decoded, part } from "../src/frames";

function message(head: unknown, bodies: readonly ArrayBufferView[]): ArrayBuffer {
  let text = JSON.stringify(head);
  while ((text.length + 4) % 8 !== 0) text += " ";
  const parts = [new Uint8Array(4), new TextEncoder().encode(text), ...bodies.map((body) => new Uint8Array(body.buffer))];
  const whole = new Uint8Array(parts.reduce((size, one) => size + one.length, 0));
  let at = 0;
  for (const one of parts) {
    whole.set(one, at);
    at += one.length;
  }
  new DataView(whole.buffer).setUint32(0, text.length, true);
  return whole.buffer;
}

test("text is JSON", () => {
  expect(decoded('{"id": 1, "answer": [1, null]}')).toEqual({ id: 1, answer: [1, null] });
});

test("arrays are views of the message, wherever they stand in it", () => {
  const numbers = new Float32Array([1.5, -2, 0.25, 8]);
  const bytes = new Uint8Array([0, 127, 255, 1, 2, 3, 4, 5]);
  const told = decoded(
    message({ id: 2, answer: { maps: [{ $array: ["uint8", [2, 4], 16] }], loss: { $array: ["float32", [2, 2], 0] } } }, [numbers, bytes]),
  ) as { answer: { maps: { data: Uint8Array; shape: number[] }[]; loss: { data: Float32Array; shape: number[] } } };
  expect([...told.answer.loss.data]).toEqual([1.5, -2, 0.25, 8]);
  expect([...(told.answer.maps[0]?.data ?? [])]).toEqual([...bytes]);
  expect([...part(told.answer.loss, 1).data]).toEqual([0.25, 8]);
  expect(part(told.answer.loss, 1).shape).toEqual([2]);
});

test("a file's own names are no arrays", () => {
  expect(decoded('{"a": {"$$array": ["float32", [9], 0]}, "$$$x": 1}')).toEqual({ a: { $array: ["float32", [9], 0] }, $$x: 1 });
});
