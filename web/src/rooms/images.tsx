// Images as numbers: pixels, colours, kernels, pooling, and the way through a trained net.
import { useEffect } from "preact/hooks";
import texts from "@texts/images.json";
import names from "@texts/lab.json";
import { say, type Text } from "../language";
import { Panel, Problem } from "../ui/controls";
import { Tabs } from "../ui/tabs";
import type { Choices } from "./images/answers";
import { useAnswer } from "../ui/asking";
import { choose, enter, pick } from "./images/chosen";
import { Colours } from "./images/colours";
import { Kernels } from "./images/kernels";
import { Nets } from "./images/nets";
import { Pick } from "./images/pick";
import { Pixels } from "./images/pixels";
import { Pooling } from "./images/pooling";
import "./images.css";

const VIEWS: readonly (readonly [id: string, name: Text, question: Text])[] = [
  ["pixels", texts.viewPixels, texts.askPixels],
  ["colours", texts.viewColours, texts.askColours],
  ["kernels", texts.viewKernels, texts.askKernels],
  ["pooling", texts.viewPooling, texts.askPooling],
  ["net", texts.viewNet, texts.askNet],
];

export default function Images() {
  useEffect(enter, []); // a visit begins the room anew; what is chosen here goes the other way
  const [choices, problem] = useAnswer<Choices>("images.choices", {});
  const view = pick("view", "kernels");
  const question = VIEWS.find(([id]) => id === view)?.[2];
  return (
    <div class="images">
      <Tabs
        label={say(texts.views)}
        views={VIEWS.map(([id, name]) => [id, say(name)] as const)}
        now={view}
        onChoose={(id) => choose({ view: id })}
        aside={
          <div>
            <h1>{say(names.images)}</h1>
            <p class="muted">{question && say(question)}</p>
          </div>
        }
      >
      <Problem text={problem} />
      {choices && (
        <>
          {view !== "net" && (
            <Panel kind="picking">
              <Pick choices={choices} />
            </Panel>
          )}
          {view === "pixels" && <Pixels choices={choices} />}
          {view === "colours" && <Colours choices={choices} />}
          {view === "kernels" && <Kernels choices={choices} />}
          {view === "pooling" && <Pooling />}
          {view === "net" && <Nets choices={choices} />}
        </>
      )}
      </Tabs>
    </div>
  );
}
