// Why this answer: maps by several methods side by side, each with what its checks came to.
import { useEffect, useMemo } from "preact/hooks";
import texts from "@texts/inside.json";
import { part, type Numbers } from "../../frames";
import { figure, percent, say, told, type Text } from "../../language";
import { brief } from "../../numbers";
import { role, upload, type Refused } from "../../connection";
import { css } from "../../ui/colours";
import { Choice, FileField, Panel, Problem, Switch, type Option } from "../../ui/controls";
import { choose, net, problem, whole, why, word, type Checks, type Net, type Result, type Samples } from "./looking";
import { overlaid, Picture, Shelf } from "./pictures";
import { pictured } from "../../ui/raster";

const USUAL = ["integrated_gradients", "grad_cam", "occlusion", "kernel_shap"];
const FEW = 3;
const LARGEST = "";

/** A text about a method; what the lab says of it where it is newer than the page. */
const methodText = (name: string, what: "name" | "asks" | "beware", usual: string): string => {
  const text = (texts as Record<string, Text>)[`${what}_${name}`];
  return text ? say(text) : usual;
};
export const chosenMethods = (of: Net): readonly string[] => {
  const known = of.methods.map(({ name }) => name);
  const asked = word("methods").split(",").filter((name) => known.includes(name));
  const usual = USUAL.filter((name) => known.includes(name));
  return asked.length ? asked : usual.length ? usual.slice(0, FEW) : known.slice(0, FEW);
};

export function WhyView() {
  const of = net.value.value;
  const sample = whole("sample", of?.strip.numbers[0] ?? 0);
  const file = word("file");
  const output = word("of", of?.numeric ? "0" : LARGEST);
  const methods = of ? chosenMethods(of) : [];
  const asked = JSON.stringify([of?.run, sample, file, output, methods]);
  useEffect(() => {
    if (of && methods.length) why.ask({ run: of.run, sample, upload: file, methods, of: output === LARGEST ? null : Number(output) });
  }, [asked]);
  if (!of) return null;
  if (of.methods.length === 0) return <Panel title={say(texts.why)}><p>{say(texts.no_methods)}</p></Panel>;
  return (
    <div class="columns why-view">
      <div class="stack">
        <Inputs of={of} sample={sample} file={file} output={output} />
        <Methods of={of} methods={methods} />
      </div>
      <div class="stack">
        <Problem text={why.problem.value} />
        <Answer of={of} />
        <div class="results">
          {methods.map((name) => (
            <Card key={name} name={name} result={why.value.value?.results.find(({ method }) => method === name)} of={of} />
          ))}
        </div>
      </div>
    </div>
  );
}

function Inputs({ of, sample, file, output }: { of: Net; sample: number; file: string; output: string }) {
  const take = ([one]: File[]) => {
    if (one) upload(one).then((name) => choose({ file: name, sample: "" }), (error: Refused) => (problem.value = error.message));
  };
  const outputs = of.outputs.map((name, at): Option => [String(at), name]);
  return (
    <Panel title={say(texts.input)}>
      <SampleShelf samples={of.strip} of={of} chosen={file ? -1 : of.strip.numbers.indexOf(sample)} onChoose={(index) => choose({ sample: String(of.strip.numbers[index] ?? 0), file: "" })} />
      <div class="row">
        {role.value === "owner" && <FileField label={say(of.form === "images" ? texts.own_image : texts.own_file)} accept={of.form === "images" ? "image/*" : ".csv,.tsv,.txt,.wav,.npy"} onFiles={take} />}
        {file && <span class="hint">{say(texts.own_chosen)}</span>}
      </div>
      {!of.binary && outputs.length > 1 && <Choice label={say(texts.asked_for)} value={output} options={of.numeric ? outputs : [[LARGEST, say(texts.largest)], ...outputs]} onChoose={(one) => choose({ of: one })} />}
    </Panel>
  );
}

/** Samples that were held out; a ring marks the ones that the net gets wrong. */
export function SampleShelf({ samples, of, chosen, onChoose }: { samples: Samples; of: Net; chosen: number; onChoose: (index: number) => void }) {
  const drawn = useMemo(() => samples.numbers.map((_, at) => (samples.images ? pictured(part(samples.images, at)) : null)), [samples]);
  const named = (at: number): string => {
    const number = say(texts.sample_named, { number: samples.numbers[at] ?? 0 });
    const truth = of.outputs[samples.targets?.data[at] ?? -1];
    const answer = of.outputs[samples.answers?.data[at] ?? -1];
    return truth === undefined ? number : `${number}: ${truth}${truth === answer ? "" : `, ${say(texts.called, { answer: answer ?? "" })}`}`;
  };
  const wrong = (at: number) => samples.targets !== undefined && samples.targets.data[at] !== samples.answers?.data[at];
  return (
    <Shelf label={say(texts.samples)} kind={samples.images ? "tiles small" : "lines"} names={samples.numbers.map((_, at) => named(at))} chosen={chosen} onChoose={onChoose}>
      {(at) => (
        <span class={wrong(at) ? "sample wrong" : "sample"}>
          {samples.images ? <Picture image={drawn[at] ?? null} label="" /> : (samples.words[at] || samples.numbers[at])}
          {wrong(at) && <i aria-hidden="true">✗</i>}
        </span>
      )}
    </Shelf>
  );
}

function Methods({ of, methods }: { of: Net; methods: readonly string[] }) {
  const turn = (name: string, on: boolean) => choose({ methods: of.methods.map((one) => one.name).filter((one) => (one === name ? on : methods.includes(one))).join(",") });
  return (
    <Panel title={say(texts.methods)}>
      <div class="method-list">
        {of.methods.map(({ name, title }) => (
          <Switch key={name} label={methodText(name, "name", title)} checked={methods.includes(name)} disabled={methods.length === 1 && methods.includes(name)} onChange={(on) => turn(name, on)} />
        ))}
      </div>
    </Panel>
  );
}

function Answer({ of }: { of: Net }) {
  const shown = why.value.value;
  const image = useMemo(() => (shown?.image ? pictured(shown.image) : null), [shown?.image]);
  if (!shown) return <p class="hint" role="status">{why.busy.value ? say(texts.at_work) : ""}</p>;
  const order = shown.shares ? Array.from(shown.shares.data, (share, at) => [share, at] as const).sort(([a], [b]) => b - a).slice(0, 3) : [];
  const truth = of.outputs[shown.truth ?? -1];
  return (
    <Panel>
      <div class="answer">
        {image && <Picture image={image} label={say(texts.input)} kind="middle" />}
        <div>
          {order.map(([share, at]) => (
            <p key={at} class="share">
              <b>{of.outputs[at]}</b>
              <span class="bar"><i style={{ width: `${100 * share}%` }} /></span>
              <span>{percent(share)}</span>
            </p>
          ))}
          {shown.numbers?.map((value, at) => (
            <p key={at} class="number">
              <b>{of.outputs[at] ?? ""}</b>
              <span>{say(texts.number_says, { value: figure(value, 4) })}</span>
              {shown.truths && <span class="hint">{say(texts.number_truth, { truth: figure(shown.truths[at], 4) })}</span>}
            </p>
          ))}
          {truth !== undefined && <p class="hint">{say(truth === of.outputs[order[0]?.[1] ?? -1] ? texts.truth_right : texts.truth_wrong, { truth })}</p>}
          <p class="hint">
            {say(texts.map_legend)} <span class="key" style={{ background: css(1) }}>+</span> {say(texts.speaks_for)} <span class="key" style={{ background: css(-1) }}>−</span> {say(texts.speaks_against)}
          </p>
        </div>
      </div>
    </Panel>
  );
}

function Card({ name, result, of }: { name: string; result: Result | undefined; of: Net }) {
  const title = methodText(name, "name", of.methods.find((one) => one.name === name)?.title ?? name);
  return (
    <Panel title={title} kind="result">
      {!result && <p class="hint">{say(texts.at_work)}</p>}
      {result?.refused && <p class="hint">{told(result.refused)}</p>}
      {result && !result.refused && (
        <>
          <MapOf result={result} of={of} title={title} />
          <p class="hint">{methodText(name, "asks", "")}</p>
          {result.in_units && result.output && <p class="hint">{say(texts.in_units, { target: result.output })}</p>}
          {result.remarks?.[0] && <p class="hint warn">{methodText(name, "beware", result.remarks[0])}</p>}
          <Proofs result={result} />
        </>
      )}
    </Panel>
  );
}

function MapOf({ result, of, title }: { result: Result; of: Net; title: string }) {
  const image = why.value.value?.image ?? null;
  const drawn = useMemo(() => (result.map && result.map.shape.length === 2 ? overlaid(result.map, image) : null), [result.map, image]);
  const label = say(texts.map_label, { title, output: result.output ?? "" });
  if (drawn) return <Picture image={drawn} label={label} kind="map" />;
  if (result.labels) return of.form === "columns" ? <Columns result={result} label={label} /> : <Words result={result} label={label} />;
  return <Steps values={result.map} label={label} />;
}

/** Of a series or a sound: the sum of each part of the way, as bars about zero. */
function Steps({ values, label }: { values: Numbers | undefined; label: string }) {
  const all = values ? Array.from(values.data) : [];
  const size = Math.max(1, Math.ceil(all.length / 120));
  const sums = Array.from({ length: Math.ceil(all.length / size) }, (_, at) => all.slice(at * size, (at + 1) * size).reduce((sum, one) => sum + one, 0));
  const most = Math.max(...sums.map(Math.abs), 1e-12);
  return (
    <svg class="steps-map" viewBox={`0 -50 ${sums.length} 100`} preserveAspectRatio="none" role="img" aria-label={label}>
      {sums.map((value, at) => (
        <rect key={at} x={at} width="1" y={value > 0 ? (-48 * value) / most : 0} height={(48 * Math.abs(value)) / most} fill={css(Math.sign(value))} />
      ))}
    </svg>
  );
}

const most = (values: readonly (number | null)[]): number => Math.max(...values.map((value) => Math.abs(value ?? 0)), 1e-12);

function Words({ result, label }: { result: Result; label: string }) {
  const values = result.values ?? [];
  const largest = most(values);
  return (
    <p class="words" role="group" aria-label={label}>
      {result.labels?.map((one, at) => {
        const share = (values[at] ?? 0) / largest;
        return (
          <span key={at} class={share >= 0 ? "for" : "against"} style={{ background: css(0.6 * share) }} title={brief(values[at])}>
            {told(one)}
          </span>
        );
      })}
    </p>
  );
}

function Columns({ result, label }: { result: Result; label: string }) {
  const values = result.values ?? [];
  const largest = most(values);
  const order = values.map((_, at) => at).sort((a, b) => Math.abs(values[b] ?? 0) - Math.abs(values[a] ?? 0)).slice(0, 16);
  return (
    <table class="relations" aria-label={label}>
      <tbody>
        {order.map((at) => {
          const share = (values[at] ?? 0) / largest;
          return (
            <tr key={at}>
              <th scope="row">{told(result.labels?.[at] ?? "")}</th>
              <td>
                <svg viewBox="-1 0 2 1" preserveAspectRatio="none" aria-hidden="true">
                  <rect x={Math.min(0, share)} width={Math.abs(share)} y="0.15" height="0.7" fill={css(Math.sign(share))} />
                  <rect x="-0.004" width="0.008" y="0" height="1" fill="currentColor" />
                </svg>
              </td>
              <td>{brief(values[at])}</td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

function Proofs({ result }: { result: Result }) {
  if (result.unchecked) return <p class="hint">{told(result.unchecked)}</p>;
  const { checks, gap } = result;
  return (
    <ul class="proofs" aria-label={say(texts.checks)}>
      {gap !== null && gap !== undefined && <Proof good={gap < 0.05} text={say(texts.adds_up, { gap: percent(gap) })} />}
      {checks ? <Checked checks={checks} /> : <li class="hint">{say(texts.checking)}</li>}
    </ul>
  );
}

function Checked({ checks }: { checks: Checks }) {
  const { areas } = checks;
  const two = (value: number) => figure(value, 2);
  return (
    <>
      <Proof good={checks.changes} text={say(checks.changes ? texts.forgets : texts.forgets_not, { alike: two(checks.alike[checks.alike.length - 1] ?? 0) })} />
      <Proof good={areas.deletion < areas.random_deletion} text={say(texts.deletion, { area: two(areas.deletion), chance: two(areas.random_deletion) })} />
      <Proof good={areas.insertion > areas.random_insertion} text={say(texts.insertion, { area: two(areas.insertion), chance: two(areas.random_insertion) })} />
      <li class="removal">
        <Removal curves={checks.curves} label={say(texts.removal)} />
      </li>
    </>
  );
}

function Proof({ good, text }: { good: boolean; text: string }) {
  return (
    <li class={good ? "good" : "poor"}>
      <b role="img" aria-label={say(good ? texts.passed : texts.failed)}>{good ? "✓" : "✗"}</b> {text}
    </li>
  );
}

/** The answer while what the map marks most is taken away first, and while places by chance are. */
function Removal({ curves, label }: { curves: Numbers; label: string }) {
  const [x, deletion, random, insertion] = [0, 1, 2, 3].map((row) => Array.from(part(curves, row).data));
  const all = [...(deletion ?? []), ...(random ?? []), ...(insertion ?? [])].filter(Number.isFinite);
  const [low, high] = [Math.min(0, ...all), Math.max(1e-9, ...all)];
  const path = (values: readonly number[] | undefined) => (values ?? []).map((value, at) => `${at === 0 ? "M" : "L"}${(100 * (x?.[at] ?? 0)).toFixed(1)} ${(40 - (38 * (value - low)) / (high - low)).toFixed(1)}`).join("");
  return (
    <figure>
      <svg viewBox="0 0 100 42" role="img" aria-label={label}>
        <path d={path(random)} class="line chance" />
        <path d={path(insertion)} class="line insertion" />
        <path d={path(deletion)} class="line deletion" />
      </svg>
      <figcaption>
        {label} <span class="deletion">{say(texts.line_deletion)}</span> <span class="insertion">{say(texts.line_insertion)}</span> <span class="chance">{say(texts.line_chance)}</span>
      </figcaption>
    </figure>
  );
}
