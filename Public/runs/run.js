// One run: state, progress, health, curves, recipe, checkpoints, log.

import { Chart } from "../charts/chart.js";
import { element, setText } from "../dom.js";
import { ago, bytes, clock, count, duration, number } from "../format.js";
import { runActions } from "./actions.js";
import { badge, isActive as active, share, verdictWords } from "./words.js";

export function page(context) {
  const { api, state } = context;
  const actions = runActions(context);
  const container = element("div", { class: "page" });
  const view = new RunView(container, {
    start: actions.start, stop: actions.stop,
    remove: async (run) => { if (await actions.remove([run])) context.navigate("#/runs"); },
  });
  const base = `/v1/runs/${context.parameters.id}`;
  const seen = new Map();
  let known = state.runs.find((run) => run.id === context.parameters.id);
  if (known) view.show(known, false);
  return {
    element: container,
    title: () => (known ? (known.state === "running" ? `${Math.floor(share(known) * 100)} % · ${known.name}` : known.name) : "Run"),
    async refresh(signal) {
      const [run, metrics, events, checkpoints] = await Promise.all([
        api.poll(base, signal), api.poll(`${base}/metrics?max_points=400`, signal),
        api.poll(`${base}/events?limit=100&order=desc`, signal), api.poll(`${base}/checkpoints`, signal),
      ]);
      known = run.body;
      view.show(known, false);
      const changed = (name, answer) => {
        const isNew = seen.get(name) !== answer.body;
        seen.set(name, answer.body);
        return isNew;
      };
      if (changed("metrics", metrics)) view.showMetrics(metrics.body);
      if (changed("events", events)) view.showEvents(events.body);
      if (changed("checkpoints", checkpoints)) view.showCheckpoints(checkpoints.body);
    },
  };
}

class RunView {
  // `actions` holds start, stop and remove, each given the run.
  constructor(container, actions) {
    this.container = container;
    this.actions = actions;
    this.id = null;
    this.charts = [];
    this.declared = "";
  }

  // A chart for each metric that the run declares; they stay as long as the declarations do.
  declare(metrics) {
    const declared = JSON.stringify(metrics);
    if (this.declared === declared) return;
    this.declared = declared;
    this.charts = metrics.map((metric) => new Chart({
      key: metric.name, title: metric.title, note: metric.sentence,
      fixed: { low: metric.minimum === 0 ? 0 : undefined },
      onCursor: (k) => this.cursor(k),
    }));
    metrics.forEach((metric, k) => { this.charts[k].guide = metric.reference; });
    this.parts.charts.replaceChildren(...this.charts.map((chart) => chart.node));
    for (const chart of this.charts) chart.draw([], [], null);
  }

  cursor(index) {
    for (const chart of this.charts) chart.setCursor(index);
  }

  build(run) {
    this.id = run.id;
    this.parts = {
      name: element("h1"), badge: element("span"), meta: element("p", { class: "note" }),
      reason: element("p", { class: "reason", hidden: true }),
      start: element("button", { type: "button", class: "primary", onclick: () => this.act("start") }, "Start"),
      stop: element("button", { type: "button", onclick: () => this.act("stop") }, "Stop"),
      remove: element("button", { type: "button", class: "quiet", onclick: () => this.act("remove") }, "Delete"),
      bar: element("progress", { max: "1", value: "0", "aria-label": "Progress of the run" }),
      percent: element("span", { class: "percent" }), eta: element("span", { class: "note" }),
      tiles: element("dl", { class: "tiles" }),
      health: element("div", { class: "health", role: "status" }),
      recipe: element("dl", { class: "recipe" }), log: element("ol", { class: "log" }),
      checkpoints: element("ul", { class: "checkpoints" }), charts: element("div", { class: "charts" }),
      chartNote: element("p", { class: "note", hidden: true }, "The first values appear after a few steps."),
    };
    const p = this.parts;
    this.container.replaceChildren(
      element("div", { class: "panel" },
        element("div", { class: "panel-head" },
          element("div", { class: "run-title" }, element("div", { class: "title-line" }, p.name, p.badge), p.meta),
          element("div", { class: "actions" }, p.start, p.stop, p.remove)),
        p.reason,
        element("div", { class: "progress-line" }, p.bar, p.percent, p.eta),
        p.tiles, p.health),
      element("div", { class: "panel" },
        element("h2", {}, "Curves"), p.chartNote,
        p.charts),
      element("div", { class: "columns" },
        element("div", { class: "panel" }, element("h2", {}, "What happened"), p.log),
        element("div", { class: "panel" },
          element("h2", {}, "Checkpoints"), p.checkpoints,
          element("details", {}, element("summary", {}, "Recipe"), p.recipe))));
  }

  act(name) {
    if (this.run) this.actions[name](this.run);
  }

  show(run, busy) {
    if (this.id !== run.id) {
      this.build(run);
      this.declared = "";
    }
    this.declare(run.declared_metrics);
    this.run = run;
    const p = this.parts;
    setText(p.name, run.name);
    if (p.badge.dataset.state !== run.state) {
      p.badge.dataset.state = run.state;
      p.badge.replaceChildren(badge(run.state));
    }
    setText(p.meta, `Made ${ago(run.created_at)}, in this state since ${clock(run.since)}`
      + (run.restarts ? `, ${run.restarts} restart${run.restarts > 1 ? "s" : ""}` : ""));
    p.reason.hidden = !run.reason?.detail;
    p.reason.className = run.state === "failed" ? "reason bad" : "reason";
    setText(p.reason, run.reason?.detail ?? "");
    this.showActions(run, busy);
    this.showProgress(run);
    this.showHealth(run);
    this.showRecipe(run);
  }

  showActions(run, busy) {
    const p = this.parts;
    const startable = ["stopped", "failed", "interrupted"].includes(run.state);
    p.start.hidden = !startable;
    setText(p.start, run.progress.step > 0 ? "Go on" : "Start");
    p.stop.hidden = !["queued", "running", "stopping", "interrupted"].includes(run.state);
    setText(p.stop, run.state === "stopping" ? "Stopping…" : "Stop");
    p.start.disabled = busy;
    p.stop.disabled = busy || run.state === "stopping";
    p.remove.hidden = active(run);
    p.remove.disabled = busy;
  }

  showProgress(run) {
    const p = this.parts;
    const { step, steps, epoch, epochs, images_per_second: speed, view_wait_share: wait, eta_seconds: eta } = run.progress;
    p.bar.value = share(run);
    setText(p.percent, `${Math.floor(share(run) * 100)} %`);
    const waits = `${count(run.queue_position ?? 0)} before it` + (run.estimated_start ? `, starts about ${clock(run.estimated_start)}` : "");
    setText(p.eta, run.state === "queued" ? waits : run.state === "running" && Number.isFinite(eta) ? `${duration(eta)} left` : "");
    const metrics = run.metrics ?? {};
    const tiles = [
      ["Step", `${count(step)} of ${count(steps)}`],
      ["Epoch", Number.isFinite(epoch) ? `${count(epoch)}${epochs ? ` of ${count(epochs)}` : ""}` : "–"],
      ["Pictures a second", run.state === "running" ? number(speed) : "–"],
      ["Waiting for views", run.state === "running" && Number.isFinite(wait) ? `${(100 * wait).toFixed(1)} %` : "–"],
      // What the progress says already is not said twice.
      ...run.declared_metrics.filter(({ name }) => !(name in run.progress))
        .map(({ name, title }) => [title, number(metrics[name], 5)]),
    ];
    if (p.tiles.childElementCount !== tiles.length || p.tiles.dataset.key !== this.declared) {
      p.tiles.dataset.key = this.declared;
      p.tiles.replaceChildren(...tiles.map(([name]) => element("div", {}, element("dt", {}, name), element("dd"))));
    }
    tiles.forEach(([, value], k) => setText(p.tiles.children[k].lastChild, value));
  }

  showHealth(run) {
    const health = run.health ?? { verdict: "unknown" };
    const key = JSON.stringify(health);
    if (this.parts.health.dataset.key === key) return;
    this.parts.health.dataset.key = key;
    this.parts.health.className = `health ${health.verdict}`;
    this.parts.health.replaceChildren(
      element("strong", {}, verdictWords[health.verdict] ?? health.verdict),
      element("span", {}, health.evidence || "The verdict on collapse comes with the first reports."),
      ...(health.advice ? [element("span", { class: "advice" }, health.advice)] : []));
  }

  showRecipe(run) {
    const key = JSON.stringify(run.recipe);
    if (this.parts.recipe.dataset.key === key) return;
    this.parts.recipe.dataset.key = key;
    const rows = [];
    const walk = (prefix, value) => {
      if (value !== null && typeof value === "object" && !Array.isArray(value)) {
        for (const [name, inner] of Object.entries(value)) walk(prefix ? `${prefix}.${name}` : name, inner);
      } else {
        const text = typeof value === "number" ? number(value, 6) : Array.isArray(value) ? value.join(", ") : String(value);
        rows.push(element("dt", {}, prefix), element("dd", {}, text));
      }
    };
    walk("", run.recipe);
    this.parts.recipe.replaceChildren(...rows);
  }

  showMetrics(metrics) {
    const steps = metrics.columns.step ?? [];
    this.parts.chartNote.hidden = steps.length > 0;
    for (const chart of this.charts) {
      chart.draw(steps, metrics.columns[chart.key] ?? steps.map(() => null), metrics.last_step);
    }
  }

  showEvents(events) {
    this.parts.log.replaceChildren(...events.data.map((event) => element(
      "li", {}, element("time", { datetime: event.time, title: event.time }, clock(event.time)),
      element("span", { class: "kind" }, (event.kind === "state" ? event.state : event.kind).replaceAll("_", " ")), element("span", {}, event.detail))));
    if (!events.data.length) this.parts.log.replaceChildren(element("li", { class: "note" }, "Nothing yet."));
  }

  showCheckpoints(list) {
    this.parts.checkpoints.replaceChildren(...list.data.map((checkpoint) => {
      const model = checkpoint.files.find((file) => file.name === "model.safetensors");
      const address = `/v1/runs/${checkpoint.run}/checkpoints/${checkpoint.step}/model.safetensors`;
      return element("li", {},
        element("span", {}, `Step ${count(checkpoint.step)}`),
        element("span", { class: "note" }, checkpoint.created_at ? clock(checkpoint.created_at) : ""),
        model ? element("a", { href: address, download: `${checkpoint.run}-${checkpoint.step}.safetensors` },
          `model.safetensors, ${bytes(model.size_bytes)}`) : null);
    }));
    if (!list.data.length) {
      this.parts.checkpoints.replaceChildren(element("li", { class: "note" }, "The first one is written soon after the start."));
    }
  }
}
