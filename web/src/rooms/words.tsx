// The word list: what the courses' words mean, a sentence each; typing finds them.
import { useState } from "preact/hooks";
import texts from "@texts/lab.json";
import { address, remember, useVisits } from "../address";
import { anything, formOf } from "../forms";
import { say } from "../language";
import { Panel, TextField } from "../ui/controls";
import { found, words } from "../words";
import "./words.css";

const ROOM = "words";

export const form = formOf({ find: anything });

const asked = (): string => new URLSearchParams(address.value.query).get("find") ?? "";

export default function Words() {
  const [sought, seek] = useState(asked);
  useVisits(() => seek(asked()));
  const type = (text: string) => {
    seek(text);
    remember(ROOM, text === "" ? "" : new URLSearchParams({ find: text }).toString()); // at once: later a person may have gone back
  };
  const shown = found(words(), sought);
  return (
    <div class="words">
      <h1>{say(texts.words_title)}</h1>
      <Panel>
        <TextField label={say(texts.find_word)} value={sought} onInput={type} />
        <p class="hint" role="status">
          {say(texts.words_found, { count: shown.length })}
        </p>
        <dl>
          {shown.map(({ key, name, meaning }) => (
            <div key={key}>
              <dt>{name}</dt>
              <dd>{meaning}</dd>
            </div>
          ))}
        </dl>
      </Panel>
    </div>
  );
}
