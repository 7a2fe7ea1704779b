// The datasets: what was uploaded, what is being read, and the box where a new one begins.

import { element, keyed, picture, setText } from "../dom.js";
import { ago, bytes, count, plural } from "../format.js";
import { uploadBox } from "./box.js";

const shownPictures = 8;

function thumbnails(dataset) {
  const shown = Math.min(shownPictures, dataset.pictures);
  return Array.from({ length: shown }, (_, k) => picture(
    `/v1/datasets/${dataset.id}/images/${Math.floor((k * dataset.pictures) / shown)}?size=96`,
      { width: "48", height: "48" }));
}

function make(dataset) {
  const name = element("span", { class: "card-name" });
  const facts = element("span", { class: "note" });
  const isReady = dataset.state === "ready";
  const content = [
    element("span", { class: "card-line" }, name, element("span", { class: "note" }, ago(dataset.created_at))),
    element("span", { class: "thumbs" }, isReady ? thumbnails(dataset)
      : element("progress", { "aria-label": "Admission" })), facts,
  ];
  const card = isReady ? element("a", { class: "card", href: `#/datasets/${dataset.id}` }, content)
    : element("div", { class: "card" }, content);
  return Object.assign(element("li", {}, card), { parts: { name, facts } });
}

function update(node, dataset) {
  const { name, facts } = node.parts;
  setText(name, dataset.name);
  const labels = Object.keys(dataset.labels).length;
  setText(facts, dataset.state === "admitting"
    ? `Being read: ${plural(dataset.pictures, "picture")} admitted so far`
      + (dataset.progress?.rejected ? `, ${count(dataset.progress.rejected)} rejected` : "")
    : [plural(dataset.pictures, "picture"), labels ? plural(labels, "label") : "no labels", bytes(dataset.size_bytes)]
      .join(", "));
}

export function page(context) {
  const { state } = context;
  const box = uploadBox(context);
  const list = element("ul", { class: "dataset-cards" });
  const none = element("p", { class: "none", hidden: true },
    "There is no dataset yet. A few hundred pictures are enough to begin with.");

  function draw() {
    box.draw();
    keyed(list, state.datasets, { key: (dataset) => `${dataset.id}/${dataset.state}`, make, update });
    none.hidden = !state.isLoaded || state.datasets.length > 0;
  }

  draw();
  if (state.dropped) {
    box.take(state.dropped);
    state.dropped = null;
  }
  return {
    element: element("div", { class: "page" }, element("div", { class: "page-head" }, element("h1", {}, "Datasets")),
      box.element, none, list),
    drop: (dropped) => box.take(dropped),
    refresh: draw,
    leave: () => box.leave(),
  };
}
