// Charts that belong together: one cursor, one zoom, one way of drawing for all of them, and the controls for these.

import { save } from "../api.js";
import { element, setText } from "../dom.js";
import { count, duration, moment } from "../format.js";
import { inBrowser } from "../memory.js";
import { lowerBound } from "./series.js";

export const colorCount = 10;
const settingsName = "byol-charts";
const defaults = { smoothing: 0, logY: false, logX: false, axis: "relative" };
// Drawing leaves most of a frame of 16 ms to everything else.
const drawingMilliseconds = 6;
const leastDrag = 6;
const axisNames = { relative: "training time", step: "steps", wall: "time of day" };

export class Board {
  // `onAxis` is called when the curves need other xs, `onZoom` when the zoom has changed.
  constructor({ onAxis = () => {}, onZoom = () => {}, name = "curves" } = {}) {
    Object.assign(this, { onAxis, onZoom, name, charts: [], zoom: null, cursor: null, hovered: null });
    this.settings = inBrowser.settings(settingsName, defaults);
    if (!(this.settings.axis in axisNames)) this.settings.axis = defaults.axis;
    this.waiting = new Set();
    this.frame = null;
    this.palette = null;
    this.sizes = new ResizeObserver((entries) => this.each(entries, (chart) => chart.touch()));
    this.sight = new IntersectionObserver((entries) => this.each(entries, (chart, entry) => {
      chart.isSeen = entry.isIntersecting;
      if (chart.isSeen && chart.isStale) this.drawSoon(chart);
    }), { rootMargin: "200px" });
    this.onTheme = () => {
      this.palette = null;
      this.redraw();
    };
    window.addEventListener("themechange", this.onTheme);
    this.said = element("p", { class: "visually-hidden", role: "status" });
    this.node = this.controls();
  }

  stop() {
    this.sizes.disconnect();
    this.sight.disconnect();
    cancelAnimationFrame(this.frame);
    window.removeEventListener("themechange", this.onTheme);
  }

  each(entries, work) {
    for (const entry of entries) {
      const chart = this.charts.find(({ plot }) => plot === entry.target);
      if (chart) work(chart, entry);
    }
  }

  // Charts that are gone are no longer drawn.
  keep(charts) {
    for (const chart of this.charts) {
      if (charts.includes(chart)) continue;
      this.sizes.unobserve(chart.plot);
      this.sight.unobserve(chart.plot);
      this.waiting.delete(chart);
    }
    this.charts = charts;
  }

  // MARK: controls

  controls() {
    const amount = element("output", { class: "note" }, "");
    const slider = element("input", {
      type: "range", min: "0", max: "0.99", step: "0.01", value: String(this.settings.smoothing),
      "aria-label": "Smoothing",
      oninput: () => this.change({ smoothing: Number(slider.value) }),
    });
    const showAmount = () => setText(amount, this.settings.smoothing ? String(this.settings.smoothing) : "off");
    slider.addEventListener("input", showAmount);
    showAmount();
    const axis = element("select", {
      "aria-label": "Horizontal axis",
      onchange: () => {
        this.zoom = null;
        this.cursor = null;
        this.change({ axis: axis.value });
        this.onAxis();
        this.showZoom();
      },
    }, Object.entries(axisNames).map(([value, text]) => element("option", { value }, text)));
    axis.value = this.settings.axis;
    const check = (name, text) => element("label", { class: "check" }, element("input", {
      type: "checkbox", checked: this.settings[name],
      onchange: (event) => this.change({ [name]: event.target.checked }),
    }), text);
    this.reset = element("button",
      { type: "button", class: "small", hidden: true, onclick: () => this.setZoom(null) }, "Show all");
    return element("div", { class: "board-tools" },
      element("label", { class: "inline" }, "Over", axis),
      element("label", { class: "inline" }, "Smoothing", slider, amount),
      check("logY", "log y"), check("logX", "log x"), this.reset, this.said);
  }

  change(values) {
    Object.assign(this.settings, values);
    inBrowser.keep(settingsName, this.settings);
    for (const chart of this.charts) chart.smoothed.clear();
    this.redraw();
  }

  // MARK: ranges

  wholeRange() {
    let low = Infinity;
    let high = -Infinity;
    for (const { series } of this.charts) {
      for (const { xs } of series) {
        if (!xs.length) continue;
        // A logarithmic axis begins at the first value that has a logarithm.
        const first = this.settings.logX ? xs[Math.min(xs.length - 1, lowerBound(xs, Number.MIN_VALUE))] : xs[0];
        low = Math.min(low, first);
        high = Math.max(high, xs.at(-1));
      }
    }
    if (!(high >= low)) return { low: 0, high: 1 };
    return high > low ? { low, high } : { low, high: low + 1 };
  }

  // The whole range with a little room for what comes, so that it does not change with every point: then only the curve
  // that grew is drawn again. Without anything new it ends where the curves end.
  roomyRange() {
    const { low, high } = this.wholeRange();
    const last = this.roomy;
    const fits = last && last.low === low && high <= last.high && last.high - high <= (last.high - low) * 0.04;
    if (fits) return last;
    const isLive = this.charts.some(({ series }) => series.some((curve) => curve.isLive));
    this.roomy = { low, high: isLive ? high + (high - low) * 0.02 : high };
    return this.roomy;
  }

  visibleRange() {
    return this.zoom ?? this.whole ?? this.roomyRange();
  }

  setZoom(range) {
    this.zoom = range && range.high > range.low ? range : null;
    this.showZoom();
    this.redraw();
    this.onZoom(this.zoom);
  }

  showZoom() {
    this.reset.hidden = this.zoom === null;
  }

  zoomBy(factor, around) {
    const { low, high } = this.visibleRange();
    const middle = around ?? this.cursor ?? (low + high) / 2;
    const whole = this.wholeRange();
    const range = {
      low: Math.max(whole.low, middle - (middle - low) * factor),
      high: Math.min(whole.high, middle + (high - middle) * factor),
    };
    this.setZoom(range.low <= whole.low && range.high >= whole.high ? null : range);
  }

  pan(share) {
    if (!this.zoom) return;
    const { low, high } = this.zoom;
    const whole = this.wholeRange();
    const by = Math.max(whole.low - low, Math.min(whole.high - high, (high - low) * share));
    this.setZoom({ low: low + by, high: high + by });
  }

  // MARK: drawing

  redraw() {
    for (const chart of this.charts) chart.touch();
  }

  drawSoon(chart) {
    this.waiting.add(chart);
    this.frame ??= requestAnimationFrame(() => this.drawSome());
  }

  // As many charts as fit into a part of a frame; the others come with the next one.
  drawSome() {
    this.frame = null;
    const started = performance.now();
    // All charts of a board share the range, which is looked for once.
    this.whole = this.roomyRange();
    for (const chart of [...this.waiting]) {
      this.waiting.delete(chart);
      chart.draw();
      if (performance.now() - started > drawingMilliseconds) break;
    }
    this.whole = null;
    if (this.waiting.size) this.frame ??= requestAnimationFrame(() => this.drawSome());
  }

  colors() {
    if (this.palette) return this.palette;
    const style = getComputedStyle(document.documentElement);
    const named = (name) => style.getPropertyValue(name).trim();
    const curves = Array.from({ length: colorCount }, (_, k) => named(`--curve-${k}`));
    this.palette = {
      line: named("--line"), soft: named("--soft"), good: named("--good"), ink: named("--ink"), panel: named("--panel"),
      font: getComputedStyle(document.body).fontFamily, theme: named("--ink"), curve: (k) => curves[k % colorCount],
    };
    return this.palette;
  }

  swatch(curve) {
    return element("span", { class: `swatch curve-${curve.color % colorCount}${curve.dash ? " dashed" : ""}` });
  }

  // MARK: the pointer and the keys

  watch(chart) {
    this.charts.push(chart);
    chart.line = element("div", { class: "cursor-line", hidden: true });
    chart.dot = element("div", { class: "cursor-dot", hidden: true });
    chart.band = element("div", { class: "zoom-band", hidden: true });
    chart.plot.append(chart.band, chart.line, chart.dot);
    this.sizes.observe(chart.plot);
    this.sight.observe(chart.plot);
    let start = null;
    const x = (event) => event.clientX - chart.plot.getBoundingClientRect().left;
    chart.plot.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !chart.xScale) return;
      start = x(event);
      chart.plot.setPointerCapture(event.pointerId);
    });
    chart.plot.addEventListener("pointermove", (event) => {
      this.setCursor(chart.xScale ? chart.xScale.value(x(event)) : null, chart);
      if (start !== null) this.showBand(chart, start, x(event));
    });
    chart.plot.addEventListener("pointerup", (event) => {
      const end = x(event);
      if (start !== null && Math.abs(end - start) > leastDrag) this.zoomTo(chart, start, end);
      start = null;
      chart.band.hidden = true;
    });
    chart.plot.addEventListener("pointercancel", () => {
      start = null;
      chart.band.hidden = true;
    });
    chart.plot.addEventListener("pointerleave", () => this.setCursor(null, null));
    chart.plot.addEventListener("blur", () => this.setCursor(null, null));
    chart.plot.addEventListener("dblclick", () => this.setZoom(null));
    chart.plot.addEventListener("keydown", (event) => this.keyed(event, chart));
    chart.plot.addEventListener("wheel", (event) => {
      // A wheel alone scrolls the page.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      this.zoomBy(event.deltaY > 0 ? 1.25 : 0.8, chart.xScale?.value(x(event)));
    }, { passive: false });
  }

  zoomTo(chart, a, b) {
    const [low, high] = [Math.max(chart.left, Math.min(a, b)), Math.max(a, b)];
    this.setZoom({ low: chart.xScale.value(low), high: chart.xScale.value(high) });
  }

  showBand(chart, a, b) {
    chart.band.hidden = Math.abs(a - b) <= leastDrag;
    chart.band.style.left = `${Math.min(a, b)}px`;
    chart.band.style.width = `${Math.abs(a - b)}px`;
  }

  setCursor(x, chart) {
    this.cursor = x;
    this.hovered = chart;
    for (const one of this.charts) if (one.isSeen && one.xScale) one.showCursor();
  }

  placeCursor(chart, x, found) {
    const isThere = x !== null && x >= chart.left - 1 && x <= chart.width;
    chart.line.hidden = !isThere;
    chart.dot.hidden = !isThere || found.length !== 1;
    if (!isThere) return;
    chart.line.style.transform = `translateX(${x}px)`;
    if (found.length !== 1) return;
    const at = Math.max(chart.left, chart.xScale.at(found[0].x));
    chart.dot.style.transform = `translate(${at}px, ${chart.yScale.at(found[0].value)}px)`;
  }

  keyed(event, chart) {
    const moves = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in moves && event.shiftKey) this.pan(Math.sign(moves[event.key]) * 0.2);
    else if (event.key in moves) this.step(chart, moves[event.key]);
    else if (event.key === "+" || event.key === "=") this.zoomBy(0.7);
    else if (event.key === "-") this.zoomBy(1 / 0.7);
    else if (event.key === "0" || event.key === "Escape") this.setZoom(null);
    else return;
    event.preventDefault();
  }

  step(chart, by) {
    const longest = chart.series.reduce((best, { xs }) => (xs.length > best.length ? xs : best), []);
    if (!longest.length) return;
    const { low, high } = this.visibleRange();
    const [first, last] = [lowerBound(longest, low), Math.max(0, lowerBound(longest, high + 1e-9) - 1)];
    const at = this.cursor === null ? (by > 0 ? first - 1 : last + 1) : lowerBound(longest, this.cursor - 1e-9);
    this.setCursor(longest[Math.max(first, Math.min(last, at + by))], chart);
    const [reading] = chart.readings();
    if (reading) setText(this.said, `${chart.value.textContent} ${chart.place.textContent}`);
  }

  // MARK: words

  xText(x) {
    if (this.settings.axis === "relative") return duration(x);
    return this.settings.axis === "wall" ? moment(x * 1000) : `step ${count(x)}`;
  }

  placeText({ curve, at, x }) {
    const step = curve.steps ? `step ${count(curve.steps[at])}` : "";
    return this.settings.axis === "step" || !step ? this.xText(x) : `${step} · ${this.xText(x)}`;
  }

  // MARK: files

  savePicture(chart) {
    const [width, height, head] = [Math.max(640, chart.width ?? 640), 360, 40];
    const legend = chart.series.length > 1 ? chart.series : [];
    const canvas = element("canvas", { width: width * 2, height: (height + head + legend.length * 18 + 8) * 2 });
    const pen = canvas.getContext("2d");
    const colors = this.colors();
    pen.scale(2, 2);
    const curves = document.createElement("canvas");
    Object.assign(curves, { width: width * 2, height: height * 2 });
    const inner = curves.getContext("2d");
    inner.scale(2, 2);
    chart.paint(inner, width, height, colors);
    pen.fillStyle = colors.panel;
    pen.fillRect(0, 0, width, canvas.height);
    pen.drawImage(curves, 0, head, width, height);
    pen.fillStyle = colors.ink;
    pen.font = `600 16px ${colors.font}`;
    pen.fillText(`${chart.figure.title} – ${this.name}`, 14, 26);
    legend.forEach((curve, k) => {
      pen.font = `12px ${colors.font}`;
      pen.fillStyle = colors.curve(curve.color);
      pen.fillRect(14, height + head + k * 18 + 4, 18, 3);
      pen.fillStyle = colors.ink;
      pen.fillText(curve.name, 40, height + head + k * 18 + 10);
    });
    // The scales on the screen are others.
    chart.draw();
    canvas.toBlob((blob) => save(blob, `${this.fileName(chart)}.png`), "image/png");
  }

  saveTable(chart) {
    const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
    const { axis } = this.settings;
    const place = { step: "x", wall: "unix_seconds", relative: "training_seconds" }[axis];
    const lines = [`run,step,${place},${chart.figure.name}`];
    for (const { name, steps, xs, ys } of chart.series) {
      xs.forEach((x, k) => lines.push(`${quoted(name)},${steps?.[k] ?? ""},${x},${ys[k] ?? ""}`));
    }
    save(new Blob([`${lines.join("\n")}\n`], { type: "text/csv" }), `${this.fileName(chart)}.csv`);
  }

  fileName(chart) {
    return `${this.name}-${chart.figure.name}`.replaceAll(/[^\p{L}\p{N}._-]+/gu, "-");
  }
}
