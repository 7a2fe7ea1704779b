// One model: what it is, how pictures become what it sees, its names, and how good it is beside what needs no training.

import { element, facts, setText, whenChanged } from "../dom.js";
import { count, moment, number, plural } from "../format.js";
import { Evaluations } from "../runs/evaluations.js";
import { setOptions } from "../search/indexes.js";
import { datasetName, modelName } from "../search/words.js";
import { modelTitle } from "./words.js";

const sources = { alias: "An alias", upload: "Uploaded", run: "A run's checkpoint" };

function description(model, state) {
  const { preprocessing } = model;
  const list = (values) => values.map((value) => number(value)).join(", ");
  return facts([
    ["What it is", sources[model.source]],
    ["Checkpoint",
      model.run ? element("a", { href: `#/runs/${model.run}` }, modelName(model.checkpoint, state)) : null],
    ["Name in requests", model.id],
    ["Since", moment(new Date(model.created * 1000).toISOString())],
    ["Network", model.architecture],
    ["Embedding",
      `${plural(model.dimension, "component")}${model.precision ? `, computed in ${model.precision}` : ""}`],
    ["Pictures", preprocessing ? preprocessing.rule : `${count(model.input_size)} px`],
    ["Mean, deviation", preprocessing ? `${list(preprocessing.mean)}; ${list(preprocessing.deviation)}` : null],
    ["Fingerprint", model.fingerprint],
  ]);
}

// What a person can do with a model.
function actions(context, current) {
  const { api, act } = context;
  const path = () => `/v1/models/${encodeURIComponent(current().id)}`;

  async function name() {
    const alias = await context.ask({ heading: "A name for this model", label: "Name" });
    if (!alias) return;
    act(async () => {
      await api.send("PUT", `/v1/models/${encodeURIComponent(alias)}`, { checkpoint: current().checkpoint });
      context.toast(`“${alias}” means this model now.`);
    });
  }

  async function remove() {
    const { id, name: own, source } = current();
    const isAlias = source === "alias";
    const isSure = await context.confirm({
      heading: isAlias ? `Take the name “${id}” away?` : `Delete “${own}”?`,
      text: isAlias ? "Requests that use it are refused then. The model stays."
        : "Its file and its evaluations are removed from the disk.",
      yes: isAlias ? "Take it away" : "Delete",
    });
    if (!isSure) return;
    const result = await context.remove(() => api.send("DELETE", path()));
    if (result !== undefined) context.navigate("#/models");
  }

  const buttons = {
    pin: element("button", { type: "button", class: "small", title: "It answers where a request names no model",
      onclick: () => act(() => api.send("PUT", "/v1/models/default", { checkpoint: current().checkpoint })) },
    "Make default"),
    unpin: element("button", { type: "button", class: "small",
      title: "The newest useful model answers again where none is named",
      onclick: () => act(() => api.send("DELETE", "/v1/models/default")) }, "Default no more"),
    name: element("button", { type: "button", class: "small",
      title: "A name that stays when it is given to a better model", onclick: name }, "Give it a name"),
    index: element("a", { class: "button small" }, "Make an index"),
    remove: element("button", { type: "button", class: "small", onclick: remove }, "Delete"),
  };
  return {
    element: element("div", { class: "actions wrap" }, Object.values(buttons)),
    draw(model) {
      buttons.pin.hidden = model.pinned;
      setText(buttons.pin, model.default ? "Keep it the default" : "Make default");
      buttons.unpin.hidden = !model.pinned;
      buttons.remove.hidden = model.source === "run";
      buttons.index.href = `#/search?model=${encodeURIComponent(model.id)}`;
    },
  };
}

export function page(context) {
  const { api, state, parameters: { name } } = context;
  let model = state.models.find((one) => one.id === name) ?? null;
  const heading = element("h1", {});
  const mark = element("span", { class: "badge succeeded" }, "default");
  const buttons = actions(context, () => model);
  const card = element("div", {});
  const dataset = element("select", { id: "judged-by" });
  const ready = () => state.datasets.filter((one) => one.state === "ready");
  const evaluations = new Evaluations(context, {
    query: () => `model=${encodeURIComponent(model.checkpoint)}`,
    request: () => ({ model: model.checkpoint, dataset: dataset.value }),
    button: "Evaluate it", choice: element("label", { class: "inline" }, "Pictures", dataset),
    obstacle: () => (dataset.value ? "" : "There are no pictures to judge it by: upload a dataset first"),
    title: (one) => datasetName(one.dataset, state),
  });
  const missing = element("p", { class: "none", hidden: true },
    "There is no such model: it was removed, or the address is wrong. ",
    element("a", { href: "#/models" }, "All models"));
  const content = element("div", { class: "page" },
    element("div", { class: "page-head" }, element("div", { class: "title-line" }, heading, mark), buttons.element),
    element("section", { class: "panel" }, card), evaluations.element);
  content.hidden = true;

  function show() {
    content.hidden = false;
    setText(heading, modelTitle(model, state));
    mark.hidden = !model.default;
    buttons.draw(model);
    whenChanged(card, [model, state.runs.find((run) => run.id === model.run)?.name],
      () => card.replaceChildren(description(model, state)));
    const own = state.runs.find((run) => run.id === model.run)?.dataset;
    setOptions(dataset, ready().map((one) => [one.id, one.name]), dataset.value || own);
  }

  async function refresh(signal) {
    try {
      // One address whole, the fingerprint and the preprocessing too.
      model = (await api.poll(`/v1/models/${encodeURIComponent(name)}`, signal)).body;
    } catch (error) {
      if (!(error instanceof api.Problem && error.status === 404)) throw error;
      missing.hidden = false;
      content.hidden = true;
      return;
    }
    missing.hidden = true;
    show();
    await evaluations.refresh(model, signal);
  }

  if (model) show();
  return {
    element: element("div", {}, missing, content),
    title: () => (model ? modelTitle(model, state) : "Model"),
    refresh,
  };
}
