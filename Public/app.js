// The shell: which page is shown, the lists that all pages share, and whether the service answers.
//
// A page is a module with `page(context)`, which returns {element, title(), refresh(signal), leave()}:
//   element   what is shown in <main>; it stays as long as the page is shown
//   title     optional: the document's title, asked for after each refresh
//   refresh   called after every poll of the lists; may be async and use `signal`, aborted when the page is left
//   leave     optional: stops what the page started
//   drop      optional: told {entries, files} that were dropped anywhere on the page. Without it the datasets' page is
//             opened, which finds them in `state.dropped`
// `context` has
//   parameters, query      of the address: `#/runs/ID?tab=log`
//   api, state             the calls, and the lists polled last: runs, datasets, models, indexes, each newest first
//   navigate(hash), toast(text, isBad), confirm({heading, text, yes, no}), ask({heading, label, value, isLong})
//   act(work)              runs an async action: its error becomes a toast, and the lists are polled again
//   remove(work)           the same for what deletes the thing that the page is about; it must give a value
//   signal                 aborted when the page is left

import * as api from "./api.js";
import { byId, element, setText, toast } from "./dom.js";
import { moment } from "./format.js";
import { inBrowser } from "./memory.js";

const interval = 2000;
const hiddenInterval = 30000;
const slowest = 15000;
const mostRuns = 1000;

// What a person can go to. `label` puts it into the navigation, `within` marks the entry that it belongs to.
const routes = [
  { pattern: "/runs", label: "Runs", load: () => import("./runs/list.js") },
  { pattern: "/runs/:id", within: "/runs", load: () => import("./runs/run.js") },
  { pattern: "/compare/:ids", within: "/runs", load: () => import("./compare/page.js") },
  { pattern: "/new", within: "/new", load: () => import("./new/form.js") },
  { pattern: "/datasets", label: "Datasets", load: () => import("./datasets/list.js") },
  { pattern: "/datasets/:id", within: "/datasets", load: () => import("./datasets/one.js") },
  { pattern: "/models", label: "Models", load: () => import("./models/list.js") },
  { pattern: "/models/:name", within: "/models", load: () => import("./models/one.js") },
  { pattern: "/search", label: "Search", load: () => import("./search/page.js") },
  { pattern: "/map", label: "Map", load: () => import("./map/page.js") },
  { pattern: "/map/:index", within: "/map", load: () => import("./map/page.js") },
  { pattern: "/status", label: "Status", load: () => import("./status/page.js") },
];

const state = {
  runs: [], datasets: [], models: [], indexes: [], info: null, isLoaded: false, areAllRunsThere: true, dropped: null,
};

// MARK: pages

let shown = null;
let turn = 0;

function routeOf(hash) {
  const [path, query = ""] = hash.replace(/^#/, "").split("?");
  const parts = path.split("/");
  for (const route of routes) {
    const wanted = route.pattern.split("/");
    if (wanted.length !== parts.length) continue;
    if (!wanted.every((name, k) => (name.startsWith(":") ? parts[k] !== "" : name === parts[k]))) continue;
    const named = wanted.map((name, k) => [name, decodeURIComponent(parts[k])])
      .filter(([name]) => name.startsWith(":"));
    const parameters = Object.fromEntries(named.map(([name, value]) => [name.slice(1), value]));
    return { route, parameters, query: new URLSearchParams(query) };
  }
  return null;
}

function navigate(hash) {
  if (location.hash === hash) show();
  else location.hash = hash;
}

async function show() {
  const found = routeOf(location.hash);
  if (!found) {
    // Addresses of earlier versions were a run's id alone.
    const id = location.hash.slice(1);
    location.replace(/^[0-9a-f-]{36}$/.test(id) ? `#/runs/${id}` : "#/runs");
    return;
  }
  turn += 1;
  const mine = turn;
  let module;
  try {
    module = await found.route.load();
  } catch (error) {
    disconnected(new api.Offline(error.message));
    return;
  }
  if (mine !== turn) return;
  const isFirst = shown === null;
  leave();
  const controller = new AbortController();
  const context = {
    parameters: found.parameters, query: found.query, api, state, navigate, toast, confirm, ask, act, remove,
    signal: controller.signal,
  };
  shown = { ...found, controller, page: module.page(context) };
  byId("main").replaceChildren(shown.page.element);
  markNavigation(found.route.within ?? found.route.pattern);
  setTitle();
  if (!isFirst) {
    byId("main").focus({ preventScroll: true });
    window.scrollTo(0, 0);
  }
  tick();
}

function leave() {
  shown?.controller.abort();
  shown?.page.leave?.();
}

function setTitle() {
  const title = shown?.page.title?.() ?? shown?.route.label ?? "";
  document.title = title ? `${title} · byol` : "byol";
}

function markNavigation(path) {
  for (const link of [...byId("nav").children, byId("new-run")]) {
    if (link.dataset.path === path) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

// MARK: polling

let timer = null;
let polling = false;
let again = false;
let failures = 0;
let lastAnswer = null;

async function tick() {
  clearTimeout(timer);
  // Without a key every request would be refused.
  if (byId("sign-in").open) return;
  if (polling) {
    again = true;
    return;
  }
  polling = true;
  again = false;
  try {
    await poll();
    connected();
  } catch (error) {
    if (!(error instanceof api.Cancelled)) disconnected(error);
  }
  polling = false;
  const wait = document.hidden ? hiddenInterval : Math.min(slowest, interval * (1 + failures));
  timer = setTimeout(tick, again ? 0 : wait);
}

async function poll() {
  // One request finds out whether the service answers and knows the key.
  if (!state.info) {
    state.info = (await api.poll("/v1/info")).body;
    setText(byId("build"), `byol ${state.info.version}`);
  }
  const [runs, datasets, models, indexes] = await Promise.all([
    api.pollAll("/v1/runs", mostRuns), api.pollAll("/v1/datasets", mostRuns),
    api.poll("/v1/models"), api.pollAll("/v1/indexes", mostRuns),
  ]);
  Object.assign(state, {
    runs: runs.data, datasets: datasets.data, models: models.body.data, indexes: indexes.data,
    areAllRunsThere: runs.isWhole, isLoaded: true,
  });
  const now = shown;
  if (!now || now.isOver) return;
  await now.page.refresh?.(now.controller.signal);
  if (now === shown) setTitle();
}

function connected() {
  if (failures > 1) toast("The service answers again.");
  failures = 0;
  lastAnswer = new Date();
  byId("connection").dataset.state = "live";
  setText(byId("connection"), "Live");
  byId("offline").hidden = true;
  byId("sign-out").hidden = !api.key();
  document.body.classList.toggle("with-key", Boolean(api.key()));
  document.body.classList.remove("stale");
}

function disconnected(error) {
  if (error instanceof api.Problem && error.status === 401) {
    signIn(api.key() ? `This key was refused: ${error.message}` : "");
    return;
  }
  failures += 1;
  // Another version may answer after a restart.
  state.info = null;
  const isAway = error instanceof api.Offline;
  byId("connection").dataset.state = "offline";
  setText(byId("connection"), isAway ? "Away" : "Error");
  // One lost answer is no outage.
  if (failures < 2 && state.isLoaded) return;
  byId("offline").hidden = false;
  document.body.classList.add("stale");
  setText(byId("offline-heading"), isAway ? "The service does not answer." : "The service cannot answer.");
  const known = lastAnswer ? `What you see is the state of ${moment(lastAnswer)}. ` : "";
  setText(byId("offline-detail"), isAway ? `${known}It is asked again by itself.` : `${error.message} ${known}`);
}

async function act(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof api.Cancelled)) {
      toast(error.errors?.map((one) => one.detail).join(" ") || error.message, true);
    }
    return undefined;
  } finally {
    tick();
  }
}

// Does what removes the thing that the page is about: meanwhile nobody asks for it, since it may be gone already. Where it
// fails, the page begins anew.
async function remove(work) {
  shown.controller.abort();
  shown.isOver = true;
  const result = await act(work);
  if (result === undefined) show();
  return result;
}

// MARK: dialogs

function signIn(fault) {
  const dialog = byId("sign-in");
  byId("connection").dataset.state = "offline";
  setText(byId("connection"), "Signed out");
  if (dialog.open) return;
  setText(byId("sign-in-error"), fault);
  byId("sign-in-key").value = "";
  dialog.showModal();
}

function confirm({ heading, text = "", yes = "Delete", no = "Keep it" }) {
  const dialog = byId("confirm-dialog");
  setText(byId("confirm-heading"), heading);
  setText(byId("confirm-text"), text);
  setText(byId("confirm-yes"), yes);
  setText(byId("confirm-no"), no);
  return answer(dialog);
}

function answer(dialog) {
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

// Returns the text, or null where the dialog was cancelled.
async function ask({ heading, label, value = "", isLong = false, most = 200 }) {
  setText(byId("ask-heading"), heading);
  const input = isLong
    ? element("textarea", { id: "ask-input", rows: "6", maxlength: most })
    : element("input", { id: "ask-input", type: "text", maxlength: most, required: true, autocomplete: "off" });
  input.value = value;
  byId("ask-field").replaceChildren(element("label", { for: "ask-input" }, label), input);
  return (await answer(byId("ask-dialog"))) ? input.value.trim() : null;
}

// MARK: theme

const themes = ["system", "light", "dark"];

let { theme } = inBrowser.settings("byol-theme", { theme: "system" });

function setTheme(chosen) {
  theme = themes.includes(chosen) ? chosen : "system";
  if (theme === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  setText(byId("theme"), `Theme: ${theme}`);
  inBrowser.keep("byol-theme", { theme });
  // Canvases have no style of their own: they are drawn again.
  window.dispatchEvent(new Event("themechange"));
}

// MARK: start

setTheme(theme);
byId("theme").addEventListener("click", () => setTheme(themes[(themes.indexOf(theme) + 1) % themes.length]));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change",
  () => window.dispatchEvent(new Event("themechange")));

byId("nav").replaceChildren(
  ...routes.filter((route) => route.label).map((route) => element(
    "a", { href: `#${route.pattern}`, "data-path": route.pattern }, route.label)));
byId("new-run").dataset.path = "/new";

// What is deleted is gone from the lists at once, not with the next poll.
api.whenDeleted((id) => {
  for (const name of ["runs", "datasets", "indexes"]) state[name] = state[name].filter((one) => one.id !== id);
  state.models = state.models.filter((model) => model.run !== id && model.id !== id);
});
byId("skip").addEventListener("click", (event) => {
  // The hash belongs to the pages.
  event.preventDefault();
  byId("main").focus();
});
byId("retry").addEventListener("click", tick);
byId("sign-out").addEventListener("click", () => {
  api.setKey(null);
  location.reload();
});
// Enter in a field presses a form's first button that submits: it must be Save.
byId("ask-cancel").addEventListener("click", () => byId("ask-dialog").close("no"));
byId("sign-in").addEventListener("cancel", (event) => event.preventDefault());
// While it is open nothing is asked for, so that this is the one way on.
byId("sign-in").addEventListener("close", () => {
  api.setKey(byId("sign-in-key").value.trim());
  tick();
});
// A file dropped beside a box would otherwise replace the page.
window.addEventListener("dragover", (event) => event.preventDefault());
window.addEventListener("drop", (event) => {
  if (event.defaultPrevented) return;
  event.preventDefault();
  const dropped = {
    entries: [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean),
    files: [...event.dataTransfer.files],
  };
  if (!dropped.files.length) return;
  if (shown?.page.drop) {
    shown.page.drop(dropped);
    return;
  }
  state.dropped = dropped;
  navigate("#/datasets");
});
window.addEventListener("hashchange", show);
document.addEventListener("visibilitychange", () => { if (!document.hidden) tick(); });
show();
