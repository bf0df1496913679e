// What the doctor found: its name and place, the figures, the experiment that proved it, and what to do.
import texts from "@texts/lab.json";
import { local, say, told, type Told } from "../language";
import { brief } from "../numbers";
import { cause, fieldOf, inFields, quantity, typedSettings } from "../terms";
import { Button } from "./controls";

export interface Finding {
  readonly cause: string;
  readonly where: Told;
  readonly evidence: Readonly<Record<string, number | string | null>>;
  readonly remedy: Told;
  /** Empty of a fact; none of a sign, which no experiment has proved. */
  readonly proof?: Told;
}

interface FoundProps {
  finding: Finding;
  /** What is done with settings that it advises, where the page can set them, and how the button is called. */
  take?: { readonly called: string; readonly act: (settings: Readonly<Record<string, string>>) => void };
}

export function Found({ finding: { cause: name, where, evidence, remedy, proof }, take }: FoundProps) {
  const figures = Object.entries(evidence).map(([of, value]) => `${quantity(of)}: ${typeof value === "string" ? value : brief(value, 4)}`);
  const settings = typedSettings(told(remedy));
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
        <b>{say(texts.remedy)}</b> {settings ? Object.entries(settings).map(([one, value]) => `${fieldOf(one)}: ${local(value)}`).join(" · ") : inFields(told(remedy))}{" "}
        {settings && take && <Button onClick={() => take.act(settings)}>{take.called}</Button>}
      </p>
    </article>
  );
}
