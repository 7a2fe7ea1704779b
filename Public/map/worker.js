// The map's arithmetic, off the page's thread. It says what it does at every step, and positions come as often as they
// are worth drawing.
//
// In:  { kind: "begin", vectors, count, dimension, clusters }  and  { kind: "clusters", clusters }.
// Out: { kind: "stage", stage, share }, { kind: "positions", positions, stage, share, held },
//      { kind: "clusters", assignment, clusters }, { kind: "failed", detail }.

import { kMeans } from "./clusters.js";
import { principalComponents } from "./linear.js";
import { nearestNeighbours } from "./neighbours.js";
import { Layout, fuzzyGraph, startingPositions } from "./umap.js";

const interval = 80;
let reduced = null;
let lastPause = 0;

const say = (message, ...transfer) => self.postMessage(message, transfer);

// A stage is said as it begins, however quickly it ends.
const begin = (stage) => say({ kind: "stage", stage, share: 0 });

// Lets messages in, now and then; says how far it is.
async function pause(stage, share) {
  const now = performance.now();
  if (now - lastPause < interval) return;
  say({ kind: "stage", stage, share });
  await new Promise((resolve) => { setTimeout(resolve); });
  lastPause = performance.now();
}

function sendPositions(positions, stage, share, held) {
  const copy = positions.slice();
  say({ kind: "positions", positions: copy, stage, share, held }, copy.buffer);
}

function sendClusters(wanted) {
  const assignment = kMeans(reduced.rows, reduced.width, reduced.count, wanted);
  say({ kind: "clusters", assignment, clusters: wanted }, assignment.buffer);
}

export async function project({ vectors, count, dimension, clusters }) {
  begin("components");
  const components = principalComponents(vectors, count, dimension);
  reduced = { ...components, count };
  const start = startingPositions(components.rows, components.width, count);
  sendPositions(start, "components", 1, components.share);
  sendClusters(clusters);
  // Fewer points have no neighbourhood to keep.
  if (count < 4) return sendPositions(start, "done", 1, components.share);
  begin("neighbours");
  const neighbours = await nearestNeighbours(components.rows, components.width, count, {
    progress: (share) => pause("neighbours", share),
  });
  begin("layout");
  const layout = new Layout(fuzzyGraph(neighbours, count), count, start);
  while (!layout.isDone) {
    layout.step();
    if (performance.now() - lastPause < interval && !layout.isDone) continue;
    sendPositions(layout.positions, layout.isDone ? "done" : "layout", layout.epoch / layout.epochs, components.share);
    await pause("layout", layout.epoch / layout.epochs);
  }
}

self.addEventListener("message", async ({ data }) => {
  try {
    if (data.kind === "begin") await project(data);
    else if (data.kind === "clusters" && reduced) sendClusters(data.clusters);
  } catch (error) {
    say({ kind: "failed", detail: error.message });
  }
});
