// What the doctor found: its name and place, the figures, the experiment that proved it, and what to do.
import texts from "@texts/lab.json";
import { say, told, type Told } from "../language";
import { brief } from "../numbers";
import { cause, quantity } from "../terms";

export interface Finding {
  readonly cause: string;
  readonly where: Told;
  readonly evidence: Readonly<Record<string, number | string | null>>;
  readonly remedy: Told;
  /** Empty of a fact; none of a sign, which no experiment has proved. */
  readonly proof?: Told;
}

export function Found({ finding: { cause: name, where, evidence, remedy, proof } }: { finding: Finding }) {
  const figures = Object.entries(evidence).map(([of, value]) => `${quantity(of)}: ${typeof value === "string" ? value : brief(value, 4)}`);
  const advice = told(remedy); // settings as they are typed, or a sentence
  return (
    <article class="finding">
      <h3>
        <span aria-hidden="true">⚕</span> {cause(name)} <span class="muted">({typeof where === "string" ? quantity(where) : say(where)})</span>
      </h3>
      <p>{figures.join(" · ")}</p>
      {proof !== undefined && (
        <p>
          <b>{say(texts.experiment)}</b> {told(proof) === "" ? say(texts.a_fact) : told(proof)}
        </p>
      )}
      <p>
        <b>{say(texts.remedy)}</b> {advice.startsWith("-") ? <code>{advice}</code> : advice}
      </p>
    </article>
  );
}
