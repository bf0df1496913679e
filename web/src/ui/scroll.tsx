// What is wider than its place scrolls in a box of its own, which the keyboard reaches where there is something to scroll.
import { useEffect, useRef, useState } from "preact/hooks";
import type { ComponentChildren } from "preact";

export function Scroll({ label, kind = "scroll", children }: { label?: string; kind?: string; children: ComponentChildren }) {
  const box = useRef<HTMLDivElement>(null);
  const [overflows, turn] = useState(false);
  useEffect(() => {
    const here = box.current;
    if (!here) return undefined;
    const watch = new ResizeObserver(() => turn(here.scrollWidth > here.clientWidth || (here.scrollHeight > here.clientHeight && getComputedStyle(here).overflowY !== "hidden")));
    for (const one of [here, ...here.children]) watch.observe(one);
    return () => watch.disconnect();
  }, []);
  return (
    <div ref={box} class={kind} {...(label ? { role: "group", "aria-label": label } : {})} {...(overflows ? { tabIndex: 0 } : {})}>
      {children}
    </div>
  );
}
