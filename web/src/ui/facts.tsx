// Names with what they are, one below the other; what is not known yet, or says nothing, is left out.
import type { ComponentChildren } from "preact";

export type Fact = readonly [name: string, value: ComponentChildren] | false | null | undefined;

export function Facts({ kind, of }: { kind: string; of: readonly Fact[] }) {
  return (
    <dl class={kind}>
      {of.map((fact) => fact && (
        <div key={fact[0]}>
          <dt>{fact[0]}</dt>
          <dd>{fact[1]}</dd>
        </div>
      ))}
    </dl>
  );
}
