// A table in a box that scrolls: columns with heads, rows with or without a name of their own.
import { isValidElement, type ComponentChildren } from "preact";
import { Scroll } from "./scroll";

export interface Row {
  readonly key: string | number;
  /** What is a <td> stands as it is; anything else in a cell of its own. */
  readonly cells: readonly ComponentChildren[];
  readonly kind?: string;
}

interface TableProps {
  /** Said aloud of the box; a table beneath a heading of its own needs none. */
  label?: string;
  heads?: readonly ComponentChildren[];
  rows: readonly Row[];
  foot?: readonly ComponentChildren[];
  kind?: string;
  caption?: string;
  /** Said aloud of the table itself. */
  name?: string;
  /** Whether the first cell of a row says what the row is. */
  named?: boolean;
}

const cell = (of: ComponentChildren, at: number, named: boolean) => (isValidElement(of) && of.type === "td" ? of : named && at === 0 ? <th key={at} scope="row">{of}</th> : <td key={at}>{of}</td>);

export function Table({ label, heads, rows, foot, kind, caption, name, named = true }: TableProps) {
  return (
    <Scroll {...(label === undefined ? {} : { label })}>
      <table class={kind ?? ""} aria-label={name}>
        {caption !== undefined && <caption>{caption}</caption>}
        {heads && (
          <thead>
            <tr>{heads.map((head, at) => (head === "" ? <td key={at} /> : <th key={at} scope="col">{head}</th>))}</tr>
          </thead>
        )}
        <tbody>
          {rows.map(({ key, cells, kind: of }) => (
            <tr key={key} class={of ?? ""}>
              {cells.map((one, at) => cell(one, at, named))}
            </tr>
          ))}
        </tbody>
        {foot && (
          <tfoot>
            <tr>{foot.map((one, at) => cell(one, at, named))}</tr>
          </tfoot>
        )}
      </table>
    </Scroll>
  );
}
