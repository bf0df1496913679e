// What the page alone keeps in the address, beside the settings that the lab knows: switches, speed, the lesson.

export interface Kept {
  readonly gradients: boolean;
  readonly warped: boolean;
  readonly discrete: boolean;
  readonly test: boolean;
  readonly parts: boolean;
  /** Whether the lesson's answer is uncovered, and further settings are. */
  readonly answer: boolean;
  readonly more: boolean;
}
export type Speed = "slow" | "epoch" | "fast";
export interface Page {
  readonly view: Kept;
  readonly speed: Speed;
  readonly lesson: string;
}

export const OURS = ["show", "hide", "speed", "lesson"];
export const SPEEDS: readonly Speed[] = ["slow", "epoch", "fast"];
const USUAL: Kept = { gradients: false, warped: false, discrete: false, test: true, parts: true, answer: false, more: false };
export const SWITCHES = Object.keys(USUAL) as (keyof Kept)[];

const nameOf = (part: string): string => part.split("=", 1)[0] ?? "";

/** The settings of an address, as they stand there, and what of it is the page's; what says nothing is as usual. */
export function parted(query: string): { settings: string; page: Page } {
  const parts = query.split("&").filter((part) => part !== "");
  const own = new URLSearchParams(parts.filter((part) => OURS.includes(nameOf(part))).join("&"));
  const named = (key: string) => (own.get(key) ?? "").split(",");
  const view = Object.fromEntries(SWITCHES.map((one) => [one, (USUAL[one] || named("show").includes(one)) && !named("hide").includes(one)]));
  return {
    settings: parts.filter((part) => !OURS.includes(nameOf(part))).join("&"),
    page: { view: view as unknown as Kept, speed: SPEEDS.find((one) => one === own.get("speed")) ?? "epoch", lesson: own.get("lesson") ?? "" },
  };
}

/** Only what differs from the usual stands in the address. */
export function joined(settings: string, { view, speed, lesson }: Page): string {
  const turned = (on: boolean) => SWITCHES.filter((one) => view[one] !== USUAL[one] && view[one] === on).join(",");
  const own = [
    ["show", turned(true)],
    ["hide", turned(false)],
    ["speed", speed === "epoch" ? "" : speed],
    ["lesson", encodeURIComponent(lesson)],
  ];
  return [settings, ...own.filter(([, value]) => value !== "").map((pair) => pair.join("="))].filter((part) => part !== "").join("&");
}
