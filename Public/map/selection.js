// The pictures of a lasso or of a kind: how many, of which labels, and the pictures themselves.

import { element, picture, setText } from "../dom.js";
import { count, plural } from "../format.js";
import { kindsOf } from "./colours.js";

const shown = 120;
const shownLabels = 6;

// Text for a table: quoted where a comma, a quote or the end of a line is in it.
const cell = (text) => (/[",\r\n]/.test(text) ? `"${text.replaceAll("\"", "\"\"")}"` : text);

export function selectionPanel(context, onClear) {
  const heading = element("h2", {});
  const labels = element("p", { class: "note" });
  const grid = element("ul", { class: "picture-grid" });
  const more = element("p", { class: "note" });
  let chosen = [];
  const save = element("button", { type: "button", class: "small", onclick: () => context.api.save(
    new Blob(["name,label,split\n", ...chosen.map(({ name, label, split }) =>
      `${cell(name)},${cell(label ?? "")},${split}\n`)], { type: "text/csv" }),
    "selection.csv") }, "Save the list");
  const node = element("section", { class: "panel", hidden: true, "aria-live": "polite" },
    element("div", { class: "panel-head" }, heading,
      element("div", { class: "actions" }, save, element("button",
        { type: "button", class: "small", onclick: onClear }, "Clear"))),
    labels, grid, more);
  return {
    node,
    // `items` with the index's dataset; null hides the panel.
    show(items, dataset) {
      node.hidden = items === null;
      chosen = items ?? [];
      setText(heading, plural(chosen.length, "picture"));
      const { kinds } = kindsOf(chosen.map(({ label }) => label));
      setText(labels, chosen.some(({ label }) => label)
        ? kinds.slice(0, shownLabels).map(({ name, size }) => `${name} ${count(size)}`).join(", ")
          + (kinds.length > shownLabels ? `, and ${plural(kinds.length - shownLabels, "other label")}` : "") : "");
      grid.replaceChildren(...chosen.slice(0, shown).map((item) => element("li", {}, element("a", {
        class: "picture-button", href: `#/search?dataset=${dataset}&picture=${item.picture}`, title: item.name,
          "aria-label": `${item.name}: find pictures like it`,
      }, picture(`/v1/datasets/${dataset}/images/${item.picture}?size=96`, { width: "64", height: "64" })))));
      setText(more, chosen.length > shown ? `and ${count(chosen.length - shown)} more, all of them in the saved list`
        : "");
    },
  };
}
