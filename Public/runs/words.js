// A run's states, verdicts and figures in words, wherever they are shown.

import { element } from "../dom.js";
import { count, number } from "../format.js";

const stateWords = {
  queued: "Queued", running: "Running", stopping: "Stopping", stopped: "Stopped",
  succeeded: "Finished", failed: "Failed", interrupted: "Interrupted",
};

const verdictWords = {
  healthy: "Healthy", suspect: "Suspect", collapsed: "Collapsed", unknown: "Too early to say",
};

export const isActive = (run) => ["queued", "running", "stopping", "interrupted"].includes(run.state);
export const isStartable = (run) => ["stopped", "failed", "interrupted"].includes(run.state);
export const isStoppable = (run) => ["queued", "running", "interrupted"].includes(run.state);

export function badge(state) {
  return element("span", { class: `badge ${state}` }, stateWords[state] ?? state);
}

export const stateWord = (state) => stateWords[state] ?? state;

export function share(run) {
  const { step, steps } = run.progress;
  return steps > 0 ? Math.min(1, step / steps) : 0;
}

export const verdict = (run) => run.health?.verdict ?? "unknown";

// With fewer directions embeddings can hardly tell pictures apart; of small embeddings a quarter is enough.
const leastDirections = 8;

// The verdict is on the updates; the embeddings of the last evaluated checkpoint may say something else.
export function caution(run) {
  const rank = run.metrics?.rankme;
  if (verdict(run) !== "healthy" || !Number.isFinite(rank) || !run.dimension) return "";
  if (rank >= Math.min(leastDirections, run.dimension / 4)) return "";
  const used = `${number(rank)} of ${count(run.dimension)}`;
  return `But the embeddings of the last evaluated checkpoint use about ${used} directions only: `
    + "pictures that look different can hardly be told apart by them yet. Train longer before you use them.";
}

export const verdictWord = (run) => (caution(run) ? "Healthy, but narrow" : verdictWords[verdict(run)] ?? verdict(run));

// The figure that says best how good the embeddings are: by labels where there are some, else by views.
export function quality(run) {
  const metrics = run.metrics ?? {};
  for (const [name, title] of [["knn_accuracy", "k-NN"], ["view_recall", "Recall of views"]]) {
    if (Number.isFinite(metrics[name])) return { name, title, value: metrics[name] };
  }
  return null;
}

// A reason's own sentence, and what the worker said, which may be long.
export function reasonParts(reason) {
  const [sentence, ...said] = (reason?.detail ?? "").split(" It said: ");
  return { sentence, said: said.join(" It said: ") };
}
