// Line charts as SVG: ticks at round numbers, gaps where a value is not finite, one cursor for all charts.

import { element, setText, svg } from "../dom.js";
import { count, number } from "../format.js";

const width = 330;
const height = 168;
const margin = { left: 42, right: 10, top: 10, bottom: 26 };
const inner = { width: width - margin.left - margin.right, height: height - margin.top - margin.bottom };

function roundStep(span, ticks) {
  const raw = span / ticks;
  const power = 10 ** Math.floor(Math.log10(raw));
  const unit = raw / power;
  return (unit > 5 ? 10 : unit > 2 ? 5 : unit > 1 ? 2 : 1) * power;
}

export function ticks(low, high, wanted = 4) {
  if (!(high > low)) return [low];
  const step = roundStep(high - low, wanted);
  const result = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k += 1) {
    result.push(Number((k * step).toPrecision(12)));
  }
  return result;
}

function range(values, fixed) {
  const finite = values.filter((value) => value !== null);
  // A fixed end that lies far from all values would press the curve flat.
  const isNear = fixed?.low !== undefined && Math.min(...finite) - fixed.low <= 2 * (Math.max(...finite) - Math.min(...finite));
  let low = isNear ? fixed.low : Math.min(...finite);
  let high = fixed?.high ?? Math.max(...finite);
  if (!Number.isFinite(low) || !Number.isFinite(high)) return { low: 0, high: 1 };
  if (finite.length) {
    low = Math.min(low, ...finite);
    high = Math.max(high, ...finite);
  }
  if (high - low < 1e-6) return { low: low - 0.5, high: high + 0.5 };
  const room = (high - low) * 0.06;
  return { low: fixed?.low === low ? low : low - room, high: fixed?.high === high ? high : high + room };
}

function pathOf(points) {
  let path = "";
  let pen = false;
  for (const point of points) {
    if (point === null) {
      pen = false;
      continue;
    }
    path += `${pen ? "L" : "M"}${point[0].toFixed(1)} ${point[1].toFixed(1)}`;
    pen = true;
  }
  return path;
}

export class Chart {
  // `note` says what the curve means; `guide`, set later, is a value worth a dashed line.
  constructor({ key, title, note, fixed, onCursor }) {
    Object.assign(this, { key, title, note, fixed, onCursor });
    this.guide = null;
    this.steps = [];
    this.values = [];
    this.value = element("output", { class: "chart-value" }, "–");
    this.step = element("span", { class: "chart-step" });
    this.plot = svg("svg", { viewBox: `0 0 ${width} ${height}`, tabindex: "0", role: "img", class: "plot" });
    this.node = element(
      "figure", { class: `chart chart-${key}` },
      element("figcaption", {}, element("h3", {}, title), element("span", { class: "chart-now" }, this.value, this.step)),
      this.plot, element("p", { class: "note" }, note));
    this.plot.addEventListener("pointermove", (event) => this.onCursor(this.indexAt(event)));
    this.plot.addEventListener("pointerleave", () => this.onCursor(null));
    this.plot.addEventListener("blur", () => this.onCursor(null));
    this.plot.addEventListener("keydown", (event) => this.keyed(event));
  }

  draw(steps, values, lastStep) {
    this.steps = steps;
    this.values = values;
    const yRange = range(values, this.guide ? { ...this.fixed, high: this.guide } : this.fixed);
    const xRange = { low: steps[0] ?? 0, high: Math.max(steps.at(-1) ?? 1, (steps[0] ?? 0) + 1) };
    this.x = (step) => margin.left + ((step - xRange.low) / (xRange.high - xRange.low)) * inner.width;
    this.y = (value) => margin.top + (1 - (value - yRange.low) / (yRange.high - yRange.low)) * inner.height;
    this.plot.replaceChildren(...this.axes(xRange, yRange), ...this.curve(), this.cursorNode());
    this.plot.setAttribute("aria-label", this.summary(lastStep));
    this.setCursor(null);
  }

  axes(xRange, yRange) {
    const parts = [];
    for (const tick of ticks(yRange.low, yRange.high)) {
      const y = this.y(tick);
      parts.push(svg("line", { x1: margin.left, x2: width - margin.right, y1: y, y2: y, class: "grid" }));
      const label = svg("text", { x: margin.left - 7, y: y + 4, class: "tick end" });
      label.textContent = number(tick);
      parts.push(label);
    }
    const stepTicks = ticks(xRange.low, xRange.high, 5).filter((tick) => Number.isInteger(tick));
    for (const tick of stepTicks) {
      const label = svg("text", { x: this.x(tick), y: height - 7, class: "tick middle" });
      label.textContent = count(tick);
      parts.push(label);
    }
    if (this.guide !== null && this.guide >= yRange.low && this.guide <= yRange.high) {
      const y = this.y(this.guide);
      parts.push(svg("line", { x1: margin.left, x2: width - margin.right, y1: y, y2: y, class: "guide" }));
    }
    return parts;
  }

  curve() {
    const points = this.values.map((value, k) => (value === null ? null : [this.x(this.steps[k]), this.y(value)]));
    const parts = [svg("path", { d: pathOf(points), class: "curve" })];
    const last = points.findLast((point) => point !== null);
    if (last) parts.push(svg("circle", { cx: last[0], cy: last[1], r: 3.2, class: "end-point" }));
    return parts;
  }

  cursorNode() {
    this.line = svg("line", { y1: margin.top, y2: margin.top + inner.height, class: "cursor" });
    this.dot = svg("circle", { r: 4, class: "cursor-dot" });
    return svg("g", {}, this.line, this.dot);
  }

  setCursor(index) {
    if (!this.line) return;
    this.cursor = index;
    const shown = index !== null && index < this.steps.length;
    const at = shown ? index : this.values.findLastIndex((value) => value !== null);
    const value = at >= 0 ? this.values[at] : null;
    setText(this.value, number(value, 4));
    setText(this.step, at >= 0 ? `step ${count(this.steps[at])}` : "");
    this.line.classList.toggle("shown", shown);
    this.dot.classList.toggle("shown", shown && value !== null);
    if (!shown) return;
    const x = this.x(this.steps[index]);
    this.line.setAttribute("x1", x);
    this.line.setAttribute("x2", x);
    if (value === null) return;
    this.dot.setAttribute("cx", x);
    this.dot.setAttribute("cy", this.y(value));
  }

  indexAt(event) {
    if (!this.steps.length) return null;
    const box = this.plot.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * width;
    let best = 0;
    for (let k = 1; k < this.steps.length; k += 1) {
      if (Math.abs(this.x(this.steps[k]) - x) < Math.abs(this.x(this.steps[best]) - x)) best = k;
    }
    return best;
  }

  keyed(event) {
    const moves = { ArrowLeft: -1, ArrowRight: 1 };
    if (!(event.key in moves) || !this.steps.length) return;
    event.preventDefault();
    const from = this.cursor ?? this.steps.length - 1;
    this.onCursor(Math.min(this.steps.length - 1, Math.max(0, from + moves[event.key])));
  }

  summary(lastStep) {
    const finite = this.values.filter((value) => value !== null);
    if (!finite.length) return `${this.title}: no values yet`;
    const last = number(finite.at(-1), 4);
    return `${this.title}: ${number(finite[0], 4)} at first, ${last} at step ${count(lastStep ?? this.steps.at(-1))}, `
      + `between ${number(Math.min(...finite), 4)} and ${number(Math.max(...finite), 4)}`;
  }
}

// A strip of bars, one a component: the look of a vector.
export function strip(vector) {
  const bars = 96;
  const size = Math.max(1, Math.ceil(vector.length / bars));
  const largest = Math.max(...vector.map(Math.abs), 1e-12);
  // After a ReLU no component is negative, and the bars have the whole height.
  const base = vector.some((value) => value < 0) ? 20 : 39;
  const parts = [];
  for (let bar = 0; bar * size < vector.length; bar += 1) {
    const part = vector.slice(bar * size, (bar + 1) * size);
    const tallest = part.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
    const tall = (Math.abs(tallest) / largest) * (base - 2);
    parts.push(svg("rect", {
      x: bar * 3, width: 2, y: tallest >= 0 ? base - tall : base, height: Math.max(0.4, tall),
      class: tallest >= 0 ? "positive" : "negative",
    }));
  }
  return svg("svg", {
    viewBox: `0 0 ${bars * 3} 40`, class: "strip", role: "img", preserveAspectRatio: "none",
    "aria-label": `${vector.length} components, the largest ${number(largest)}`,
  }, ...parts);
}
