// The playground: a net over the plane that trains while one watches, and everything about it at hand.
import { useEffect } from "preact/hooks";
import lab from "@texts/lab.json";
import texts from "@texts/playground.json";
import { address, useVisits } from "../address";
import { role, whenOpened } from "../connection";
import { anything, formOf, listOf, oneOf, type Form } from "../forms";
import { say } from "../language";
import { Panel, Problem } from "../ui/controls";
import { Controls, Data, Learning, Lessons } from "./playground/choices";
import { GradientSizes, LayerCount, Network } from "./playground/network";
import { Output } from "./playground/output";
import { enter, form as settings, problem, setup, watch } from "./playground/play";
import { Race, Raced } from "./playground/race";
import { Doctor, Home, Neuron, Progress } from "./playground/results";
import { OURS, SPEEDS, SWITCHES } from "./playground/query";
import "./playground.css";

/** What the page keeps beside the settings, which the lab reads. */
const ours = formOf({ show: listOf(SWITCHES), hide: listOf(SWITCHES), speed: oneOf(...SPEEDS), lesson: anything });
export const form: Form = (key) => (OURS.includes(key) ? ours(key) : anything);

export default function Playground() {
  useEffect(() => {
    const leave = [watch(), whenOpened(() => void enter(address.value.query))];
    return () => leave.forEach((one) => one());
  }, []);
  useVisits(() => role.value === "visitor" || void enter(address.value.query)); // a visitor's settings come with the session
  const isThere = setup.value !== null && settings.value !== null;
  const looksOn = role.value === "visitor"; // what would do nothing is folded, and the pictures come first
  return (
    <fieldset class={looksOn ? "playground visited" : "playground"} disabled={looksOn}>
      <h1 class="unseen">{say(texts.title)}</h1>
      <Lessons />
      <Problem text={problem.value} />
      {isThere ? <Play looksOn={looksOn} /> : problem.value === "" && <p class="loading">{say(lab.loading)}</p>}
    </fieldset>
  );
}

function Play({ looksOn }: { looksOn: boolean }) {
  return (
    <>
      <div class="deck">
        <Controls />
        {!looksOn && <Learning />}
      </div>
      <div class="columns stage">
        {!looksOn && <Data />}
        <div class="stack">
          <Panel title={say(texts.network)} kind="network" aside={<LayerCount />}>
            <Network />
            <GradientSizes />
          </Panel>
          {!looksOn && (
            <div id="neuron">
              <Neuron />
            </div>
          )}
        </div>
        <div class="stack">
          <Output />
        </div>
        <div class="stack">
          <div id="progress">
            <Progress />
          </div>
          <div id="doctor">
            <Doctor />
          </div>
        </div>
      </div>
      {looksOn && <Raced />}
      {looksOn ? (
        <details class="panel folded">
          <summary>{say(texts.settings_seen)}</summary>
          <Learning />
          <Data />
        </details>
      ) : (
        <div class="columns after">
          <Race />
          <Home />
        </div>
      )}
    </>
  );
}
