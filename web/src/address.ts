// Where the page is: `#/room?key=value`, so that a link, a reload and the back button show the same.
import { signal } from "@preact/signals";

export interface Address {
  readonly room: string;
  readonly query: string;
}

export function parsed(hash: string): Address {
  const match = /^#\/([a-z]*)(?:\?(.*))?$/.exec(hash);
  return { room: match?.[1] ?? "", query: match?.[2] ?? "" };
}

export const address = signal<Address>(typeof location === "undefined" ? { room: "", query: "" } : parsed(location.hash));

export function watchAddress(): void {
  addEventListener("hashchange", () => {
    address.value = parsed(location.hash);
  });
}

/** Keep what is chosen in the address without a new entry in the browser's history. */
export function remember(room: string, query: string): void {
  const hash = query === "" ? `#/${room}` : `#/${room}?${query}`;
  if (location.hash !== hash) history.replaceState(null, "", hash);
  address.value = { room, query };
}

export const link = (room: string, query = ""): string => (query === "" ? `#/${room}` : `#/${room}?${query}`);
