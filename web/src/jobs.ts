// What takes the lab seconds: asked for with a ticket, answered bit by bit through the channel of the same name (lab/benches.py).
import { signal, type Signal } from "@preact/signals";
import { call, listen, refusal } from "./connection";
import type { Told } from "./language";

interface Bit<Value> {
  readonly ticket: number;
  readonly done: boolean;
  readonly value?: Value;
  readonly refused?: Told;
}

export interface Job<Value> {
  /** The newest that came of it, also of the one before while another is on its way. */
  readonly value: Signal<Value | null>;
  readonly busy: Signal<boolean>;
  readonly problem: Signal<string>;
  readonly ask: (asked: Record<string, unknown>) => void;
  /** Forget what came of it, and what is on its way. */
  readonly clear: () => void;
  /** Listen until the function that comes back is called. */
  readonly watch: () => () => void;
}

export function job<Value>(name: string): Job<Value> {
  const value = signal<Value | null>(null);
  const busy = signal(false);
  const problem = signal("");
  let ticket = Math.floor(Math.random() * 1e9); // of no page before this one
  const hear = (told: Bit<Value>) => {
    if (told.ticket !== ticket) return;
    if (told.value !== undefined && Object.keys(told.value as object).length > 0) value.value = told.value;
    problem.value = told.refused === undefined ? "" : refusal(told.refused);
    busy.value = !told.done;
  };
  const failed = (line: string) => {
    problem.value = line;
    busy.value = false;
  };
  const ask = (asked: Record<string, unknown>) => {
    ticket += 1;
    const own = ticket;
    busy.value = true;
    problem.value = "";
    call(name, { ...asked, ticket: own }).catch((error: Error) => own === ticket && failed(error.message));
  };
  const clear = () => {
    ticket += 1;
    value.value = null;
    busy.value = false;
    problem.value = "";
  };
  return { value, busy, problem, ask, clear, watch: () => listen(name, hear) };
}
