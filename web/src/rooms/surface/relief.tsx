// A surface with ways on it: in 3-D where the browser can, else from above with lines of equal height.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import texts from "@texts/surface.json";
import { figure, say } from "../../language";
import type { Numbers } from "../../frames";
import { Button, Slider, Switch } from "../../ui/controls";
import { choose, eyeOf, isSolid, number, scale, word, writtenEye, type Eye } from "./chosen";
import { Above } from "./relief2d";
import type { Show3d } from "./relief3d";
import { colourOf, scaled, type Scale, type Terrain } from "./terrain";

/** places: x, y, x, y …; shown: how many of them. mark: the number of its sign. */
export interface Way {
  readonly name: string;
  readonly colour: string;
  readonly mark: number;
  readonly places: ArrayLike<number>;
  readonly shown: number;
}

export interface Scene {
  readonly terrain: Terrain;
  readonly scale: Scale;
  /** The lowest height there is, where that is known and not on the lattice. */
  readonly lowest?: number;
  readonly ways: readonly Way[];
  readonly goal?: readonly [number, number];
}

export interface ReliefProps {
  readonly scene: Scene;
  readonly label: string;
  readonly solid: boolean;
  readonly onSolid: (on: boolean) => void;
  readonly onScale: (scale: Scale) => void;
  readonly names: readonly [string, string];
  /** Where one may begin: by a click, by dragging from above, by arrow keys. */
  readonly begin?: readonly [number, number];
  readonly onBegin?: (x: number, y: number) => void;
}

/** Whether the browser draws in three dimensions. */
export function canDraw3d(): boolean {
  try {
    return document.createElement("canvas").getContext("webgl2") !== null;
  } catch {
    return false;
  }
}

let able: boolean | null = null;

export function Relief(props: ReliefProps) {
  able ??= canDraw3d();
  const { scene, solid, onSolid, onScale } = props;
  const range = scaled(scene.terrain, scene.scale, scene.lowest);
  return (
    <div class="relief">
      {solid && able ? <Solid {...props} /> : <Above {...props} />}
      <div class="row relief-row">
        {able ? <Switch label={say(texts.solid)} checked={solid} onChange={onSolid} /> : <p class="hint" role="status">{say(texts.no_webgl)}</p>}
        <Switch label={say(texts.logarithmic)} checked={scene.scale === "log"} onChange={(on) => onScale(on ? "log" : "linear")} />
        <div class="ramp" aria-label={say(texts.height_scale)} role="img">
          <span>{figure(range.low)}</span>
          <i style={{ background: `linear-gradient(90deg, ${[0, 0.2, 0.4, 0.6, 0.8, 1].map((share) => `rgb(${colourOf(share).map(Math.round).join(" ")})`).join(", ")})` }} />
          <span>{figure(range.high)}</span>
        </div>
      </div>
    </div>
  );
}

interface OnSurfaceProps {
  /** Where heights were measured, and what they are there. */
  across: Numbers | undefined;
  up: Numbers | undefined;
  heights: Numbers | undefined;
  label: string;
  names: readonly [string, string];
  goal?: readonly [number, number];
  /** Each to its place `at`. */
  ways: readonly Omit<Way, "shown">[];
  /** The epochs of the ways' places. */
  epochs: readonly number[];
}

/** A measured surface with ways of training on it, up to the epoch that is chosen. */
export function OnSurface({ across, up, heights, label, names, goal, ways, epochs }: OnSurfaceProps) {
  const last = Math.max(0, epochs.length - 1);
  const at = Math.min(last, number("epoch", last));
  const terrain = useMemo(() => ({ across: across?.data ?? [], up: up?.data ?? [], heights: heights?.data ?? [] }), [heights]);
  const scene = useMemo((): Scene => ({ terrain, scale: scale(), ways: ways.map((way) => ({ ...way, shown: at + 1 })), ...(goal ? { goal } : {}) }), [terrain, scale(), at]);
  return (
    <>
      <Relief scene={scene} label={label} solid={isSolid()} names={names} onSolid={(on) => choose({ view: on ? "" : "above" })} onScale={(one) => choose({ scale: one === "log" ? "" : one })} />
      {epochs.length > 1 && <Slider label={say(texts.way_until)} min={0} max={last} value={at} shown={say(texts.epoch, { epoch: epochs[at] ?? 0 })} onInput={(one) => choose({ epoch: one === last ? "" : String(one) })} />}
    </>
  );
}

/** Loaded when it is first shown: three.js is larger than the rest of the page together. */
function Solid({ scene, label, begin, onBegin }: ReliefProps) {
  const place = useRef<HTMLDivElement>(null);
  const [shown, show] = useState<Show3d | null>(null);
  const pick = useRef(onBegin);
  pick.current = onBegin;
  const from = word("eye");
  const own = useRef(from); // what this page wrote last
  const look = (eye: Eye) => choose({ eye: (own.current = writtenEye(eye)) });
  useEffect(() => {
    let gone = false;
    let made: Show3d | null = null;
    void import("./relief3d").then(({ show3d }) => {
      if (gone || !place.current) return;
      made = show3d(place.current, eyeOf(word("eye")), (x, y) => pick.current?.(x, y), look);
      show(made);
    });
    return () => {
      gone = true;
      made?.end();
    };
  }, []);
  useEffect(() => {
    if (from !== own.current) shown?.face(eyeOf(from)); // it came from elsewhere
    own.current = from;
  }, [shown, from]);
  useEffect(() => shown?.draw(scene, begin ?? null), [shown, scene, begin?.[0], begin?.[1]]);
  const onKeyDown = (event: KeyboardEvent) => {
    const way = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.08], ArrowDown: [0, 0.08] }[event.key];
    const far = event.shiftKey ? 5 : 1;
    if (way) shown?.turn(far * (way[0] ?? 0), far * (way[1] ?? 0));
    else if (event.key === "Home") choose({ eye: "" });
    else if (event.key === "+" || event.key === "=") shown?.zoom(0.87);
    else if (event.key === "-") shown?.zoom(1.15);
    else return;
    event.preventDefault();
  };
  return (
    <>
      <div ref={place} class="solid" tabIndex={0} role="application" aria-label={`${label}. ${say(texts.solid_keys)}`} onKeyDown={onKeyDown}>
        {!shown && <p class="hint">{say(texts.loading)}</p>}
      </div>
      <div class="row solid-row">
        <Button label={say(texts.turn_left)} onClick={() => shown?.turn(-0.3, 0)}>↺</Button>
        <Button label={say(texts.turn_right)} onClick={() => shown?.turn(0.3, 0)}>↻</Button>
        <Button label={say(texts.nearer)} onClick={() => shown?.zoom(0.8)}>+</Button>
        <Button label={say(texts.farther)} onClick={() => shown?.zoom(1.25)}>−</Button>
        <span class="hint">{say(texts.solid_keys)}</span>
      </div>
    </>
  );
}
