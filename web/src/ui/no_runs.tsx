// A room of finished runs while there is none: what to train, here or in a terminal.
import lab from "@texts/lab.json";
import { say } from "../language";
import { Panel } from "./controls";

export function NoRuns({ title, hint, command }: { title: string; hint: string; command: string }) {
  return (
    <Panel title={title}>
      <p>{hint}</p>
      <p>
        <a class="button" href="#/training?new=digits&set.net=lenet5&set.keep_epochs=true">
          {say(lab.train_digits)}
        </a>
      </p>
      <pre class="command">{command}</pre>
    </Panel>
  );
}
