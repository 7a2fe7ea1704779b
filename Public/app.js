// The dashboard: polls every two seconds and shows what changed.

import * as api from "./api.js";
import { byId, element, setText, toast } from "./dom.js";
import * as embedding from "./embedview.js";
import { ago, bytes, count } from "./format.js";
import { openRunForm, setUpRunForm } from "./runform.js";
import { RunView, active, badge, share } from "./runview.js";

const interval = 2000;
const hiddenInterval = 15000;
const state = { runs: [], datasets: [], admitting: [], selected: null, busy: false, failures: 0, seen: new Map() };

const view = new RunView(byId("run"), { start: startRun, stop: stopRun, remove: removeRun });

// MARK: polling

let timer = null;
let polling = false;

async function tick() {
  clearTimeout(timer);
  if (polling) return;
  polling = true;
  try {
    await refresh();
    connected();
  } catch (error) {
    disconnected(error);
  }
  polling = false;
  const wait = document.hidden ? hiddenInterval : interval * Math.min(5, 1 + state.failures);
  timer = setTimeout(tick, wait);
}

async function refresh() {
  const [runs, datasets, models] = await Promise.all([
    api.poll("/v1/runs?limit=100"), api.poll("/v1/datasets?limit=100"), api.poll("/v1/models"),
  ]);
  state.runs = runs.body.data;
  state.datasets = datasets.body.data.filter((dataset) => dataset.state === "ready");
  state.admitting = datasets.body.data.filter((dataset) => dataset.state === "admitting");
  choose();
  showRuns();
  showDatasets();
  embedding.showModels(models.body, state.runs);
  byId("new-run").disabled = state.datasets.length === 0;
  byId("new-run").title = state.datasets.length ? "" : "Upload a dataset first";
  const run = state.runs.find((candidate) => candidate.id === state.selected);
  if (run) await refreshRun(run);
  else view.empty(state.datasets);
}

async function refreshRun(run) {
  const fresh = view.id !== run.id;
  view.show(run, state.busy);
  document.title = run.state === "running" ? `${Math.floor(share(run) * 100)} % · ${run.name} · byol` : `${run.name} · byol`;
  const base = `/v1/runs/${run.id}`;
  const stage = `${run.state}/${run.since}/${run.restarts}`;
  try {
    const [metrics, events, checkpoints] = await Promise.all([
      api.poll(`${base}/metrics?max_points=400`),
      api.poll(`${base}/events?limit=100`), api.poll(`${base}/checkpoints`),
    ]);
    if (view.id !== run.id) return;
    if (fresh || metrics.changed || state.seen.get(run.id) !== stage) view.showMetrics(metrics.body);
    if (fresh || events.changed) view.showEvents(events.body);
    if (fresh || checkpoints.changed) view.showCheckpoints(checkpoints.body);
    state.seen.set(run.id, stage);
  } catch (error) {
    // A run deleted between two calls is gone from the next list.
    if (!(error instanceof api.Problem && error.status === 404)) throw error;
  }
}

function choose() {
  const wanted = decodeURIComponent(location.hash.slice(1));
  if (state.runs.some((run) => run.id === wanted)) state.selected = wanted;
  else if (!state.runs.some((run) => run.id === state.selected)) {
    state.selected = (state.runs.find(active) ?? state.runs[0])?.id ?? null;
  }
}

function connected() {
  state.failures = 0;
  const node = byId("connection");
  node.dataset.state = "live";
  setText(node, "Live");
  byId("offline").hidden = true;
  document.body.classList.remove("stale");
}

function disconnected(error) {
  state.failures += 1;
  const node = byId("connection");
  const offline = error instanceof api.Offline;
  node.dataset.state = "offline";
  setText(node, offline ? "Offline" : "Error");
  if (state.failures < 2 && state.runs.length) return;
  byId("offline").hidden = false;
  document.body.classList.add("stale");
  setText(byId("offline-detail"), offline
    ? "What you see is the last known state. Trying again by itself."
    : error.message);
}

// MARK: lists

function showRuns() {
  const list = byId("runs");
  list.removeAttribute("aria-busy");
  const focused = document.activeElement?.dataset?.run;
  list.replaceChildren(...state.runs.map((run) => element("li", {},
    element("a", {
      href: `#${run.id}`, "data-run": run.id, class: `card ${run.state}`,
      "aria-current": run.id === state.selected ? "true" : null,
    },
      element("span", { class: "card-line" }, element("span", { class: "card-name" }, run.name), badge(run.state)),
      element("progress", { max: "1", value: String(share(run)), "aria-label": `Progress of ${run.name}` }),
      element("span", { class: "card-line note" },
        element("span", {}, `${count(run.progress.step)} of ${count(run.progress.steps)} steps`),
        element("span", {}, ago(run.created_at)))))));
  if (focused) list.querySelector(`[data-run="${focused}"]`)?.focus();
  if (!state.runs.length) list.replaceChildren(element("li", { class: "none" }, "No run yet."));
}

function showDatasets() {
  const list = byId("datasets");
  const key = JSON.stringify([
    state.admitting, state.datasets.map((dataset) => [dataset.id, dataset.name]),
  ]);
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren(...state.admitting.map((dataset) => element("li", { class: "card" },
    element("span", { class: "card-name" }, dataset.name),
    element("span", { class: "note" }, `${count(dataset.pictures)} pictures admitted so far`),
  )), ...state.datasets.map((dataset) => {
    const labels = Object.keys(dataset.labels).length;
    return element("li", { class: "card" },
      element("span", { class: "card-line" },
        element("span", { class: "card-name" }, dataset.name),
        element("button", {
          type: "button", class: "quiet small", "aria-label": `Delete the dataset ${dataset.name}`,
          onclick: () => removeDataset(dataset),
        }, "Delete")),
      element("span", { class: "thumbs" }, thumbnails(dataset)),
      element("span", { class: "note" }, `${count(dataset.pictures)} pictures`
        + (labels ? `, ${labels} label${labels > 1 ? "s" : ""}` : "") + `, ${bytes(dataset.size_bytes)}`));
  }));
  if (!state.datasets.length && !state.admitting.length) {
    list.replaceChildren(element("li", { class: "none" }, "No pictures yet. Upload a tar, tar.gz or zip."));
  }
}

function thumbnails(dataset) {
  const shown = Math.min(6, dataset.pictures);
  return Array.from({ length: shown }, (_, k) => element("img", {
    src: `/v1/datasets/${dataset.id}/images/${Math.floor((k * dataset.pictures) / shown)}?size=48`,
    alt: "", width: "34", height: "34", loading: "lazy",
  }));
}

// MARK: actions

async function acting(work) {
  state.busy = true;
  try {
    await work();
  } catch (error) {
    toast(error.message, true);
  }
  state.busy = false;
  tick();
}

function startRun(run) {
  acting(() => api.send("POST", `/v1/runs/${run.id}/start`));
}

function stopRun(run) {
  acting(async () => {
    await api.send("POST", `/v1/runs/${run.id}/stop`);
    toast("Asked to stop. It writes a checkpoint first.");
  });
}

async function removeRun(run) {
  if (!(await confirmed(`Delete “${run.name}”?`, "Its checkpoints and curves are removed from the disk."))) return;
  acting(() => api.send("DELETE", `/v1/runs/${run.id}`));
}

async function removeDataset(dataset) {
  if (!(await confirmed(`Delete “${dataset.name}”?`, "Runs made from it stay; they cannot be started again."))) return;
  acting(() => api.send("DELETE", `/v1/datasets/${dataset.id}`));
}

function confirmed(heading, text) {
  const dialog = byId("confirm-dialog");
  setText(byId("confirm-heading"), heading);
  setText(byId("confirm-text"), text);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

async function uploadDataset(file) {
  const box = byId("upload");
  const failed = byId("upload-error");
  failed.hidden = true;
  box.hidden = false;
  setText(byId("upload-name"), file.name);
  const bar = byId("upload-progress");
  try {
    const made = await api.upload(file, (loaded, total) => {
      bar.value = loaded / total;
      setText(byId("upload-amount"), loaded < total ? `${bytes(loaded)} of ${bytes(total)}` : "reading the pictures …");
      if (loaded >= total) bar.removeAttribute("value");
    });
    toast(`${count(made.pictures)} pictures admitted from ${file.name}.`);
  } catch (error) {
    failed.hidden = false;
    setText(failed, `${file.name}: ${error.message}`);
  }
  box.hidden = true;
  bar.value = 0;
  tick();
}

// MARK: theme

const themes = ["system", "light", "dark"];

function setTheme(theme) {
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  setText(byId("theme"), `Theme: ${theme}`);
  localStorage.setItem("theme", theme);
}

// MARK: start

setTheme(themes.includes(localStorage.getItem("theme")) ? localStorage.getItem("theme") : "system");
byId("theme").addEventListener("click", () => {
  const now = localStorage.getItem("theme") ?? "system";
  setTheme(themes[(themes.indexOf(now) + 1) % themes.length]);
});
byId("retry").addEventListener("click", tick);
byId("new-run").addEventListener("click", () => openRunForm(state.datasets));
byId("dataset-file").addEventListener("change", (event) => {
  const [file] = event.target.files;
  if (file) uploadDataset(file);
  event.target.value = "";
});
window.addEventListener("hashchange", tick);
document.addEventListener("visibilitychange", () => { if (!document.hidden) tick(); });
embedding.setUp();
setUpRunForm((run) => {
  location.hash = run.id;
  toast(`“${run.name}” is ${run.state}.`);
  tick();
});
api.poll("/v1/info").then(({ body }) => setText(byId("build"), `byol ${body.version}`)).catch(() => {});
tick();
