// A number that a person types, read and written as the language of the page has it: browsers read fields of type number by their
// own language, and take 1,25 for 125 where that is English.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import texts from "@texts/lab.json";
import { language, plainNumber, say } from "../language";

export interface Bounds {
  readonly least?: number;
  readonly most?: number;
  readonly whole?: boolean;
}

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;

/** What was typed, where it is a number within the bounds; null where it is none. */
export function typedNumber(typed: string, { least = -Infinity, most = Infinity, whole = false }: Bounds = {}): number | null {
  const plain = plainNumber(typed);
  const value = Number(plain);
  const fits = NUMBER.test(plain) && Number.isFinite(value) && value >= least && value <= most && (!whole || Number.isInteger(value));
  return fits ? value : null;
}

/** As it would be typed; `typedNumber` reads the same number. */
export const writtenNumber = (value: number): string => (language.value === "en" ? String(value) : String(value).replace(".", ","));

/** What a field of such bounds expects, in a line. */
export function expectation({ least = -Infinity, most = Infinity, whole = false }: Bounds): string {
  const [from, to] = [least, most].map((one) => writtenNumber(one).replace("-", "−")) as [string, string];
  const range = most === Infinity ? (least === -Infinity ? "any" : "least") : "between";
  return say(texts[`number_${whole ? "whole" : "real"}_${range}`], { from, to });
}

/** Whether all fields of that box hold numbers; else the first that does not has the focus, by which it says why. */
export function areNumbers(box: Element | null): boolean {
  const wrong = box?.querySelector<HTMLElement>("input[aria-invalid='true']");
  wrong?.focus();
  return !wrong;
}

/** A step on from the number that stands there, or where none does from the value. */
export const counted = (standing: string | undefined, value: number | null, by: number, bounds: Bounds = {}): number => Number(((typedNumber(standing ?? "", bounds) ?? value ?? 0) + by).toPrecision(12));

interface NumberFieldProps extends Bounds {
  label: string;
  /** Null: nothing is chosen. */
  value: number | null;
  step?: number;
  disabled?: boolean;
  /** How it is written while nobody types, of one that moves by itself: what is typed stays. */
  shown?: string;
  /** The label is read aloud alone. */
  bare?: boolean;
  /** Told when the field is left, not at every key. */
  late?: boolean;
  onNumber: (value: number) => void;
  /** The field was emptied; without it there is always a number. */
  onEmpty?: () => void;
}

/** What is no number stays as it was typed, and why stands below once the field is left; nothing is wrong with one that is disabled.
Arrow keys count from what stands there, and tell it at once. */
export function NumberField({ label, value, shown, step = 1, disabled = false, bare = false, late = false, onNumber, onEmpty, ...bounds }: NumberFieldProps) {
  const id = useId();
  const [typed, type] = useState<string | null>(null);
  const [left, leave] = useState(false);
  const isTold = useRef(false); // what stands there was counted, not typed
  useEffect(() => {
    if (shown === undefined && (left || !late) && typed !== null && typedNumber(typed, bounds) !== value) type(null);
  }, [value]);
  const isEmpty = typed?.trim() === "";
  const wrong = !disabled && typed !== null && !(isEmpty && (onEmpty || !left)) && typedNumber(typed, bounds) === null;
  const take = (text: string) => {
    const number = typedNumber(text, bounds);
    if (number !== null) onNumber(number);
    else if (text.trim() === "") onEmpty?.();
  };
  const write = (text: string) => {
    type(text);
    isTold.current = false;
    leave(false);
    if (!late) take(text);
  };
  const done = () => {
    if (late && typed !== null && !isTold.current) take(typed);
    if (!wrong || isEmpty) type(null);
    leave(true);
  };
  const count = (by: number) => {
    const next = counted(typed ?? shown, value, by, bounds);
    if (typedNumber(writtenNumber(next), bounds) === null) return;
    type(shown === undefined ? null : writtenNumber(next)); // one that moves by itself stays as it was counted until it is left
    isTold.current = true;
    onNumber(next);
  };
  return (
    <div class="field number">
      <label for={id} class={bare ? "unseen" : ""}>
        {label}
      </label>
      <input
        id={id}
        type="text"
        inputMode={(bounds.least ?? -1) >= 0 ? (bounds.whole ? "numeric" : "decimal") : "text"}
        autocomplete="off"
        spellcheck={false}
        disabled={disabled}
        value={typed ?? shown ?? (value === null ? "" : writtenNumber(value))}
        placeholder={onEmpty ? "–" : ""}
        aria-invalid={wrong}
        aria-describedby={wrong && left ? `${id}-why` : undefined}
        onInput={(event) => write(event.currentTarget.value)}
        onBlur={done}
        onKeyDown={(event) => {
          const by = { ArrowUp: step, ArrowDown: -step }[event.key];
          if (event.key === "Enter") done();
          if (event.key === "Escape") type(null);
          if (by === undefined) return;
          event.preventDefault();
          count(by);
        }}
      />
      {wrong && left && (
        <p class="problem" id={`${id}-why`} role="alert">
          {expectation(bounds)}
        </p>
      )}
    </div>
  );
}
