// LaTeX as Profundo writes it → a tree that a page can draw. Only what `write_latex` and the derivations use is known.

export type Piece =
  | { readonly kind: "row"; readonly of: readonly Piece[] }
  | { readonly kind: "name" | "number" | "sign" | "word" | "function"; readonly text: string }
  | { readonly kind: "fraction"; readonly above: Piece; readonly below: Piece }
  | { readonly kind: "root"; readonly of: Piece }
  | { readonly kind: "script"; readonly base: Piece; readonly below?: Piece; readonly above?: Piece }
  | { readonly kind: "fence"; readonly open: string; readonly close: string; readonly of: Piece }
  | { readonly kind: "cases"; readonly rows: readonly (readonly Piece[])[] };

const GREEK: Readonly<Record<string, string>> = {
  alpha: "α", beta: "β", gamma: "γ", delta: "δ", epsilon: "ε", zeta: "ζ", eta: "η", theta: "θ", kappa: "κ", lambda: "λ", mu: "μ", nu: "ν", xi: "ξ",
  pi: "π", rho: "ρ", sigma: "σ", tau: "τ", phi: "φ", varphi: "φ", chi: "χ", psi: "ψ", omega: "ω", Phi: "Φ",
};
const SIGNS: Readonly<Record<string, string>> = {
  cdot: "·", partial: "∂", sum: "∑", infty: "∞", ge: "≥", le: "≤", ne: "≠", times: "×", dots: "…", vdots: "⋮", bmod: "mod", land: "∧", lor: "∨", lnot: "¬", approx: "≈", top: "⊤", vert: "|", lvert: "|", rvert: "|",
  lfloor: "⌊", rfloor: "⌋", lceil: "⌈", rceil: "⌉", "|": "‖", sim: "∼",
};
const SPACES = new Set([",", ";", ":", "!", " ", "quad", "qquad", "displaystyle", "Big"]);
const SCRIPTS = "^_";

export function read(latex: string): Piece {
  return new Reader(latex).row("");
}

const LONG = 6; // pieces, from which on a side may break before its sums, too

/** Of an equation: what stands before its first sign, then each sign with what follows. */
export function sides(piece: Piece): readonly Piece[] {
  if (piece.kind !== "row") return [piece];
  const parts = before(["=", "≈"], piece.of).flatMap((part) => (part.length > LONG ? before(["+"], part) : [part]));
  return parts.filter((part) => part.length > 0).map((of) => ({ kind: "row", of }));
}

function before(signs: readonly string[], pieces: readonly Piece[]): Piece[][] {
  const parts: Piece[][] = [[]];
  for (const one of pieces) {
    if (one.kind === "sign" && signs.includes(one.text)) parts.push([]);
    parts.at(-1)?.push(one);
  }
  return parts;
}

class Reader {
  private at = 0;
  private readonly tokens: readonly string[];

  constructor(latex: string) {
    this.tokens = latex.match(/\\begin\{\w+\}|\\end\{\w+\}|\\[A-Za-z]+|\\.|\d+(?:[.,]\d+)?\.?|[^\s]/g) ?? [];
  }

  private get next(): string {
    return this.tokens[this.at] ?? "";
  }

  private take(): string {
    return this.tokens[this.at++] ?? "";
  }

  /** Until the closing token, which is taken. */
  row(end: string): Piece {
    const pieces: Piece[] = [];
    while (this.at < this.tokens.length && this.next !== end) {
      const piece = this.scripted();
      if (piece) pieces.push(piece);
    }
    this.take();
    return pieces.length === 1 && pieces[0] ? pieces[0] : { kind: "row", of: pieces };
  }

  private scripted(): Piece | null {
    const base = this.piece();
    if (base === null) return null;
    const scripts: { below?: Piece; above?: Piece } = {};
    while (SCRIPTS.includes(this.next) && this.next !== "") scripts[this.take() === "^" ? "above" : "below"] = this.argument();
    return scripts.above || scripts.below ? { kind: "script", base, ...scripts } : base;
  }

  private argument(): Piece {
    if (this.next !== "{") return this.piece() ?? { kind: "row", of: [] };
    this.take();
    return this.row("}");
  }

  private piece(): Piece | null {
    const token = this.take();
    if (token === "{") return this.row("}");
    if (token.startsWith("\\")) return this.command(token.slice(1));
    if (/^\d/.test(token)) return { kind: "number", text: token };
    if (/^\p{L}$/u.test(token)) return { kind: "name", text: token };
    return { kind: "sign", text: token === "-" ? "−" : token };
  }

  private command(word: string): Piece | null {
    if (word === "frac") return { kind: "fraction", above: this.argument(), below: this.argument() };
    if (word === "sqrt") return { kind: "root", of: this.argument() };
    if (word === "mathrm" || word === "text") return { kind: "word", text: this.text() };
    if (word === "left") return this.fence();
    if (word === "begin{cases}") return this.cases();
    if (SPACES.has(word) || word.startsWith("begin") || word.startsWith("end")) return null;
    if (word in GREEK) return { kind: "name", text: GREEK[word] ?? "" };
    if (word in SIGNS) return { kind: "sign", text: SIGNS[word] ?? "" };
    return /^[a-z]+$/i.test(word) ? { kind: "function", text: word } : { kind: "sign", text: word };
  }

  private text(): string {
    let text = "";
    this.take();
    for (let depth = 1; this.at < this.tokens.length; ) {
      const token = this.take();
      depth += token === "{" ? 1 : token === "}" ? -1 : 0;
      if (depth === 0) break;
      text += token.startsWith("\\") ? token.slice(1) : token;
    }
    return text;
  }

  private fence(): Piece {
    const open = this.bracket();
    const pieces: Piece[] = [];
    while (this.at < this.tokens.length && this.next !== "\\right") {
      const piece = this.scripted();
      if (piece) pieces.push(piece);
    }
    this.take();
    return { kind: "fence", open, close: this.bracket(), of: { kind: "row", of: pieces } };
  }

  private bracket(): string {
    const token = this.take();
    return token.startsWith("\\") ? (SIGNS[token.slice(1)] ?? token.slice(1)) : token;
  }

  private cases(): Piece {
    const rows: Piece[][] = [[]];
    let cell: Piece[] = [];
    const close = () => {
      rows.at(-1)?.push({ kind: "row", of: cell });
      cell = [];
    };
    while (this.at < this.tokens.length && this.next !== "\\end{cases}") {
      if (this.next === "&" || this.next === "\\\\") {
        close();
        if (this.take() !== "&") rows.push([]);
      } else {
        const piece = this.scripted();
        if (piece) cell.push(piece);
      }
    }
    close();
    this.take();
    return { kind: "cases", rows };
  }
}
