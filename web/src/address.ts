// Where the page is: `#/room?key=value`, so that a link, a reload and the back button show the same.
import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { sifted, type Form } from "./forms";

export interface Address {
  readonly room: string;
  readonly query: string;
}

export function parsed(hash: string): Address {
  const match = /^#\/([a-z]*)(?:\?(.*))?$/.exec(hash);
  return { room: match?.[1] ?? "", query: match?.[2] ?? "" };
}

const here = (): string => (typeof location === "undefined" ? "" : location.hash);
export const address = signal<Address>(parsed(here()));

let taken = here(); // the address that was taken up or written last
/** A person went back or elsewhere, and the event that says so is yet to come: what is written now would write over that place. */
const isLeft = (): boolean => here() !== taken;

function write(hash: string): void {
  history.replaceState(null, "", hash);
  taken = here();
}

/** Counts the places that a person went to by link, by hand or by the back button, or was led to. */
export const visits = signal(0);

/** In a room that is open: called as its person goes to another place of it, to take up what the address says now. */
export function useVisits(take: () => void): void {
  const taken = useRef(visits.value);
  useEffect(() => {
    if (taken.current === visits.value) return;
    taken.current = visits.value;
    take();
  }, [visits.value]);
}

const queries = signal<Readonly<Record<string, string>>>({});

/** What was chosen in a room when it was left. */
export const lastQuery = (room: string): string => queries.value[room] ?? "";

export function watchAddress(): void {
  addEventListener("hashchange", () => {
    taken = here();
    const next = parsed(taken);
    noRoom.value = "";
    const before = address.value;
    if (next.room === before.room && next.query === before.query) return;
    queries.value = { ...queries.value, [before.room]: before.query };
    address.value = next;
    visits.value += 1;
  });
}

/** What of the address that a person came by was left out; it goes with the next place. */
export const leftOut = signal<readonly string[]>([]);

/** The room of the address that a person came by, where there is none such. */
export const noRoom = signal("");

/** Of an address of no room of these: to the first one, without its words, which were not meant for that. */
export function settle(rooms: readonly string[]): void {
  const { room } = address.value;
  if (room === "" || rooms.includes(room)) return;
  goTo(rooms[0] ?? "", "");
  noRoom.value = room;
}

/** As a room is entered: keep of its address what its form takes. */
export function sift(room: string, form: Form | undefined): void {
  const here = address.value.room === room && form ? sifted(address.value.query, form) : null;
  leftOut.value = here?.bad ?? [];
  if (here && here.bad.length > 0) remember(room, here.query);
}

/** Go to a place without a new entry in the browser's history. */
export function goTo(room: string, query: string): void {
  const before = address.value;
  if ((before.room === room && before.query === query) || isLeft()) return;
  write(link(room, query));
  address.value = { room, query };
  visits.value += 1;
}

/** Keep what is chosen in the address without a new entry in the browser's history. */
export function remember(room: string, query: string): void {
  if (queries.value[room] !== query) queries.value = { ...queries.value, [room]: query };
  if ((address.value.room !== room && address.value.room !== "") || isLeft()) return; // an answer that came after the room was left
  const hash = query === "" ? `#/${room}` : `#/${room}?${query}`;
  if (here() !== hash) write(hash);
  if (address.value.room !== room || address.value.query !== query) address.value = { room, query };
}

export const link = (room: string, query = ""): string => (query === "" ? `#/${room}` : `#/${room}?${query}`);
