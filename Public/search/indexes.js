// The indexes: made from a dataset and a model, with progress; each leads to its map.

import { element, keyed, setText, whenChanged } from "../dom.js";
import { count, plural } from "../format.js";
import { indexFacts, isActive, isUsable, modelName } from "./words.js";

function makeRow(index, context) {
  const { api } = context;
  const path = `/v1/indexes/${index.id}`;

  async function remove(now) {
    const isSure = await context.confirm({
      heading: `Delete the index “${now.name}”?`,
        text: "Its vectors are removed from the disk. The pictures and the model stay.",
    });
    if (isSure) context.act(() => api.send("DELETE", path));
  }

  const parts = {
    name: element("strong", {}), facts: element("span", { class: "note" }),
    bar: element("progress", { max: "1", "aria-label": "Progress of the index" }),
    map: element("a", { class: "button small", href: `#/map/${index.id}` }, "Map"),
    search: element("a", { class: "button small", href: `#/search?index=${index.id}` }, "Search"),
    remove: element("button", { type: "button", class: "small", onclick: () => remove(parts.index) }, "Delete"),
    cancel: element("button", { type: "button", class: "small",
      onclick: () => context.act(() => api.send("DELETE", path)) }, "Cancel"),
  };
  const node = element("li", { class: "card index-row" },
    element("span", {}, parts.name, parts.facts), element("span", { class: "actions" }, parts.search, parts.map,
      parts.cancel, parts.remove), parts.bar);
  return Object.assign(node, { parts });
}

function updateRow({ parts }, index, state) {
  parts.index = index;
  setText(parts.name, `${index.name} · ${modelName(index.model, state)} `);
  setText(parts.facts, indexFacts(index));
  parts.facts.classList.toggle("bad", index.state === "failed");
  parts.remove.setAttribute("aria-label", `Delete the index ${index.name}, ${modelName(index.model, state)}`);
  parts.bar.hidden = !isActive(index);
  if (index.progress?.total) parts.bar.value = index.progress.done / index.progress.total;
  else parts.bar.removeAttribute("value");
  parts.map.hidden = !isUsable(index);
  parts.search.hidden = !isUsable(index);
  parts.cancel.hidden = !isActive(index);
  parts.remove.hidden = isActive(index);
}

// Options of a select, the chosen one kept as long as it is there.
export function setOptions(select, entries, wanted) {
  whenChanged(select, entries, () => {
    const chosen = wanted ?? select.value;
    select.replaceChildren(...entries.map(([value, text]) => element("option", { value }, text)));
    if (entries.some(([value]) => value === chosen)) select.value = chosen;
  });
}

// An alias is followed by what it means.
function optionTitle(model, state) {
  const title = modelName(model.checkpoint ?? `${model.run}@${model.step}`, state);
  return `${model.source === "alias" ? `${model.id}: ${title}` : title}${model.default ? " (default)" : ""}`;
}

function form(context, onMade) {
  const { query, state } = context;
  const dataset = element("select", { id: "index-dataset" });
  const model = element("select", { id: "index-model" });
  const submit = element("button", { type: "submit", class: "primary" }, "Make the index");
  const note = element("p", { class: "note" });
  const node = element("form", { class: "index-form" },
    element("div", { class: "field" }, element("label", { for: "index-dataset" }, "Pictures"), dataset),
    element("div", { class: "field" }, element("label", { for: "index-model" }, "Model"), model), submit, note);
  node.addEventListener("submit", (event) => {
    event.preventDefault();
    context.act(async () => {
      const made = await context.api.send("POST", "/v1/indexes", { dataset: dataset.value, model: model.value });
      context.toast("The index is being made.");
      onMade(made);
    });
  });
  return {
    node,
    draw() {
      const ready = state.datasets.filter((one) => one.state === "ready");
      const models = state.models.map((one) => [one.id, optionTitle(one, state)]);
      const asked = query.get("model");
      if (asked && !models.some(([id]) => id === asked)) models.unshift([asked, modelName(asked, state)]);
      setOptions(dataset, ready.map((one) => [one.id, `${one.name} (${count(one.pictures)})`]),
        dataset.value || query.get("dataset"));
      setOptions(model, models, model.value || asked);
      submit.disabled = !ready.length || !models.length;
      setText(note, !ready.length ? "There are no pictures yet: upload a dataset first."
        : !models.length ? "There is no model yet: a run has one soon after its start." : "");
    },
  };
}

export function indexesPanel(context, onMade) {
  const { state } = context;
  const list = element("ul", { class: "cards" });
  const maker = form(context, onMade);
  const heading = element("h2", {}, "Indexes");
  const node = element("section", { class: "panel" }, heading,
    element("p", { class: "note" },
      "An index holds the vector of every picture of a dataset, by one model. It is what is searched and mapped."),
    maker.node, list);
  return {
    node,
    draw() {
      maker.draw();
      setText(heading, state.indexes.length ? plural(state.indexes.length, "index", "indexes") : "Make an index");
      keyed(list, state.indexes, {
        key: (index) => index.id, make: (index) => makeRow(index, context),
          update: (row, index) => updateRow(row, index, state),
      });
    },
  };
}
