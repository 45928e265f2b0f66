// Three objectives against one another in a box that is turned: the front, the completed trials behind it, and those that
// were infeasible. It is drawn anew for every move, so a look at ten thousand trials must take a few milliseconds.
import { count, number } from "../numbers.js";
import { selection, toggle, watch } from "../store.js";
import { SIGNS } from "./axes.js";
import { drawBox, drawDrop } from "./box.js";
import { filter, passing } from "./brushes.js";
import { Camera } from "./camera.js";
import { Card, chips, make } from "./card.js";
import { Cloud, farFirst, mask } from "./cloud.js";
import { columnsOf } from "./columns.js";
import { address, read, whenChanged } from "./data.js";
import { nearestRow } from "./nearest.js";
import { Plot } from "./plot.js";
import { scale, usual } from "./scale.js";
import { colours, rgb } from "./theme.js";

const STEP = Math.PI / 36;
const A_PIXEL = 0.008;
const ZOOM = 1.2;
const MOST_DROPS = 12;
/** Of more points the common ones are smaller: they cover one another otherwise, and take longer. */
const MANY = 3000;
const SMALL = 1.3;
/** What the points are: shape and colour say the same, the front last, so that it lies on top. */
const KINDS = [
  { name: "beaten", said: "completed", shape: "dot", size: 1.8, colour: "muted", alpha: 0.75 },
  { name: "infeasible", said: "infeasible", shape: "cross", size: 2.8, colour: "failed", alpha: 0.85 },
  { name: "front", said: "on the front", shape: "diamond", size: 4.5, colour: "complete", alpha: 1 },
];
const [BEATEN, INFEASIBLE, FRONT] = [0, 1, 2];

export function mount(element) {
  element.chart = new ParetoSpace(element);
}

class ParetoSpace {
  constructor(element) {
    this.study = element.dataset.study;
    this.kind = "linear";
    this.chosen = [0, 1, 2];
    this.camera = new Camera();
    this.cloud = new Cloud();
    this.fingers = new Map();
    this.card = new Card(element, { title: "Pareto front of three objectives", table: () => this.table(), picture: () => this.plot.canvas, data: () => address(this.study, "pareto") });
    this.card.switch("Scale", [["linear", "lin"], ["log", "log"]], this.kind, (value) => { this.kind = value; this.lay(); }, "l");
    this.pickers = this.card.header.insertBefore(make("span", { class: "pickers", hidden: true }), this.card.note);
    this.plot = new Plot(this.card.host, { height: 480, edge: { left: 30, right: 30, top: 18, bottom: 34 }, draw: (plot) => this.draw(plot), at: (plot, place) => this.at(plot, place),
      zoomed: () => this.camera.reset(), drag: { begin: (plot, at) => this.begin(at), move: (plot, at) => this.move(at), end: (plot, at) => this.end(at) } });
    this.card.host.classList.add("turning");
    this.card.host.append(this.buttons());
    this.listen();
    chips(this.card, this.study);
    watch(() => this.plot.redraw());
    filter.watch(() => this.plot.redraw());
    columnsOf(this.study, { parameters: true }).watch((columns, error) => {
      if (error) return this.card.fail(error, () => columnsOf(this.study, { parameters: true }).load());
      this.columns = columns;
      this.offer();
      this.lay();
    });
    this.load();
    whenChanged(this.study, () => this.load(), { apart: 5000, ignorePoints: true });
  }

  async load() {
    try {
      this.told = await read(address(this.study, "pareto"));
      this.card.fine();
      this.lay();
    } catch (error) {
      this.card.fail(error, () => this.load());
    }
  }

  /** Which three, where there are more. */
  offer() {
    const { metrics } = this.columns;
    if (metrics.length < 4 || this.pickers.childElementCount) return;
    const swapped = (place, objective) => {
      // An objective that is on another axis already changes places with this one.
      const before = this.chosen.indexOf(objective);
      if (before >= 0) this.chosen[before] = this.chosen[place];
      this.chosen[place] = objective;
      [...this.pickers.children].forEach((picker, axis) => (picker.value = this.chosen[axis]));
      this.lay();
    };
    this.pickers.hidden = false;
    this.pickers.append(...["first", "second", "third"].map((which, place) => make("select", { "aria-label": `Objective of the ${which} axis`, onchange: (event) => swapped(place, Number(event.target.value)) },
      ...metrics.map((name, objective) => make("option", { value: objective, selected: objective === this.chosen[place] }, name)))));
  }

  /** What can be done by dragging can be done by pressing, too. */
  buttons() {
    const does = [["◂", "Turn left", () => this.turn(-STEP, 0)], ["▸", "Turn right", () => this.turn(STEP, 0)], ["▴", "Look from higher up", () => this.turn(0, STEP)], ["▾", "Look from lower down", () => this.turn(0, -STEP)],
      ["+", "Nearer", () => this.zoom(ZOOM)], ["−", "Farther", () => this.zoom(1 / ZOOM)], ["⟲", "As at first", () => this.plot.reset()]];
    return make("div", { class: "turners", role: "group", "aria-label": "Turn and zoom" }, ...does.map(([text, said, done]) => make("button", { type: "button", class: "icon", title: said, "aria-label": said, onclick: done }, text)));
  }

  turn(turn, tilt) {
    this.camera.by(turn, tilt);
    this.plot.redraw();
  }

  zoom(factor) {
    const nearer = this.camera.nearer(factor);
    this.plot.redraw();
    return nearer;
  }

  listen() {
    const { canvas } = this.plot, lift = (event) => this.fingers.delete(event.pointerId);
    const keys = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };
    canvas.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (keys[event.key]) this.turn(...keys[event.key]);
      else if (event.key === "+" || event.key === "=") this.zoom(ZOOM);
      else if (event.key === "-") this.zoom(1 / ZOOM);
      else if (event.key === "Home" || event.key === "r") this.plot.reset();
      else return;
      event.preventDefault();
    });
    // At its ends the wheel is the page's again.
    canvas.addEventListener("wheel", (event) => { if (this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)))) event.preventDefault(); }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.fingers.set(event.pointerId, [event.clientX, event.clientY]));
    canvas.addEventListener("pointermove", (event) => {
      if (!this.fingers.has(event.pointerId)) return;
      const before = this.spread();
      this.fingers.set(event.pointerId, [event.clientX, event.clientY]);
      if (before) this.zoom(this.spread() / before);
    });
    for (const ended of ["pointerup", "pointercancel"]) canvas.addEventListener(ended, lift);
  }

  /** How far two fingers are apart; nothing if there are not two. */
  spread() {
    const [one, other] = [...this.fingers.values()];
    return this.fingers.size === 2 ? Math.hypot(one[0] - other[0], one[1] - other[1]) || 1 : 0;
  }

  begin(at) {
    this.moved = this.fingers.size > 1;
    this.grip = this.first = at;
    return true;
  }

  move(at) {
    if (Math.hypot(at.x - this.first.x, at.y - this.first.y) > 4) this.moved = true;
    if (this.moved && this.fingers.size < 2) {
      this.plot.hover(null);
      this.turn((at.x - this.grip.x) * A_PIXEL, (at.y - this.grip.y) * A_PIXEL);
    }
    this.grip = at;
  }

  end(at) {
    const found = this.moved ? null : this.at(this.plot, at);
    if (found) toggle(found.key);
  }

  values(objective) {
    return objective === 0 ? this.columns.values : this.columns.others[objective - 1];
  }

  /** Lay the trials into the box: their places, and what they are. */
  lay() {
    if (!this.columns || !this.told || this.columns.metrics.length < 3) return;
    const { columns } = this, front = new Set(this.told.trials.map((one) => one.number)), values = this.chosen.map((objective) => this.values(objective));
    const known = [...Array(columns.count).keys()].filter((row) => "ci".includes(columns.states[row]) && values.every((some) => Number.isFinite(some[row])));
    const kindOf = (row) => (columns.states[row] === "i" ? INFEASIBLE : front.has(columns.numbers[row]) ? FRONT : BEATEN);
    this.axes = this.chosen.map((objective, axis) => this.axis(objective, known.map((row) => values[axis][row]), known.filter((row) => kindOf(row) === FRONT).map((row) => values[axis][row])));
    const inside = (row) => this.axes.every(({ scale: one }, axis) => Math.abs(one.at(values[axis][row])) <= 1.0001);
    this.rows = known.filter(inside);
    this.outside = known.length - this.rows.length;
    this.kinds = Uint8Array.from(this.rows, kindOf);
    this.points = Float32Array.from(this.rows.flatMap((row) => this.axes.map(({ scale: one }, axis) => one.at(values[axis][row]))));
    [this.xs, this.ys, this.depths] = [0, 1, 2].map(() => new Float32Array(this.rows.length));
    this.describe();
    this.plot.redraw();
  }

  /** An axis: what of its objective is usual, and all of the front. */
  axis(objective, known, front) {
    const { metrics, directions } = this.columns, span = usual(known, directions[objective]);
    const least = known.reduce((one, other) => Math.min(one, other), Infinity), log = this.kind === "log" && least > 0;
    const low = front.reduce((one, other) => Math.min(one, other), log ? Math.max(span.low, least) : span.low), high = front.reduce((one, other) => Math.max(one, other), span.high);
    return { scale: scale(log ? "log" : "linear", low, high, -1, 1), title: `${metrics[objective]} ${directions[objective] === "minimize" ? "↓" : "↑"}` };
  }

  draw(plot) {
    if (!this.points) return;
    const { context } = plot, begin = performance.now();
    this.camera.frame(plot.inner);
    this.camera.placeAll(this.points, this.xs, this.ys, this.depths);
    drawBox(plot, this.camera, this.axes);
    if (!this.rows.length) return this.nothing(plot);
    const marked = this.marked(plot);
    for (const at of marked.slice(0, MOST_DROPS)) drawDrop(plot, this.camera, [...this.points.subarray(3 * at, 3 * at + 3)]);
    context.drawImage(this.stamped(plot), 0, 0, plot.width, plot.height);
    context.strokeStyle = colours().text;
    context.lineWidth = 1.6;
    for (const at of marked) {
      context.beginPath();
      context.arc(this.xs[at], this.ys[at], 7.5, 0, 2 * Math.PI);
      context.stroke();
    }
    this.legend(plot);
    this.took = performance.now() - begin;
  }

  /** All points as one picture. What a brush leaves out is faint, and what is far a little fainter than what is near. */
  stamped(plot) {
    const { dense } = plot, kept = passing(), { numbers } = this.columns, colour = colours();
    const looks = KINDS.map((kind) => ({ mask: mask(kind.shape, kind === KINDS[BEATEN] && this.rows.length > MANY ? SMALL : kind.size, dense), paint: rgb(colour[kind.colour]), alpha: kind.alpha }));
    this.cloud.clear(plot.canvas.width, plot.canvas.height);
    const order = farFirst(this.depths, -1.75, 1.75);
    for (const front of [false, true]) {
      for (const at of order) {
        const kind = this.kinds[at];
        if ((kind === FRONT) !== front) continue;
        const { mask: shape, paint, alpha } = looks[kind], out = kept !== null && !kept.has(numbers[this.rows[at]]);
        this.cloud.stamp(shape, paint, out ? 0.08 : alpha * (front ? 1 : 0.8 - 0.22 * this.depths[at]), this.xs[at] * dense, this.ys[at] * dense);
      }
    }
    return this.cloud.finish();
  }

  /** The places of those that are selected or under the pointer. */
  marked(plot) {
    const wanted = selection(), { numbers } = this.columns;
    if (plot.hovered !== null) wanted.add(plot.hovered);
    return wanted.size ? [...this.rows.keys()].filter((at) => wanted.has(numbers[this.rows[at]])) : [];
  }

  nothing(plot) {
    plot.context.textAlign = "center";
    plot.context.fillStyle = colours().muted;
    plot.context.fillText("No trial has completed with all three objectives yet. Trials appear here by themselves.", plot.width / 2, plot.height - 14);
  }

  legend(plot) {
    const { context } = plot, colour = colours(), there = new Set(this.kinds), y = plot.height - 14;
    let x = 14;
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.lineWidth = 1.5;
    for (const [kind, { said, shape, size, colour: name }] of [...KINDS.entries()].reverse()) {
      if (!there.has(kind)) continue;
      context.fillStyle = context.strokeStyle = colour[name];
      SIGNS[shape](context, x + 4, y, size);
      context.fillStyle = colour.muted;
      context.fillText(said, x + 14, y);
      x += 32 + context.measureText(said).width;
    }
  }

  describe() {
    const { told, columns } = this, names = this.chosen.map((objective) => columns.metrics[objective]);
    const many = columns.metrics.length > 3 ? ` in all ${columns.metrics.length} objectives` : "";
    const unmarked = told.size > told.trials.length ? ` (${count(told.trials.length)} are marked)` : "";
    this.card.say(`${count(told.size)} of ${count(told.of)} completed trials are beaten by no other${many}${unmarked}${this.outside ? ` · ${count(this.outside)} outside of the box` : ""}${columns.sampled ? ` · ${columns.sampled}` : ""}`);
    this.plot.say(`${names.join(", ")} against one another in three dimensions: ${told.size} of ${told.of} completed trials are on the front${this.best(names)}. Arrow keys turn it, plus and minus zoom; the table has the same trials.`);
  }

  /** The best of each objective, for those who hear of the front. */
  best(names) {
    const { trials } = this.told, { metrics, directions } = this.columns;
    if (!trials.length) return "";
    return `; ${names.map((name) => {
      const sign = directions[metrics.indexOf(name)] === "minimize" ? 1 : -1;
      const one = trials.reduce((best, other) => (sign * Number(other.values[name]) < sign * Number(best.values[name]) ? other : best));
      return `the best ${name} is ${number(one.values[name])} by trial ${one.number}`;
    }).join(", ")}`;
  }

  at(plot, place) {
    if (!this.rows?.length || !this.camera.unit) return null;
    const reach = (kind) => nearestRow(plot, this.rows.length, (at) => (kind(this.kinds[at]) ? [this.xs[at], this.ys[at]] : null), place);
    const found = reach((kind) => kind === FRONT) ?? reach((kind) => kind !== FRONT);
    if (!found) return null;
    const row = this.rows[found.row], { columns } = this;
    return { key: columns.numbers[row], x: found.x, y: found.y, lines: [`#${columns.numbers[row]} · ${KINDS[this.kinds[found.row]].said}`, ...columns.metrics.map((name, objective) => `${name} ${number(this.values(objective)[row], 6)}`)] };
  }

  /** The front, then the others. */
  table() {
    const { columns } = this, metrics = columns?.metrics ?? [];
    const order = [...(this.rows ?? []).keys()].sort((one, other) => this.kinds[other] - this.kinds[one]);
    return { head: ["Trial", "What it is", ...metrics], rows: order.map((at) => [`#${columns.numbers[this.rows[at]]}`, KINDS[this.kinds[at]].said, ...metrics.map((_, objective) => number(this.values(objective)[this.rows[at]], 6))]) };
  }

  debug() {
    const { camera, plot, rows = [] } = this;
    return { kind: "pareto-space", drawn: plot.drawn, took: this.took, turn: camera.turn, tilt: camera.tilt, zoom: camera.zoom, chosen: this.chosen.map((objective) => this.columns?.metrics[objective]), outside: this.outside,
      titles: this.axes?.map((one) => one.title), kept: passing()?.size ?? null, counts: Object.fromEntries(KINDS.map(({ name }, kind) => [name, this.kinds?.filter((one) => one === kind).length ?? 0])),
      places: rows.slice(0, 200).map((row, at) => ({ number: this.columns.numbers[row], kind: KINDS[this.kinds[at]].name, x: this.xs[at], y: this.ys[at] })) };
  }
}
