// A kernel slides over an image: the answer as a picture, and every place of it as products and a sum.
import { useEffect, useRef, useState } from "preact/hooks";
import graph from "@texts/graph.json";
import texts from "@texts/images.json";
import type { Numbers } from "../../frames";
import { local, say, type Text } from "../../language";
import { Button, Choice, Panel, Problem, Slider, Switch } from "../../ui/controls";
import { Facts } from "../../ui/facts";
import type { Choices, Convolved, Opened, StepAt } from "./answers";
import { useAnswer } from "../../ui/asking";
import { choose, number, pick, source } from "./chosen";
import { equals, figure, greatest, grey, Grid, Scale, short, signed } from "./grid";
import { Picture } from "./picture";
import type { Point } from "../../ui/moves";
import { Table } from "../../ui/table";
import { useTold } from "../../telling";
import { forChannels, kernelText, next, resized, tablesOf, withCell, type Tables } from "./query";

const OWN = "custom";
const COURSE = "1 0 1; 0 1 0; 1 0 1";
const LARGEST = 7; // rows and columns of a kernel whose cells are typed
const SPEEDS = [1, 2, 4, 8, 16];
const MEANINGS: Record<string, Text> = {
  identity: texts.kIdentity, box: texts.kBox, gaussian: texts.kGaussian, sharpen: texts.kSharpen, "sobel-x": texts.kSobelX, "sobel-y": texts.kSobelY,
  "prewitt-x": texts.kPrewittX, "prewitt-y": texts.kPrewittY, laplace: texts.kLaplace, "laplace-8": texts.kLaplace8, emboss: texts.kEmboss, gabor: texts.kGabor,
};
const NAMES: Record<string, Text> = { identity: texts.nIdentity, box: texts.nBox, gaussian: texts.nGaussian, sharpen: texts.nSharpen, laplace: texts.nLaplace, "laplace-8": texts.nLaplace8, emboss: texts.nEmboss };
const NUMBERS: Record<string, Text> = { side: texts.side, "standard deviation": texts.deviation, "angle in degrees": texts.angle, "wavelength in pixels": texts.wavelength, "phase in degrees": texts.phase };
const nameOf = (name: string): string => (NAMES[name] ? say(NAMES[name]) : name.replace(/^./, (letter) => letter.toUpperCase()));

export function Kernels({ choices }: { choices: Choices }) {
  const asked = source();
  const [opened, gone] = useAnswer<Opened>("images.open", asked);
  const isColour = (opened?.channels.length ?? 1) > 2;
  const plane = isColour ? pick("plane", "grey") : "grey";
  const text = pick("kernel", COURSE);
  const kernel = plane === "sum" ? text : (text.split("|")[0] ?? text).trim(); // one table serves each channel
  const how = {
    ...asked,
    kernel,
    plane: plane === "grey" ? "grey" : "colours",
    padding: pick("pad", "0"),
    stride: number("stride", 1, 1, 8),
    dilation: number("dil", 1, 1, 8),
    turned: pick("turn", "") === "1",
  };
  const [answer, problem] = useAnswer<Convolved>("images.convolve", opened && how);
  const begin = (side = 0) => (side > 20 ? Math.floor(side / 2) : 0);
  const within = (key: string, side = 1) => number(key, begin(side), 0, side - 1);
  // Where the next step goes on from, also while the answer to the last one is on its way.
  const [row, column] = [within("row", answer?.shape[0]), within("col", answer?.shape[1])];
  const channel = plane === "each" ? number("ch", 0, 0, 2) : 0;
  const hides = pick("hide") === "1";
  const puzzle = JSON.stringify([how, channel]);
  const [found, find] = useState<{ puzzle: string; places: readonly string[] }>({ puzzle, places: [] });
  const places = found.puzzle === puzzle ? found.places : [];
  const isKnown = (down: number, across: number) => !hides || places.includes(`${down} ${across}`);
  const reveal = (down: number, across: number) => find({ puzzle, places: [...places, `${down} ${across}`] });
  const [plays, play] = useState(false);
  const [step, fault] = useAnswer<StepAt>("images.step", answer && { ...how, row, column, channel });
  return (
    <div class="columns controls-first">
      <Panel title={say(texts.kernel)}>
        <Chooser choices={choices} kernel={kernel} answer={answer} plane={plane} />
        {isColour && <Choice label={say(texts.plane)} value={plane} options={[["grey", say(texts.planeGrey)], ["each", say(texts.planeEach)], ["sum", say(texts.planeSum)]]} onChoose={(one) => choose({ plane: one, ch: "", kernel: replane(kernel, answer, one) })} />}
        <Choice label={say(texts.padding)} value={how.padding} options={[["0", say(texts.padNone)], ["same", say(texts.padSame)], ["mirror", say(texts.padMirror)], ...["1", "2", "3"].flatMap((n): [string, string][] => [[n, say(texts.padZero, { n })], [`mirror:${n}`, say(texts.padMirrorN, { n })]])]} onChoose={(one) => choose({ pad: one })} />
        <Slider label={say(texts.stride)} value={how.stride} min={1} max={8} onInput={(to) => choose({ stride: String(to) })} />
        <Slider label={say(texts.dilation)} value={how.dilation} min={1} max={8} onInput={(to) => choose({ dil: String(to) })} />
        <Switch label={say(texts.turned)} checked={how.turned} onChange={(on) => choose({ turn: on ? "1" : "" })} />
        <Switch label={say(texts.hideAnswers)} checked={hides} onChange={(on) => choose({ hide: on ? "1" : "" })} />
        {hides && <p class="hint">{say(texts.hideHint)}</p>}
        <p class="hint">{say(answer?.kernel.symmetric ? texts.turnedSame : texts.turnedHint)}</p>
        {answer && <Said answer={answer} />}
      </Panel>
      <div class="stack">
        <Problem text={gone || problem || fault} />
        {opened && answer && (
          <>
            <Panel>
              <div onKeyDown={(event) => event.key === "Enter" && hides && reveal(row, column)}>
                <Pictures opened={opened} answer={answer} step={step} place={[column, row]} hides={hides} />
              </div>
            </Panel>
            {step && (
              <Panel title={say(texts.stepTitle)} aside={<Player shape={answer.shape} place={[column, row]} plays={plays} onPlay={play} />}>
                {plane === "each" && <Choice label={say(texts.channel)} value={String(channel)} options={[["0", say(texts.red)], ["1", say(texts.green)], ["2", say(texts.blue)]]} onChoose={(one) => choose({ ch: one })} />}
                <Products silent={plays} opened={opened} answer={answer} step={step} isKnown={isKnown} onReveal={reveal} />
              </Panel>
            )}
          </>
        )}
      </div>
    </div>
  );
}

const to = (column: number, row: number): void => choose({ row: String(row), col: String(column) });

/** The kernel for other planes: a table for each colour, or one alone. */
function replane(kernel: string, answer: Convolved | null, plane: string): string {
  if (!answer) return kernel;
  const tables = tablesOf(answer.kernel.written);
  if (plane === "sum") return kernelText(forChannels(tables, 3));
  return tables.length > 1 ? kernelText(forChannels(tables, 1)) : kernel;
}

// ------------------------------------------------------------------------------------------------------- which kernel
function Chooser({ choices, kernel, answer, plane }: { choices: Choices; kernel: string; answer: Convolved | null; plane: string }) {
  const [name = "", ...given] = kernel.split(":");
  const named = choices.kernels.find((one) => one.name === name);
  const tables = answer && tablesOf(answer.kernel.written);
  const [height, width] = [tables?.[0]?.length ?? 3, tables?.[0]?.[0]?.length ?? 3];
  const own = (changed: Tables) => choose({ kernel: kernelText(changed) });
  const numbers = (at: number, value: number) => {
    const values = (named?.numbers ?? []).map(({ usual }, index) => (index === at ? value : Number(given[index] ?? usual)));
    choose({ kernel: [name, ...values].join(":") });
  };
  return (
    <>
      <Choice label={say(texts.kernel)} value={named ? name : OWN} options={[[OWN, say(texts.ownKernel)], ...choices.kernels.map(({ name: one }): [string, string] => [one, nameOf(one)])]} onChoose={(one) => (one === OWN ? tables && own(tables) : choose({ kernel: one, ...(plane === "sum" ? { plane: "each" } : {}) }))} />
      {named && MEANINGS[name] && <p class="hint">{say(MEANINGS[name])}</p>}
      {named?.numbers.map(({ what, low, high, usual }, at) => {
        const value = Number(given[at] ?? usual);
        const most = what === "side" ? 15 : what === "wavelength in pixels" ? 16 : what === "standard deviation" && name === "gabor" ? 4 : high;
        const least = what.includes("degrees") ? 0 : low;
        return <Slider key={what} label={NUMBERS[what] ? say(NUMBERS[what]) : what} value={value} shown={figure(value)} min={least} max={what.includes("degrees") ? 180 : most} step={what === "side" ? 2 : what.includes("degrees") ? 5 : 0.1} onInput={(to) => numbers(at, to)} />;
      })}
      {tables && height <= LARGEST && width <= LARGEST && <Cells tables={tables} onChange={own} />}
      {tables && height <= LARGEST && width <= LARGEST && (
        <div class="row sizes">
          <Slider label={say(texts.kernelRows)} value={height} min={1} max={LARGEST} onInput={(rows) => own(resized(tables, rows, width))} />
          <Slider label={say(texts.kernelColumns)} value={width} min={1} max={LARGEST} onInput={(columns) => own(resized(tables, height, columns))} />
        </div>
      )}
    </>
  );
}

function Cells({ tables, onChange }: { tables: Tables; onChange: (tables: Tables) => void }) {
  const place = useRef<HTMLDivElement>(null);
  const [wrong, refuse] = useState("");
  const walk = (event: KeyboardEvent) => {
    const way = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const inputs = [...(place.current?.querySelectorAll("input") ?? [])];
    if (way === undefined) return;
    event.preventDefault();
    inputs[inputs.indexOf(event.target as HTMLInputElement) + way * (tables[0]?.[0]?.length ?? 1)]?.focus();
  };
  return (
    <div ref={place} onKeyDown={walk}>
      {tables.map((rows, channel) => (
        <div key={channel}>
          {tables.length > 1 && <p class="hint">{say([texts.red, texts.green, texts.blue][channel] ?? texts.channel)}</p>}
          <Table
            kind="cells typed"
            name={say(texts.cells)}
            named={false}
            rows={rows.map((cells, row) => ({ key: row, cells: cells.map((cell, column) => <Cell text={cell} label={say(texts.cell, { row: row + 1, column: column + 1 })} onTyped={(typed) => onChange(withCell(tables, channel, row, column, typed))} onLeft={refuse} />) }))}
          />
        </div>
      ))}
      <Problem text={wrong === "" ? "" : say(graph.value_number, { text: wrong })} />
    </div>
  );
}

/** Told on when it is a number: a lone minus sign waits for what follows. */
function Cell({ text, label, onTyped, onLeft }: { text: string; label: string; onTyped: (text: string) => void; onLeft: (wrong: string) => void }) {
  const [typed, type] = useState<string | null>(null);
  const isNumber = (given: string) => /^\s*[-−]?(\d+[.,]?\d*|[.,]\d+)(\/\d*[1-9]\d*)?\s*$/.test(given);
  return (
    <input
      type="text"
      inputMode="text"
      autocomplete="off"
      aria-label={label}
      aria-invalid={typed !== null && !isNumber(typed)}
      value={typed ?? local(text)}
      onFocus={(event) => event.currentTarget.select()}
      onInput={(event) => {
        const given = event.currentTarget.value;
        type(given);
        if (isNumber(given)) onTyped(given.trim().replace(",", "."));
      }}
      onBlur={() => (onLeft(typed === null || isNumber(typed) ? "" : typed), type(null))}
    />
  );
}

/** How the numbers of rows and columns come about. */
export const Sizes = ({ formulas }: { formulas: readonly string[] }) => <Facts kind="formulas" of={[[say(texts.rows), formulas[0]], [say(texts.columns), formulas[1]]]} />;

/** What there is to say of the kernel and of the sizes. */
function Said({ answer: { kernel, formulas, shape } }: { answer: Convolved }) {
  const sum = Math.abs(kernel.sum) < 1e-9 ? say(texts.sumZero) : Math.abs(kernel.sum - 1) < 1e-9 ? say(texts.sumOne) : say(texts.sumOther, { sum: kernel.sum_written });
  return (
    <>
      <p class="hint">
        {sum} {kernel.rank === 1 && say(texts.separable)}
      </p>
      <h3>{say(texts.formula)}</h3>
      <p class="mono">⌊(n + 2p − d·(k − 1) − 1) / s⌋ + 1</p>
      <Sizes formulas={formulas} />
      <p class="hint">{say(texts.resultSize, { rows: shape[0], columns: shape[1] })}</p>
    </>
  );
}

// ----------------------------------------------------------------------------------------------------------- pictures
function Pictures({ opened, answer, step, place, hides }: { hides: boolean; opened: Opened; answer: Convolved; step: StepAt | null; place: Point }) {
  const [[up], [left]] = answer.padding;
  const [rows, columns] = [step?.rows.data ?? [], step?.columns.data ?? []];
  const [top = 0, begin = 0] = [rows[0], columns[0]];
  const frame = step && { x: begin - left, y: top - up, width: (columns[columns.length - 1] ?? 0) - begin + 1, height: (rows[rows.length - 1] ?? 0) - top + 1 };
  const stride = number("stride", 1, 1, 8);
  const under = (x: number, y: number) => {
    const nearest = (at: number, before: number, reach: number, most: number) => Math.max(0, Math.min(most - 1, Math.round((at + before - (reach - 1) / 2) / stride)));
    to(nearest(x, left, frame?.width ?? 1, answer.shape[1]), nearest(y, up, frame?.height ?? 1, answer.shape[0]));
  };
  const isSigned = answer.low < 0;
  return (
    <div class="pictures">
      <figure>
        <Picture values={opened.picture} label={say(texts.before)} place={[place[0] * stride - left + Math.floor((frame?.width ?? 1) / 2), place[1] * stride - up + Math.floor((frame?.height ?? 1) / 2)]} onPlace={under} frame={frame} />
        <figcaption>
          {say(texts.before)} · {opened.width} × {opened.height}
        </figcaption>
      </figure>
      <figure>
        <Picture values={hides ? blank(answer.picture) : answer.picture} signed={isSigned} label={say(texts.resultHint)} place={place} onPlace={to} frame={step && { x: step.column, y: step.row, width: 1, height: 1 }} />
        <figcaption>
          {say(texts.result)} · {answer.shape[1]} × {answer.shape[0]} {!hides && `· ${say(texts.fromTo, { least: figure(answer.least), most: figure(answer.most) })}`}
        </figcaption>
        {isSigned ? <Scale most={answer.high} /> : null}
      </figure>
    </div>
  );
}

/** As large, and says nothing. */
const blank = ({ shape }: Numbers): Numbers => ({ shape, data: new Uint8Array(shape.reduce((all, one) => all * one, 1)).fill(128) });

// --------------------------------------------------------------------------------------------------------------- steps
function Player({ shape, place, plays, onPlay }: { shape: readonly [rows: number, columns: number]; place: Point; plays: boolean; onPlay: (plays: boolean) => void }) {
  const [speed, setSpeed] = useState(4);
  const [rows, columns] = shape;
  const at = useRef(place);
  at.current = place;
  const go = () => {
    const [row, column] = next(at.current[1], at.current[0], rows, columns);
    to(column, row);
  };
  useEffect(() => {
    if (!plays) return undefined;
    const timer = setInterval(go, 1000 / speed);
    return () => clearInterval(timer);
  }, [plays, speed, rows, columns]);
  return (
    <div class="row player">
      <Button kind="main" onClick={() => onPlay(!plays)} pressed={plays}>
        {say(plays ? texts.pause : texts.play)}
      </Button>
      <Button onClick={go}>{say(texts.step)}</Button>
      <Button onClick={() => to(0, 0)}>{say(texts.reset)}</Button>
      <Choice bare label={say(texts.speed)} value={String(speed)} options={SPEEDS.map((one) => [String(one), say(texts.perSecond, { n: one })])} onChoose={(one) => setSpeed(Number(one))} />
    </div>
  );
}

function Products({ silent, opened, answer, step, isKnown, onReveal }: { silent: boolean; isKnown: (row: number, column: number) => boolean; onReveal: (row: number, column: number) => void; opened: Opened; answer: Convolved; step: StepAt }) {
  const range = opened.high - opened.low;
  const shade = (values: readonly number[]) => (values.length === 3 ? `rgb(${values.map((one) => Math.round((255 * (one - opened.low)) / range)).join(" ")})` : grey((255 * ((values[0] ?? 0) - opened.low)) / range));
  const rows = new Set(step.rows.data);
  const columns = new Set(step.columns.data);
  const inside = step.input.inside;
  const isInside = (row: number, column: number) => inside.data[(row - step.input.top) * (inside.shape[1] ?? 1) + column - step.input.left] !== 0;
  const result = answer.low < 0 ? signed(answer.high) : ([value = 0]: readonly number[]) => grey((255 * (value - answer.low)) / (answer.high - answer.low || 1));
  const known = isKnown(step.row, step.column);
  const hidden = () => grey(225);
  const large = (answer.kernel.weights.shape[1] ?? 1) > 5;
  useTold(silent ? "" : `${say(texts.placeAt, { row: step.row, column: step.column })} ${known ? equals(step.sum, 5) : "?"}`);
  const whole = (values: Numbers) => ({ top: 0, left: 0, values });
  return (
    <div class="steps">
      <Grid near={step.input} label={say(texts.before)} shade={shade} marked={(row, column) => rows.has(row) && columns.has(column)} outside={(row, column) => !isInside(row, column)} caption={`${say(texts.before)} ${(answer.padding[0][0] || answer.padding[1][0]) > 0 ? `(${say(texts.dashed)})` : ""}`} />
      <span class="sign" aria-hidden="true">×</span>
      <Grid near={whole(answer.kernel.weights)} label={say(texts.kernel)} shade={signed(greatest(answer.kernel.weights))} write={large ? (value) => short(value, 2) : (_, y, x, plane) => answer.kernel.written[y]?.[x]?.[plane] ?? ""} caption={say(texts.kernel)} />
      <span class="sign" aria-hidden="true">=</span>
      <Grid near={whole(step.products)} label={say(texts.products)} shade={known ? signed(greatest(step.products)) : hidden} write={(value) => (known ? short(value, large ? 2 : 3) : "?")} caption={say(texts.products)} />
      <span class="sign" aria-hidden="true">Σ</span>
      <div class="sum">
        {!known && <Button onClick={() => onReveal(step.row, step.column)}>{say(texts.showAnswer)}</Button>}
        {known && step.sums.data.length > 1 && <p class="hint">{Array.from(step.sums.data, (one) => short(one)).join(" + ")}</p>}
        <b>{known ? equals(step.sum, 5) : "?"}</b>
        <p class="hint">{say(texts.placeAt, { row: step.row, column: step.column })}</p>
      </div>
      <Grid near={step.output} label={say(texts.result)} shade={(values, row, column) => (isKnown(step.output.top + row, step.output.left + column) ? result(values) : hidden())} write={(value, row, column) => (isKnown(step.output.top + row, step.output.left + column) ? short(value) : "?")} marked={(row, column) => row === step.row && column === step.column} onCell={(row, column) => (to(column, row), onReveal(row, column))} caption={say(texts.result)} />
    </div>
  );
}
