// Formulas, drawn by the browser itself: MathML.
import { useMemo } from "preact/hooks";
import texts from "@texts/graph.json";
import { language, say } from "../../language";
import { read, sides, type Piece } from "./latex";
import { localized } from "./numbers";

/** MathML has words for truth, which Preact would take for attributes that are there or not. */
const [FENCE, STIFF] = [{ fence: "true", stretchy: "true" } as object, { stretchy: "false" } as object];
const OTHERWISE = new Set(["else", "otherwise"]); // of cases
const BREAKS = new Set(["=", "≈", "+"]); // they may begin a line
const BINARY = new Set(["+", "−", "·", "=", "≈", "∧", "∨", "<", ">", "≥", "≤", "≠", "×", "mod"]);

export function Formula({ latex }: { latex: string }) {
  const written = localized(latex);
  return useMemo(() => <Math piece={read(written)} />, [written, language.value]);
}

/** A line of its own: a = b = c, which may break before each sign. */
export function Equation({ latex }: { latex: string }) {
  const written = localized(latex);
  return useMemo(
    () => (
      <p class="graph-equation">
        {sides(read(written)).map((side, index) => (
          <Math key={index} piece={side} />
        ))}
      </p>
    ),
    [written, language.value],
  );
}

function Math({ piece }: { piece: Piece }) {
  return (
    <math class="formula" displaystyle>
      <Drawn piece={piece} />
    </math>
  );
}

function Drawn({ piece }: { piece: Piece }) {
  switch (piece.kind) {
    case "row":
      return <mrow>{piece.of.map((one, index) => (one.kind === "sign" ? <Sign key={index} text={one.text} first={startsHere(piece.of, index)} /> : <Drawn key={index} piece={one} />))}</mrow>;
    case "number":
      return <mn>{piece.text}</mn>;
    case "name":
      return <mi>{piece.text}</mi>;
    case "word":
      return <mi mathvariant="normal">{OTHERWISE.has(piece.text) ? say(texts.otherwise) : piece.text}</mi>;
    case "function":
      return (
        <mrow>
          <mi mathvariant="normal">{piece.text}</mi>
          <mspace width="0.12em" />
        </mrow>
      );
    case "sign":
      return <Sign text={piece.text} first />;
    case "fraction":
      return (
        <mfrac>
          <Drawn piece={piece.above} />
          <Drawn piece={piece.below} />
        </mfrac>
      );
    case "root":
      return (
        <msqrt>
          <Drawn piece={piece.of} />
        </msqrt>
      );
    case "script":
      return <Script piece={piece} />;
    case "fence":
      return (
        <mrow>
          <mo {...FENCE}>{piece.open}</mo>
          <Drawn piece={piece.of} />
          <mo {...FENCE}>{piece.close}</mo>
        </mrow>
      );
    case "cases":
      return (
        <mrow>
          <mo {...FENCE}>{"{"}</mo>
          <mtable>
            {piece.rows.map((row, index) => (
              <mtr key={index}>
                {row.map((cell, place) => (
                  <mtd key={place}>
                    <Drawn piece={cell} />
                  </mtd>
                ))}
              </mtr>
            ))}
          </mtable>
        </mrow>
      );
  }
}

function Script({ piece }: { piece: Piece & { kind: "script" } }) {
  const base = <Drawn piece={piece.base} />;
  if (piece.below && piece.above) {
    return (
      <msubsup>
        {base}
        <Drawn piece={piece.below} />
        <Drawn piece={piece.above} />
      </msubsup>
    );
  }
  if (piece.below) {
    return (
      <msub>
        {base}
        <Drawn piece={piece.below} />
      </msub>
    );
  }
  return (
    <msup>
      {base}
      <Drawn piece={piece.above ?? { kind: "row", of: [] }} />
    </msup>
  );
}

/** A minus that begins a number is no difference, and stands close to it. */
function startsHere(row: readonly Piece[], index: number): boolean {
  const before = row[index - 1];
  return before === undefined || (before.kind === "sign" && BINARY.has(before.text));
}

function Sign({ text, first }: { text: string; first: boolean }) {
  if (!BINARY.has(text)) return <mo {...STIFF}>{text}</mo>;
  return first && !BREAKS.has(text) ? (
    <mo lspace="0" rspace="0">
      {text}
    </mo>
  ) : (
    <mo lspace={text === "·" ? "0.15em" : "0.25em"} rspace={text === "·" ? "0.15em" : "0.25em"}>
      {text}
    </mo>
  );
}
