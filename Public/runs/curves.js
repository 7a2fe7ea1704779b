// The curves of one run, kept up to date: what is new is added, all is fetched again where the steps were done again.

export class Curves {
  // `points` is about how many points the whole curve is thinned to.
  constructor(api, id, points) {
    Object.assign(this,
      { api, id, points, columns: { step: [], time: [] }, metrics: [], stage: "", fineFrom: null, wanted: null });
  }

  path(query) {
    return `/v1/runs/${this.id}/metrics?${query}`;
  }

  get lastStep() {
    return this.columns.step.at(-1) ?? -1;
  }

  // Asks for all points from `step` on, as a zoom does; null for the whole curve, thinned.
  showFrom(step) {
    this.wanted = step;
  }

  // Returns whether anything changed.
  async update(run, signal) {
    const stage = `${run.restarts}/${run.resumed_from}`;
    const isRewound = stage !== this.stage || run.progress.step < this.lastStep;
    const isLong = this.columns.step.length > this.points * 2 && this.fineFrom === null;
    if (isRewound || isLong || this.wanted !== this.fineFrom || this.lastStep < 0) {
      const { wanted } = this;
      await this.load(wanted, signal);
      this.stage = stage;
      this.fineFrom = wanted;
      return true;
    }
    if (run.progress.step <= this.lastStep && !["running", "stopping"].includes(run.state)) return false;
    const { body, changed } = await this.api.poll(this.path(`since=${this.lastStep}&max_points=${this.points}`),
      signal);
    if (!changed || !body.columns.step.length) return false;
    this.append(body);
    return true;
  }

  async load(from, signal) {
    const { body } = await this.api.poll(this.path(`max_points=${this.points}`), signal);
    this.metrics = body.metrics;
    this.columns = body.columns;
    if (from === null) return;
    const fine = (await this.api.poll(this.path(`since=${Math.max(0, from)}&max_points=10000`), signal)).body;
    const kept = this.columns.step.findIndex((step) => step > from);
    if (kept >= 0) {
      for (const name of Object.keys(this.columns)) this.columns[name] = this.columns[name].slice(0, kept);
    }
    this.append(fine);
  }

  append(body) {
    const length = this.columns.step.length;
    this.metrics = body.metrics;
    const columns = {};
    for (const [name, values] of Object.entries(body.columns)) {
      columns[name] = [...(this.columns[name] ?? new Array(length).fill(null)), ...values];
    }
    this.columns = columns;
  }
}
