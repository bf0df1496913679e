// A shared lab: where its owner is, and the pages of visitors that follow until their persons go elsewhere.
import { effect, signal } from "@preact/signals";
import { address, goTo, visits, type Address } from "./address";
import { call, latest, listen, role, shared, whenOpened } from "./connection";

const KEPT = "profundo-follow";
const TOUCH = 1000; // ms within which a change of the address is of the person's making
const MIRRORED = "playground"; // what a visitor sees there is what the owner does, whatever is touched
const EVENTS = ["pointerdown", "pointerup", "keydown", "input", "change"] as const;

const kept = typeof sessionStorage === "undefined" ? null : sessionStorage.getItem(KEPT);
/** Whether this visitor's page goes where the owner goes: from the beginning, but for who came by an address of a place. Kept at
 * once, for a page that is loaded again has the address of the place that it had followed to. */
export const following = signal(address.peek().room === "" || kept === "yes");
keep();
const presenter = signal<Address | null>(null);

function keep(): void {
  if (typeof sessionStorage !== "undefined") sessionStorage.setItem(KEPT, following.peek() ? "yes" : "no");
}

export function follow(on: boolean): void {
  following.value = on;
  keep();
  if (on && presenter.value) lead(presenter.value);
}

let led = 0; // visits up to the last place that was followed to
let touched = -Infinity;

function lead(place: Address): void {
  touched = -Infinity;
  goTo(place.room, place.query);
  led = visits.peek();
}

function come(place: Partial<Address>): void {
  if (place.room === undefined) return;
  presenter.value = { room: place.room, query: place.query ?? "" };
  if (following.peek()) lead(presenter.value);
}

const isThere = ({ room, query }: Address, place: Address | null): boolean => place !== null && room === place.room && query === place.query;

/** Of visitors: off as soon as a person goes elsewhere, by link, by the back button or by choosing in a room. */
function leave(now: Address): void {
  const byLink = visits.peek() !== led;
  const byHand = now.room !== MIRRORED && performance.now() - touched < TOUCH;
  if (following.peek() && presenter.peek() && (byLink || byHand) && !isThere(now, presenter.peek())) follow(false);
  led = visits.peek();
}

/** On a visitor's page: what the owner's got of a race or of a training, the last of it and each that comes. */
export function watchShown<Value extends object>(what: "race" | "walk", show: (value: Value) => void): () => void {
  const take = (value: Value) => Object.keys(value).length > 0 && show(value);
  const leave = [
    listen<Value>(`presenter.${what}`, take),
    whenOpened(() => role.value === "visitor" && void call<Value>("presenter.shown", { what }).then(take, () => undefined)),
  ];
  return () => leave.forEach((one) => one());
}

export function watchPresenter(): void {
  for (const event of EVENTS) document.addEventListener(event, ({ target }) => target instanceof Element && !target.closest("[data-follow]") && (touched = performance.now()), { capture: true, passive: true });
  listen<Address>("presenter.place", come);
  const show = latest("presenter.show", () => undefined, () => undefined);
  const tell = () => role.value === "owner" && shared.value && !document.hidden && address.value.room !== "" && void show({ ...address.value });
  whenOpened(() => (role.value === "visitor" ? void call<Partial<Address>>("presenter.follow").then(come, () => undefined) : tell()));
  document.addEventListener("visibilitychange", tell);
  effect(() => {
    const now = address.value;
    void visits.value; // counted after the address: a step back is a visit
    if (role.value === "visitor") leave(now);
    else tell();
  });
}
