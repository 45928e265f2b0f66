// A canvas with axes: it knows its size, zooms by dragging, tells what lies under the pointer, and keeps what it shows
// when new data comes. A chart gives it `draw`, `at` and, if it has other axes than its own, `layout`.
import { colours, watchColours } from "./theme.js";

const EDGE = { left: 46, right: 14, top: 16, bottom: 30 };
const LEAST_DRAG = 5;

export class Plot {
  /**
   * @param {HTMLElement} host
   * @param {{height?: number, edge?: object, draw: Function, at?: Function, click?: Function, zoom?: boolean,
   *   drag?: {begin: Function, move: Function, end: Function}}} chart
   */
  constructor(host, chart) {
    this.host = host;
    this.chart = chart;
    this.edge = { ...EDGE, ...chart.edge };
    this.height = chart.height ?? 320;
    /** What somebody has zoomed to, in values: {x: [low, high], y: [low, high]}. New data leaves it alone. */
    this.zoom = null;
    this.hovered = null;
    this.drawn = 0;
    host.classList.add("plot");
    this.canvas = host.appendChild(document.createElement("canvas"));
    this.canvas.setAttribute("role", "img");
    this.say("A chart that is being loaded.");
    this.canvas.tabIndex = 0;
    this.tip = host.appendChild(document.createElement("div"));
    this.tip.className = "tip";
    this.tip.hidden = true;
    this.context = this.canvas.getContext("2d");
    new ResizeObserver(() => this.resize()).observe(host);
    watchColours(() => this.redraw());
    this.listen();
    this.resize();
  }

  get inner() {
    const { left, right, top, bottom } = this.edge;
    return { left, top, right: this.width - right, bottom: this.height - bottom };
  }

  /** The sentence that stands for the picture. */
  say(text) {
    if (this.canvas.getAttribute("aria-label") !== text) this.canvas.setAttribute("aria-label", text);
  }

  resize() {
    const width = this.host.clientWidth, dense = devicePixelRatio || 1;
    if (!width || (width === this.width && dense === this.dense && this.canvas.height === Math.round(this.height * dense))) return;
    this.width = width;
    this.dense = dense;
    this.canvas.width = Math.round(width * dense);
    this.canvas.height = Math.round(this.height * dense);
    this.canvas.style.height = `${this.height}px`;
    this.redraw();
  }

  redraw() {
    if (this.due || !this.width) return;
    this.due = requestAnimationFrame(() => {
      this.due = 0;
      this.context.setTransform(this.dense, 0, 0, this.dense, 0, 0);
      this.context.clearRect(0, 0, this.width, this.height);
      this.context.font = `11px ${colours().sans}`;
      this.chart.draw(this);
      this.drawn += 1;
    });
  }

  reset() {
    this.zoom = null;
    this.chart.zoomed?.(this);
    this.redraw();
  }

  /** Run a drawing with nothing outside of the axes. */
  inside(draw) {
    const { left, top, right, bottom } = this.inner;
    this.context.save();
    this.context.beginPath();
    this.context.rect(left, top, right - left, bottom - top);
    this.context.clip();
    draw(this.context);
    this.context.restore();
  }

  listen() {
    let begin = null;
    const place = (event) => {
      const box = this.canvas.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    this.canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      begin = place(event);
      this.canvas.setPointerCapture(event.pointerId);
      this.taken = this.chart.drag?.begin(this, begin) ?? false;
    });
    this.canvas.addEventListener("pointermove", (event) => {
      const now = place(event);
      if (begin && this.taken) this.chart.drag.move(this, now);
      else if (begin && this.chart.zoom && far(begin, now)) this.frame(begin, now);
      else if (!begin) this.hover(now);
    });
    this.canvas.addEventListener("pointerup", (event) => {
      const end = place(event), from = begin;
      begin = null;
      if (!from) return;
      if (this.taken) this.chart.drag.end(this, end);
      else if (far(from, end)) { if (this.chart.zoom) this.zoomTo(from, end); }
      else this.chart.click?.(this.chart.at?.(this, end) ?? null, event);
      this.taken = false;
    });
    this.canvas.addEventListener("pointercancel", () => (begin = null));
    this.canvas.addEventListener("pointerleave", () => this.hover(null));
    this.canvas.addEventListener("dblclick", () => this.reset());
  }

  zoomTo(from, to) {
    const sorted = (scale, one, other) => [scale.invert(one), scale.invert(other)].sort((left, right) => left - right);
    const wide = Math.abs(to.x - from.x) > 3 * LEAST_DRAG, high = Math.abs(to.y - from.y) > 3 * LEAST_DRAG;
    this.zoom = { x: wide ? sorted(this.x, from.x, to.x) : this.zoom?.x ?? null, y: high ? sorted(this.y, from.y, to.y) : this.zoom?.y ?? null };
    this.chart.zoomed?.(this);
    this.redraw();
  }

  frame(from, to) {
    this.tip.hidden = true;
    this.redraw();
    requestAnimationFrame(() => {
      this.context.fillStyle = colours().accent;
      this.context.globalAlpha = 0.15;
      this.context.fillRect(from.x, from.y, to.x - from.x, to.y - from.y);
      this.context.globalAlpha = 1;
    });
  }

  hover(place) {
    const found = place ? this.chart.at?.(this, place) ?? null : null;
    const key = found?.key ?? null;
    this.tip.hidden = !found;
    if (found) {
      this.tip.replaceChildren(...found.lines.map((line) => Object.assign(document.createElement("div"), { textContent: line })));
      const right = found.x + 14 + this.tip.offsetWidth > this.width;
      this.tip.style.left = `${right ? found.x - 12 - this.tip.offsetWidth : found.x + 12}px`;
      this.tip.style.top = `${Math.max(0, Math.min(found.y - 8, this.height - this.tip.offsetHeight))}px`;
    }
    if (key !== this.hovered) {
      this.hovered = key;
      this.redraw();
    }
  }
}

function far(from, to) {
  return Math.abs(to.x - from.x) > LEAST_DRAG || Math.abs(to.y - from.y) > LEAST_DRAG;
}
