// Where the map is drawn and touched: pan, zoom, lasso, hover; by pointer, wheel, pinch and keys.

import { element, setPicture, setText, svg } from "../dom.js";
import { Scene } from "./scene.js";
import { bounds, fitting, nearestPoint, panned, pointsWithin, zoomed } from "./view.js";

const reach = 14;
const step = 60;

export class Stage {
  // `onSelect` is told the points of a lasso, or null; `describe(k)` says what to show of a point: {path, name, label};
  // `onOpen(k)` is told of a click on one.
  constructor({ onSelect, describe, onOpen }) {
    Object.assign(this, { onSelect, describe, onOpen });
    this.canvas = element("canvas", { class: "map-canvas", tabindex: "0", role: "img", "aria-label": "Map" });
    this.path = svg("polyline", { class: "lasso" });
    this.image = element("img", { width: "96", height: "96", alt: "" });
    this.name = element("strong", {});
    this.label = element("span", { class: "note" });
    this.card = element("div", { class: "map-card", hidden: true }, this.image, this.name, this.label);
    this.node = element("div", { class: "map-stage" }, this.canvas,
      svg("svg", { class: "lasso-layer", "aria-hidden": "true" }, this.path), this.card);
    this.scene = new Scene(this.canvas);
    this.positions = new Float32Array(0);
    this.pointers = new Map();
    this.isLassoing = false;
    this.isFollowing = true;
    this.trail = null;
    this.listen();
    this.resizes = new ResizeObserver(() => (this.isFollowing ? this.fit() : this.scene.touch()));
    this.resizes.observe(this.canvas);
  }

  listen() {
    const { canvas } = this;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), event.offsetX, event.offsetY);
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.down(event));
    canvas.addEventListener("pointermove", (event) => this.moved(event));
    for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, (event) => this.up(event));
    canvas.addEventListener("pointerleave", () => this.hover(-1));
    canvas.addEventListener("keydown", (event) => this.keyed(event));
    canvas.addEventListener("dblclick", (event) => this.zoom(2, event.offsetX, event.offsetY));
  }

  get size() {
    return [this.canvas.clientWidth, this.canvas.clientHeight];
  }

  move(positions) {
    this.positions = positions;
    this.scene.move(positions);
    if (this.isFollowing) this.fit();
  }

  fit() {
    this.isFollowing = true;
    this.scene.look(fitting(bounds(this.positions), ...this.size));
  }

  look(view) {
    this.isFollowing = false;
    this.hover(-1);
    this.scene.look(view);
  }

  zoom(factor, px = this.size[0] / 2, py = this.size[1] / 2) {
    this.look(zoomed(this.scene.view, factor, px, py, ...this.size));
  }

  down(event) {
    this.canvas.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, [event.offsetX, event.offsetY]);
    this.start = [event.offsetX, event.offsetY];
    this.trail = this.pointers.size === 1 && (this.isLassoing || event.shiftKey) ? [[event.offsetX, event.offsetY]]
      : null;
    this.drawTrail();
  }

  moved(event) {
    const now = [event.offsetX, event.offsetY];
    const before = this.pointers.get(event.pointerId);
    if (!before) return this.hover(nearestPoint(this.positions, this.scene.view, ...now, ...this.size, reach), now);
    this.pointers.set(event.pointerId, now);
    if (this.trail) {
      const last = this.trail.at(-1);
      // A corner every few pixels is as fine as a hand draws.
      if (Math.hypot(now[0] - last[0], now[1] - last[1]) > 4) this.trail.push(now);
      this.drawTrail();
    } else if (this.pointers.size === 2) {
      const other = [...this.pointers].find(([id]) => id !== event.pointerId)[1];
      const spread = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
      this.zoom(spread(now) / Math.max(1, spread(before)), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else if (Math.hypot(now[0] - this.start[0], now[1] - this.start[1]) > 3) {
      this.look(panned(this.scene.view, now[0] - before[0], now[1] - before[1]));
    }
    return undefined;
  }

  up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    const { trail } = this;
    this.trail = null;
    this.drawTrail();
    if (event.type === "pointercancel") return;
    if (trail?.length > 2) {
      this.onSelect(pointsWithin(this.positions, this.scene.view, trail, ...this.size));
    } else if (!trail && Math.hypot(event.offsetX - this.start[0], event.offsetY - this.start[1]) <= 3) {
      const found = nearestPoint(this.positions, this.scene.view, event.offsetX, event.offsetY, ...this.size, reach);
      if (found >= 0) this.onOpen(found);
    }
  }

  keyed(event) {
    const moves = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in moves) this.look(panned(this.scene.view, ...moves[event.key]));
    else if (event.key === "+" || event.key === "=") this.zoom(1.25);
    else if (event.key === "-") this.zoom(0.8);
    else if (event.key === "0") this.fit();
    else if (event.key === "Escape") this.onSelect(null);
    else return;
    event.preventDefault();
  }

  drawTrail() {
    this.path.setAttribute("points", (this.trail ?? []).map((point) => point.join(",")).join(" "));
  }

  hover(k, [px, py] = [0, 0]) {
    if (k === this.hovered && k < 0) return;
    this.hovered = k;
    this.card.hidden = k < 0;
    this.canvas.classList.toggle("over-point", k >= 0);
    if (k < 0) return;
    const { path, name, label } = this.describe(k);
    setPicture(this.image, path);
    setText(this.name, name);
    setText(this.label, label ?? "");
    const [width, height] = this.size;
    this.card.style.left = `${px > width / 2 ? px - 140 : px + 16}px`;
    this.card.style.top = `${Math.max(4, Math.min(height - 170, py - 60))}px`;
  }

  end() {
    this.resizes.disconnect();
    this.scene.end();
  }
}
