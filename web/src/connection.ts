// The one WebSocket: calls and their answers, channels that push. It comes back by itself, to the desk that it had.
import { signal } from "@preact/signals";
import texts from "@texts/lab.json";
import { decoded } from "./frames";
import { language, say, type Told } from "./language";

/** The lab said no, in one line that is for the person at the page. */
export class Refused extends Error {}

/** That line; what there is in English alone is said to be the program's words. */
export const refusal = (line: Told): string => (typeof line !== "string" ? say(line) : language.value === "en" ? line : say(texts.says, { line }));

export type Role = "owner" | "visitor";

type Waiting = { resolve: (answer: unknown) => void; reject: (error: Error) => void };

const DESK = "profundo-desk";
const FIRST_WAIT = 250; // ms until it is tried again; doubled each time
const LONGEST_WAIT = 5000;
const TRY_LATER = 1013; // of a closed WebSocket: the lab has as many pages as it takes

export const connected = signal(false);
export const role = signal<Role>("owner");
/** Whether others look at this lab. */
export const shared = signal(false);
/** Why the lab is not reached, "" while it is. */
export const trouble = signal("");

let socket: WebSocket | null = null;
let wait = FIRST_WAIT;
let last = 0;
const waiting = new Map<number, Waiting>();
const channels = new Map<string, (value: never) => void>();
const counts = new Map<string, number>(); // of values that came by each channel of this socket
const opened = new Set<() => void>();
let queue: string[] = [];

export function connect(): void {
  const made = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/socket`);
  made.binaryType = "arraybuffer";
  made.onopen = () => made.send(JSON.stringify({ open: sessionStorage.getItem(DESK) ?? "" }));
  made.onmessage = (event: MessageEvent<string | ArrayBuffer>) => receive(decoded(event.data));
  made.onclose = (event) => void lost(event.code);
  socket = made;
}

/** What was asked and not answered is asked no more: nobody knows whether it was done. */
async function lost(code: number): Promise<void> {
  connected.value = false;
  for (const { reject } of waiting.values()) reject(new Refused(say(texts.away)));
  waiting.clear();
  queue = [];
  trouble.value = say((await isKnown()) ? (code === TRY_LATER ? texts.full : texts.away) : texts.anew);
  setTimeout(connect, wait);
  wait = Math.min(2 * wait, LONGEST_WAIT);
}

/** Whether the lab takes this browser's token; a lab that was started anew has another. */
async function isKnown(): Promise<boolean> {
  try {
    return (await fetch("/assets/icon.svg", { method: "HEAD" })).status !== 401;
  } catch {
    return true; // it is not there at all
  }
}

function receive(message: Record<string, unknown>): void {
  if ("opened" in message) welcome(message["opened"] as string, message["role"] as Role, message["shared"] === true);
  else if ("channel" in message) show(message["channel"] as string, message["value"]);
  else answer(message["id"] as number, message);
}

function welcome(desk: string, as: Role, isShared: boolean): void {
  sessionStorage.setItem(DESK, desk);
  wait = FIRST_WAIT;
  counts.clear();
  trouble.value = "";
  role.value = as;
  shared.value = isShared;
  for (const message of queue) socket?.send(message);
  queue = [];
  connected.value = true;
  for (const hear of opened) hear();
}

/** What is shown is acknowledged once the browser has drawn it: a slow one is sent fewer, not more than it can show. What no
room listens for any more is acknowledged, too: the channel outlives the room. */
function show(name: string, value: unknown): void {
  const seen = (counts.get(name) ?? 0) + 1;
  counts.set(name, seen);
  channels.get(name)?.(value as never);
  const said = () => socket?.readyState === WebSocket.OPEN && socket.send(JSON.stringify({ channel: name, seen }));
  if (document.hidden) said();
  else requestAnimationFrame(said);
}

function answer(id: number, message: Record<string, unknown>): void {
  const call = waiting.get(id);
  waiting.delete(id);
  if ("refused" in message) call?.reject(new Refused(refusal(message["refused"] as Told)));
  else call?.resolve(message["answer"]);
}

/** Ask the lab. Rejects with Refused, whose message is for the person at the page. */
export function call<Answer>(name: string, asked: Record<string, unknown> = {}): Promise<Answer> {
  const id = ++last;
  const message = JSON.stringify({ id, call: name, with: asked });
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve: resolve as (answer: unknown) => void, reject });
    if (connected.value) socket?.send(message);
    else queue.push(message);
  });
}

/** Show what the lab pushes under that name, until the function that comes back is called. */
export function listen<Value>(name: string, show: (value: Value) => void): () => void {
  const mine = show as (value: never) => void;
  channels.set(name, mine);
  return () => {
    if (channels.get(name) === mine) channels.delete(name); // another may listen already
  };
}

/** Called each time that the lab is reached, first or again. */
export function whenOpened(hear: () => void): () => void {
  opened.add(hear);
  if (connected.value) hear();
  return () => opened.delete(hear);
}

/** A call that is repeated faster than it is answered, as by a slider: one on the way, and the last one after it. */
export function latest<Answer>(name: string, show: (answer: Answer) => void, failed: (error: Refused) => void) {
  let busy = false;
  let next: Record<string, unknown> | null = null;
  const ask = async (asked: Record<string, unknown>): Promise<void> => {
    if (busy) {
      next = asked;
      return;
    }
    busy = true;
    try {
      show(await call<Answer>(name, asked));
    } catch (error) {
      failed(error as Refused);
    }
    busy = false;
    if (next !== null) {
      const following = next;
      next = null;
      void ask(following);
    }
  };
  return ask;
}

/** Send a file; its name at the lab. */
export async function upload(file: File): Promise<string> {
  const answer = await fetch(`/uploads?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file });
  const body = (await answer.json()) as { name?: string; error?: string; told?: Told };
  if (body.name === undefined) throw new Refused(refusal(body.told ?? body.error ?? answer.statusText));
  return body.name;
}
