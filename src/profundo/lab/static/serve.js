// Sends images, sounds, a table or a row to /predict and shows what comes back. Every word from outside becomes text, never markup.
"use strict";

const main = document.querySelector("main");
const words = main.dataset;
const answers = document.getElementById("answers");
const status = document.getElementById("status");
const drop = document.getElementById("drop");
const files = document.getElementById("files");
const row = document.getElementById("row");
const language = document.documentElement.lang;
const percent = new Intl.NumberFormat(language, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const number = new Intl.NumberFormat(language, { maximumSignificantDigits: 6 });
const whole = new Intl.NumberFormat(language, { style: "percent" });
const MOST_SHOWN = 100; // answers
const SVG = "http://www.w3.org/2000/svg"; // the name of a language, which nothing is fetched from
const AT_ONCE = 5; // classes of one answer before the rest is folded
let pictures = []; // URLs of the images or sounds that are shown
let latest = 0; // the answer to an older question is dropped

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

function say(text, bad = false) {
  status.textContent = text;
  status.classList.toggle("bad", bad);
}

async function ask(body, type, shown = []) {
  const question = ++latest;
  say(words.working);
  let told;
  try {
    const answer = await fetch("/predict", { method: "POST", body, headers: type ? { "content-type": type } : {} });
    told = await answer.json();
  } catch {
    told = { error: words.noConnection };
  }
  if (question !== latest) return;
  pictures.forEach((url) => URL.revokeObjectURL(url));
  pictures = [];
  answers.replaceChildren();
  if (told.error !== undefined) {
    say(`${words.failed}: ${told.told?.[document.documentElement.lang] ?? told.error}`, true);
    return;
  }
  const predictions = told.predictions;
  const cut = words.first.replace("{shown}", MOST_SHOWN).replace("{count}", number.format(predictions.length));
  say(predictions.length > MOST_SHOWN ? cut : `${words.answers}: ${number.format(predictions.length)}`);
  answers.append(...predictions.slice(0, MOST_SHOWN).map((one, place) => card(one, shown[place])));
  answers.scrollIntoView({ block: "nearest" });
}

function card(one, file) {
  const made = element("li");
  if (file) {
    const sounds = words.shows === "sounds";
    const picture = element(sounds ? "audio" : "img");
    picture.src = URL.createObjectURL(file);
    if (sounds) picture.controls = true;
    else picture.alt = one.input;
    pictures.push(picture.src);
    made.append(one.mask ? masked(picture, one) : one.objects ? boxed(picture, one) : picture);
  }
  made.append(element("div", one.input, "input"), element("div", one.times ? "" : one.objects ? counted(one.objects) : spoken(one.prediction), "prediction"));
  if (one.times) made.append(course(one));
  else if (one.low !== undefined) made.append(...intervals(one));
  for (const notice of one.notices ?? []) made.append(element("div", notice, "note"));
  if (one.probabilities ?? one.shares) made.append(...shares(one.probabilities ?? one.shares));
  return made;
}

// A mask over its image, in the colours of its classes; a click takes it away and brings it back.
function masked(picture, one) {
  const both = element("div", undefined, "masked");
  const mask = element("img");
  mask.src = `data:image/png;base64,${one.mask}`;
  mask.alt = spoken(one.prediction);
  both.append(picture, mask);
  both.addEventListener("click", () => mask.classList.toggle("away"));
  return both;
}

// What was found, in boxes over its image, each with its class and score; a click takes them away and brings them back.
function boxed(picture, one) {
  const both = element("div", undefined, "masked boxed");
  const drawn = shape("svg", { viewBox: `0 0 ${one.width} ${one.height}`, role: "img", "aria-label": counted(one.objects) });
  const size = Math.max(one.width, one.height) / 24;
  one.objects.forEach((object) => {
    const [left, top, right, bottom] = object.box;
    const style = `hsl(${hue(object.name)} 90% 45%)`;
    const frame = { x: left, y: top, width: right - left, height: bottom - top };
    const beside = left < 0.7 * one.width ? { x: left } : { x: right, "text-anchor": "end" };
    const name = shape("text", { ...beside, y: top > size ? top - size / 5 : top + size, "font-size": size, class: "box-name" });
    name.textContent = `${object.name} ${percent.format(object.score)}`;
    if (object.mask) drawn.append(shape("path", { d: outline(object.mask), fill: style, "fill-opacity": 0.35 }));
    drawn.append(shape("rect", { ...frame, class: "box-halo" }), shape("rect", { ...frame, stroke: style, class: "box" }), name);
  });
  both.append(picture, drawn);
  both.addEventListener("click", () => drawn.classList.toggle("away"));
  return both;
}

// How many of each class, in the order in which they were found.
function counted(objects) {
  const counts = new Map();
  for (const { name } of objects) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => `${number.format(count)} ${name}`).join(", ") || words.none;
}

// A mask as a path, a rectangle for each run of its columns.
function outline({ size: [height], counts }) {
  let path = "", begin = 0;
  runs(counts).forEach((length, turn) => {
    const end = begin + length;
    for (let top = begin; turn % 2 && top < end; ) {
      const column = Math.floor(top / height), bottom = Math.min(end, (column + 1) * height);
      path += `M${column} ${top % height}h1v${bottom - top}h-1z`;
      top = bottom;
    }
    begin = end;
  });
  return path;
}

// The lengths of runs in COCO's string: pieces of five bits, the lowest first, and from the fourth on less the one two before.
function runs(text) {
  const lengths = [];
  let value = 0, shift = 0;
  for (const letter of text) {
    const piece = letter.charCodeAt(0) - 48;
    value |= (piece & 31) << shift;
    shift += 5;
    if (piece & 32) continue;
    if (piece & 16) value |= -1 << shift;
    lengths.push(lengths.length > 2 ? value + lengths.at(-2) : value);
    value = shift = 0;
  }
  return lengths;
}

function shape(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

// The same of the same name, and far apart for names that are alike.
function hue(name) {
  let sum = 7;
  for (const letter of name) sum = (sum * 31 + letter.codePointAt(0)) % 360;
  return (sum * 137) % 360;
}

// A forecast: a line for each step, with the ends of its interval.
function course(one) {
  const list = element("ol");
  one.times.forEach((time, step) => {
    const edges = one.low ? ` (${number.format(one.low[step])} – ${number.format(one.high[step])})` : "";
    list.append(element("li", `${time}: ${number.format(one.prediction[step])}${edges}`));
  });
  return list;
}

// Of each number that is predicted the ends of its interval.
function intervals(one) {
  const highs = [one.high].flat();
  return [one.low].flat().map((low, place) => {
    const ends = { level: whole.format(words.level), low: number.format(low), high: number.format(highs[place]) };
    return element("div", words.interval.replace(/\{(\w+)\}/g, (_, name) => ends[name]), "note");
  });
}

function spoken(prediction) {
  if (Array.isArray(prediction)) return prediction.map(spoken).join(", ") || words.none;
  return typeof prediction === "number" ? number.format(prediction) : String(prediction);
}

function shares(probabilities) {
  const sorted = Object.entries(probabilities).sort((one, other) => other[1] - one[1]);
  const list = bars(sorted.slice(0, AT_ONCE));
  if (sorted.length <= AT_ONCE) return [list];
  const folded = element("details");
  folded.append(element("summary", words.all));
  folded.addEventListener("toggle", () => folded.children.length > 1 || folded.append(bars(sorted.slice(AT_ONCE))));
  return [list, folded];
}

function bars(entries) {
  const list = element("ul", undefined, "classes");
  for (const [name, share] of entries) {
    const line = element("li");
    const bar = element("div", undefined, "bar");
    const filled = element("div");
    filled.style.width = `${100 * share}%`;
    bar.append(filled);
    line.append(element("span", name), element("span", percent.format(share)), bar);
    list.append(line);
  }
  return list;
}

function send(chosen) {
  if (chosen.length === 0) return;
  if (!files.multiple) {
    ask(chosen[0], files.dataset.type);
    return;
  }
  const form = new FormData();
  for (const file of chosen) form.append("file", file, file.name);
  ask(form, undefined, chosen);
}

files.addEventListener("change", () => {
  send([...files.files]);
  files.value = "";
});

for (const [name, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
  drop.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.toggle("over", over);
    if (name === "drop") send([...event.dataTransfer.files]);
  });
}
// A file dropped beside the frame would otherwise replace the page.
for (const name of ["dragover", "drop"]) window.addEventListener(name, (event) => event.preventDefault());

row?.addEventListener("submit", (event) => {
  event.preventDefault();
  const values = Object.create(null); // so that a column may even be called __proto__
  for (const field of row.querySelectorAll("[data-column]")) {
    values[field.dataset.column] = field.value === "" ? null : field.value; // numbers, too, as they are written
  }
  ask(JSON.stringify({ rows: [values] }), "application/json");
});
