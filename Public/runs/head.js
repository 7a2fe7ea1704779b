// The head of a run's page: its name and notes, what can be done, how far it is, and the verdict in words.

import { element, setText, whenChanged } from "../dom.js";
import { ago, clock, count, moment, number, percent, plural, roughly } from "../format.js";
import {
  badge, caution, isActive, isStartable, isStoppable, quality, reasonParts, share, verdict, verdictWord,
} from "./words.js";

export class RunHead {
  // `actions`: start, stop, rename, note, duplicate, remove, each given the run.
  constructor(actions) {
    this.run = null;
    const button = (label, work, kind = "") => element(
      "button", { type: "button", class: kind, onclick: () => work(this.run) }, label);
    const p = this.parts = {
      name: element("h1"), badge: element("span"), meta: element("p", { class: "note" }),
      notes: element("p", { class: "notes" }),
      reason: element("div", { class: "reason", hidden: true }),
      start: button("Start", actions.start, "primary"), stop: button("Stop", actions.stop),
      remove: button("Delete", actions.remove, "quiet"), note: button("Notes", actions.note, "quiet"),
      bar: element("progress", { max: "1", value: "0", "aria-label": "Progress of the run" }),
      percent: element("span", { class: "percent" }), left: element("span", { class: "note" }),
      tiles: element("dl", { class: "tiles" }), health: element("div", { class: "health", role: "status" }),
      worth: element("p", { class: "worth" }),
    };
    this.element = element("section", { class: "panel", "aria-label": "The run" },
      element("div", { class: "panel-head" },
        element("div", { class: "run-title" }, element("div", { class: "title-line" }, p.name, p.badge), p.meta,
          p.notes),
        element("div", { class: "actions" }, p.start, p.stop, button("Rename", actions.rename, "quiet"), p.note,
          button("Duplicate", actions.duplicate, "quiet"), p.remove)),
      p.reason, element("div", { class: "progress-line" }, p.bar, p.percent, p.left), p.tiles, p.worth, p.health);
  }

  show(run, dataset, evaluation) {
    this.run = run;
    const p = this.parts;
    setText(p.name, run.name);
    whenChanged(p.badge, run.state, () => p.badge.replaceChildren(badge(run.state)));
    setText(p.meta, [`Made ${ago(run.created_at)}`, dataset ? `from ${dataset.name}` : "its dataset is deleted",
      `in this state since ${moment(run.since)}`, run.restarts ? plural(run.restarts, "restart") : "",
      run.init_from ? `began with ${run.init_from}` : ""].filter(Boolean).join(", "));
    p.meta.title = moment(run.created_at);
    p.notes.hidden = !run.metadata.notes;
    setText(p.notes, run.metadata.notes ?? "");
    this.showReason(run);
    p.start.hidden = !isStartable(run);
    setText(p.start, run.progress.step > 0 ? "Go on" : "Start");
    p.stop.hidden = !isStoppable(run) && run.state !== "stopping";
    p.stop.disabled = run.state === "stopping";
    setText(p.stop, run.state === "stopping" ? "Stopping …" : "Stop");
    p.remove.hidden = isActive(run);
    this.showProgress(run);
    this.showHealth(run);
    const sentence = worth(run, dataset, evaluation);
    p.worth.hidden = !sentence;
    setText(p.worth, sentence);
  }

  showReason(run) {
    const { reason } = this.parts;
    reason.hidden = !run.reason?.detail;
    reason.className = run.state === "failed" ? "reason bad" : "reason";
    whenChanged(reason, run.reason, () => {
      const { sentence, said } = reasonParts(run.reason);
      reason.replaceChildren(element("p", {}, sentence),
        ...(said ? [element("p", { class: "note" }, "The worker's last words: ", element("code", {}, said))] : []));
    });
  }

  showProgress(run) {
    const p = this.parts;
    const { step, steps, epoch, epochs, images_per_second: speed, view_wait_share: wait,
      eta_seconds: left } = run.progress;
    const isRunning = run.state === "running";
    p.bar.value = share(run);
    p.bar.className = run.state;
    setText(p.percent, percent(share(run), 0));
    const waits = (run.queue_position ? `${plural(run.queue_position, "run")} before it`
      : "Starts as soon as there is a place")
      + (run.estimated_start ? `, at about ${clock(run.estimated_start)}` : "");
    setText(p.left, run.state === "queued" ? waits : isRunning && step === 0 ? "The first update is computed." : "");
    const best = quality(run);
    const tiles = [
      ["Step", `${count(step)} of ${count(steps)}`],
      ["Epoch", Number.isFinite(epoch) ? `${count(epoch)}${epochs ? ` of ${count(epochs)}` : ""}` : "–"],
      ["Time left", isRunning && Number.isFinite(left) ? roughly(left) : "–"],
      ["Pictures per second", isRunning ? number(speed) : "–"],
      ["Waiting for views", isRunning && Number.isFinite(wait) ? percent(wait) : "–"],
      [best?.title ?? "Quality", best ? percent(best.value) : "not judged yet"],
    ];
    if (p.tiles.childElementCount !== tiles.length) {
      p.tiles.replaceChildren(...tiles.map(() => element("div", {}, element("dt"), element("dd"))));
    }
    tiles.forEach(([name, value], k) => {
      setText(p.tiles.children[k].firstChild, name);
      setText(p.tiles.children[k].lastChild, value);
    });
  }

  showHealth(run) {
    const { health } = this.parts;
    const judged = verdict(run);
    const doubt = caution(run);
    whenChanged(health, [judged, run.health, run.state, doubt], () => {
      health.className = `health ${doubt ? "suspect" : judged}`;
      health.replaceChildren(
        element("strong", {}, verdictWord(run)),
        element("span", {}, run.health?.evidence || (isActive(run)
          ? "The verdict on collapse comes with the first reports."
          : "It ended before a verdict on collapse was possible.")),
        ...(doubt ? [element("span", { class: "caution" }, doubt)] : []),
        ...(run.health?.advice ? [element("span", { class: "advice" }, run.health.advice)] : []));
    });
  }
}

// What the training was worth so far, against what costs nothing.
function worth(run, dataset, evaluation) {
  const rows = evaluation?.report?.rows ?? [];
  const top = (row, protocol) => row?.accuracies.find((one) => one.protocol === protocol)?.top1;
  const own = rows.find((row) => row.subject === "model");
  for (const protocol of ["knn-20", "linear", "knn-200"]) {
    const value = top(own, protocol);
    const free = rows.filter((row) => row !== own).map((row) => top(row, protocol)).filter(Number.isFinite);
    if (!Number.isFinite(value) || !free.length) continue;
    const best = Math.max(...free);
    const gain = number(Math.abs(value - best) * 100, 2);
    const step = Number(evaluation.model.split("@")[1]);
    const way = protocol === "linear" ? "a linear probe" : "nearest neighbours";
    return `At step ${count(step)} it tells ${percent(value)} of the labels right by ${way}. `
      + (value > best ? `That is ${gain} points more than the best of what needs no training (${percent(best)}).`
        : `What needs no training reaches ${percent(best)}, ${gain} points more: train longer, or with more pictures.`);
  }
  const accuracy = run.metrics?.knn_accuracy;
  const counts = Object.values(dataset?.labels ?? {});
  if (!Number.isFinite(accuracy) || counts.length < 2) return "";
  const chance = Math.max(...counts) / counts.reduce((sum, value) => sum + value, 0);
  return `Nearest neighbours tell ${percent(accuracy)} of some pictures' labels right; `
    + `always saying the most frequent label would be right for ${percent(chance)}. `
    + "An evaluation tells what the training adds to what costs nothing.";
}
