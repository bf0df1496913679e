// Colours in other numbers: an image channel by channel in a colour space, changed there, and back.
import texts from "@texts/images.json";
import { part } from "../../frames";
import { percent, say, type Text } from "../../language";
import { Choice, Panel, Problem, Slider, Switch } from "../../ui/controls";
import type { Choices, InSpace, Opened } from "./answers";
import { useAnswer } from "../../ui/asking";
import { choose, pick, source } from "./chosen";
import { figure } from "./grid";
import { Picture } from "./picture";

const SPACES: Record<string, Text> = { rgb: texts.spaceRgb, hsv: texts.spaceHsv, hsl: texts.spaceHsl, lab: texts.spaceLab, ycbcr: texts.spaceYcbcr, cmyk: texts.spaceCmyk, grey: texts.spaceGrey };
const MEANINGS: Record<string, Text> = {
  "rgb R": texts.red, "rgb G": texts.green, "rgb B": texts.blue,
  "hsv H": texts.hue, "hsv S": texts.saturation, "hsv V": texts.value,
  "hsl H": texts.hue, "hsl S": texts.saturation, "hsl L": texts.lightness,
  "lab L": texts.lightness, "lab a": texts.greenRed, "lab b": texts.blueYellow,
  "ycbcr Y": texts.luma, "ycbcr Cb": texts.blueBeyond, "ycbcr Cr": texts.redBeyond,
  "cmyk C": texts.cyan, "cmyk M": texts.magenta, "cmyk Y": texts.yellow, "cmyk K": texts.black,
  "grey Y": texts.luma,
};

export function Colours({ choices }: { choices: Choices }) {
  const asked = source("flower");
  const name = pick("space", "hsv");
  const space = choices.spaces.find((one) => one.name === name) ?? choices.spaces[0];
  const channels = space?.channels ?? [];
  const given = pick("shift", "").split("_");
  const shifts = channels.map((_, at) => Math.max(-1, Math.min(1, Number(given[at]) || 0)));
  const only = pick("only", "");
  const kept = /^[0-3]$/.test(only) && Number(only) < channels.length ? Number(only) : null;
  const [opened, gone] = useAnswer<Opened>("images.open", asked);
  const [answer, problem] = useAnswer<InSpace>("images.colours", space ? { ...asked, space: space.name, shifts, ...(kept === null ? {} : { kept }) } : null);
  const shift = (channel: number, to: number) => {
    const changed = shifts.map((old, at) => (at === channel ? to : old));
    choose({ shift: changed.some((one) => one !== 0) ? changed.map(String).join("_") : "" });
  };
  return (
    <>
      <Panel>
        <div class="row choices">
          <Choice label={say(texts.space)} value={space?.name ?? ""} options={choices.spaces.map((one) => [one.name, one.channels.length === 1 ? say(texts.grey) : one.title])} onChoose={(one) => choose({ space: one, shift: "", only: "" })} />
          <p>{SPACES[name] && say(SPACES[name])}</p>
        </div>
      </Panel>
      <Problem text={gone || problem} />
      <div class="columns channels">
        {channels.map(({ letter, low, high }, at) => {
          const unit = (value: number | undefined) => inUnit(name, letter, value);
          return (
          <Panel key={`${name} ${letter}`} title={`${letter} · ${meaning(name, letter)}`}>
            <Picture values={answer && at < (answer.planes.shape[0] ?? 0) ? part(answer.planes, at) : null} label={`${letter}: ${meaning(name, letter)}`} />
            <p class="hint">{say(texts.range, { low: unit(low), high: unit(high), least: unit(answer?.least.data[at]), most: unit(answer?.most.data[at]) })}</p>
            <Slider label={`${letter} · ${say(texts.shift)}`} value={shifts[at] ?? 0} shown={percent(shifts[at], 0)} min={-1} max={1} step={0.02} onInput={(to) => shift(at, to)} />
            <Switch label={say(texts.onlyThis)} checked={kept === at} onChange={(on) => choose({ only: on ? String(at) : "" })} />
          </Panel>
          );
        })}
      </div>
      <div class="columns two">
        <Panel title={say(texts.before)}>
          <Picture values={opened?.picture ?? null} label={say(texts.before)} />
        </Panel>
        <Panel title={say(texts.back)}>
          <Picture values={answer?.back ?? null} label={say(texts.back)} />
          <p class="hint">{say(texts.difference, { difference: figure(Math.round((answer?.difference ?? 0) * 100) / 100) })}</p>
        </Panel>
      </div>
    </>
  );
}

/** A hue in degrees, its saturation and value in per cent; other channels as they are. */
export function inUnit(space: string, letter: string, value: number | undefined): string {
  if (value === undefined || (space !== "hsv" && space !== "hsl")) return figure(value && Math.abs(value) < 1e-6 ? 0 : value, 4); // single precision leaves 10⁻⁹ where nothing is
  return letter === "H" ? `${figure(value, 4)}°` : percent(value, 0);
}

function meaning(space: string, letter: string): string {
  const text = MEANINGS[`${space} ${letter}`];
  return text ? say(text) : letter;
}
