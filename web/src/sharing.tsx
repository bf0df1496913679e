// How visitors come to a shared lab, on its owner's page: the address, its QR code, and how many look on.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import texts from "@texts/lab.json";
import type { Numbers } from "./frames";
import { say } from "./language";
import { useAsking } from "./ui/asking";
import { Button, Copy, Problem } from "./ui/controls";
import "./sharing.css";

interface Shared {
  readonly entries: readonly { readonly address: string; readonly code: Numbers }[];
  readonly visitors: number;
}

const AGAIN = 2000; // ms between two looks at who is there
const QUIET = 4; // modules around the code that are light

export function Sharing() {
  const [open, show] = useState(false);
  return (
    <>
      <Button kind="quiet" onClick={() => show(true)}>
        {say(texts.share)}
      </Button>
      {open && <Panel onClose={() => show(false)} />}
    </>
  );
}

function Panel({ onClose }: { onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const { answer, problem, ask } = useAsking<Shared>("presenter.share");
  useEffect(() => {
    dialog.current?.showModal();
    ask({});
    const timer = setInterval(() => ask({}), AGAIN);
    return () => clearInterval(timer);
  }, []);
  return (
    <dialog ref={dialog} class="sharing" aria-labelledby="sharing" onClose={onClose}>
      <div class="panel-head">
        <h2 id="sharing">{say(texts.share)}</h2>
        <Button kind="quiet" onClick={() => dialog.current?.close()}>
          {say(texts.close)}
        </Button>
      </div>
      <Problem text={problem} />
      {answer && (
        <>
          <p>{say(answer.entries.length > 0 ? texts.share_how : texts.share_nowhere)}</p>
          {answer.entries.map(({ address, code }) => (
            <section key={address}>
              <Code code={code} label={say(texts.share_code, { address })} />
              <p class="row">
                <code>{address}</code>
                <Copy what={() => address}>{say(texts.copy)}</Copy>
              </p>
            </section>
          ))}
          <p role="status">
            <b>{say(texts.share_visitors, { count: answer.visitors })}</b>
          </p>
          <p class="hint">{say(texts.share_only)}</p>
        </>
      )}
    </dialog>
  );
}

/** Black on white in any colours of the page: cameras want it so. */
function Code({ code, label }: { code: Numbers; label: string }) {
  const [side = 0] = code.shape;
  const dark = useMemo(() => Array.from(code.data, (one, at) => (one ? `M${at % side} ${Math.floor(at / side)}h1v1h-1z` : "")).join(""), [label]);
  return (
    <svg class="code" viewBox={`${-QUIET} ${-QUIET} ${side + 2 * QUIET} ${side + 2 * QUIET}`} role="img" aria-label={label} shape-rendering="crispEdges">
      <path d={dark} />
    </svg>
  );
}
