// Numbers in cells, shaded by what they are.
import type { ComponentChildren } from "preact";
import type { Numbers } from "../../frames";
import texts from "@texts/images.json";
import { figure as written, say } from "../../language";
import { css } from "../../ui/colours";
import { Table } from "../../ui/table";

/** Numbers near a place of something larger: its upper left corner, and (rows, columns, channels). */
export interface Near {
  readonly top: number;
  readonly left: number;
  readonly values: Numbers;
}

interface GridProps {
  near: Near;
  label: string;
  /** CSS colour of a cell by its numbers. */
  shade: (values: readonly number[], row: number, column: number) => string;
  /** Which cells are under the kernel, or are the one that is looked at; rows and columns of the whole. */
  marked?: (row: number, column: number) => boolean;
  /** Cells that are not the image's own. */
  outside?: (row: number, column: number) => boolean;
  write?: (value: number, row: number, column: number, channel: number) => string;
  onCell?: (row: number, column: number) => void;
  caption?: ComponentChildren;
}

export function Grid({ near: { top, left, values }, label, shade, marked, outside, write = (value) => short(value), onCell, caption }: GridProps) {
  const [rows = 0, columns = 0, channels = 1] = values.shape;
  const at = (row: number, column: number) => Array.from({ length: channels }, (_, channel) => values.data[(row * columns + column) * channels + channel] ?? 0);
  const shown = (row: number, column: number) => {
    const values = at(row, column);
    const [down, across] = [top + row, left + column];
    const background = shade(values, row, column);
    const kind = `${marked?.(down, across) ? "marked" : ""} ${outside?.(down, across) ? "outside" : ""} ${onCell ? "live" : ""}`;
    return (
      <td key={column} class={kind} style={{ background, color: inkOn(background) }} onClick={onCell && (() => onCell(down, across))}>
        {values.map((value, channel) => (
          <span key={channel}>{write(value, row, column, channel)}</span>
        ))}
      </td>
    );
  };
  return (
    <figure class="numbers">
      <Table kind="cells" name={label} named={false} rows={Array.from({ length: rows }, (_, row) => ({ key: row, cells: Array.from({ length: columns }, (__, column) => shown(row, column)) }))} />
      {caption && <figcaption>{caption}</figcaption>}
    </figure>
  );
}

/** A number with a true minus sign, as kernels are written; of whole numbers all digits. */
export const figure = (value: number | null | undefined, digits = 3): string => written(value === 0 ? 0 : value, Number.isInteger(value) ? Math.max(digits, 7) : digits).replace("-", "−");

/** "= 3", or "≈ 0.333" of what single precision tells in more digits than are shown. */
export const equals = (value: number, digits = 3): string => `${Math.fround(Number(value.toPrecision(digits))) === Math.fround(value) || Number.isInteger(value) ? "=" : "≈"} ${figure(value, digits)}`;

/** As a cell has room for. */
export const short = (value: number, digits = 3): string => (value !== 0 && Math.abs(value) < 5e-4 ? "≈0" : figure(value, Number.isInteger(value) ? 6 : digits));

/** Black or white, whichever is read better on a colour `rgb(r g b)`. */
export function inkOn(background: string): string {
  const [red = 255, green = 255, blue = 255] = (background.match(/[\d.]+/g) ?? []).map(Number);
  const light = (value: number) => (value <= 10 ? value / 3295 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * light(red) + 0.7152 * light(green) + 0.0722 * light(blue) > 0.179 ? "#000000" : "#ffffff";
}

export const grey = (value: number): string => {
  const shade = Math.round(Math.max(0, Math.min(255, value)));
  return `rgb(${shade} ${shade} ${shade})`;
};

/** Blue above zero, orange below. */
export const signed =
  (most: number) =>
  ([value = 0]: readonly number[]): string =>
    css(most > 0 ? value / most : 0);
export const greatest = (values: Numbers): number => (values.data as Float32Array).reduce((most, one) => Math.max(most, Math.abs(one)), 0);

/** Between which values the colours of a signed picture go. */
export function Scale({ most }: { most: number }) {
  return (
    <p class="scale">
      <span>{figure(-most)}</span>
      <i aria-hidden="true" />
      <span>{figure(most)}</span>
      <span class="unseen">{say(texts.scale)}</span>
    </p>
  );
}
