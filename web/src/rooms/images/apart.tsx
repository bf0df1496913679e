// One unit of a convolution taken apart: inputs, kernels, what each makes of its input, their sum, and what comes after.
import { useMemo, useState } from "preact/hooks";
import texts from "@texts/images.json";
import { part, type Numbers } from "../../frames";
import { language, say } from "../../language";
import { Choice, Panel, Problem, Slider } from "../../ui/controls";
import type { LayerMaps, Look, Net, UnitApart } from "./answers";
import { useTold } from "../../telling";
import { useAnswer } from "../../ui/asking";
import { choose, number } from "./chosen";
import { figure, greatest, Grid, Scale, short, signed } from "./grid";
import { Picture, type Frame } from "./picture";
import type { Point } from "../../ui/moves";
import { Scroll } from "../../ui/scroll";

export function Apart({ net, look, question, layer }: { net: Net; look: Look; question: object; layer: string }) {
  const row = net.layers.find(({ name }) => name === layer);
  const unit = number("unit", 0, 0, (row?.shape[0] ?? 1) - 1);
  // Where an arrow key goes on from, also while the last answer is on its way.
  const [, rows = 1, columns = 1] = row?.shape ?? [];
  const [down, across] = [number("urow", Math.floor(rows / 2), 0, rows - 1), number("ucol", Math.floor(columns / 2), 0, columns - 1)];
  const [answer, problem] = useAnswer<UnitApart>("images.unit", row?.apart ? { ...question, layer, unit, row: down, column: across } : null);
  const elastic = useMemo(() => answer && <Elastic answer={answer} place={[across, down]} />, [answer, down, across, language.value]);
  const convolutions = net.layers.filter(({ apart }) => apart);
  if (!row?.apart) {
    const maps = look.layers.find(({ name }) => name === layer);
    return maps ? <Simple maps={maps} before={look.layers[look.layers.indexOf(maps) - 1]} unit={unit} /> : null;
  }
  return (
    <Panel title={say(texts.apartTitle, { unit, layer })}>
      <div class="row choices">
        <Choice label={say(texts.layerChoice)} value={layer} options={convolutions.map(({ name, shape }) => [name, `${name} · ${shape.join(" × ")}`])} onChoose={(one) => choose({ layer: one, unit: "", urow: "", ucol: "" })} />
        <Slider label={say(texts.unit)} value={unit} min={0} max={(row.shape[0] ?? 1) - 1} onInput={(to) => choose({ unit: String(to) })} />
      </div>
      <Problem text={problem} />
      {elastic}
    </Panel>
  );
}

function Elastic({ answer, place: chosen }: { answer: UnitApart; place: Point }) {
  const [open, setOpen] = useState(0);
  const shown = Math.min(open, answer.channels.length - 1);
  const { place, padding, stride, dilation } = answer;
  const [, high = 1, wide = 1] = answer.weights.shape;
  const window: Frame = { x: place.left, y: place.top, width: dilation[1] * (wide - 1) + 1, height: dilation[0] * (high - 1) + 1 };
  const at: Frame = { x: answer.column, y: answer.row, width: 1, height: 1 };
  const to = (x: number, y: number) => choose({ urow: String(y), ucol: String(x) });
  const most = { inputs: greatest(answer.inputs), weights: greatest(answer.weights), parts: Math.max(greatest(answer.parts), greatest(answer.map)) };
  const under = (x: number, y: number) => to(Math.max(0, Math.min((answer.map.shape[1] ?? 1) - 1, Math.round((x - (window.width - 1) / 2) / stride[1]))), Math.max(0, Math.min((answer.map.shape[0] ?? 1) - 1, Math.round((y - (window.height - 1) / 2) / stride[0]))));
  useTold(`${say(texts.placeAt, { row: answer.row, column: answer.column })}: ${figure(place.value, 4)}`);
  return (
    <>
      <p class="hint">{say(texts.apartHint)}</p>
      <div class="elastic">
        <Scroll>
          <table class="branches">
            <thead>
              <tr>
                <th scope="col">{say(texts.inputs)}</th>
                <th scope="col">{say(texts.kernel)}</th>
                <th scope="col">{say(texts.partOf)}</th>
                <th scope="col">{say(texts.sumHere)}</th>
              </tr>
            </thead>
            <tbody>
              {answer.channels.map((channel, index) => (
                <tr key={channel} class={index === shown ? "best" : ""}>
                  <td>
                    <Picture values={bytes(part(answer.inputs, index), most.inputs)} signed label={say(texts.inputMap, { n: channel })} size="small" place={[chosen[0] * stride[1] + Math.floor((window.width - 1) / 2), chosen[1] * stride[0] + Math.floor((window.height - 1) / 2)]} onPlace={under} frame={window} />
                  </td>
                  <td>
                    <button type="button" class="tile" aria-pressed={index === shown} aria-label={say(texts.showNumbers, { n: channel })} onClick={() => setOpen(index)}>
                      <Picture values={bytes(part(answer.weights, index), most.weights)} signed label="" size="small" />
                    </button>
                  </td>
                  <td>
                    <Picture values={bytes(part(answer.parts, index), most.parts)} signed label={say(texts.partMap, { n: channel })} size="small" place={chosen} onPlace={to} frame={at} />
                  </td>
                  <td>{figure(place.sums.data[index], 4)}</td>
                </tr>
              ))}
            </tbody>
            <tfoot>
              {answer.of > answer.channels.length && (
                <tr>
                  <td colSpan={3}>{say(texts.otherChannels, { n: answer.of - answer.channels.length })}</td>
                  <td>{figure(place.rest, 4)}</td>
                </tr>
              )}
              <tr>
                <td colSpan={3}>{say(texts.bias)}</td>
                <td>{figure(answer.bias, 4)}</td>
              </tr>
              <tr class="best">
                <td colSpan={3}>Σ</td>
                <td>
                  <b>{figure(place.value, 4)}</b>
                </td>
              </tr>
            </tfoot>
          </table>
        </Scroll>
        <div class="outcome">
          <figure>
            <Picture values={bytes(answer.map, most.parts)} signed label={say(texts.unitMap)} place={chosen} onPlace={to} frame={at} />
            <figcaption>
              {say(texts.unitMap)} · {figure(place.value, 4)}
            </figcaption>
            <Scale most={most.parts} />
          </figure>
          {answer.after && (
            <figure>
              <Picture values={bytes(answer.after.map, greatest(answer.after.map))} signed label={answer.after.kind} place={chosen} onPlace={to} frame={at} />
              <figcaption>
                {answer.after.name} ({answer.after.kind}) · {figure(answer.after.map.data[answer.row * (answer.map.shape[1] ?? 1) + answer.column], 4)}
              </figcaption>
            </figure>
          )}
        </div>
      </div>
      <h3>{say(texts.numbersOf, { n: answer.channels[shown] ?? 0, row: answer.row, column: answer.column })}</h3>
      <div class="steps">
        <Numbered values={part(place.patch, shown)} most={most.inputs} label={say(texts.inputs)} />
        <span class="sign" aria-hidden="true">×</span>
        <Numbered values={part(answer.weights, shown)} most={most.weights} label={say(texts.kernel)} />
        <span class="sign" aria-hidden="true">=</span>
        <Numbered values={part(place.products, shown)} most={greatest(place.products)} label={say(texts.products)} />
        <span class="sign" aria-hidden="true">Σ</span>
        <p class="sum">
          <b>{figure(place.sums.data[shown], 4)}</b>
        </p>
      </div>
      {(padding[0] > 0 || padding[1] > 0) && <p class="hint">{say(texts.paddedHint, { n: Math.max(...padding) })}</p>}
    </>
  );
}

function Numbered({ values, most, label }: { values: Numbers; most: number; label: string }) {
  return <Grid near={{ top: 0, left: 0, values: { ...values, shape: [...values.shape, 1] } }} label={label} shade={signed(most)} write={(value) => short(value, 2)} caption={label} />;
}

/** A layer that is no convolution: a map before it and after it. */
function Simple({ maps, before, unit }: { maps: LayerMaps; before: LayerMaps | undefined; unit: number }) {
  const of = (layer: LayerMaps) => {
    const one = part(layer.maps, Math.min(unit, (layer.maps.shape[0] ?? 1) - 1));
    return { ...one, shape: [...one.shape, 1] };
  };
  const paired = before !== undefined && before.shape.length === 3 && before.shape[0] === maps.shape[0];
  return (
    <Panel title={say(texts.apartTitle, { unit, layer: maps.name })}>
      <div class="pictures">
        {paired && (
          <figure>
            <Picture values={of(before)} signed label={before.name} />
            <figcaption>
              {before.name} ({before.kind}) · {before.shape.slice(1).join(" × ")}
            </figcaption>
          </figure>
        )}
        <figure>
          <Picture values={of(maps)} signed label={maps.name} />
          <figcaption>
            {maps.name} ({maps.kind}) · {maps.shape.slice(1).join(" × ") || 1}
          </figcaption>
          <Scale most={maps.most} />
        </figure>
      </div>
    </Panel>
  );
}

/** Places in the palette: −most … most as 0 … 255. */
function bytes({ data, shape }: Numbers, most: number): Numbers {
  const scale = most > 0 ? 127.5 / most : 0;
  return { data: Uint8Array.from(data, (value) => Math.round(value * scale + 127.5)), shape: [...shape, 1] };
}
