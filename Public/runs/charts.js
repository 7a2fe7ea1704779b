// The curves of one run, the quality first. What the run declares has a chart; what it does not declare has none.

import { Board } from "../charts/board.js";
import { Chart } from "../charts/chart.js";
import { element } from "../dom.js";
import { lowerBound } from "../charts/series.js";
import { Curves } from "./curves.js";

const points = 1500;
// Figures of the last evaluated checkpoint: between two of them they say nothing new.
export const judgedFigures = ["knn_accuracy", "view_recall", "rankme"];
const order = [
  ...judgedFigures, "loss", "cosine", "learning_rate", "tau", "embedding_std", "projection_std", "images_per_second",
  "view_wait_share",
];
const place = (name) => (order.includes(name) ? order.indexOf(name) : order.length);
export const inOrder = (metrics) => metrics.toSorted((a, b) => place(a.name) - place(b.name));

// A curve of a chart. A judged figure has a point where it changed, and holds until the last step.
export function curveOf(figure, columns, xs, rest) {
  const values = columns[figure.name] ?? columns.step.map(() => null);
  if (!judgedFigures.includes(figure.name)) {
    return { ...rest, xs, ys: values, steps: columns.step, hasValues: values.some((value) => value !== null) };
  }
  const kept = values.map((value, k) => k).filter((k) => values[k] !== null && values[k] !== (values[k - 1] ?? null));
  if (kept.length && kept.at(-1) !== values.length - 1) kept.push(values.length - 1);
  const at = (column) => kept.map((k) => column[k]);
  return { ...rest, isHeld: true, xs: at(xs), ys: at(values), steps: at(columns.step), hasValues: kept.length > 0 };
}

export class RunCharts {
  constructor(context, id) {
    this.curves = new Curves(context.api, id, points);
    this.board = new Board({ onAxis: () => this.show(), onZoom: (range) => this.zoomed(range) });
    this.act = context.act;
    this.charts = [];
    this.declared = "";
    this.levels = [];
    this.timeline = null;
    this.quality = element("div", { class: "charts quality", hidden: true });
    this.others = element("div", { class: "charts", hidden: true });
    this.none = element("p", { class: "note" }, "The first values appear after a few steps.");
    this.element = element("section", { class: "panel", "aria-labelledby": "curves-heading" },
      element("div", { class: "panel-head" }, element("h2", { id: "curves-heading" }, "Quality and curves"),
        this.board.node),
      this.none, this.quality, this.others);
  }

  stop() {
    this.board.stop();
  }

  // A chart for each declared figure; they stay as long as the declarations do.
  declare(metrics) {
    const declared = JSON.stringify(metrics);
    if (this.declared === declared) return;
    this.declared = declared;
    this.charts = [];
    const charts = inOrder(metrics).map((figure) => new Chart(figure, this.board));
    this.board.keep(charts);
    this.charts = charts;
    this.quality.replaceChildren(...charts.filter(({ figure }) => judgedFigures.includes(figure.name))
      .map(({ node }) => node));
    this.others.replaceChildren(...charts.filter(({ figure }) => !judgedFigures.includes(figure.name))
      .map(({ node }) => node));
  }

  // What the quality is compared with: figures that need no training.
  setLevels(dataset, evaluation) {
    const rows = evaluation?.report?.rows ?? [];
    const free = rows.filter(({ subject }) => subject !== "model").map(({ subject, accuracies }) => ({
      value: accuracies.find(({ protocol }) => protocol === "knn-20")?.top1, label: subject.replaceAll("_", " "),
    })).filter(({ value }) => Number.isFinite(value)).toSorted((a, b) => b.value - a.value);
    // Without training: the best there is, and the network as it began.
    const network = free.slice(1).find(({ label }) => label === "random network");
    const counts = Object.values(dataset?.labels ?? {});
    const levels = [
      free[0], network,
      counts.length > 1
        ? { value: Math.max(...counts) / counts.reduce((sum, one) => sum + one, 0), label: "most frequent label" }
          : null,
    ].filter((level) => Number.isFinite(level?.value));
    if (JSON.stringify(levels) === JSON.stringify(this.levels)) return;
    this.levels = levels;
    this.show();
  }

  // Steps in the middle of a zoom are fetched whole, which a thinned curve does not have.
  zoomed(range) {
    const { columns } = this.curves;
    const xs = range && this.timeline ? this.timeline.places(columns, this.board.settings.axis) : [];
    this.curves.showFrom(range ? columns.step[Math.max(0, lowerBound(xs, range.low) - 1)] ?? null : null);
    this.act(() => {});
  }

  async refresh(run, timeline, signal) {
    this.board.name = run.name;
    this.isLive = ["running", "stopping"].includes(run.state);
    this.declare(run.declared_metrics);
    const isNewTimeline = JSON.stringify(timeline.begins) !== JSON.stringify(this.timeline?.begins);
    this.timeline = timeline;
    if (await this.curves.update(run, signal) || isNewTimeline) this.show();
  }

  show() {
    if (!this.timeline) return;
    const { columns } = this.curves;
    const isEmpty = columns.step.length === 0;
    this.none.hidden = !isEmpty;
    this.quality.hidden = isEmpty;
    this.others.hidden = isEmpty;
    const xs = this.timeline.places(columns, this.board.settings.axis);
    for (const chart of this.charts) {
      const color = judgedFigures.includes(chart.figure.name) ? 2 : chart.figure.name === "embedding_std" ? 1 : 0;
      chart.setSeries([curveOf(chart.figure, columns, xs,
        { id: chart.figure.name, name: this.board.name, color, isLive: this.isLive })],
        chart.figure.name === "knn_accuracy" ? this.levels : []);
    }
  }
}
