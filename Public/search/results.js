// What an index found: pictures with their scores, the nearest first.

import { element, picture, setText } from "../dom.js";
import { number, plural } from "../format.js";
import { modelName } from "./words.js";

// Asks an index with the bytes of a picture. Resolves with the reply and how long it took, in milliseconds.
export async function search(context, index, query, k) {
  const started = performance.now();
  // A picture of the dataset is found too; it is no neighbour of itself.
  const wanted = query.isOwn ? k : k + 1;
  const blob = await context.api.bytesOf(`/v1/indexes/${index.id}/search?k=${wanted}`, {
    method: "POST", body: query.blob, signal: context.signal,
    headers: { "Content-Type": query.blob.type || "application/octet-stream", Accept: "application/json" },
  });
  const reply = JSON.parse(await blob.text());
  const self = query.path ? reply.data.find((item) => item.image === query.path) : null;
  return {
    self, items: reply.data.filter((item) => item !== self).slice(0, k), searched: reply.searched,
      milliseconds: performance.now() - started,
  };
}

const cosine = (score) => score.toLocaleString(undefined, { minimumFractionDigits: 4, maximumFractionDigits: 4 });

function agreement(items, label) {
  if (!label) return "";
  const same = items.filter((item) => item.label === label).length;
  return ` ${same} of ${items.length} have the label ${label}.`;
}

// The column of one index; `onItem` is told which found picture is to be looked for next.
export function resultColumn(context, onItem) {
  const title = element("h3", {});
  const said = element("p", { class: "note", role: "status" });
  const grid = element("ol", { class: "found" });
  const node = element("section", { class: "result-column" }, title, said, grid);

  function card(item, label) {
    const isSame = label && item.label === label;
    return element("li", { class: isSame ? "same" : null }, element("button", {
      type: "button", class: "picture-button", title: `${item.name}: search with it`,
      "aria-label": `${item.name}, score ${number(item.score)}: search with it`, onclick: () => onItem(item),
    }, picture(item.thumbnail, { width: "96", height: "96" })),
    element("span", { class: "score" }, cosine(item.score)),
      item.label ? element("span", { class: "note" }, item.label) : null);
  }

  return {
    node,
    waiting(index) {
      setText(title, modelName(index.model, context.state));
      setText(said, "Searching …");
    },
    show(index, result, label) {
      setText(title, modelName(index.model, context.state));
      setText(said,
        `${plural(result.searched, "picture")} searched in ${number(result.milliseconds, 3)} ms.`
          + agreement(result.items, label));
      grid.replaceChildren(...result.items.map((item) => card(item, label)));
    },
    failed(index, error) {
      setText(title, modelName(index.model, context.state));
      setText(said, error.message);
      grid.replaceChildren();
    },
  };
}
