// Surface: the loss of a run over its weights, optimizers that roll down known surfaces, and the same on a real net.
import { useEffect } from "preact/hooks";
import texts from "@texts/surface.json";
import { address } from "../address";
import { call, whenOpened } from "../connection";
import { say } from "../language";
import { choose, enter, MODES, mode, ROOM } from "./surface/chosen";
import { findRuns, OfRun, plane } from "./surface/of_run";
import { OnNet, walked } from "./surface/on_net";
import { found, learnForm, Roll } from "./surface/roll";
import "../ui/tabs.css";
import "./surface.css";

const SHOWN = { run: OfRun, roll: Roll, net: OnNet } as const;

export default function Surface() {
  useEffect(() => {
    enter();
    const again = () => address.value.room === ROOM && enter(); // a link to this very room
    addEventListener("hashchange", again);
    const leave = [() => removeEventListener("hashchange", again), plane.watch(), walked.watch(), found.watch(), whenOpened(() => (void findRuns(), void learnForm()))];
    return () => {
      leave.forEach((one) => one());
      void call("surface.stop").catch(() => undefined);
    };
  }, []);
  const now = mode();
  const Shown = SHOWN[now];
  const walk = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? MODES.length - 1 : 0;
    const next = MODES[(MODES.indexOf(now) + step) % MODES.length];
    if (step === 0 || !next) return;
    event.preventDefault();
    choose({ mode: next });
    document.getElementById(`tab-${next}`)?.focus();
  };
  return (
    <div class="surface">
      <h1 class="unseen">{say(texts.title)}</h1>
      <div class="tabs" role="tablist" aria-label={say(texts.views)} onKeyDown={walk}>
        {MODES.map((one) => (
          <button key={one} id={`tab-${one}`} type="button" role="tab" aria-selected={one === now} aria-controls="surface-view" tabIndex={one === now ? 0 : -1} onClick={() => choose({ mode: one })}>
            {say(texts[`mode_${one}`])}
          </button>
        ))}
      </div>
      <div role="tabpanel" id="surface-view" aria-labelledby={`tab-${now}`}>
        <Shown />
      </div>
    </div>
  );
}
