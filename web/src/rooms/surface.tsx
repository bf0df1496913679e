// Surface: the loss of a run over its weights, optimizers that roll down known surfaces, and the same on a real net.
import { useEffect } from "preact/hooks";
import texts from "@texts/surface.json";
import { useVisits } from "../address";
import { call, whenOpened } from "../connection";
import { anything, formOf, type Check, matching, numberIn, oneOf, wholeIn } from "../forms";
import { say } from "../language";
import { watchShown } from "../presenting";
import { choose, enter, EYE, MODES, mode } from "./surface/chosen";
import { findRuns, OfRun, plane } from "./surface/of_run";
import { OnNet, walked, type Walked } from "./surface/on_net";
import { found, learnForm, optimizerNames, Roll, STEPS } from "./surface/roll";
import { Tabs } from "../ui/tabs";
import "./surface.css";

const SHOWN = { run: OfRun, roll: Roll, net: OnNet } as const;

const rates: Check = (text) => text.split(",").every((pair) => /^[a-z]+:[\d.e+-]+$/.test(pair) && optimizerNames.includes(pair.split(":")[0] ?? ""));
export const form = formOf({
  mode: oneOf(...MODES), scale: oneOf("log", "linear"), view: oneOf("above", "solid"), run: anything, plane: oneOf("random", "path"), fineness: oneOf("coarse", "medium", "fine"), samples: oneOf("100", "500", "2000"),
  epoch: wholeIn(), surface: oneOf("rosenbrock", "ravine", "saddle"), x: numberIn(-1e3, 1e3), y: numberIn(-1e3, 1e3), step: wholeIn(0, STEPS), play: oneOf("1"), eye: matching(EYE), rates, net: rates, epochs: wholeIn(1, 20),
});

export default function Surface() {
  useEffect(() => {
    enter();
    const leave = [plane.watch(), walked.watch(), watchShown<Walked>("walk", (told) => (walked.value.value = told)), found.watch(), whenOpened(() => (void findRuns(), void learnForm()))];
    return () => {
      leave.forEach((one) => one());
      void call("surface.stop").catch(() => undefined);
    };
  }, []);
  useVisits(enter);
  const now = mode();
  const Shown = SHOWN[now];
  return (
    <div class="surface">
      <h1 class="unseen">{say(texts.title)}</h1>
      <Tabs label={say(texts.views)} views={MODES.map((one) => [one, say(texts[`mode_${one}`])] as const)} now={now} onChoose={(one) => choose({ mode: one })}>
        <Shown />
      </Tabs>
    </div>
  );
}
