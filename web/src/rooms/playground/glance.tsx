// Both losses and the doctor's word in the small, beside what makes them: where the page is too short to show them in full.
import texts from "@texts/playground.json";
import { part, type Numbers } from "../../frames";
import { say } from "../../language";
import { cause } from "../../terms";
import { calm } from "./play";

const [WIDTH, HEIGHT] = [120, 34];

export function Glance() {
  const shown = calm.value;
  if (!shown) return null;
  const show = (place: string) => document.getElementById(place)?.scrollIntoView({ block: "nearest" });
  return (
    <div class="glance">
      {shown.step > 0 && (
        <button type="button" class="quiet" aria-label={say(texts.curves_label)} title={say(texts.curves_label)} onClick={() => show("progress")}>
          <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} aria-hidden="true">
            <path d={lineOf(shown.curves, 1)} stroke="var(--curve-1)" />
            <path d={lineOf(shown.curves, 2)} stroke="var(--curve-2)" stroke-dasharray="4 3" />
          </svg>
        </button>
      )}
      {shown.findings.map(({ cause: name }) => (
        <button key={name} type="button" class="quiet sign" title={cause(name)} onClick={() => show("doctor")}>
          ⚕ {cause(name)}
        </button>
      ))}
    </div>
  );
}

/** A row of the curves over their steps, from 0 to the largest loss that both have. */
export function lineOf(curves: Numbers, row: number): string {
  const [steps, values] = [part(curves, 0).data, part(curves, row).data];
  const most = Math.max(1e-12, ...[1, 2].flatMap((one) => Array.from(part(curves, one).data).filter(Number.isFinite)));
  const last = steps[steps.length - 1] || 1;
  const places = Array.from(values, (value, at) => (Number.isFinite(value) ? `${((WIDTH * (steps[at] ?? 0)) / last).toFixed(1)} ${(HEIGHT - 1 - ((HEIGHT - 2) * value) / most).toFixed(1)}` : ""));
  return places.filter((place) => place !== "").map((place, at) => `${at === 0 ? "M" : "L"}${place}`).join("");
}
