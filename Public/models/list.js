// The models that embed: aliases, uploaded ones, the latest checkpoint of every run; and the box where one is uploaded.

import { element, keyed, setText } from "../dom.js";
import { ago } from "../format.js";
import { modelBox } from "./box.js";
import { modelAddress, modelFacts, modelTitle } from "./words.js";

function make(model) {
  const parts = {
    name: element("span", { class: "card-name" }), facts: element("span", { class: "note" }),
    mark: element("span", { class: "badge succeeded" }, "default"), when: element("span", { class: "note" }),
  };
  const card = element("a", { class: "card model-card", href: modelAddress(model) },
    element("span", { class: "card-line" },
      element("span", { class: "title-line" }, parts.name, parts.mark), parts.when), parts.facts);
  return Object.assign(element("li", {}, card), { parts });
}

function update({ parts }, model, state) {
  setText(parts.name, modelTitle(model, state));
  setText(parts.facts, modelFacts(model, state));
  setText(parts.when, ago(new Date(model.created * 1000).toISOString()));
  parts.mark.hidden = !model.default;
}

export function page(context) {
  const { state } = context;
  const box = modelBox(context);
  const list = element("ul", { class: "cards" });
  const none = element("p", { class: "none", hidden: true },
    "There is no model yet. A run has one soon after its start, or one is uploaded.");

  function draw() {
    keyed(list, state.models, {
      key: (model) => model.id, make, update: (node, model) => update(node, model, state),
    });
    none.hidden = !state.isLoaded || state.models.length > 0;
  }

  draw();
  return {
    element: element("div", { class: "page" }, element("div", { class: "page-head" }, element("h1", {}, "Models")),
      box.element, none, list),
    drop: ({ files }) => box.take(files),
    refresh: draw,
    leave: () => box.leave(),
  };
}
