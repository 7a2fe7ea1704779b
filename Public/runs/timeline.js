// How long a run had been trained at a time of day: pauses between workers do not count.

import { now as serviceTime } from "../api.js";

export class Timeline {
  // `events` oldest first; `run` for whether it still goes on. Times are in seconds since 1970.
  constructor(events, run) {
    // When workers began, when each ended (null for one that works), and how long those before it had trained.
    this.begins = [];
    this.ends = [];
    this.before = [];
    for (const event of events) {
      const time = Date.parse(event.time) / 1000;
      if (event.kind === "worker_started") this.begin(time);
      else if (event.kind === "worker_exited" || (event.kind === "state" && event.state !== "stopping")) this.end(time);
    }
    if (!["running", "stopping"].includes(run.state)) this.end(this.begins.at(-1));
  }

  get isOpen() {
    return this.ends.length > 0 && this.ends.at(-1) === null;
  }

  begin(time) {
    this.end(time);
    this.before.push(this.ends.length ? this.elapsed(this.ends.at(-1)) : 0);
    this.begins.push(time);
    this.ends.push(null);
  }

  end(time) {
    if (this.isOpen) this.ends[this.ends.length - 1] = Math.max(time, this.begins.at(-1));
  }

  // Seconds of training up to a time of day.
  elapsed(time) {
    const span = this.begins.findLastIndex((begin) => begin <= time);
    if (span < 0) return 0;
    return this.before[span] + Math.min(time, this.ends[span] ?? Infinity) - this.begins[span];
  }

  get trained() {
    return this.begins.length ? this.elapsed(serviceTime() / 1000) : 0;
  }

  // The xs of columns on an axis: `step`, `relative` (seconds of training) or `wall` (seconds since 1970).
  places(columns, axis) {
    if (axis === "step") return columns.step;
    return axis === "wall" ? columns.time : columns.time.map((time) => this.elapsed(time));
  }
}
