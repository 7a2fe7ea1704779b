// Search: a picture goes in, the most similar ones come out; with a second model beside it one sees what training did.

import { element } from "../dom.js";
import { alikePanel } from "./alike.js";
import { comparePanel } from "./compare.js";
import { indexesPanel, setOptions } from "./indexes.js";
import { queryPanel } from "./query.js";
import { resultColumn, search } from "./results.js";
import { datasetName, indexName, isUsable, modelName } from "./words.js";

export function page(context) {
  const { query: asked, state } = context;
  const first = element("select", { id: "search-index" });
  const second = element("select", { id: "search-second" });
  const amount = element("select", { id: "search-count" },
    [12, 24, 48].map((k) => element("option", { value: k }, String(k))));
  const columns = [resultColumn(context, next), resultColumn(context, next)];
  const results = element("div", { class: "results", hidden: true }, columns[0].node, columns[1].node);
  const compare = comparePanel(context);
  const alike = alikePanel(context);
  const indexes = indexesPanel(context, (made) => context.navigate(`#/search?index=${made.id}`));
  const ask = queryPanel(context, (query) => {
    current = query;
    run();
  });
  const searching = element("section", { class: "panel" },
    element("div", { class: "panel-head" },
      element("div", { class: "filters" },
        element("label", { class: "inline" }, "Index", first),
          element("label", { class: "inline" }, "Beside it", second),
        element("label", { class: "inline" }, "Neighbours", amount))),
    ask.node, results);
  let current = null;
  let turn = 0;
  let answered = "";
  let hasBegun = false;

  const usable = () => state.indexes.filter(isUsable);
  const chosen = (select) => usable().find((index) => index.id === select.value) ?? null;

  const asking = () => [first.value, second.value, amount.value].join();

  function next(item) {
    window.scrollTo({ top: 0, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
    ask.askPicture(item.image, item);
  }

  async function run() {
    if (!current) return;
    turn += 1;
    answered = asking();
    const mine = turn;
    const query = current;
    results.hidden = false;
    const pair = [chosen(first), chosen(second)];
    columns[1].node.hidden = pair[1] === null;
    await Promise.all(pair.map(async (index, k) => {
      if (!index) return;
      columns[k].waiting(index);
      try {
        const result = await search(context, index, query, Number(amount.value));
        if (mine !== turn) return;
        if (k === 0 && result.self && !query.name) ask.know(result.self);
        columns[k].show(index, result, query.label ?? result.self?.label);
      } catch (error) {
        if (mine === turn && !(error instanceof context.api.Cancelled)) columns[k].failed(index, error);
      }
    }));
  }

  function drawChoices() {
    const wanted = asked.get("index");
    const ofDataset = usable().find((index) => index.dataset === asked.get("dataset"));
    setOptions(first, usable().map((index) => [index.id, indexName(index, state)]),
      first.value || (wanted ?? ofDataset?.id));
    const index = chosen(first);
    const others = usable().filter((other) => other.dataset === index?.dataset && other.id !== index.id);
    setOptions(second, [["", others.length ? "nothing" : "no other index of these pictures"],
      ...others.map((other) => [other.id, modelName(other.model, state)])]);
    second.disabled = others.length === 0;
  }

  function draw() {
    drawChoices();
    indexes.draw();
    const index = chosen(first);
    searching.hidden = index === null;
    alike.node.hidden = index === null;
    compare.draw(index, chosen(second));
    alike.draw(index);
    ask.setDataset(state.datasets.find((dataset) => dataset.id === index?.dataset) ?? null);
    begin(index);
    // Another index, or the first one to come while a picture waits for it.
    if (current && index && asking() !== answered) run();
  }

  // What the address asks for is looked for once there is an index.
  function begin(index) {
    if (hasBegun || !index) return;
    hasBegun = true;
    if (!asked.has("picture")) return;
    ask.askPicture(`/v1/datasets/${asked.get("dataset") ?? index.dataset}/images/${asked.get("picture")}`);
  }

  for (const select of [first, second, amount]) select.addEventListener("change", draw);
  draw();
  return {
    element: element("div", { class: "page" }, element("div", { class: "page-head" }, element("h1", {}, "Search")),
      searching, compare.node, indexes.node, alike.node),
    title: () => (chosen(first) ? `Search ${datasetName(chosen(first).dataset, state)}` : "Search"),
    drop: ({ files }) => ask.takeFiles(files),
    refresh: draw,
  };
}
