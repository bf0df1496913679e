// An image on its way through a trained net: all maps, one convolution taken apart, the softmax in numbers; drawn or picked.
import { useEffect, useMemo, useState } from "preact/hooks";
import texts from "@texts/images.json";
import lab from "@texts/lab.json";
import { link } from "../../address";
import { call, connected, refusal, role, upload } from "../../connection";
import { part } from "../../frames";
import { language, percent, say, scientific, type Told } from "../../language";
import { Button, Choice, Panel, Problem } from "../../ui/controls";
import type { Choices, Look, Net } from "./answers";
import { Apart } from "./apart";
import { useAnswer, useListed, useWork } from "../../ui/asking";
import { useTold } from "../../telling";
import { pictured, pngOf } from "../../ui/raster";
import { choose, number, pick, source } from "./chosen";
import { figure } from "./grid";
import { Overview } from "./overview";
import { Pad } from "../../ui/pad";
import { Table } from "../../ui/table";
import { Pick } from "./pick";
import { Picture } from "./picture";
import { DRAWN, packed, unpacked, type Source } from "./query";

interface Lesson {
  readonly run: string;
  readonly state: string;
  readonly fault: Told;
  readonly epoch: number;
  readonly epochs: number;
}

const AT_WORK = ["starting", "running"];
const LOOK = 700; // milliseconds between two looks at a training

const IMAGE = "image"; // the one of the other rooms

export function Nets({ choices }: { choices: Choices }) {
  const [runs, setRuns] = useState<readonly string[] | null>(null);
  const [problem, fail] = useState("");
  const [told, tell] = useState<Lesson | null>(null);
  const refresh = () => void call<{ runs: readonly string[] }>("images.runs").then(({ runs: found }) => setRuns(found), (error: Error) => fail(error.message));
  useEffect(() => {
    if (connected.value) refresh();
  }, [connected.value]);
  const busy = told !== null && AT_WORK.includes(told.state);
  useEffect(() => {
    if (!busy) return;
    const look = async () => {
      const now = await call<Lesson>("images.lesson", { run: told.run });
      tell(now);
      if (now.state === "finished") (refresh(), choose({ run: now.run, layer: "", unit: "" }));
    };
    const soon = setTimeout(() => void look().catch(() => tell({ ...told })), LOOK); // also while the connection is away
    return () => clearTimeout(soon);
  }, [told]);
  const { problem: unable, work } = useWork();
  const train = (data: string) =>
    work(async () => {
      const { run: name } = await call<{ run: string }>("images.train", { data });
      tell({ run: name, state: "starting", fault: "", epoch: 0, epochs: 0 });
    });
  const run = pick("run", runs?.[0] ?? "");
  useListed(run, runs, refresh);
  const lesson = (data: string, text: string) => (
    <Button key={data} disabled={busy} onClick={() => void train(data)} kind={runs?.length === 0 ? "main" : "plain"}>
      {text}
    </Button>
  );
  return (
    <>
      <Panel kind="picking">
        <div class="row choices">
          {runs && runs.length > 0 && <Choice label={say(texts.run)} value={run} options={runs.map((one) => [one, one])} onChoose={(one) => choose({ run: one, layer: "", unit: "", see: "" })} />}
          {runs?.length === 0 && <p>{say(texts.noRuns)}</p>}
          {role.value === "owner" && runs && (
            <div class="row">
              {lesson("digits", say(texts.trainDigits))}
              {lesson("mnist", say(choices.sets.some(({ name }) => name === "mnist") ? texts.trainMnist : texts.fetchMnist))}
            </div>
          )}
        </div>
        <p class="hint mono" role="status" hidden={!busy}>
          {told?.epochs ? say(texts.lessonEpoch, { epoch: told.epoch, epochs: told.epochs }) : say(texts.begins)}
        </p>
        <Problem text={problem || unable || (busy || !told?.fault ? "" : refusal(told.fault))} />
      </Panel>
      {runs && run !== "" && <Through key={run} run={run} choices={choices} />}
    </>
  );
}

function Through({ run, choices }: { run: string; choices: Choices }) {
  const [net, problem] = useAnswer<Net>("images.net", { run });
  const see = pick("see", net?.frame && pick("d", "") ? DRAWN : "test:0");
  const strokes = unpacked(pick("d", ""));
  const other = source();
  const image: Source = see === DRAWN ? { image: DRAWN, strokes } : see === IMAGE ? other : { image: see };
  const [look, fault] = useAnswer<Look>("images.look", net && { run, ...image });
  const layer = pick("layer", net?.layers.find(({ apart }) => apart)?.name ?? "");
  const unit = number("unit", 0);
  // What shows the net's answers is drawn anew with them, not with every point that is drawn.
  const answer = useMemo(() => net && look && <Answer run={run} net={net} look={look} see={see} />, [net, look, see, language.value]);
  const terms = useMemo(() => net && look?.terms && <Softmax net={net} terms={look.terms} />, [net, look, language.value]);
  const maps = useMemo(() => net && look && <Maps net={net} look={look} layer={layer} unit={unit} />, [net, look, layer, unit, language.value]);
  return (
    <>
      <Problem text={problem || fault} />
      {!net && !problem && <p class="loading">{say(lab.loading)}</p>}
      {net && (
        <div class="columns controls-first">
          <div class="stack">
            <Panel title={say(texts.netInput)}>
              {see === IMAGE ? (
                <>
                  <Pick choices={choices} />
                  <Button onClick={() => choose({ see: DRAWN })}>{say(texts.drawInstead)}</Button>
                </>
              ) : (
                <Pad strokes={see === DRAWN ? strokes : []} label={say(texts.pad)} onDraw={(drawn) => choose({ d: packed(drawn), see: DRAWN })} />
              )}
              <h3>{say(texts.orTest)}</h3>
              <Tests net={net} see={see} />
              {see !== IMAGE && (
                <Button kind="quiet" onClick={() => choose({ see: IMAGE })}>
                  {say(texts.orImage)}
                </Button>
              )}
            </Panel>
          </div>
          <div class="stack">
            {answer}
            {maps}
            {look && <Apart net={net} look={look} question={{ run, ...image }} layer={layer} />}
            {terms}
          </div>
        </div>
      )}
    </>
  );
}

/** Samples of the test split, one of each class. */
function Tests({ net, see }: { net: Net; see: string }) {
  const pictures = useMemo(() => Array.from({ length: net.tests.shape[0] ?? 0 }, (_, at) => part(net.tests, at)), [net]);
  return (
    <div class="row thumbs">
      {pictures.map((picture, at) => (
        <button type="button" key={at} aria-pressed={see === `test:${at}`} aria-label={say(texts.testSample, { n: at, label: net.classes[net.labels[at] ?? -1] ?? "" })} onClick={() => choose({ see: `test:${at}` })}>
          <Picture values={picture} first label="" size="small" />
        </button>
      ))}
    </div>
  );
}

function Maps({ net, look, layer, unit }: { net: Net; look: Look; layer: string; unit: number }) {
  return (
    <Panel title={say(texts.allMaps)}>
      <Overview look={look} net={net} layer={layer} unit={unit} onUnit={(name, at) => choose({ layer: name, unit: String(at), urow: "", ucol: "" })} />
    </Panel>
  );
}

/** What the net sees, and what it takes it for. */
function Answer({ run, net, look, see }: { run: string; net: Net; look: Look; see: string }) {
  const shares = [...(look.shares?.data ?? [])].map((share, at) => ({ share, name: net.classes[at] ?? String(at) }));
  const best = shares.reduce((a, b) => (b.share > a.share ? b : a), { share: -1, name: "" });
  const shown = shares.length <= 12 ? shares : [...shares].sort((a, b) => b.share - a.share).slice(0, 10);
  const ground = look.reversed ? say(net.frame?.dark ? texts.dark_ground : texts.bright_ground) : "";
  useTold(shares.length > 0 ? `${best.name} ${percent(best.share)}` : "");
  useTold(ground);
  return (
    <Panel title={say(texts.netAnswer)} kind="net-answer">
      <div class="row answer">
        <figure>
          <Picture values={part(look.picture, 0)} first label={say(texts.netSees)} size="small" />
          <figcaption>{say(texts.netSees)}</figcaption>
        </figure>
        {shares.length === 0 && <p>{say(texts.noVerdict)}</p>}
        {shares.length > 0 && (
          <p class="verdict">
            <b>{best.name}</b> {percent(best.share)}
          </p>
        )}
        {shares.length > 0 && role.value === "owner" && <AskWhy run={run} look={look} />}
      </div>
      <ul class="bars">
        {shown.map(({ share, name }) => (
          <li key={name} class={name === best.name ? "best" : ""}>
            <span>{name}</span>
            <svg viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
              <rect width={100 * share} height="10" />
            </svg>
            <span>{percent(share)}</span>
          </li>
        ))}
      </ul>
      {ground && (
        <p class="problem" role="note">
          {ground}
        </p>
      )}
      <p class="hint" hidden={see.startsWith("test:")}>{net.frame && see === DRAWN ? say(texts.framed, { box: figure(net.frame.box), side: net.shape[1] ?? 0, middle: say(net.frame.by_mass ? texts.byMass : texts.byBox) }) : say(texts.fitted, { height: net.shape[1] ?? 0, width: net.shape[2] ?? 0 })}</p>
    </Panel>
  );
}

/** The image as the net sees it, taken to the room that says why. */
function AskWhy({ run, look }: { run: string; look: Look }) {
  const { busy, problem, work } = useWork();
  const ask = () =>
    work(async () => {
      const file = await upload(await pngOf(pictured(part(look.picture, 0)), "seen.png"));
      location.hash = link("inside", new URLSearchParams({ run, view: "why", file }).toString());
    });
  return (
    <div>
      <Button disabled={busy} onClick={() => void ask()}>
        {say(lab.ask_why)}
      </Button>
      <Problem text={problem} />
    </div>
  );
}

/** A positive number, by powers of ten where zeros would fill the cell. */
const tiny = (value: number): string => (value < 1e-4 && value > 0 ? scientific(value, 3) : figure(value, 4));

function Softmax({ net, terms }: { net: Net; terms: NonNullable<Look["terms"]> }) {
  const isBest = (output: number) => output === terms.greatest || Math.abs(output - terms.greatest) < 1e-6;
  const rows = Array.from(terms.outputs.data, (output, at) => ({
    key: at,
    kind: isBest(output) ? "best" : "",
    cells: [net.classes[at] ?? at, figure(output, 4), figure(output - terms.greatest, 4), tiny(terms.exponentials.data[at] ?? 0), percent(terms.shares.data[at], 2)],
  }));
  return (
    <Panel title={say(texts.softmax)}>
      <p class="mono">
        p<sub>k</sub> = exp(z<sub>k</sub> − max z) / Σ exp(z<sub>j</sub> − max z)
      </p>
      <Table heads={[say(texts.className), "z", `z − ${figure(terms.greatest)}`, "exp", `exp / ${figure(terms.total, 4)}`]} rows={rows} foot={["Σ", "", "", figure(terms.total, 4), percent(1, 0)]} />
      <p class="hint">{say(texts.softmaxHint)}</p>
    </Panel>
  );
}
