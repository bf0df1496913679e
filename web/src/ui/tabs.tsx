// Views of one thing, one at a time: chosen by a click, or from one to the next by arrow keys.
import { useId } from "preact/hooks";
import type { ComponentChildren } from "preact";
import "./tabs.css";

interface TabsProps<Id extends string> {
  label: string;
  views: readonly (readonly [id: Id, name: string])[];
  now: Id;
  onChoose: (id: Id) => void;
  /** What stands before the tabs, and the view that is shown. */
  aside?: ComponentChildren;
  kind?: string;
  children: ComponentChildren;
}

export function Tabs<Id extends string>({ label, views, now, onChoose, aside, kind = "", children }: TabsProps<Id>) {
  const name = useId();
  const walk = (event: KeyboardEvent) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? views.length - 1 : 0;
    const next = views[(views.findIndex(([id]) => id === now) + step) % views.length]?.[0];
    if (step === 0 || next === undefined) return;
    event.preventDefault();
    onChoose(next);
    document.getElementById(`${name}-${next}`)?.focus();
  };
  return (
    <>
      <div class={`tabs-head ${kind}`}>
        {aside}
        <div class="tabs" role="tablist" aria-label={label} onKeyDown={walk}>
          {views.map(([id, text]) => (
            <button key={id} id={`${name}-${id}`} type="button" role="tab" aria-selected={id === now} aria-controls={`${name}-view`} tabIndex={id === now ? 0 : -1} onClick={() => onChoose(id)}>
              {text}
            </button>
          ))}
        </div>
      </div>
      <div role="tabpanel" id={`${name}-view`} aria-labelledby={`${name}-${now}`}>
        {children}
      </div>
    </>
  );
}
