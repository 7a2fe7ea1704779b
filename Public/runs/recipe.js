// The recipe of a run, and the same as rows for a comparison.

import { element, whenChanged } from "../dom.js";
import { number } from "../format.js";

// [path, text] of every value.
export function recipeRows(recipe) {
  const rows = [];
  const walk = (prefix, value) => {
    if (value !== null && typeof value === "object" && !Array.isArray(value)) {
      for (const [name, inner] of Object.entries(value)) walk(prefix ? `${prefix}.${name}` : name, inner);
    } else {
      const text = (one) => (typeof one === "number" ? number(one, 6) : String(one));
      rows.push([prefix, Array.isArray(value) ? value.map(text).join("; ") : text(value)]);
    }
  };
  walk("", recipe);
  return rows;
}

export class RecipePanel {
  constructor() {
    this.list = element("dl", { class: "recipe" });
    this.element = element("section", { class: "panel" },
      element("details", {}, element("summary", {}, element("h2", {}, "Recipe")), this.list));
  }

  show(run) {
    whenChanged(this.list, run.recipe, () => {
      this.list.replaceChildren(...recipeRows(run.recipe)
        .map(([name, text]) => element("div", {}, element("dt", {}, name), element("dd", {}, text))));
    });
  }
}
