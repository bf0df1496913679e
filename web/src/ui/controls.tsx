// Native controls with their labels: reachable by keyboard, read aloud, large enough for a finger.
import type { ComponentChildren } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import texts from "@texts/lab.json";
import { local, say } from "../language";
import { useTold } from "../telling";

export function Panel({ title, aside, children, kind }: { title?: string; aside?: ComponentChildren; children: ComponentChildren; kind?: string }) {
  const id = useId();
  return (
    <section class={`panel ${kind ?? ""}`} {...(title ? { "aria-labelledby": id } : {})}>
      {title && (
        <div class="panel-head">
          <h2 id={id}>{title}</h2>
          {aside}
        </div>
      )}
      {children}
    </section>
  );
}

interface SliderProps {
  label: string;
  value: number;
  shown?: string;
  min: number;
  max: number;
  step?: number;
  disabled?: boolean;
  onInput: (value: number) => void;
}

/** A number in a range; `shown` is how it is written and read aloud. */
export function Slider({ label, value, shown = local(String(value)), min, max, step = 1, disabled = false, onInput }: SliderProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>
        {label} <output aria-live="off">{shown}</output>
      </label>
      <input
        id={id}
        type="range"
        min={min}
        max={max}
        step={step}
        value={value}
        disabled={disabled}
        aria-valuetext={shown}
        onInput={(event) => onInput(Number(event.currentTarget.value))}
      />
    </div>
  );
}

/** One of some values, such as rates in steps of three. */
export function Steps({ values, ...rest }: Omit<SliderProps, "min" | "max" | "step" | "value" | "onInput"> & { values: readonly number[]; value: number; onInput: (value: number) => void }) {
  const nearest = values.reduce((best, one, index) => (Math.abs(one - rest.value) < Math.abs((values[best] ?? 0) - rest.value) ? index : best), 0);
  return <Slider {...rest} value={nearest} min={0} max={values.length - 1} onInput={(index) => rest.onInput(values[index] ?? 0)} />;
}

export type Option = readonly [value: string, text: string];

interface ChoiceProps {
  label: string;
  value: string;
  options: readonly Option[];
  disabled?: boolean;
  bare?: boolean;
  /** What it promises is kept once it is known whether the choice is taken. */
  onChoose: (value: string) => unknown;
}

/** A value that is none of the options, such as of a run that has gone, stands there and is said not to be one: another would be a lie.
So would one that was refused: what is in force comes back. */
export function Choice({ label, value, options, disabled = false, bare = false, onChoose }: ChoiceProps) {
  const id = useId();
  const last = useRef<unknown>(null);
  const [, showAgain] = useState({});
  const take = async (chosen: string) => {
    const taken = onChoose(chosen);
    last.current = taken;
    if (!(taken instanceof Promise)) return;
    await taken.catch(() => undefined); // whoever promised says so
    if (last.current === taken) showAgain({});
  };
  const isLost = options.length > 0 && !options.some(([one]) => one === value);
  return (
    <div class="field">
      <label for={id} class={bare ? "unseen" : ""}>
        {label}
      </label>
      <select id={id} value={value} disabled={disabled} title={options.find(([one]) => one === value)?.[1]} onChange={(event) => void take(event.currentTarget.value)}>
        {isLost && (
          <option value={value} selected disabled={value !== ""}>
            {value === "" ? "–" : say(texts.not_here, { name: value })}
          </option>
        )}
        {options.map(([one, text]) => (
          <option key={one} value={one} selected={one === value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  );
}

export function Switch({ label, checked, disabled = false, onChange }: { label: ComponentChildren; checked: boolean; disabled?: boolean; onChange: (checked: boolean) => void }) {
  return (
    <label class="switch">
      <input type="checkbox" checked={checked} disabled={disabled} onChange={(event) => onChange(event.currentTarget.checked)} />
      <span>{label}</span>
    </label>
  );
}

interface ButtonProps {
  children: ComponentChildren;
  label?: string;
  kind?: "main" | "plain" | "quiet";
  disabled?: boolean;
  pressed?: boolean;
  onClick: () => void;
}

/** label: said aloud where the button shows only a sign. One that would do nothing now keeps the focus that it has. */
export function Button({ children, label, kind = "plain", disabled = false, pressed, onClick }: ButtonProps) {
  return (
    <button type="button" class={kind} onClick={() => disabled || onClick()} {...(disabled ? { "aria-disabled": "true" as const } : {})} {...(label ? { "aria-label": label, title: label } : {})} {...(pressed === undefined ? {} : { "aria-pressed": pressed })}>
      {children}
    </button>
  );
}

interface TextProps {
  label: string;
  value: string;
  hint?: ComponentChildren;
  placeholder?: string;
  /** Told when the field is left, not at every key; what is typed until then stays. */
  late?: boolean;
  numeric?: boolean;
  /** A field of several lines. */
  rows?: number;
  onInput: (value: string) => void;
  onEnter?: () => void;
}

export function TextField({ label, value, hint, placeholder = "", late = false, numeric = false, rows, onInput, onEnter }: TextProps) {
  const id = useId();
  const [typed, type] = useState<string | null>(null);
  const on = {
    id,
    value: typed ?? value,
    placeholder,
    spellcheck: false,
    autocomplete: "off" as const,
    ...(hint ? { "aria-describedby": `${id}-hint` } : {}),
    onInput: ({ currentTarget }: { currentTarget: { value: string } }) => (late ? type : onInput)(currentTarget.value),
    onChange: ({ currentTarget }: { currentTarget: { value: string } }) => late && (onInput(currentTarget.value), type(null)),
  };
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {rows ? <textarea rows={rows} {...on} /> : <input type="text" inputMode={numeric ? "decimal" : "text"} {...on} onKeyDown={(event) => event.key === "Enter" && onEnter?.()} />}
      {hint && (
        <p class="hint" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

/** Takes an address along, as it is at the click, and says whether it did: a browser may forbid it, and over plain HTTP it does. */
export function Copy({ what, children }: { what: () => string; children: string }) {
  const [outcome, show] = useState("");
  const copy = () => (navigator.clipboard?.writeText(what()) ?? Promise.reject()).then(
    () => show(say(texts.copied)),
    () => show(say(texts.not_copied, { what: what() })),
  );
  return (
    <>
      <Button onClick={() => void copy()}>{children}</Button>
      <span class="hint" role="status">
        {outcome}
      </span>
    </>
  );
}

export function FileField({ label, accept, multiple = false, onFiles }: { label: string; accept?: string; multiple?: boolean; onFiles: (files: File[]) => void }) {
  return (
    <label class="button plain file">
      {label}
      <input type="file" accept={accept} multiple={multiple} onChange={(event) => onFiles([...(event.currentTarget.files ?? [])])} />
    </label>
  );
}

/** What went wrong, in one line, said aloud as it appears; of what is being typed, once the keys rest. Nothing where nothing did. */
export function Problem({ text, typed = false }: { text: string; typed?: boolean }) {
  useTold(typed ? text : "");
  return (
    <p class="problem" {...(typed ? {} : { role: "alert" })} hidden={text === ""}>
      {text}
    </p>
  );
}
