// All runs: what each is at and how good it is; searched, filtered, sorted, selected to be compared.

import { element, keyed, setText, whenChanged } from "../dom.js";
import { ago, count, moment, number, percent, plural, roughly } from "../format.js";
import { inTab } from "../memory.js";
import { runActions } from "./actions.js";
import { welcome } from "./welcome.js";
import {
  badge, caution, isActive, isStartable, isStoppable, quality, share, stateWord, verdict, verdictWord,
} from "./words.js";

const orders = {
  newest: { label: "newest first", compare: (a, b) => b.id.localeCompare(a.id) },
  oldest: { label: "oldest first", compare: (a, b) => a.id.localeCompare(b.id) },
  name: { label: "by name", compare: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }) },
  quality: { label: "best first", compare: (a, b) => (quality(b)?.value ?? -1) - (quality(a)?.value ?? -1) },
  progress: { label: "least done first", compare: (a, b) => share(a) - share(b) },
};
const states = ["running", "queued", "stopping", "stopped", "succeeded", "failed", "interrupted"];
const mostCompared = 50;
const settingsName = "byol-runs-list";

// Kept while the tab is open, so that the way back from a run leads to the same list.
const settings = inTab.settings(settingsName, { search: "", state: "", order: "newest" });
const selected = new Set();

export function page(context) {
  const { state } = context;
  const actions = runActions(context);
  let baselines = new Map();
  const parts = listParts(context, { redraw: () => draw(), compare, removeSelected, clear });

  function compare() {
    context.navigate(`#/compare/${[...selected].join(",")}`);
  }

  async function removeSelected() {
    const runs = state.runs.filter((run) => selected.has(run.id) && !isActive(run));
    if (runs.length && await actions.remove(runs)) clear();
  }

  function clear() {
    selected.clear();
    draw();
  }

  function select(run, isChosen) {
    if (isChosen) selected.add(run.id);
    else selected.delete(run.id);
    draw();
  }

  function draw() {
    const there = new Set(state.runs.map((run) => run.id));
    for (const id of selected) if (!there.has(id)) selected.delete(id);
    const datasets = new Map(state.datasets.map((dataset) => [dataset.id, dataset.name]));
    const found = visible(state.runs, datasets);
    keyed(parts.rows, found, {
      key: (run) => run.id,
      make: (run) => makeRow(run, actions, select),
      update: (row, run) => updateRow(row, run,
        { dataset: datasets.get(run.dataset), baseline: baselines.get(run.id) }),
    });
    showFrame(parts, context, found);
  }

  async function refresh(signal) {
    draw();
    const { body } = await context.api.poll("/v1/evaluations?limit=100", signal);
    baselines = bestBaselines(body.data);
    draw();
  }

  draw();
  return { element: parts.element, refresh };
}

// MARK: the frame around the rows

function listParts(context, { redraw, compare, removeSelected, clear }) {
  const keep = (name) => (event) => {
    settings[name] = event.target.value;
    inTab.keep(settingsName, settings);
    redraw();
  };
  const choice = (name, label, options) => {
    const select = element("select", { onchange: keep(name), "aria-label": label },
      options.map(([value, text]) => element("option", { value }, text)));
    select.value = settings[name];
    return select;
  };
  const parts = {
    search: element("input", {
      type: "search", placeholder: "Search names, notes, datasets", "aria-label": "Search the runs",
      oninput: keep("search"),
    }),
    state: choice("state", "State",
      [["", "all states"], ...states.map((name) => [name, stateWord(name).toLowerCase()])]),
    order: choice("order", "Order", Object.entries(orders).map(([name, { label }]) => [name, label])),
    amount: element("span", { class: "note", role: "status" }),
    rows: element("ul", { class: "runs" }),
    none: element("p", { class: "none", hidden: true }),
    welcome: element("div", { hidden: true }),
    loading: element("ul", { class: "runs", "aria-hidden": "true" },
      element("li", { class: "skeleton" }), element("li", { class: "skeleton" })),
    chosen: element("span"),
    compare: element("button", { type: "button", class: "primary small", onclick: compare }, "Compare"),
    remove: element("button", { type: "button", class: "small", onclick: removeSelected }, "Delete"),
  };
  parts.search.value = settings.search;
  parts.selection = element("div", { class: "selection", role: "region", "aria-label": "Selected runs", hidden: true },
    parts.chosen, parts.compare, parts.remove,
    element("button", { type: "button", class: "quiet small", onclick: clear }, "Select none"));
  parts.tools = element("div", { class: "tools" }, parts.search, parts.state, parts.order, parts.amount);
  parts.element = element("div", { class: "page" },
    element("div", { class: "page-head" }, element("h1", {}, "Runs")),
    parts.tools, parts.loading, parts.welcome, parts.none, parts.rows, parts.selection);
  return parts;
}

function showFrame(parts, { state }, found) {
  parts.loading.hidden = state.isLoaded;
  const isEmpty = state.isLoaded && state.runs.length === 0;
  parts.tools.hidden = state.runs.length === 0;
  parts.welcome.hidden = !isEmpty;
  if (isEmpty) {
    whenChanged(parts.welcome, state.datasets.map(({ id, state: is }) => [id, is]),
      () => parts.welcome.replaceChildren(welcome(state.datasets)));
  }
  parts.none.hidden = state.runs.length === 0 || found.length > 0;
  setText(parts.none, `No run is ${settings.state ? stateWord(settings.state).toLowerCase() : "like this"}`
    + `${settings.search ? ` and has “${settings.search}” in its name, its notes or its dataset` : ""}.`);
  setText(parts.amount, found.length === state.runs.length ? plural(found.length, "run")
    : `${count(found.length)} of ${plural(state.runs.length, "run")}`);
  if (!state.areAllRunsThere) setText(parts.amount, `${parts.amount.textContent}; older ones are not listed`);
  parts.selection.hidden = selected.size === 0;
  const chosen = state.runs.filter((run) => selected.has(run.id));
  const busy = chosen.filter(isActive).length;
  setText(parts.chosen, `${plural(selected.size, "run")} selected`);
  parts.compare.disabled = selected.size < 2 || selected.size > mostCompared;
  parts.compare.title = selected.size < 2 ? "Select another one to compare with"
    : selected.size > mostCompared ? `At most ${mostCompared} runs are compared` : "";
  parts.remove.disabled = chosen.length === busy;
  parts.remove.title = busy ? "Runs under way are not deleted: stop them first" : "";
}

function visible(runs, datasets) {
  const words = settings.search.toLowerCase().split(/\s+/).filter(Boolean);
  const order = orders[settings.order] ?? orders.newest;
  return runs
    .filter((run) => !settings.state || run.state === settings.state)
    .filter((run) => {
      const text = [run.name, run.metadata.notes, datasets.get(run.dataset), run.recipe.method, run.id].join(" ")
        .toLowerCase();
      return words.every((word) => text.includes(word));
    })
    .toSorted(order.compare);
}

// Of each run the best figure without training by the same measure as its k-NN, of its newest evaluation.
function bestBaselines(evaluations) {
  const found = new Map();
  for (const evaluation of evaluations) {
    if (!evaluation.report || found.has(evaluation.run)) continue;
    const figures = evaluation.report.rows.filter((row) => row.subject !== "model").flatMap((row) => row.accuracies)
      .filter(({ protocol }) => protocol === "knn-20").map(({ top1 }) => top1);
    const own = evaluation.report.rows.find((row) => row.subject === "model")?.accuracies
      .find(({ protocol }) => protocol === "knn-20")?.top1;
    if (figures.length && Number.isFinite(own)) found.set(evaluation.run, { own, free: Math.max(...figures) });
  }
  return found;
}

// MARK: rows

const rowParts = new WeakMap();

function makeRow(run, actions, select) {
  const now = { run };
  const button = (name, label, work) => element(
    "button", { type: "button", class: "quiet small", "data-action": name, onclick: () => work(now.run) }, label);
  const parts = {
    now,
    box: element("input", { type: "checkbox", onchange: () => select(now.run, parts.box.checked) }),
    link: element("a", { class: "run-name", href: `#/runs/${run.id}` }),
    badge: element("span"), meta: element("span", { class: "note" }), notes: element("p", { class: "note run-notes" }),
    bar: element("progress", { max: "1", value: "0" }), done: element("span", { class: "note" }),
    quality: element("div", { class: "run-quality" }), health: element("span", { class: "verdict" }),
    start: button("start", "Start", actions.start), stop: button("stop", "Stop", actions.stop),
    remove: button("delete", "Delete", (one) => actions.remove([one])),
  };
  const row = element("li", { class: "run-row", "data-run": run.id },
    element("label", { class: "run-box" }, parts.box),
    element("div", { class: "run-main" },
      element("div", { class: "title-line" }, parts.link, parts.badge, parts.health), parts.meta, parts.notes),
    element("div", { class: "run-progress" }, parts.bar, parts.done),
    parts.quality,
    element("div", { class: "run-buttons" }, parts.start, parts.stop, button("rename", "Rename", actions.rename),
      button("notes", "Notes", actions.note), button("duplicate", "Duplicate", actions.duplicate), parts.remove));
  rowParts.set(row, parts);
  return row;
}

function updateRow(row, run, { dataset, baseline }) {
  const parts = rowParts.get(row);
  parts.now.run = run;
  parts.box.checked = selected.has(run.id);
  parts.box.setAttribute("aria-label", `Select ${run.name}`);
  row.classList.toggle("is-selected", parts.box.checked);
  setText(parts.link, run.name);
  whenChanged(parts.badge, run.state, () => parts.badge.replaceChildren(badge(run.state)));
  parts.meta.title = moment(run.created_at);
  setText(parts.meta,
    [ago(run.created_at), dataset ?? "dataset deleted", run.recipe.method, run.recipe.encoder?.architecture]
    .filter(Boolean).join(" · "));
  parts.notes.hidden = !run.metadata.notes;
  setText(parts.notes, run.metadata.notes ?? "");
  parts.bar.value = share(run);
  parts.bar.className = run.state;
  parts.bar.setAttribute("aria-label", `Progress of ${run.name}`);
  setText(parts.done, progressText(run));
  parts.health.className = `verdict ${caution(run) ? "suspect" : verdict(run)}`;
  setText(parts.health, verdict(run) === "unknown" ? "" : verdictWord(run));
  showQuality(parts.quality, run, baseline);
  parts.start.hidden = !isStartable(run);
  setText(parts.start, run.progress.step > 0 ? "Go on" : "Start");
  parts.stop.hidden = !isStoppable(run);
  parts.remove.hidden = isActive(run);
}

function progressText(run) {
  const { step, steps, images_per_second: speed, eta_seconds: left } = run.progress;
  if (run.state === "queued") {
    return run.queue_position ? `${plural(run.queue_position, "run")} before it` : "starts as soon as there is a place";
  }
  const parts = [`${percent(share(run), 0)}, step ${count(step)} of ${count(steps)}`];
  if (run.state === "running" && Number.isFinite(speed)) parts.push(`${number(speed)} img/s`);
  if (run.state === "running" && Number.isFinite(left)) parts.push(`${roughly(left)} left`);
  return parts.join(" · ");
}

function showQuality(node, run, baseline) {
  const best = quality(run);
  whenChanged(node, [best, baseline], () => {
    if (!best) {
      node.replaceChildren(element("span", { class: "note" }, "not judged yet"));
      return;
    }
    const judged = baseline ? `evaluated ${percent(baseline.own)}; ${percent(baseline.free)} without training` : "";
    node.replaceChildren(
      element("strong", {}, percent(best.value)), element("span", { class: "note" }, best.title),
      ...(judged ? [element("span", {
        class: `note ${baseline.own > baseline.free ? "good" : "bad"}`, title: "k-NN of the newest evaluation",
      }, judged)] : []));
  });
}
