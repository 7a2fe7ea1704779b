// The kinds that colours stand for; pressing one selects its pictures, which is the lasso of those who use no pointer.

import { element, setText } from "../dom.js";
import { count } from "../format.js";
import { css } from "./colours.js";

const shown = 40;

export function legend(onKind) {
  const list = element("ul", { class: "legend" });
  const more = element("p", { class: "note" });
  let pressed = -1;

  function press(k) {
    pressed = pressed === k ? -1 : k;
    mark();
    onKind(pressed);
  }

  function mark() {
    [...list.children].forEach((row, k) => row.firstChild.setAttribute("aria-pressed", String(k === pressed)));
  }

  return {
    node: element("div", {}, list, more),
    show(kinds) {
      pressed = -1;
      list.replaceChildren(...kinds.slice(0, shown).map(({ name, size, tone }, k) => {
        const swatch = element("span", { class: "tone" });
        swatch.style.background = css(tone);
        return element("li", {}, element("button",
          { type: "button", class: "legend-row", "aria-pressed": "false", onclick: () => press(k) },
          swatch, element("span", { class: "legend-name" }, name), element("span", { class: "note" }, count(size))));
      }));
      setText(more, kinds.length > shown ? `and ${count(kinds.length - shown)} more` : "");
    },
    clear() {
      pressed = -1;
      mark();
    },
  };
}
