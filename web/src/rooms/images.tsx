// Images as numbers: pixels, colours, kernels, pooling, and the way through a trained net.
import { useEffect } from "preact/hooks";
import texts from "@texts/images.json";
import names from "@texts/lab.json";
import { useVisits } from "../address";
import { anything, formOf, matching, oneOf, wholeIn } from "../forms";
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

const grid = wholeIn(0, 1e6);
export const form = formOf({
  view: oneOf(...VIEWS.map(([id]) => id)), image: anything, d: matching(/^[0-9a-z.]*$/), x: grid, y: grid, row: grid, col: grid,
  only: wholeIn(0, 3), shift: matching(/^-?[\d.]+(_-?[\d.]+)*$/), space: matching(/^[a-z]+$/),
  kernel: anything, ch: wholeIn(0, 2), dil: wholeIn(1, 8), stride: wholeIn(1, 8), pad: matching(/^(\d|same|mirror|zero|zero:\d|mirror:\d)$/), plane: oneOf("grey", "each", "sum"), turn: oneOf("1"),
  pool: oneOf("max", "min", "average"), psize: wholeIn(1, 8), pstride: wholeIn(1, 8), pplane: oneOf("colours", "grey"), prow: grid, pcol: grid,
  run: anything, layer: anything, unit: grid, urow: grid, ucol: grid, see: matching(/^(drawn|image|test:\d+)$/), hide: oneOf("1"),
});

export default function Images() {
  useEffect(enter, []);
  useVisits(enter);
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
              <Pick choices={choices} usual={view === "colours" ? "flower" : "course"} />
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
