// When which update was done. The service stores curves by step; the times of a worker's start, its checkpoints and its
// end are those of its events, and steps between two of them are taken to be evenly spread.

import { now as serviceTime } from "../api.js";
import { lowerBound } from "../charts/series.js";

export class Timeline {
  // `events` oldest first; `run` for where it is now.
  constructor(events, run) {
    this.steps = [];
    this.elapsed = [];
    this.wall = [];
    let trained = 0;
    let last = null;
    for (const event of events) {
      const wall = Date.parse(event.time) / 1000;
      if (event.kind === "worker_started") {
        last = wall;
        this.rewind(event.step ?? 0);
        this.add(event.step ?? 0, trained, wall);
      } else if (last !== null && event.kind === "checkpoint" && Number.isFinite(event.step)) {
        trained += Math.max(0, wall - last);
        last = wall;
        this.add(event.step, trained, wall);
      } else if (last !== null
        && (event.kind === "worker_exited" || (event.kind === "state" && event.state !== "stopping"))) {
        trained += Math.max(0, wall - last);
        last = null;
      }
    }
    const isRunning = last !== null && ["running", "stopping"].includes(run.state);
    const now = serviceTime() / 1000;
    const { step } = run.progress;
    if (isRunning && step > (this.steps.at(-1) ?? 0)) this.add(step, trained + now - last, now);
    this.trained = trained + (isRunning ? now - last : 0);
  }

  add(step, elapsed, wall) {
    this.steps.push(step);
    this.elapsed.push(elapsed);
    this.wall.push(wall);
  }

  // A worker that goes on from an earlier checkpoint does the steps after it again.
  rewind(step) {
    while (this.steps.length && this.steps.at(-1) > step) {
      this.steps.pop();
      this.elapsed.pop();
      this.wall.pop();
    }
  }

  // The xs of `steps` on an axis: `step`, `relative` (seconds of training) or `wall` (seconds since 1970).
  places(steps, axis) {
    if (axis === "step") return steps;
    const times = axis === "wall" ? this.wall : this.elapsed;
    if (times.length < 2) return steps.map(() => times[0] ?? 0);
    return steps.map((step) => this.at(step, times));
  }

  at(step, times) {
    const after = Math.min(this.steps.length - 1, Math.max(1, lowerBound(this.steps, step)));
    const span = this.steps[after] - this.steps[after - 1];
    const share = span > 0 ? (step - this.steps[after - 1]) / span : 1;
    // Beyond the last event the last speed goes on, but no further than once again as long.
    return times[after - 1] + (times[after] - times[after - 1]) * Math.max(0, Math.min(2, share));
  }
}
