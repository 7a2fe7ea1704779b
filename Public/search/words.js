// What an index is, in words.

import { count, number, plural } from "../format.js";

// "Birds, step 1,200": the run that a checkpoint is of, or the name that an uploaded model was given.
export function modelName(checkpoint, state) {
  const [id, step] = checkpoint.split("@");
  const name = state.runs.find((run) => run.id === id)?.name
    ?? state.models.find((model) => model.checkpoint === checkpoint)?.name;
  return `${name ?? id.slice(-8)}${step ? `, step ${count(Number(step))}` : ""}`;
}

export const datasetName = (id, state) => state.datasets.find((dataset) => dataset.id === id)?.name
  ?? "a deleted dataset";

export function indexName(index, state) {
  return `${index.name} · ${modelName(index.model, state)}`;
}

export const isUsable = (index) => index.state === "succeeded";
export const isActive = (index) => index.state === "queued" || index.state === "running";

export function indexFacts(index) {
  const { state, progress } = index;
  if (state === "queued") return "waits for its turn";
  if (state === "running") {
    return progress?.total ? `${count(progress.done)} of ${plural(progress.total, "picture")} embedded` : "begins";
  }
  if (state === "succeeded") {
    return `${plural(index.items, "picture")}, ${count(index.dimension)} components`
      + (index.rejected ? `, ${count(index.rejected)} could not be embedded` : "");
  }
  return state === "failed" ? `failed: ${index.reason}` : "cancelled";
}

// "7.3 of 10" for a precision of 0.73 among 10.
export const outOf = (share, k) => `${number(share * k, 2)} of ${count(k)}`;
