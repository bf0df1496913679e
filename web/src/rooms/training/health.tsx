// What the doctor found on the way, with its experiment and its remedy, and the vital signs that it saw.
import texts from "@texts/training.json";
import { refusal } from "../../connection";
import { say, told, type Text } from "../../language";
import { Panel } from "../../ui/controls";
import { Found } from "../../ui/finding";
import type { Numbers } from "../../frames";
import { Chart } from "./one_run";
import { column, lines, type Course, type Run, type Words } from "./model";
import { again, mayTrainAgain } from "./state";
import { inFields, term } from "../../terms";

export function Health({ course, run }: { course: Course; run: Run }) {
  const take = mayTrainAgain(run) ? { take: { called: say(texts.again_so), act: (settings: Words) => void again(run, settings) } } : {};
  if (!course.watched) return null;
  const risen = run.settings["early_stop"] ? "" : course.overtrained; // else the best epoch's weights are kept
  return (
    <Panel title={say(texts.doctor)}>
      {course.findings.map((finding) => (
        <Found key={finding.cause + told(finding.where) + finding.epoch} finding={finding} {...take} />
      ))}
      {course.cures.map((cure) => (
        <p key={told(cure)}>
          <b>{say(texts.changed)}</b> {told(cure)}
        </p>
      ))}
      {course.notes.map((note) => (
        <p key={told(note)} class="muted">
          {refusal(note)}
        </p>
      ))}
      {risen !== "" && <p>{inFields(told(risen))}</p>}
      {course.findings.length === 0 && risen === "" && <p>{say(texts.healthy)}</p>}
      <Signs course={course} />
    </Panel>
  );
}

const GROUPS: readonly (readonly [name: string, title: Text, logarithmic: boolean])[] = [
  ["update ratio", texts.update_ratio, true],
  ["gradient", texts.gradient_norms, true],
  ["activations", texts.silent, false],
];

function Signs({ course: { signs } }: { course: Course }) {
  const steps = column(signs["step"] as Numbers | undefined);
  if (steps.length < 2) return null;
  return (
    <details class="signs">
      <summary>{say(texts.signs)}</summary>
      <p class="hint">{say(texts.signs_hint)}</p>
      <div class="charts">
        {GROUPS.map(([name, title, logarithmic]) => {
          const names = signs[`${name} of`] as readonly string[] | undefined;
          const curves = lines(signs[name] as Numbers | undefined, logarithmic);
          return names && curves.length > 0 && <Chart key={name} title={say(title)} names={names} columns={curves} x={steps} across={term("step")} logarithmic={logarithmic} />;
        })}
        <Chart title={say(texts.noise)} names={[term("noise scale")]} columns={[column(signs["noise scale"] as Numbers | undefined, true)]} x={steps} across={term("step")} logarithmic />
        <Chart title={say(texts.curvature)} names={[term("curvature")]} columns={[column(signs["curvature"] as Numbers | undefined)]} x={steps} across={term("step")} />
      </div>
    </details>
  );
}
