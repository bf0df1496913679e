// The keyboard keeps its place: where a control goes away as it is pressed, what came in its place has the focus, not the page.

const TAKES = "a[href], button, input, select, textarea, summary, [tabindex='0']";
const PLACES = "section, [role='tabpanel'], main";

interface Step {
  readonly parent: Element;
  readonly index: number;
}

let last: HTMLElement | null = null;
let way: readonly Step[] = []; // from what had the focus last up to the page, and which child of each it was in
let byKeys = false; // a finger that is sent to a field would call up the telephone's keyboard

const takes = (one: Element): boolean => one.matches(TAKES) && !one.matches(":disabled, [tabindex='-1']") && one.checkVisibility({ visibilityProperty: true });

function wayOf(one: Element): Step[] {
  const steps: Step[] = [];
  for (let child = one; child.parentElement; child = child.parentElement) steps.push({ parent: child.parentElement, index: [...child.parentElement.children].indexOf(child) });
  return steps;
}

/** What stands in that place of the parent now, or after it, or else before it. */
function nearest({ parent, index }: Step): Element | undefined {
  const [after, before] = [[...parent.children].slice(index), [...parent.children].slice(0, index).reverse()];
  const within = (one: Element) => [one, ...one.querySelectorAll(TAKES)].filter(takes);
  return after.flatMap(within)[0] ?? before.flatMap(within)[0];
}

/** Where the focus goes that is lost: to the nearest control, at most as far as the section that it was in. */
function heir(): Element | undefined {
  for (const step of way) {
    if (!step.parent.isConnected) continue;
    const found = nearest(step);
    if (found || step.parent.matches(PLACES)) return found ?? step.parent;
  }
  return undefined;
}

function look(): void {
  if (!last || !byKeys || document.activeElement !== document.body || takes(last)) return;
  const to = heir();
  if (!(to instanceof HTMLElement)) return;
  if (!to.matches(TAKES)) to.tabIndex = -1;
  to.focus();
}

function to(id: string): void {
  const place = document.getElementById(id);
  place?.focus({ preventScroll: true });
  place?.scrollIntoView(); // its beginning: on a telephone the list stands above it
}

/** To the beginning of what the page shows, below its header. */
export const toRoom = (): void => to("room");

/** To what was asked for, past the list that it was chosen from. */
export const toShown = (): void => to("shown");

export function watchFocus(): void {
  document.addEventListener("keydown", () => (byKeys = true), { capture: true, passive: true });
  document.addEventListener("pointerdown", () => (byKeys = false), { capture: true, passive: true });
  document.addEventListener("focusin", ({ target }) => {
    if (!(target instanceof HTMLElement)) return;
    last = target;
    way = wayOf(target);
  });
  document.addEventListener("focusout", () => setTimeout(() => document.activeElement === document.body && last && takes(last) && (last = null))); // left by its person
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributeFilter: ["disabled", "hidden"] });
}
