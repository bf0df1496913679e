// The address kept up with what follows the pointer: browsers refuse more than a few changes a second.
import { address, remember } from "./address";

const WAIT = 150; // ms without another change
let timer: ReturnType<typeof setTimeout> | undefined;

export function rememberSoon(room: string, query: string): void {
  clearTimeout(timer);
  timer = setTimeout(() => address.value.room === room && remember(room, query), WAIT);
}
