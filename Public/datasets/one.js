// One dataset: its pictures by label, what admission found, and what to do with it.

import { element, setText } from "../dom.js";
import { bytes, count, moment, plural } from "../format.js";
import { browser } from "./pictures.js";
import { reportPanels } from "./report.js";

function tiles(dataset) {
  const { report } = dataset;
  const labels = Object.keys(dataset.labels).length;
  return [
    ["Pictures admitted", count(dataset.pictures)],
    ["Rejected", count(report?.rejected_count ?? 0)],
    ["Labels", labels ? count(labels) : "none"],
    ["Learns from", count(dataset.training_pictures ?? dataset.pictures)],
    ["Median short side", dataset.median_short_side ? `${count(dataset.median_short_side)} px` : "–"],
    ["On disk", bytes(dataset.size_bytes)],
  ];
}

export function page(context) {
  const { api, parameters } = context;
  const path = `/v1/datasets/${parameters.id}`;
  let dataset = null;
  const parts = {
    name: element("h1", {}), made: element("p", { class: "note" }),
    tiles: element("dl", { class: "tiles" }), fault: element("p", { class: "reason bad", role: "alert", hidden: true }),
    body: element("div", { class: "page" }),
  };

  async function rename() {
    const name = await context.ask({ heading: "Rename the dataset", label: "Name", value: dataset.name });
    if (name) await context.act(() => api.send("PATCH", path, { name }));
  }

  async function remove() {
    const { runs, indexes } = context.state;
    const users = runs.filter((run) => run.dataset === dataset.id).length;
    const searched = indexes.filter((index) => index.dataset === dataset.id).length;
    const isSure = await context.confirm({
      heading: `Delete “${dataset.name}”?`,
      text: `Its ${plural(dataset.pictures, "picture")} are removed from the disk.`
        + (users ? ` ${plural(users, "run")} made from it cannot be started again.` : "")
        + (searched
          ? ` ${plural(searched, "index", "indexes")} of it ${searched === 1 ? "loses" : "lose"} the pictures.` : ""),
    });
    if (!isSure) return;
    await context.remove(async () => {
      await api.send("DELETE", path);
      context.toast(`“${dataset.name}” was deleted.`);
      context.navigate("#/datasets");
      return true;
    });
  }

  function build() {
    parts.tiles.replaceChildren(...tiles(dataset).map(([name, value]) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, value))));
    setText(parts.made, `Uploaded ${moment(dataset.created_at)}`);
    parts.body.replaceChildren(
      element("section", { class: "panel" }, parts.tiles),
      ...reportPanels(context, dataset),
      browser(context, dataset));
  }

  async function refresh(signal) {
    try {
      const { body, changed } = await api.poll(path, signal);
      parts.fault.hidden = true;
      const isFirst = dataset === null || dataset.state !== body.state;
      dataset = body;
      setText(parts.name, dataset.name);
      if (isFirst || (changed && dataset.state === "admitting")) build();
    } catch (error) {
      if (!(error instanceof api.Problem) || error.status !== 404) throw error;
      setText(parts.name, "No such dataset");
      parts.fault.hidden = false;
      setText(parts.fault, "It was deleted, or the address is wrong.");
      parts.body.replaceChildren(element("a", { href: "#/datasets" }, "All datasets"));
    }
  }

  const link = (text, hash, kind = "button") => element("a", { class: kind, href: hash }, text);
  return {
    element: element("div", { class: "page" },
      element("div", { class: "page-head" }, element("div", {}, parts.name, parts.made),
        element("div", { class: "actions wrap" },
          link("Train on it", `#/new?dataset=${parameters.id}`, "button primary"),
          link("Search it", `#/search?dataset=${parameters.id}`),
          element("button", { type: "button", onclick: () => dataset && rename() }, "Rename"),
          element("button", { type: "button", onclick: () => dataset && remove() }, "Delete"))),
      parts.fault, parts.body),
    title: () => dataset?.name ?? "Dataset",
    refresh,
  };
}
