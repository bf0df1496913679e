// The page around the rooms: their names, the language, light or dark, and whether the lab is reached.
import { signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import texts from "@texts/lab.json";
import { address, lastQuery, leftOut, link, noRoom, settle, sift, visits } from "./address";
import { connected, role, shared, trouble } from "./connection";
import { LANGUAGES, language, nameOf, say, speak, type Language } from "./language";
import type { Form } from "./forms";
import { toRoom } from "./focus";
import { follow, following } from "./presenting";
import { ROOMS, roomOf, type Room } from "./rooms";
import { Sharing } from "./sharing";
import { said, useTold } from "./telling";
import { Button, Choice, Problem, Switch } from "./ui/controls";

const KEPT = "profundo-theme";
type Theme = "light" | "dark" | "";
const theme = signal<Theme>((localStorage.getItem(KEPT) as Theme | null) ?? "");

function dress(chosen: Theme): void {
  theme.value = chosen;
  localStorage.setItem(KEPT, chosen);
  document.documentElement.dataset["theme"] = chosen;
}

const GREETED = "profundo-greeted";
/** The rooms of which this person has been told what they are for; who comes by an address of a place knows that one. */
const greeted = signal<readonly string[]>([...(localStorage.getItem(GREETED) ?? "").split(" "), address.peek().room]);

export function App() {
  const room = roomOf(address.value.room);
  useEffect(() => dress(theme.value), []);
  useLayoutEffect(() => settle(ROOMS.map(({ id }) => id)), [address.value.room]); // before its words are taken for another room's
  useEffect(() => {
    if (room) document.title = `${say(room.name)} · Profundo`;
  }, [room, language.value]);
  useTold(room ? say(room.name) : "");
  return (
    <>
      <a class="skip" href="#room" onClick={(event) => (event.preventDefault(), toRoom())}>
        {say(texts.skip)}
      </a>
      <header class="top">
        <a class="brand" href={link(ROOMS[0]?.id ?? "")}>
          <img src="/assets/icon.svg" alt="" width="28" height="28" /> Profundo
        </a>
        <nav aria-label={say(texts.rooms)}>
          {ROOMS.map(({ id, name }) => (
            <a key={id} href={link(id, lastQuery(id))} {...(id === room?.id ? { "aria-current": "page" as const } : {})}>
              {say(name)}
            </a>
          ))}
        </nav>
        {role.value === "owner" && shared.value && <Sharing />}
        <Theming />
        <Choice bare label={say(texts.language)} value={language.value} options={LANGUAGES.map((one) => [one, nameOf(one)])} onChoose={(one) => speak(one as Language)} />
      </header>
      <p class="away" role="status" hidden={connected.value || trouble.value === ""}>
        {trouble.value}
      </p>
      <p class="unseen" role="status">
        {said.value}
      </p>
      {role.value === "visitor" && <Visiting />}
      {role.value === "owner" && room && !greeted.value.includes(room.id) && <Welcome room={room} />}
      <main id="room" tabIndex={-1}>
        <Problem text={noRoom.value === "" ? "" : say(texts.no_room, { room: noRoom.value })} />
        <Problem text={leftOut.value.length > 0 ? say(texts.left_out, { parts: leftOut.value.join(", ") }) : ""} />
        {room && <Loaded key={room.id} room={room} />}
      </main>
    </>
  );
}

function Visiting() {
  return (
    <section class="visiting" aria-label={say(texts.share)} data-follow>
      <p>{say(texts.visiting)}</p>
      <Switch label={say(texts.follow)} checked={following.value} onChange={follow} />
    </section>
  );
}

function Welcome({ room }: { room: Room }) {
  const done = () => {
    greeted.value = [...greeted.value, room.id];
    localStorage.setItem(GREETED, greeted.value.join(" "));
  };
  return (
    <section class="visiting" aria-label={say(room.name)}>
      <p>{say(room.welcome)}</p>
      <Button onClick={done}>{say(texts.understood)}</Button>
    </section>
  );
}

function Theming() {
  const dark = theme.value === "dark" || (theme.value === "" && matchMedia("(prefers-color-scheme: dark)").matches);
  return (
    <Button kind="quiet" label={say(dark ? texts.light : texts.dark)} onClick={() => dress(dark ? "light" : "dark")}>
      <svg width="18" height="18" viewBox="0 0 18 18" aria-hidden="true">
        <circle cx="9" cy="9" r="7" fill="none" stroke="currentColor" stroke-width="1.6" />
        <path d="M9 2a7 7 0 0 1 0 14z" fill="currentColor" />
      </svg>
    </Button>
  );
}

function Loaded({ room }: { room: Room }) {
  const [loaded, show] = useState<{ Shown: ComponentType; form: Form | undefined } | null>(null);
  const [tries, try_] = useState(0);
  useEffect(() => {
    let there = true;
    room.load().then(
      (module) => {
        if (!there) return;
        sift(room.id, module.form);
        show({ Shown: module.default, form: module.form });
      },
      () => there && setTimeout(() => try_(tries + 1), 1000), // the lab was away for a moment
    );
    return () => {
      there = false;
    };
  }, [room, tries]);
  useLayoutEffect(() => (loaded ? sift(room.id, loaded.form) : undefined), [visits.value]); // before the room takes it up
  return loaded ? <loaded.Shown /> : <p class="loading">{say(texts.loading)}</p>;
}
