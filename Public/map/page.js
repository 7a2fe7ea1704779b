// The map: an index in two dimensions. Its principal components at once, then a layout that keeps neighbours, while one
// looks.

import { element, setText } from "../dom.js";
import { count, percent, plural } from "../format.js";
import { setOptions } from "../search/indexes.js";
import { datasetName, indexName, isUsable } from "../search/words.js";
import { bytesOf, kindsOf } from "./colours.js";
import { legend } from "./legend.js";
import { selectionPanel } from "./selection.js";
import { load } from "./source.js";
import { Stage } from "./stage.js";

const stages = {
  components: "Principal components", neighbours: "Finding who is near whom", layout: "Arranging neighbours",
    done: "Arranged by neighbours (UMAP)",
  stopped: "Stopped", loading: "Loading the vectors",
};
const mostClusters = 50;

function controls() {
  return {
    index: element("select", { id: "map-index" }),
    colour: element("select", { id: "map-colour" }),
    clusters: element("input", { id: "map-clusters", type: "number", min: "2", max: String(mostClusters),
      value: "10" }),
    lasso: element("button", { type: "button", class: "small", "aria-pressed": "false" }, "Lasso"),
    closer: element("button", { type: "button", class: "small", "aria-label": "Zoom in" }, "+"),
    farther: element("button", { type: "button", class: "small", "aria-label": "Zoom out" }, "−"),
    all: element("button", { type: "button", class: "small" }, "Show all"),
    stop: element("button", { type: "button", class: "small", hidden: true }, "Stop"),
    bar: element("progress", { max: "1", value: "0", "aria-label": "Progress of the map" }),
    said: element("span", { class: "note", role: "status" }),
    facts: element("p", { class: "note" }),
    fault: element("p", { class: "reason bad", role: "alert", hidden: true }),
    none: element("p", { class: "none", hidden: true }, "There is no index yet. ",
      element("a", { href: "#/search" }, "Make one"), " to see its map."),
  };
}

export function page(context) {
  const { state } = context;
  const parts = controls();
  const kinds = legend((kind) => select(kind < 0 ? null
    : [...map.groups.kindOf.keys()].filter((k) => map.groups.kindOf[k] === kind), true));
  const chosen = selectionPanel(context, () => select(null));
  const map = { index: null, source: null, worker: null, groups: null, assignment: null, stage: null };
  const stageBox = element("div", { class: "map-box" });
  const clusterField = element("label", { class: "inline" }, "Clusters", parts.clusters);
  const body = element("div", { class: "page", hidden: true },
    element("section", { class: "panel map-panel" },
      element("div", { class: "map-tools" }, element("label", { class: "inline" }, "Colour by", parts.colour),
        clusterField,
        element("span", { class: "actions" }, parts.lasso, parts.closer, parts.farther, parts.all)),
      element("div", { class: "map-progress" }, parts.bar, parts.said, parts.stop),
      element("div", { class: "map-frame" }, stageBox, kinds.node), parts.facts),
    chosen.node);

  function fail(text) {
    parts.fault.hidden = !text;
    setText(parts.fault, text ?? "");
  }

  function say(stage, share) {
    const isOver = stage === "done" || stage === "stopped";
    parts.bar.hidden = isOver;
    parts.stop.hidden = isOver || stage === "loading";
    if (Number.isFinite(share)) parts.bar.value = share;
    else parts.bar.removeAttribute("value");
    setText(parts.said, stages[stage] + (isOver || !Number.isFinite(share) ? "" : ` · ${percent(share, 0)}`));
    parts.said.dataset.stage = stage;
  }

  // MARK: colours and selection

  function paint() {
    const { items } = map.source;
    const by = parts.colour.value;
    clusterField.hidden = by !== "cluster";
    if (by === "cluster" && !map.assignment) return;
    map.groups = kindsOf(items.map((item, k) => (by === "cluster" ? `cluster ${map.assignment[k] + 1}` : by === "split"
      ? item.split : item.label)));
    map.stage.scene.paint(bytesOf(map.groups));
    kinds.show(map.groups.kinds);
    select(null);
  }

  function select(points, isKind = false) {
    const { items, count: total } = map.source;
    if (!isKind) kinds.clear();
    if (points) {
      const faint = new Uint8Array(total).fill(1);
      for (const k of points) faint[k] = 0;
      map.stage.scene.fade(faint);
    } else {
      map.stage.scene.fade(null);
    }
    chosen.show(points?.map((k) => items[k]) ?? null, map.index.dataset);
  }

  function offerColours() {
    const { items } = map.source;
    const has = { label: items.some(({ label }) => label), split: new Set(items.map(({ split }) => split)).size > 1 };
    setOptions(parts.colour, [...(has.label ? [["label", "label"]] : []), ["cluster", "cluster"],
      ...(has.split ? [["split", "part"]] : [])]);
  }

  // MARK: the arithmetic

  function heard({ data }) {
    if (data.kind === "failed") fail(`The map could not be made. ${data.detail}`);
    if (data.stage) say(data.stage, data.share);
    if (data.kind === "clusters") {
      map.assignment = data.assignment;
      if (parts.colour.value === "cluster") paint();
    }
    if (data.kind !== "positions") return;
    map.stage.move(data.positions);
    if (data.stage === "components") setText(parts.facts, factsOf(data.held));
    if (data.stage !== "done") return;
    map.isDone = true;
  }

  function factsOf(held) {
    const { count: shown, total, dimension } = map.source;
    const part = shown < total ? ` of ${count(total)}, every ${count(Math.ceil(total / shown))}th` : "";
    return `${plural(shown, "picture")}${part}, from ${count(dimension)} components. Neighbours are judged by the `
      + `${count(Math.min(50, dimension))} principal ones, which hold ${percent(held, 0)} of the variance. `
      + "Distances between far groups mean little. Drag to move, wheel or pinch to zoom, shift and drag for the lasso; "
      + "keys: arrows, +, −, 0.";
  }

  async function show(index) {
    map.index = index;
    body.hidden = false;
    say("loading", NaN);
    try {
      map.source = await load(context, index);
      map.stage = new Stage({
        onSelect: select,
          onOpen: (k) => context.navigate(`#/search?dataset=${index.dataset}&picture=${map.source.items[k].picture}`),
        describe: (k) => {
          const { name, label, picture } = map.source.items[k];
          return { path: `/v1/datasets/${index.dataset}/images/${picture}?size=96`, name, label };
        },
      });
      stageBox.replaceChildren(map.stage.node);
      map.stage.canvas.setAttribute("aria-label",
        `Map of ${plural(map.source.count, "picture")} of ${index.name}. Arrows move it, + and − zoom, 0 shows all.`);
      // What tests measure.
      stageBox.scene = map.stage.scene;
      offerColours();
      paint();
      map.worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
      map.worker.addEventListener("message", heard);
      map.worker.addEventListener("error", (event) => fail(`The map could not be made. ${event.message ?? ""}`));
      const { vectors, count: rows, dimension } = map.source;
      map.worker.postMessage({ kind: "begin", vectors, count: rows, dimension,
        clusters: Number(parts.clusters.value) }, [vectors.buffer]);
    } catch (error) {
      if (error instanceof context.api.Cancelled) return;
      parts.bar.hidden = true;
      setText(parts.said, "");
      fail(error.message);
    }
  }

  // MARK: controls

  parts.index.addEventListener("change", () => context.navigate(`#/map/${parts.index.value}`));
  parts.colour.addEventListener("change", paint);
  parts.clusters.addEventListener("change", () => {
    const wanted = Math.min(mostClusters, Math.max(2, Math.round(Number(parts.clusters.value)) || 10));
    parts.clusters.value = wanted;
    map.worker?.postMessage({ kind: "clusters", clusters: wanted });
  });
  parts.lasso.addEventListener("click", () => {
    if (!map.stage) return;
    map.stage.isLassoing = !map.stage.isLassoing;
    parts.lasso.setAttribute("aria-pressed", String(map.stage.isLassoing));
  });
  parts.closer.addEventListener("click", () => map.stage?.zoom(1.4));
  parts.farther.addEventListener("click", () => map.stage?.zoom(1 / 1.4));
  parts.all.addEventListener("click", () => map.stage?.fit());
  parts.stop.addEventListener("click", () => {
    map.worker?.terminate();
    map.worker = null;
    say("stopped", 1);
  });

  function refresh() {
    const usable = state.indexes.filter(isUsable);
    const wanted = context.parameters.index;
    setOptions(parts.index, usable.map((index) => [index.id, indexName(index, state)]), parts.index.value || wanted);
    parts.none.hidden = !state.isLoaded || usable.length > 0;
    parts.index.disabled = usable.length === 0;
    if (map.index) return;
    const index = wanted ? usable.find((one) => one.id === wanted) : usable[0];
    if (index) show(index);
    else if (wanted && state.isLoaded) fail("There is no such index, or it is not made yet.");
  }

  return {
    element: element("div", { class: "page" },
      element("div", { class: "page-head" }, element("h1", {}, "Map"),
        element("label", { class: "inline" }, "Index", parts.index)),
      parts.fault, parts.none, body),
    title: () => (map.index ? `Map of ${datasetName(map.index.dataset, state)}` : "Map"),
    refresh,
    leave() {
      map.worker?.terminate();
      map.stage?.end();
    },
  };
}
