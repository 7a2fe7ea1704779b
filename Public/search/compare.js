// Two models asked the same: how often each finds pictures of the same label, in words and in pictures.

import { element, picture, setText } from "../dom.js";
import { count, percent } from "../format.js";
import { modelName, outOf } from "./words.js";

const asked = 100;
const neighbours = 10;
const shown = 6;

function verdict(comparison, first, second) {
  const [a, b] = [comparison.first.precision, comparison.second.precision];
  const same = `${percent(comparison.overlap, 0)} of what they found are the same pictures.`;
  const { k } = comparison;
  const question = `Each model was asked about ${count(comparison.queries)} pictures from all over the dataset `
    + `and named the ${k} nearest others.`;
  if (a === null || b === null) return `${question} There are no labels to judge by; ${same}`;
  return `${question} With “${first}”, ${outOf(a, k)} have the label of the picture asked about `
    + `(precision@${k} ${percent(a)}); `
    + `with “${second}”, ${outOf(b, k)} (${percent(b)}). ${same}`;
}

function row(query, items) {
  return element("ul", { class: "compared-row" }, items.map((item) => element("li", {
    class: query.label && item.label === query.label ? "same" : null,
  }, picture(item.thumbnail, { width: "44", height: "44", alt: item.label ?? item.name,
    title: `${item.name} ${item.label ?? ""}` }))));
}

// The panel; `draw(first, second)` is told which indexes are chosen.
export function comparePanel(context) {
  const said = element("p", { role: "status" });
  const rows = element("div", { class: "compared" });
  const button = element("button", { type: "button" }, `Compare both on ${asked} pictures`);
  const node = element("section", { class: "panel", hidden: true },
    element("div", { class: "panel-head" }, element("h2", {}, "Which model knows more?"), button), said, rows);
  let pair = null;

  button.addEventListener("click", () => context.act(async () => {
    const [first, second] = pair;
    button.disabled = true;
    setText(said, "Both are being asked …");
    try {
      const comparison = await context.api.send("POST", `/v1/indexes/${first.id}/compare`,
        { with: second.id, k: neighbours, queries: asked, shown }, { signal: context.signal });
      const names = [first, second].map((index) => modelName(index.model, context.state));
      setText(said, verdict(comparison, ...names));
      rows.replaceChildren(...comparison.data.map((one) => element("div", { class: "compared-query" },
        picture(one.query.thumbnail, { width: "96", height: "96", alt: one.query.name }),
        element("div", {}, element("span", { class: "note" }, names[0]), row(one.query, one.first),
          element("span", { class: "note" }, names[1]), row(one.query, one.second)))));
    } catch (error) {
      setText(said, "");
      throw error;
    } finally {
      button.disabled = false;
    }
  }));

  return {
    node,
    draw(first, second) {
      const next = first && second ? [first, second] : null;
      if (pair?.map((index) => index.id).join() !== next?.map((index) => index.id).join()) {
        setText(said, "");
        rows.replaceChildren();
      }
      pair = next;
      node.hidden = pair === null;
    },
  };
}
