// Pooling: what is left of each window, and what unpooling puts back.
import texts from "@texts/images.json";
import { say, type Text } from "../../language";
import { Choice, Panel, Problem, Slider } from "../../ui/controls";
import type { Opened, Pooled } from "./answers";
import { useTold } from "../../telling";
import { useAnswer } from "../../ui/asking";
import { choose, number, pick, source } from "./chosen";
import { equals, grey, Grid, short } from "./grid";
import { Sizes } from "./kernels";
import { Picture } from "./picture";

const KINDS: Record<string, Text> = { max: texts.poolMax, min: texts.poolMin, average: texts.poolAverage };

export function Pooling() {
  const asked = source();
  const size = number("psize", 2, 1, 8);
  const stride = number("pstride", size, 1, 8);
  const kind = pick("pool", "max") in KINDS ? pick("pool", "max") : "max";
  const plane = pick("pplane", "colours") === "grey" ? "grey" : "colours";
  const [opened, gone] = useAnswer<Opened>("images.open", asked);
  const begin = (side = 0) => (side > 20 ? Math.floor(side / stride / 2) : 0);
  const within = (key: string, side = 1) => number(key, begin(side), 0, Math.max(0, Math.floor((side - size) / stride)));
  const [row, column] = [within("prow", opened?.height), within("pcol", opened?.width)];
  const [answer, problem] = useAnswer<Pooled>("images.pool", { ...asked, kind, size, stride, plane, row, column });
  const to = (x: number, y: number) => choose({ prow: String(y), pcol: String(x) });
  const under = (x: number, y: number) => to(Math.floor(x / stride), Math.floor(y / stride));
  return (
    <div class="columns controls-first">
      <Panel title={say(texts.pooling)}>
        <Choice label={say(texts.kind)} value={kind} options={Object.entries(KINDS).map(([one, text]) => [one, say(text)])} onChoose={(one) => choose({ pool: one })} />
        <Slider label={say(texts.windowSize)} value={size} shown={`${size} × ${size}`} min={1} max={8} onInput={(to) => choose({ psize: String(to), pstride: String(to) })} />
        <Slider label={say(texts.stride)} value={stride} min={1} max={8} onInput={(to) => choose({ pstride: String(to) })} />
        {(opened?.channels.length ?? 1) > 2 && <Choice label={say(texts.plane)} value={plane} options={[["colours", say(texts.planeEach)], ["grey", say(texts.grey)]]} onChoose={(one) => choose({ pplane: one })} />}
        {answer && <Sizes formulas={answer.formulas} />}
      </Panel>
      <div class="stack">
        <Problem text={gone || problem} />
        {answer && opened && (
          <>
            <Panel>
              <div class="pictures">
                <figure>
                  <Picture values={opened.picture} label={say(texts.before)} place={[column * stride, row * stride]} onPlace={under} frame={{ x: answer.column * stride, y: answer.row * stride, width: size, height: size }} />
                  <figcaption>{say(texts.before)} · {opened.width} × {opened.height}</figcaption>
                </figure>
                <figure>
                  <Picture values={answer.picture} label={say(texts.pooled)} place={[column, row]} onPlace={to} frame={{ x: answer.column, y: answer.row, width: 1, height: 1 }} />
                  <figcaption>{say(texts.pooled)} · {answer.shape[1]} × {answer.shape[0]}</figcaption>
                </figure>
                <figure>
                  {answer.unpooled ? <Picture values={answer.unpooled} label={say(texts.unpooled)} /> : <p class="hint">{say(texts.noUnpooling)}</p>}
                  <figcaption>{say(texts.unpooled)}</figcaption>
                </figure>
              </div>
            </Panel>
            <Panel title={say(texts.oneWindow)}>
              <Window answer={answer} opened={opened} size={size} stride={stride} kind={kind} onChoose={to} />
            </Panel>
          </>
        )}
      </div>
    </div>
  );
}

function Window({ answer, opened, size, stride, kind, onChoose }: { answer: Pooled; opened: Opened; size: number; stride: number; kind: string; onChoose: (x: number, y: number) => void }) {
  const [top, left] = [answer.row * stride, answer.column * stride];
  const shade = ([value = 0]: readonly number[]) => grey((255 * (value - opened.low)) / (opened.high - opened.low));
  const within = (row: number, column: number) => row >= top && row < top + size && column >= left && column < left + size;
  const values = Array.from(answer.window.data, (value) => short(value));
  useTold(`${say(texts.placeAt, { row: answer.row, column: answer.column })} ${equals(answer.value, 5)}`);
  return (
    <div class="steps">
      <Grid near={first(answer.input)} label={say(texts.before)} shade={shade} marked={within} onCell={(row, column) => onChoose(Math.floor(column / stride), Math.floor(row / stride))} caption={say(texts.before)} />
      <p class="sum">
        {say(KINDS[kind] ?? texts.poolMax)} ({values.slice(0, 16).join(", ")}
        {values.length > 16 && " …"}) <b>{equals(answer.value, 5)}</b>
        {answer.place && <span class="muted"> {say(texts.stoodAt, { row: answer.place[0], column: answer.place[1] })}</span>}
      </p>
      <Grid near={first(answer.output)} label={say(texts.pooled)} shade={shade} marked={(row, column) => row === answer.row && column === answer.column} onCell={(row, column) => onChoose(column, row)} caption={say(texts.pooled)} />
    </div>
  );
}

/** Of several channels the first. */
function first({ top, left, values }: Pooled["input"]): Pooled["input"] {
  const [rows = 0, columns = 0, channels = 1] = values.shape;
  const data = Float32Array.from({ length: rows * columns }, (_, at) => values.data[at * channels] ?? 0);
  return { top, left, values: { data, shape: [rows, columns, 1] } };
}
