// Pictures that a model takes for nearly the same, in groups.

import { element, picture, setText } from "../dom.js";
import { count, plural } from "../format.js";

const shownGroups = 20;
const shownItems = 16;

export function alikePanel(context) {
  const threshold = element("input", { id: "alike-threshold", type: "number", min: "0.5", max: "1", step: "0.005",
    value: "0.98" });
  const said = element("p", { class: "note", role: "status" });
  const groups = element("div", { class: "groups" });
  const button = element("button", { type: "submit" }, "Find near copies");
  let index = null;
  const form = element("form", { class: "alike-form" },
    element("label", { class: "inline", for: "alike-threshold" }, "Cosine of at least"), threshold, button);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    context.act(async () => {
      button.disabled = true;
      setText(said, "All pairs are being compared …");
      try {
        const query = `threshold=${threshold.value}&limit=${shownGroups}`;
        const { body } = await context.api.poll(`/v1/indexes/${index.id}/duplicates?${query}`, context.signal);
        show(body);
      } catch (error) {
        setText(said, "");
        throw error;
      } finally {
        button.disabled = false;
      }
    });
  });

  function show(found) {
    setText(said, found.groups === 0 ? "None: no two pictures are that much alike. A lower cosine finds more."
      : `${plural(found.items, "picture")} in ${plural(found.groups, "group")}`
        + (found.groups > found.data.length ? `, of which the ${count(found.data.length)} largest are shown.` : "."));
    groups.replaceChildren(...found.data.map((group) => element("ul", { class: "group" },
      group.items.slice(0, shownItems).map((item) =>
        element("li", {}, picture(item.thumbnail, { width: "64", height: "64", alt: item.name, title: item.name }))),
      group.size > shownItems ? element("li", { class: "note" }, `and ${count(group.size - shownItems)} more`)
        : null)));
  }

  return {
    node: element("section", { class: "panel" },
      element("div", { class: "panel-head" }, element("h2", {}, "Near copies"), form), said, groups),
    draw(next) {
      if (index?.id !== next?.id) {
        setText(said, "");
        groups.replaceChildren();
      }
      index = next;
    },
  };
}
