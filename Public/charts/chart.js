// One chart on a canvas: curves of one figure. Cursor and zoom are shared with the other charts of its board.

import { element, setText } from "../dom.js";
import { number } from "../format.js";
import { extent, lastBefore, lowerBound, nearest, smooth, trace } from "./series.js";
import { durationTicks, scale, ticks, timeTicks } from "./scale.js";

const room = { top: 8, right: 12, bottom: 24, left: 8 };
const rowsInTip = 12;
const extents = new WeakMap();

export class Chart {
  // `figure` is {name, title, sentence, reference, minimum}; `lines` are further dashed levels, [{value, label}].
  constructor(figure, board, { isWide = false } = {}) {
    Object.assign(this,
      { figure, board, isWide, series: [], lines: [], isSeen: true, isStale: true, smoothed: new Map() });
    this.value = element("span", { class: "chart-value" }, "–");
    this.place = element("span", { class: "chart-step" });
    this.canvas = element("canvas");
    this.tip = element("div", { class: "tip", hidden: true });
    const plot = { class: "plot", tabindex: "0", role: "img", "aria-label": `${figure.title}: not drawn yet` };
    this.plot = element("div", plot, this.canvas, this.tip);
    this.node = element("figure", { class: isWide ? "chart wide" : "chart", "data-figure": figure.name },
      element("figcaption", {}, element("h3", {}, figure.title),
        element("span", { class: "chart-now" }, this.value, this.place)),
      this.plot,
      element("div", { class: "chart-foot" }, element("p", { class: "note" }, figure.sentence),
        element("span", { class: "chart-save" },
          element("button",
            { type: "button", class: "quiet small", "aria-label": `${figure.title} as PNG`,
              onclick: () => board.savePicture(this) }, "PNG"),
          element("button",
            { type: "button", class: "quiet small", "aria-label": `${figure.title} as CSV`,
              onclick: () => board.saveTable(this) }, "CSV"))));
    board.watch(this);
  }

  // Each curve is {id, name, color, dash, xs, ys, steps, isLive, isHeld}, its xs sorted. A curve that is given again as
  // the same object has not changed; `isLive` says that it will grow, `isHeld` that a value holds until the next one.
  setSeries(series, lines = []) {
    for (const curve of this.series) if (!series.includes(curve)) this.smoothed.delete(curve);
    this.series = series;
    this.lines = lines;
    this.touch();
  }

  touch() {
    this.isStale = true;
    if (this.isSeen) this.board.drawSoon(this);
  }

  values(curve) {
    const weight = this.board.settings.smoothing;
    if (!(weight > 0)) return curve.ys;
    if (!this.smoothed.has(curve)) this.smoothed.set(curve, smooth(curve.ys, weight));
    return this.smoothed.get(curve);
  }

  // MARK: drawing

  draw() {
    const box = this.plot.getBoundingClientRect();
    if (!box.width) return;
    this.isStale = false;
    this.width = box.width;
    this.height = box.height;
    const dots = window.devicePixelRatio || 1;
    const [wide, tall] = [Math.round(this.width * dots), Math.round(this.height * dots)];
    if (this.canvas.width !== wide) this.canvas.width = wide;
    if (this.canvas.height !== tall) this.canvas.height = tall;
    const pen = this.canvas.getContext("2d");
    pen.setTransform(dots, 0, 0, dots, 0, 0);
    this.paint(pen, this.width, this.height, this.board.colors(), dots);
    this.plot.setAttribute("aria-label", this.summary());
    this.showCursor();
  }

  paint(pen, width, height, colors, dots = 2) {
    pen.clearRect(0, 0, width, height);
    pen.font = `11.5px ${colors.font}`;
    const xRange = this.board.visibleRange();
    const parts = this.visibleParts(xRange);
    const { yScale, yTicks } = this.vertical(parts, height, `${xRange.low}/${xRange.high}`);
    const left = room.left + 6 + Math.max(12, ...yTicks.map(([, label]) => pen.measureText(label).width));
    const isLogX = this.board.settings.logX && xRange.low > 0;
    const xScale = scale(xRange.low, xRange.high, left, width - room.right, isLogX);
    Object.assign(this, { xScale, yScale, left });
    this.paintStill({ pen, width, height, left, colors, yTicks, xRange, isLogX, parts, dots });
    this.clipped(pen, { width, height, left },
      () => this.paintCurves(pen, parts.filter(({ curve }) => curve.isLive), colors, parts.length));
  }

  clipped(pen, { width, height, left }, work) {
    pen.save();
    pen.beginPath();
    pen.rect(left - 2, 0, width - left - room.right + 4, height - room.bottom + 2);
    pen.clip();
    work();
    pen.restore();
  }

  // The frame and the curves that do not grow, painted once as long as nothing about them changes.
  paintStill({ pen, width, height, left, colors, yTicks, xRange, isLogX, parts, dots }) {
    const still = parts.filter(({ curve }) => !curve.isLive);
    const { settings } = this.board;
    const key = JSON.stringify([width, height, dots, left, xRange, this.yScale.low, this.yScale.high, settings,
      this.lines, colors.theme]);
    const painted = this.still?.key === key ? this.still.curves : null;
    const isSame = painted?.length === still.length && still.every(({ curve }, k) => curve === painted[k]);
    if (!isSame) {
      const canvas = this.still?.canvas ?? document.createElement("canvas");
      Object.assign(canvas, { width: Math.round(width * dots), height: Math.round(height * dots) });
      const stillPen = canvas.getContext("2d");
      stillPen.setTransform(dots, 0, 0, dots, 0, 0);
      stillPen.font = pen.font;
      this.paintFrame(stillPen, { width, height, left, colors, yTicks, xRange, isLogX });
      this.clipped(stillPen, { width, height, left }, () => {
        this.paintLevels(stillPen, { width, left, colors });
        this.paintCurves(stillPen, still, colors, parts.length);
      });
      this.still = { key, canvas, curves: still.map(({ curve }) => curve) };
    }
    pen.drawImage(this.still.canvas, 0, 0, width, height);
  }

  // The curves' places in the visible range, with one more at each side so that lines reach the edge.
  visibleParts({ low, high }) {
    return this.series.map((curve) => ({
      curve, from: Math.max(0, lowerBound(curve.xs, low) - 1),
      to: Math.min(curve.xs.length, lowerBound(curve.xs, high) + 1),
    })).filter(({ from, to }) => to > from);
  }

  // A curve's least and greatest value in the visible range, looked for once as long as neither changes.
  extentOf({ curve, from, to }, isLog, rangeName) {
    const name = `${rangeName}/${isLog}/${this.board.settings.smoothing}`;
    const known = extents.get(curve);
    if (known?.name === name) return known.found;
    const found = extent(curve.ys, from, to, isLog, { low: Infinity, high: -Infinity });
    extent(this.values(curve), from, to, isLog, found);
    extents.set(curve, { name, found });
    return found;
  }

  vertical(parts, height, rangeName) {
    const all = (isLog) => parts.map((part) => this.extentOf(part, isLog, rangeName));
    const [least, greatest] = [(list) => Math.min(...list.map((one) => one.low)),
      (list) => Math.max(...list.map((one) => one.high))];
    const isPositive = this.board.settings.logY && least(all(false)) >= 0 && greatest(all(false)) > 0;
    let [low, high] = [least(all(isPositive)), greatest(all(isPositive))];
    for (const level of this.levels()) {
      // A level far away would press the curve flat.
      if (level.value < high + 2 * (high - low) && level.value > low - 2 * (high - low)) {
        low = Math.min(low, level.value);
        high = Math.max(high, level.value);
      }
    }
    if (!(high >= low)) [low, high] = isPositive ? [0.1, 1] : [0, 1];
    if (high - low < 1e-9 * Math.max(1, Math.abs(high))) {
      const around = Math.abs(high) * 0.1 || 0.5;
      [low, high] = isPositive ? [low / 2, high * 2] : [low - around, high + around];
    } else if (isPositive) {
      const factor = (high / low) ** 0.05;
      [low, high] = [low / factor, high * factor];
    } else {
      const air = (high - low) * 0.06;
      // Where 0 is the least possible value and near, the axis begins there.
      low = this.figure.minimum === 0 && low >= 0 && low < 2 * (high - low) ? 0 : low - air;
      high += air;
    }
    const yScale = scale(low, high, height - room.bottom, room.top, isPositive);
    return { yScale, yTicks: ticks(low, high, Math.max(2, Math.round(height / 42)), { isLog: isPositive }) };
  }

  levels() {
    const own = Number.isFinite(this.figure.reference) ? [{ value: this.figure.reference, label: "" }] : [];
    return [...own, ...this.lines];
  }

  paintFrame(pen, { width, height, left, colors, yTicks, xRange, isLogX }) {
    pen.lineWidth = 1;
    pen.strokeStyle = colors.line;
    pen.fillStyle = colors.soft;
    pen.textBaseline = "middle";
    pen.textAlign = "right";
    pen.beginPath();
    for (const [value, label] of yTicks) {
      const y = Math.round(this.yScale.at(value)) + 0.5;
      pen.moveTo(left, y);
      pen.lineTo(width - room.right, y);
      pen.fillText(label, left - 6, y);
    }
    pen.stroke();
    pen.textBaseline = "alphabetic";
    pen.textAlign = "center";
    const wanted = Math.max(2, Math.floor((width - left) / 80));
    const { axis } = this.board.settings;
    const marks = isLogX ? ticks(xRange.low, xRange.high, wanted, { isLog: true })
      : axis === "relative" ? durationTicks(xRange.low, xRange.high, wanted)
        : axis === "wall" ? timeTicks(xRange.low, xRange.high, wanted)
          : ticks(xRange.low, xRange.high, wanted, { isWhole: true });
    let end = -Infinity;
    for (const [value, label] of marks) {
      const half = pen.measureText(label).width / 2;
      const x = Math.min(width - half - 1, Math.max(half + 1, this.xScale.at(value)));
      if (x - half < end + 8) continue;
      pen.fillText(label, x, height - 6);
      end = x + half;
    }
  }

  paintLevels(pen, { width, left, colors }) {
    pen.setLineDash([4, 4]);
    pen.lineWidth = 1.2;
    pen.textAlign = "right";
    for (const level of this.levels()) {
      if (level.value < this.yScale.low || level.value > this.yScale.high) continue;
      const y = this.yScale.at(level.value);
      pen.strokeStyle = colors.good;
      pen.fillStyle = colors.good;
      pen.beginPath();
      pen.moveTo(left, y);
      pen.lineTo(width - room.right, y);
      pen.stroke();
      if (level.label) pen.fillText(level.label, width - room.right - 2, y - 4);
    }
    pen.setLineDash([]);
  }

  paintCurves(pen, parts, colors, count) {
    const isSmoothed = this.board.settings.smoothing > 0;
    pen.lineJoin = "round";
    pen.lineCap = "round";
    for (const { curve, from, to } of parts) {
      pen.strokeStyle = colors.curve(curve.color);
      pen.setLineDash(curve.dash ?? []);
      pen.lineWidth = count > 12 ? 1.2 : 1.8;
      if (isSmoothed) {
        pen.globalAlpha = 0.22;
        this.stroke(pen, curve.xs, curve.ys, from, to);
        pen.globalAlpha = 1;
      }
      this.stroke(pen, curve.xs, this.values(curve), from, to);
      const last = to - 1;
      if (count === 1 && to === curve.xs.length && curve.ys[last] !== null) {
        pen.fillStyle = colors.curve(curve.color);
        pen.beginPath();
        pen.arc(this.xScale.at(curve.xs[last]), this.yScale.at(this.values(curve)[last]), 3.2, 0, 7);
        pen.fill();
      }
    }
    pen.setLineDash([]);
  }

  stroke(pen, xs, ys, from, to) {
    pen.beginPath();
    trace(pen, xs, ys, from, to, this.xScale, this.yScale);
    pen.stroke();
  }

  // MARK: the cursor

  // What each curve shows at the cursor, or at its end without one.
  readings() {
    const { cursor } = this.board;
    const isOne = this.series.length === 1;
    return this.series.map((curve) => {
      // Of several runs those that were not under way at the cursor say nothing there.
      if (!isOne && cursor !== null && (cursor < curve.xs[0] || cursor > curve.xs.at(-1))) return null;
      const at = (curve.isHeld ? lastBefore : nearest)(curve.xs, curve.ys, cursor ?? Infinity);
      return at < 0 ? null : { curve, at, x: curve.xs[at], value: this.values(curve)[at] };
    }).filter(Boolean);
  }

  showCursor() {
    const found = this.readings();
    const { cursor } = this.board;
    if (this.series.length === 1 && found.length) {
      setText(this.value, number(found[0].value, 4));
      setText(this.place, this.board.placeText(found[0]));
    } else {
      setText(this.value, found.length ? "" : "–");
      setText(this.place, cursor === null || !found.length ? "" : this.board.xText(cursor));
    }
    const isShown = cursor !== null && this.xScale && found.length > 0;
    this.board.placeCursor(this, isShown ? this.xScale.at(cursor) : null, found);
    this.showTip(isShown && this.series.length > 1 && this.board.hovered === this, found);
  }

  showTip(isShown, found) {
    this.tip.hidden = !isShown;
    if (!isShown) return;
    const rows = found.toSorted((a, b) => b.value - a.value);
    this.tip.replaceChildren(...rows.slice(0, rowsInTip).map(({ curve, value }) => element("span", { class: "tip-row" },
      this.board.swatch(curve), element("span", { class: "tip-name" }, curve.name),
      element("strong", {}, number(value, 4)))),
    ...(rows.length > rowsInTip ? [element("span", { class: "note" }, `and ${rows.length - rowsInTip} more`)] : []));
    this.tip.classList.toggle("at-left", this.xScale.at(this.board.cursor) > this.width / 2);
  }

  summary() {
    if (this.series.length > 1) return `${this.figure.title}: curves of ${this.series.length} runs`;
    const [curve] = this.series;
    const last = curve ? nearest(curve.xs, curve.ys, Infinity) : -1;
    if (last < 0) return `${this.figure.title}: no values yet`;
    const { low, high } = extent(curve.ys, 0, curve.ys.length, false, { low: Infinity, high: -Infinity });
    const first = nearest(curve.xs, curve.ys, -Infinity);
    const [start, end, least, greatest] = [curve.ys[first], curve.ys[last], low, high].map((value) => number(value, 4));
    return `${this.figure.title}: ${start} at first, ${end} at last, between ${least} and ${greatest}. `
      + "Arrow keys move the cursor, plus and minus zoom, 0 shows all.";
  }
}
