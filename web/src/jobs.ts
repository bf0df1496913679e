// What takes the lab seconds: asked for with a ticket, answered bit by bit through the channel of the same name (lab/benches.py).
import { signal, type Signal } from "@preact/signals";
import { call, listen } from "./connection";

interface Told<Value> {
  readonly ticket: number;
  readonly done: boolean;
  readonly value?: Value;
  readonly refused?: string;
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
  const hear = (told: Told<Value>) => {
    if (told.ticket !== ticket) return;
    if (told.value !== undefined && Object.keys(told.value as object).length > 0) value.value = told.value;
    problem.value = told.refused ?? "";
    busy.value = !told.done;
  };
  const ask = (asked: Record<string, unknown>) => {
    ticket += 1;
    const own = ticket;
    busy.value = true;
    problem.value = "";
    call(name, { ...asked, ticket: own }).catch((error: Error) => own === ticket && hear({ ticket, done: true, refused: error.message }));
  };
  const clear = () => {
    ticket += 1;
    value.value = null;
    busy.value = false;
    problem.value = "";
  };
  return { value, busy, problem, ask, clear, watch: () => listen(name, hear) };
}
