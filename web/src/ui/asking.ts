// Questions to the lab from within a view: the newest answer, and what it was refused with.
import { useEffect, useMemo, useState } from "preact/hooks";
import { connected, latest } from "../connection";

interface Asking<Answer> {
  readonly answer: Answer | null;
  readonly problem: string;
  readonly busy: boolean;
  /** One call on the way, and the last one after it. */
  readonly ask: (asked: Record<string, unknown>) => void;
  /** Show nothing until the next answer comes. */
  readonly clear: () => void;
}

export function useAsking<Answer>(name: string): Asking<Answer> {
  const [answer, show] = useState<Answer | null>(null);
  const [problem, fail] = useState("");
  const [busy, wait] = useState(false);
  const send = useMemo(
    () =>
      latest<Answer>(
        name,
        (given) => (show(given), fail(""), wait(false)),
        (error) => (fail(error.message), wait(false)),
      ),
    [name],
  );
  const ask = (asked: Record<string, unknown>) => (wait(true), void send(asked));
  return { answer, problem, busy, ask, clear: () => show(null) };
}

/** The answer to a question that is asked again whenever it changes. */
export function useAnswer<Answer>(name: string, asked: object | null): readonly [answer: Answer | null, problem: string] {
  const { answer, problem, ask } = useAsking<Answer>(name);
  const question = JSON.stringify(asked);
  useEffect(() => {
    if (asked !== null && connected.value) ask(asked as Record<string, unknown>);
  }, [question, connected.value]);
  return [asked === null ? null : answer, problem];
}

/** Names that were listed before this one came to be, as the presenter's new run: they are listed again, once for a name. */
export function useListed(name: string, names: readonly string[] | null, list: () => void): void {
  const isNew = name !== "" && names !== null && !names.includes(name);
  useEffect(() => {
    if (isNew) list();
  }, [name, isNew]);
}

interface Work {
  readonly busy: boolean;
  readonly problem: string;
  readonly work: (act: () => Promise<void>) => Promise<void>;
}

/** What a button does that takes a while: one at a time, with what it was refused with. */
export function useWork(): Work {
  const [busy, wait] = useState(false);
  const [problem, refuse] = useState("");
  const work = async (act: () => Promise<void>) => {
    wait(true);
    refuse("");
    try {
      await act();
    } catch (error) {
      refuse((error as Error).message);
    }
    wait(false);
  };
  return { busy, problem, work };
}
