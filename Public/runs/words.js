// A run's states, verdicts and figures in words, wherever they are shown.

import { element } from "../dom.js";

const stateWords = {
  queued: "Queued", running: "Running", stopping: "Stopping", stopped: "Stopped",
  succeeded: "Finished", failed: "Failed", interrupted: "Interrupted",
};

export const verdictWords = {
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
