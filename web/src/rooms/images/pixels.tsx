// An image as numbers: the pixels around one that is chosen, that one as a point of five dimensions, channels and histogram.
import texts from "@texts/images.json";
import lab from "@texts/lab.json";
import { part, type Numbers } from "../../frames";
import { percent, say, type Text } from "../../language";
import { Panel, Problem } from "../../ui/controls";
import type { Choices, Opened, Pixel } from "./answers";
import { useTold } from "../../telling";
import { useAnswer } from "../../ui/asking";
import { Table } from "../../ui/table";
import { choose, number, source } from "./chosen";
import { inUnit } from "./colours";
import { figure, Grid } from "./grid";
import { Picture } from "./picture";

const CHANNELS: Record<string, Text> = { red: texts.red, green: texts.green, blue: texts.blue, grey: texts.grey, alpha: texts.alpha, cyan: texts.cyan, magenta: texts.magenta, yellow: texts.yellow, black: texts.black };
const COLOURS: Record<string, string> = { red: "#c01f48", green: "#2f7d4f", blue: "#1f5fbf", grey: "#66635b" };
export const channelName = (name: string): string => (CHANNELS[name] ? say(CHANNELS[name]) : name);

/** What the address asked for that the image does not reach; its nearest pixel is shown. */
function beyond(opened: Opened | null, x: number, y: number): string {
  const parts = opened ? [...(x < opened.width ? [] : [`x=${x}`]), ...(y < opened.height ? [] : [`y=${y}`])] : [];
  return parts.length > 0 ? say(lab.left_out, { parts: parts.join(", ") }) : "";
}

export function Pixels({ choices }: { choices: Choices }) {
  const asked = source();
  const [opened, problem] = useAnswer<Opened>("images.open", asked);
  const [x, y] = [number("x", Math.floor((opened?.width ?? 1) / 2)), number("y", Math.floor((opened?.height ?? 1) / 2))];
  const [pixel, fault] = useAnswer<Pixel>("images.pixel", opened && { ...asked, x, y });
  useTold(pixel ? `${say(texts.placeAt, { row: pixel.y, column: pixel.x })}: ${numbersAt(pixel).map((one) => figure(one, 4)).join(", ")}` : "");
  const to = (column: number, row: number) => choose({ x: String(column), y: String(row) });
  return (
    <>
      <Problem text={problem || fault || beyond(opened, x, y)} />
      {opened && (
        <div class="columns two">
          <div class="stack">
            <Panel title={say(texts.theImage)}>
              <p class="muted">{described(opened)}{opened.whole && ` ${say(texts.averaged, { size: opened.whole })}`}</p>
              <Picture values={opened.picture} label={say(texts.cursorHint)} place={[x, y]} onPlace={to} frame={pixel && around(pixel)} />
              <p class="hint">{say(texts.cursorHint)}</p>
            </Panel>
            <Panel title={say(texts.histogram)}>
              <Histogram {...opened} />
              <Facts {...opened} />
            </Panel>
          </div>
          {pixel && (
            <div class="stack">
              <Panel title={say(texts.asNumbers)}>
                <Grid
                  near={pixel.near}
                  label={say(texts.asNumbers)}
                  shade={(_, row, column) => colour(pixel.colours, row, column)}
                  marked={(row, column) => row === pixel.y && column === pixel.x}
                  onCell={(row, column) => to(column, row)}
                />
                <p class="hint">{say(opened.channels.length > 1 ? texts.stacked : texts.oneNumber, { channels: opened.channels.map(channelName).join(", ") })}</p>
              </Panel>
              <Panel title={say(texts.fiveTitle)}>
                <p class="five">
                  (<b>x</b> {pixel.x}, <b>y</b> {pixel.y}, <b>r</b> {figure(pixel.five[2], 4)}, <b>g</b> {figure(pixel.five[3], 4)}, <b>b</b> {figure(pixel.five[4], 4)})
                </p>
                <p class="hint">{say(texts.fiveHint)}</p>
                <InAllSpaces pixel={pixel} choices={choices} />
              </Panel>
            </div>
          )}
        </div>
      )}
    </>
  );
}

/** Its own, out of those around it. */
function numbersAt({ x, y, near: { left, top, values } }: Pixel): number[] {
  const [, columns = 1, channels = 1] = values.shape;
  return Array.from({ length: channels }, (_, channel) => values.data[((y - top) * columns + x - left) * channels + channel] ?? 0);
}

const around = ({ near }: Pixel) => ({ x: near.left, y: near.top, width: near.values.shape[1] ?? 1, height: near.values.shape[0] ?? 1 });

function colour({ data, shape }: Numbers, row: number, column: number): string {
  const from = (row * (shape[1] ?? 1) + column) * 3;
  return `rgb(${data[from] ?? 0} ${data[from + 1] ?? 0} ${data[from + 2] ?? 0})`;
}

function described({ width, height, channels, bits, low, high, format }: Opened): string {
  const sizes = say(texts.sizes, { width, height, channels: channels.length, names: channels.map(channelName).join(", "), bits, low: figure(low), high: figure(high, 5), numbers: figure(width * height * channels.length, 9) });
  return format ? `${format}. ${sizes}` : sizes;
}

function InAllSpaces({ pixel, choices }: { pixel: Pixel; choices: Choices }) {
  const rows = choices.spaces.map(({ name, title, channels }) => ({
    key: name,
    cells: [
      channels.length === 1 ? say(texts.grey) : title,
      ...channels.map(({ letter }, at) => (
        <>
          <span class="muted">{letter}</span> {inUnit(name, letter, pixel.spaces[name]?.data[at])}
        </>
      )),
    ],
  }));
  return <Table rows={rows} />;
}

/** How many pixels have each value, a curve a channel. */
function Histogram({ counts, channels }: Opened) {
  const bins = counts.shape[1] ?? 1;
  const most = (counts.data as Int32Array).reduce((a, b) => Math.max(a, b), 1);
  return (
    <div class="histogram">
      {channels.map((name, channel) => (
        <figure key={name}>
          <svg viewBox={`0 0 ${bins} 40`} preserveAspectRatio="none" role="img" aria-label={`${say(texts.histogram)}: ${channelName(name)}`}>
            {Array.from(part(counts, channel).data, (many: number, bin: number) => (
              <rect key={bin} x={bin + 0.08} width="0.84" y={40 - (38 * many) / most} height={(38 * many) / most} fill={COLOURS[name] ?? "var(--muted)"} />
            ))}
          </svg>
          <figcaption>{channelName(name)}</figcaption>
        </figure>
      ))}
    </div>
  );
}

function Facts({ facts, counts }: Opened) {
  const pixels = (part(counts, 0).data as Int32Array).reduce((a, b) => a + b, 0);
  const shareOfTop = (channel: number) => {
    const bins = part(counts, channel).data;
    return (bins[bins.length - 1] ?? 0) / Math.max(1, pixels);
  };
  const heads = [texts.channel, texts.least, texts.most, texts.mean, texts.deviation, texts.brightest].map((text) => say(text));
  const rows = facts.map(({ name, least, most, mean, deviation }, channel) => ({ key: name, cells: [channelName(name), ...[least, most, mean, deviation].map((value) => figure(value, 4)), percent(shareOfTop(channel))] }));
  return <Table heads={heads} rows={rows} />;
}
