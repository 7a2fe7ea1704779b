// A dataset's pictures by label and part, a page after the other; one of them larger.

import { element, picture, setPicture, setText } from "../dom.js";
import { count } from "../format.js";

const pageSize = 60;

function select(label, entries, onChange) {
  const node = element("select", { onchange: onChange },
    entries.map(([value, text]) => element("option", { value }, text)));
  return { node, field: element("label", { class: "inline" }, label, node) };
}

function largerView(context, dataset) {
  const image = element("img", { alt: "" });
  const name = element("h2", {});
  const facts = element("p", { class: "note" });
  const search = element("a", { class: "button primary" }, "Find pictures like it");
  const dialog = element("dialog", { class: "larger", "aria-label": "Picture" },
    element("form", { method: "dialog" }, image, name, facts,
      element("div", { class: "dialog-foot" }, search, element("button", { value: "close" }, "Close"))));
  search.addEventListener("click", () => dialog.close());
  return {
    node: dialog,
    show(item) {
      setPicture(image, `/v1/datasets/${dataset.id}/images/${item.n}`);
      image.alt = item.name;
      setText(name, item.name);
      setText(facts,
        [item.label, item.split, `${count(item.width)} × ${count(item.height)} pixels`].filter(Boolean).join(" · "));
      search.href = `#/search?dataset=${dataset.id}&picture=${item.n}`;
      dialog.showModal();
    },
  };
}

// The panel to browse in.
export function browser(context, dataset) {
  const labels = Object.entries(dataset.labels).sort((a, b) => a[0].localeCompare(b[0], undefined, { numeric: true }));
  const labelled = labels.reduce((sum, entry) => sum + entry[1], 0);
  const splits = Object.entries(dataset.splits ?? {});
  const grid = element("ul", { class: "picture-grid" });
  const shownCount = element("p", { class: "note", role: "status" });
  const more = element("button", { type: "button", onclick: () => load() }, "More pictures");
  const larger = largerView(context, dataset);
  const none = labelled < dataset.pictures && labels.length
    ? [["none", `no label (${count(dataset.pictures - labelled)})`]] : [];
  const label = select("Label", [["", "all"], ...labels.map(([name, amount]) =>
    [`=${name}`, `${name} (${count(amount)})`]), ...none], restart);
  const split = select("Part", [["", "all"], ...splits.map(([name, amount]) => [name, `${name} (${count(amount)})`])],
    restart);
  let after = null;
  let turn = 0;

  function restart() {
    after = null;
    turn += 1;
    grid.replaceChildren();
    load();
  }

  async function load() {
    const mine = turn;
    more.disabled = true;
    const query = new URLSearchParams({ limit: pageSize });
    if (label.node.value) query.set("label", label.node.value === "none" ? "" : label.node.value.slice(1));
    if (split.node.value) query.set("split", split.node.value);
    if (after !== null) query.set("after", after);
    await context.act(async () => {
      const { body } = await context.api.poll(`/v1/datasets/${dataset.id}/images?${query}`, context.signal);
      if (mine !== turn) return;
      after = body.last_id;
      more.hidden = !body.has_more;
      grid.append(...body.data.map((item) => element("li", {}, element("button", {
        type: "button", class: "picture-button", title: item.name, "aria-label": item.name,
          onclick: () => larger.show(item),
      }, picture(`/v1/datasets/${dataset.id}/images/${item.n}?size=96`, { width: "84", height: "84" })))));
      const there = grid.childElementCount;
      setText(shownCount, there ? `${count(there)} shown${body.has_more ? "" : ", that is all of them"}`
        : "No picture has both.");
    });
    more.disabled = false;
  }

  if (dataset.state === "ready") restart();
  return element("section", { class: "panel" },
    element("div", { class: "panel-head" }, element("h2", {}, "Pictures"),
      element("div", { class: "filters" }, labels.length ? label.field : null, splits.length > 1 ? split.field : null)),
    grid, element("div", { class: "grid-foot" }, more, shownCount), larger.node);
}
