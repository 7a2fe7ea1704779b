// Pictures dropped here become vectors: what they look like, how long it took, how alike they are.

import * as api from "./api.js";
import { strip } from "./chart.js";
import { byId, element, setText } from "./dom.js";
import { number } from "./format.js";

const kept = 6;
let results = [];

const dot = (a, b) => a.reduce((sum, value, k) => sum + value * b[k], 0);

function stages(timing) {
  const found = {};
  for (const match of (timing ?? "").matchAll(/(\w+);dur=([\d.]+)/g)) found[match[1]] = Number(match[2]);
  return ["decode", "queue", "infer"].filter((name) => name in found)
    .map((name) => `${name} ${number(found[name])} ms`).join(" · ");
}

function card(result) {
  const alike = results.filter((other) => other !== result && other.vector.length === result.vector.length
    && other.fingerprint === result.fingerprint);
  const image = element("img", { src: result.address, alt: result.name, width: "72", height: "72" });
  return element("article", { class: "vector" }, image,
    element("div", { class: "vector-text" },
      element("h3", {}, result.name),
      element("p", { class: "note" },
        `${result.vector.length} components · length ${number(Math.sqrt(dot(result.vector, result.vector)), 4)} · `
        + `${number(result.milliseconds)} ms`),
      strip(result.vector),
      element("code", {}, `[${result.vector.slice(0, 5).map((value) => number(value)).join(", ")}, …]`),
      alike.length
        ? element("ul", { class: "alike" }, alike.map((other) => element("li", {},
          element("img", { src: other.address, alt: "", width: "22", height: "22" }),
          element("span", {}, number(dot(result.vector, other.vector), 3)),
          element("span", { class: "visually-hidden" }, `cosine with ${other.name}`))))
        : null,
      element("p", { class: "note fine" }, stages(result.timing))));
}

function draw() {
  byId("embed-results").replaceChildren(...results.map(card));
}

async function embedOne(file) {
  const { body, milliseconds, timing } = await api.embed(file, byId("embed-model").value);
  results.unshift({
    name: file.name, address: URL.createObjectURL(file), vector: body.data[0].embedding,
    fingerprint: body.fingerprint, milliseconds, timing,
  });
  for (const old of results.splice(kept)) URL.revokeObjectURL(old.address);
}

async function embedAll(files) {
  const message = byId("embed-message");
  const failures = [];
  for (const file of files) {
    message.className = "note";
    setText(message, `Embedding ${file.name} …`);
    try {
      await embedOne(file);
    } catch (error) {
      failures.push(`${file.name}: ${error.errors?.[0]?.detail ?? error.message}`);
    }
    draw();
  }
  message.className = failures.length ? "note bad" : "note";
  setText(message, failures.join(" ")
    || (results.length > 1 ? "The small numbers are cosines with the other pictures." : ""));
}

export function showModels(models, runs) {
  const select = byId("embed-model");
  const key = JSON.stringify(models.data.map((model) => [model.id, model.step]));
  if (select.dataset.key === key) return;
  select.dataset.key = key;
  const chosen = select.value;
  const names = new Map(runs.map((run) => [run.id, run.name]));
  select.replaceChildren(...models.data.map((model) => element("option", { value: model.id },
    `${names.get(model.run) ?? model.run.slice(-8)}, step ${model.step}`)));
  select.disabled = models.data.length === 0;
  if (select.disabled) select.replaceChildren(element("option", { value: "" }, "no model yet"));
  else if (models.data.some((model) => model.id === chosen)) select.value = chosen;
}

export function setUp() {
  const drop = byId("drop");
  const input = byId("embed-file");
  input.addEventListener("change", () => {
    embedAll([...input.files]);
    input.value = "";
  });
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    embedAll([...event.dataTransfer.files]);
  });
}
