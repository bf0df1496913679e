// What excites a unit: its layer's units as thumbnails, the image made for it, and what of the data it answers to most.
import { useEffect, useMemo } from "preact/hooks";
import texts from "@texts/inside.json";
import { part, type Numbers } from "../../frames";
import { figure, say } from "../../language";
import { Choice, Panel, Problem, Switch, type Option } from "../../ui/controls";
import { Facts } from "../../ui/facts";
import { choose, net, unit, units, whole, word, type Layer, type Net } from "./looking";
import { Picture, Shelf } from "./pictures";
import { pictured } from "../../ui/raster";

/** The first layer of maps with kernels is the one that one understands at once. */
export const usualLayer = (of: Net): string => of.layers.find(({ kind, module }) => kind === "maps" && module.includes("Conv"))?.name ?? of.unit_layer;

const about = ({ name, module, units: many, places }: Layer): string => `${name} · ${module} · ${places.length ? say(texts.maps_of, { units: many, places: places.join(" × ") }) : say(texts.units_of, { units: many })}`;

export function UnitsView() {
  const of = net.value.value;
  const layer = of ? word("layer", usualLayer(of)) : "";
  const number = whole("unit", 0);
  const run = of?.run ?? "";
  useEffect(() => {
    if (run && layer) units.ask({ run, layer });
  }, [run, layer]);
  useEffect(() => {
    if (run && layer) unit.ask({ run, layer, unit: number });
  }, [run, layer, number]);
  if (!of) return null;
  return (
    <div class="columns units-view">
      <Panel title={say(texts.layer_units)}>
        <Choice label={say(texts.layer)} value={layer} options={of.layers.map((one): Option => [one.name, about(one)])} onChoose={(name) => choose({ layer: name, unit: "" })} />
        <Problem text={units.problem.value} />
        <Thumbnails layer={layer} number={number} />
      </Panel>
      <One layer={layer} number={number} of={of} />
    </div>
  );
}

function Thumbnails({ layer, number }: { layer: string; number: number }) {
  const shown = units.value.value;
  const filters = word("thumbs") !== "patches";
  const images = shown?.layer === layer ? ((filters && shown.filters) || shown.patches) : undefined;
  const drawn = useMemo(() => images && Array.from({ length: images.shape[0] ?? 0 }, (_, index) => pictured(part(images, index))), [images]);
  if (!shown || shown.layer !== layer) return <p class="hint">{say(texts.searching)}</p>;
  return (
    <>
      {shown.filters && <Switch label={say(texts.show_filters)} checked={filters} onChange={(on) => choose({ thumbs: on ? "" : "patches" })} />}
      <p class="hint">{say(!drawn ? texts.thumbs_numbers : shown.filters && filters ? texts.thumbs_filters : texts.thumbs_patches)}</p>
      <Shelf label={say(texts.layer_units)} kind={drawn ? "tiles" : "numbers"} names={Array.from({ length: shown.shown }, (_, index) => say(texts.unit_named, { unit: index }))} chosen={number} onChoose={(index) => choose({ unit: String(index) })}>
        {(index) => (
          <>
            {drawn && <Picture image={drawn[index] ?? null} label="" />}
            <span>{index}</span>
          </>
        )}
      </Shelf>
      {shown.shown < shown.units && <p class="hint">{say(texts.first_units, { shown: shown.shown, units: shown.units })}</p>}
    </>
  );
}

function One({ layer, number, of }: { layer: string; number: number; of: Net }) {
  const shown = unit.value.value;
  const mine = shown && shown.layer === layer && shown.unit === number ? shown : null;
  const made = useDrawn(mine?.image);
  return (
    <div class="stack">
      <Panel title={say(texts.unit_of, { unit: number, layer })} aside={<span class="hint" role="status">{unit.busy.value ? say(texts.at_work) : ""}</span>}>
        <Problem text={unit.problem.value} />
        {of.form === "images" && (
          <div class="made">
            <figure>
              <Picture image={made} label={say(texts.made)} kind="large" />
              <figcaption>{say(texts.made)}</figcaption>
            </figure>
            <Facts
              kind="figures"
              of={[
                [say(texts.answer_made), figure(mine?.peak)],
                [say(texts.answer_best), figure(mine?.values.data[0])],
                ...(mine?.class === undefined ? [] : ([[say(texts.answers_most), mine.class], [say(texts.selectivity), figure(mine.selectivity)], [say(texts.selectivity_chance), figure(mine.chance)]] as const)),
              ]}
            />
          </div>
        )}
        <p class="hint">{say(of.form !== "images" ? texts.best_hint : mine?.peak !== undefined && mine.peak <= 0 && !unit.busy.value ? texts.made_none : texts.made_hint)}</p>
      </Panel>
      <Panel title={say(texts.best)}>{isUnmoved(mine?.values.data) ? <p class="hint">{say(texts.unmoved)}</p> : mine?.patches ? <Best patches={mine.patches} samples={mine.samples} values={mine.values} /> : <Words words={mine?.words ?? []} values={mine?.values} />}</Panel>
    </div>
  );
}

/** Whether the strongest answers, the largest first, are all 0: the samples beside them would be any. */
export const isUnmoved = (strongest: ArrayLike<number> | undefined): boolean => strongest !== undefined && strongest.length > 0 && Array.from(strongest).every((one) => one === 0);

const useDrawn = (image: Numbers | undefined) => useMemo(() => (image ? pictured(image) : null), [image]);

function Best({ patches, samples, values }: { patches: Numbers; samples: Numbers | undefined; values: Numbers }) {
  const drawn = useMemo(() => Array.from({ length: patches.shape[0] ?? 0 }, (_, at) => [pictured(part(patches, at)), samples ? pictured(part(samples, at)) : null] as const), [patches, samples]);
  const parts = samples !== undefined && patches.shape[2] !== samples.shape[2];
  return (
    <>
      <p class="hint">{say(parts ? texts.best_parts : texts.best_whole)}</p>
      <ol class="best">
        {drawn.map(([patch, sample], at) => (
          <li key={at}>
            <Picture image={patch} label={say(texts.best_at, { rank: at + 1, value: figure(values.data[at]) })} />
            {parts && <Picture image={sample} label="" />}
            <span>{figure(values.data[at])}</span>
          </li>
        ))}
      </ol>
    </>
  );
}

function Words({ words, values }: { words: readonly string[]; values: Numbers | undefined }) {
  return (
    <ol class="best-words">
      {words.map((one, at) => (
        <li key={at}>
          <b>{figure(values?.data[at])}</b> {one}
        </li>
      ))}
    </ol>
  );
}
