// Parallel coordinates: a line for each trial through its parameters to its value. A drag along an axis is a brush, and
// what the brushes leave is what every other chart of the page shows.
import { count, number } from "../numbers.js";
import { selection, toggle, watch } from "../store.js";
import { label } from "./axes.js";
import { filter, passing } from "./brushes.js";
import { Card, chips, make } from "./card.js";
import { columnsOf, ranks } from "./columns.js";
import { address, breath } from "./data.js";
import { Plot } from "./plot.js";
import { bands, scale, usual } from "./scale.js";
import { colours, graded, watchColours } from "./theme.js";

const VALUE = "=";
const REACH = 22;
const LOUD_SHARE = 0.01;
const GRADES = 16;
const AT_ONCE_MS = 40;

export function mount(element) {
  element.chart = new Parallel(element);
}

class Parallel {
  constructor(element) {
    this.study = element.dataset.study;
    this.loud = true;
    this.card = new Card(element, { title: "Parallel coordinates", table: () => this.table(), picture: () => this.plot.canvas, data: () => address(this.study, "columns") });
    this.card.switch("Which lines stand out", [["best", "best 1 % on top"], ["equal", "all equal"]], "best", (value) => { this.loud = value === "best"; this.paint(); });
    this.menu = make("div");
    this.card.actions.prepend(make("details", { class: "menu" }, make("summary", { class: "button" }, "Parameters ▾"), this.menu),
      (this.clear = make("button", { type: "button", hidden: true, onclick: () => filter.clear() }, "Clear brushes")));
    this.plot = new Plot(this.card.host, { height: 380, edge: { left: 60, right: 60, top: 44, bottom: 26 }, draw: (plot) => this.draw(plot), at: (plot, place) => this.at(plot, place),
      click: (found) => found && toggle(found.key), drag: { begin: (plot, at) => this.begin(plot, at), move: (plot, at) => this.drag(plot, at), end: (plot, at) => this.end(plot, at) } });
    chips(this.card, this.study);
    watch(() => this.plot.redraw());
    watchColours(() => this.paint());
    filter.watch(() => { this.clear.hidden = !filter.count; this.paint(); });
    this.clear.hidden = !filter.count;
    new ResizeObserver(() => this.paint()).observe(this.card.host);
    this.source = columnsOf(this.study, { parameters: true });
    this.source.watch((columns, error) => {
      if (error) return this.card.fail(error, () => this.source.load());
      this.card.fine();
      this.columns = columns;
      this.ranks = ranks(columns);
      this.offer();
      this.paint();
    });
  }

  offer() {
    const names = this.columns.params.map((one) => one.name);
    if (this.offered === this.columns.param_names.join()) return;
    this.offered = this.columns.param_names.join();
    const boxes = this.columns.param_names.map((name) => make("label", {}, make("input", { type: "checkbox", value: name, checked: names.includes(name) }), ` ${name}`));
    this.menu.replaceChildren(...boxes.flatMap((box) => [box, make("br")]), make("button", { type: "button", onclick: () => {
      this.source.choose([...this.menu.querySelectorAll("input:checked")].map((box) => box.value));
      this.menu.parentElement.open = false;
    } }, "Show"));
  }

  /** The axes from left to right: parameters, then the value. */
  layout(plot) {
    const { left, right, top, bottom } = plot.inner, { columns } = this, all = [...columns.params, { name: VALUE, kind: "number", values: columns.values, value: true }];
    const span = usual([...columns.values], columns.direction);
    this.axes = all.map((one, place) => {
      const at = all.length > 1 ? left + (place * (right - left)) / (all.length - 1) : left;
      const over = one.value ? scale("linear", span.low, span.high, bottom, top) : one.kind === "choice" ? bands(one.choices, bottom, top) : scale(one.log ? "log" : "linear", one.low, one.high, bottom, top);
      return { ...one, x: at, y: over, title: one.value ? columns.metrics[0] : one.name };
    });
    plot.x = plot.y = this.axes[0]?.y;
  }

  /** Draw the lines on a canvas of their own, a slice at a time, so that the page stays awake. */
  async paint() {
    const { plot, columns } = this, turn = (this.turn = Symbol("turn"));
    if (!columns || !plot.width) return;
    this.layout(plot);
    const begin = performance.now(), canvas = document.createElement("canvas"), context = canvas.getContext("2d");
    canvas.width = Math.round(plot.width * plot.dense);
    canvas.height = Math.round(plot.height * plot.dense);
    context.scale(plot.dense, plot.dense);
    const only = passing(), rows = [...Array(columns.count).keys()].filter((row) => Number.isFinite(columns.values[row]));
    const inside = (row) => only === null || only.has(columns.numbers[row]);
    const grade = (row) => Math.min(GRADES - 1, Math.floor(this.ranks[row] * GRADES));
    // The good ones last, so that they lie on top.
    const ordered = rows.filter(inside).sort((one, other) => this.ranks[other] - this.ranks[one]);
    const alpha = Math.min(0.8, Math.max(0.05, 60 / (1 + ordered.length)));
    let since = performance.now();
    const stroke = async (some, colour, opacity, width) => {
      context.strokeStyle = colour;
      context.globalAlpha = opacity;
      context.lineWidth = width;
      for (const row of some) {
        this.path(context, row);
        context.stroke();
        if (performance.now() - since > AT_ONCE_MS) {
          await breath();
          if (turn !== this.turn) return;
          since = performance.now();
        }
      }
    };
    if (only) await stroke(rows.filter((row) => !inside(row)), colours().muted, Math.max(0.03, alpha / 6), 1);
    for (let one = GRADES - 1; one >= 0 && turn === this.turn; one--) {
      await stroke(ordered.filter((row) => grade(row) === one), `rgb(${graded(one / GRADES)})`, alpha, 1);
    }
    if (this.loud) await stroke(ordered.slice(-Math.max(1, Math.ceil(rows.length * LOUD_SHARE))), `rgb(${graded(0)})`, 0.85, 1.4);
    if (turn !== this.turn) return;
    this.picture = canvas;
    this.painted = performance.now() - begin;
    plot.redraw();
  }

  path(context, row) {
    context.beginPath();
    let on = false;
    for (const axis of this.axes) {
      const value = axis.values[row];
      if (!Number.isFinite(value)) {
        on = false;
        continue;
      }
      const { from, to } = axis.y, y = Math.min(Math.max(axis.y.at(value), to - 4), from + 4);
      if (on) context.lineTo(axis.x, y);
      else context.moveTo(axis.x, y);
      on = true;
    }
  }

  draw(plot) {
    if (!this.columns || !this.axes) return;
    const { context } = plot, colour = colours(), { top, bottom } = plot.inner;
    if (this.picture) context.drawImage(this.picture, 0, 0, plot.width, plot.height);
    const chosen = selection();
    for (let row = 0; row < this.columns.count; row++) {
      const one = this.columns.numbers[row];
      if (!chosen.has(one) && one !== plot.hovered) continue;
      context.strokeStyle = colour.text;
      context.lineWidth = 2.2;
      this.path(context, row);
      context.stroke();
    }
    for (const axis of this.axes) {
      context.strokeStyle = colour.control;
      context.lineWidth = 1.2;
      context.beginPath();
      context.moveTo(axis.x, top);
      context.lineTo(axis.x, bottom);
      context.stroke();
      label(context, short(axis.title), axis.x, 12, colour.text, "center");
      context.fillStyle = colour.muted;
      context.textAlign = "center";
      if (axis.kind === "choice") this.choices(context, axis);
      else {
        context.fillText(number(axis.y.high), axis.x, top - 12);
        context.fillText(number(axis.y.low), axis.x, bottom + 12);
      }
      const brush = this.brushing?.axis === axis ? [this.brushing.from, this.brushing.to] : this.pixels(axis);
      if (!brush) continue;
      context.fillStyle = colour.accent;
      context.globalAlpha = 0.35;
      context.fillRect(axis.x - 7, Math.min(...brush), 14, Math.max(2, Math.abs(brush[1] - brush[0])));
      context.globalAlpha = 1;
    }
    this.describe();
  }

  choices(context, axis) {
    const each = Math.ceil(axis.choices.length / 12);
    axis.choices.forEach((choice, place) => {
      if (place % each === 0) label(context, short(String(choice), 12), axis.x + 6, axis.y.at(place), colours().text);
    });
  }

  pixels(axis) {
    const brush = filter.brushes.get(axis.name);
    return brush ? brush.map((value) => Math.min(Math.max(axis.y.at(value), axis.y.to), axis.y.from)) : null;
  }

  describe() {
    const { columns } = this, kept = passing();
    const brushes = filter.count === 1 ? "1 brush" : `${filter.count} brushes`;
    this.card.say(kept ? `${count(kept.size)} of ${count(columns.count)} trials kept by ${brushes}` : `${count(columns.count)} trials${columns.sampled ? `: ${columns.sampled}` : ""} · drag along an axis to filter`);
    this.plot.say(`Parallel coordinates of ${columns.count} trials over ${columns.params.length} parameters and ${columns.metrics[0]}; ${kept ? `${kept.size} are kept by ${brushes}` : "no brush"}.`);
  }

  begin(plot, at) {
    const axis = this.axes?.find((one) => Math.abs(one.x - at.x) < REACH);
    if (!axis || at.y < plot.inner.top - 8 || at.y > plot.inner.bottom + 8) return false;
    this.brushing = { axis, from: at.y, to: at.y };
    return true;
  }

  drag(plot, at) {
    this.brushing.to = Math.min(Math.max(at.y, plot.inner.top), plot.inner.bottom);
    plot.redraw();
  }

  end() {
    const { axis, from, to } = this.brushing;
    this.brushing = null;
    // A click takes a brush away.
    if (Math.abs(to - from) < 4) return filter.set(axis.name, null);
    const around = axis.kind === "choice" ? 0.35 : 0;
    const [low, high] = [axis.y.invert(from), axis.y.invert(to)].sort((one, other) => one - other);
    filter.set(axis.name, [low - around, high + around]);
  }

  at(plot, place) {
    if (!this.axes) return null;
    const axis = this.axes.find((one) => Math.abs(one.x - place.x) < REACH);
    if (!axis) return null;
    const kept = passing();
    let found = null, least = 8;
    for (let row = 0; row < this.columns.count; row++) {
      const far = Math.abs(axis.y.at(axis.values[row]) - place.y);
      if (far < least && (kept === null || kept.has(this.columns.numbers[row]))) [least, found] = [far, row];
    }
    if (found === null) return null;
    const value = axis.values[found], shown = axis.kind === "choice" ? axis.choices[value] : number(value, 6);
    return { key: this.columns.numbers[found], x: axis.x, y: axis.y.at(value), lines: [`#${this.columns.numbers[found]}`, `${axis.title} ${shown}`, `${this.columns.metrics[0]} ${number(this.columns.values[found], 6)}`] };
  }

  table() {
    const { columns } = this, kept = passing();
    if (!columns) return { head: ["Trial"], rows: [] };
    const rows = [...Array(columns.count).keys()].filter((row) => kept === null || kept.has(columns.numbers[row])).sort((one, other) => (this.ranks[one] || 0) - (this.ranks[other] || 0));
    return { head: ["Trial", columns.metrics[0], ...columns.params.map((one) => one.name)],
      rows: rows.map((row) => [`#${columns.numbers[row]}`, number(columns.values[row], 6), ...columns.params.map((one) => (one.kind === "choice" ? String(one.choices[one.values[row]] ?? "—") : number(Number.isNaN(one.values[row]) ? null : one.values[row])))]) };
  }

  debug() {
    return { kind: "parallel", painted: this.painted, count: this.columns?.count, kept: passing()?.size ?? null, brushes: [...filter.brushes], axes: this.axes?.map(({ name, x, y }) => ({ name, x, top: y.to, bottom: y.from })) ?? [] };
  }
}

function short(text, most = 16) {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text;
}
