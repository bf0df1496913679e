// Going through a graph: buttons, arrow keys, a scrubber, and a film.
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import texts from "@texts/graph.json";
import { say } from "../../language";
import { useTold } from "../../telling";
import { Button } from "../../ui/controls";
import type { Stop } from "./steps";

const PACE = 1100; // ms a stop

interface StepperProps {
  stops: readonly Stop[];
  at: number;
  /** "= 9", of a step that comes to a number. */
  value?: string;
  onGo: (at: number) => void;
}

export function Stepper({ stops, at, value = "", onGo }: StepperProps) {
  const last = stops.length - 1;
  const [playing, play] = useState(false);
  useEffect(() => {
    if (!playing) return undefined;
    const timer = setTimeout(() => (at < last ? onGo(at + 1) : play(false)), PACE);
    return () => clearTimeout(timer);
  }, [playing, at, last]);
  const go = (to: number) => {
    play(false);
    onGo(Math.max(0, Math.min(last, to)));
  };
  useTold(playing ? "" : `${stepWords(stops[at])} ${value}. ${say(texts.count, { at, last })}`);
  const turn = stops.findIndex((stop) => stop.phase === "backward");
  return (
    <div class="graph-stepper">
      <div class="row">
        <Button label={say(texts.first)} disabled={at === 0} onClick={() => go(0)}>
          <Sign d="M3 2v12M13 2 5 8l8 6z" />
        </Button>
        <Button label={say(texts.back)} disabled={at === 0} onClick={() => go(at - 1)}>
          <Sign d="M12 2 4 8l8 6z" />
        </Button>
        <Button
          kind="main"
          onClick={() => {
            if (!playing && at === last) onGo(0);
            play(!playing);
          }}
        >
          {say(playing ? texts.pause : texts.play)}
        </Button>
        <Button label={say(texts.next)} disabled={at === last} onClick={() => go(at + 1)}>
          <Sign d="M4 2l8 6-8 6z" />
        </Button>
        <Button label={say(texts.last)} disabled={at === last} onClick={() => go(last)}>
          <Sign d="M13 2v12M3 2l8 6-8 6z" />
        </Button>
      </div>
      <div class="graph-scrubber">
        <input
          type="range"
          min={0}
          max={last}
          value={at}
          aria-label={say(texts.step)}
          aria-valuetext={`${stepWords(stops[at])} (${at} / ${last})`}
          onInput={(event) => go(Number(event.currentTarget.value))}
        />
        {turn > 0 && (
          <p class="graph-halves" aria-hidden="true">
            <span class="forward" style={{ flexGrow: turn - 0.5 }}>
              {say(texts.forward)} →
            </span>
            <span class="backward" style={{ flexGrow: last - turn + 0.5 }}>
              ← {say(texts.backward)}
            </span>
          </p>
        )}
      </div>
      <p class="graph-now">
        <b>
          {stepWords(stops[at])} {value}
        </b> <span class="muted">{say(texts.count, { at, last })}</span>
      </p>
    </div>
  );
}

/** Signs that every font would have to have. */
export function Sign({ d }: { d: string }) {
  return (
    <svg width="16" height="16" viewBox="0 0 16 16" fill="currentColor" stroke="currentColor" stroke-width="2" stroke-linejoin="round" aria-hidden="true">
      <path d={d} />
    </svg>
  );
}

export function stepWords(stop: Stop | undefined): string {
  if (!stop || stop.phase === "given") return say(texts.given);
  return say(stop.phase === "forward" ? texts.forward_at : texts.backward_at, { node: stop.node === "input" ? say(texts.kind_input) : stop.node });
}

/** Arrow keys step wherever the focus is, but where they have a use of their own; so do Home, End and a presenter's clicker on the
 * drawing, and elsewhere where nothing is to be scrolled. */
export function useKeys(at: number, last: number, onGo: (at: number) => void): void {
  useLayoutEffect(() => {
    const listen = (event: KeyboardEvent) => byKey(event, at, last, onGo); // before the next key: none may count from where one was
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  });
}

const OWN_USE = "input, select, textarea, div[tabindex='0']"; // fields, and boxes that scroll
const AWAY = "dialog[open], .graph-stage[inert]"; // before the graph, or the graph of a formula that stands no more

export function byKey(event: KeyboardEvent, at: number, last: number, onGo: (at: number) => void): void {
  const target = event.target as HTMLElement;
  if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey || target.closest(OWN_USE) || document.querySelector(AWAY)) return;
  const scrolls = document.documentElement.scrollHeight > innerHeight && !target.closest(".graph-drawing");
  const paged: Readonly<Record<string, number>> = scrolls ? {} : { PageDown: at + 1, PageUp: at - 1, Home: 0, End: last };
  const keys: Readonly<Record<string, number>> = { ArrowRight: at + 1, ArrowLeft: at - 1, ...paged };
  const to = keys[event.key];
  if (to === undefined) return;
  event.preventDefault();
  onGo(Math.max(0, Math.min(last, to)));
}
