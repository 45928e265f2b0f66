// Every trial by its number and its value, and the best so far as a line of steps.
import { number } from "../numbers.js";
import { selection, toggle, watch } from "../store.js";
import { axes, label, SIGNS } from "./axes.js";
import { filter, passing } from "./brushes.js";
import { Card, chips } from "./card.js";
import { bestRows, columnsOf } from "./columns.js";
import { drawBeyond } from "./curve-draw.js";
import { address } from "./data.js";
import { nearestRow } from "./nearest.js";
import { Plot } from "./plot.js";
import { scale, usual, whole } from "./scale.js";
import { colours, STATES } from "./theme.js";

export function mount(element) {
  element.chart = new History(element);
}

class History {
  constructor(element) {
    this.study = element.dataset.study;
    this.kind = "linear";
    this.card = new Card(element, { title: "History", table: () => this.table(), picture: () => this.plot.canvas, data: () => address(this.study, "columns", { params: "" }) });
    this.card.switch("Scale", [["linear", "lin"], ["log", "log"]], this.kind, (value) => { this.kind = value; this.plot.zoom = null; this.plot.redraw(); });
    this.plot = new Plot(this.card.host, { height: 260, zoom: true, draw: (plot) => this.draw(plot), at: (plot, place) => this.at(plot, place), click: (found) => found && toggle(found.key) });
    if (element.dataset.chips !== undefined) chips(this.card, this.study);
    watch(() => this.plot.redraw());
    filter.watch(() => this.plot.redraw());
    columnsOf(this.study, { parameters: element.dataset.parameters !== undefined }).watch((columns, error) => {
      if (error) return this.card.fail(error, () => columnsOf(this.study).load());
      this.card.fine();
      this.columns = columns;
      this.span = null;
      this.best = this.climb();
      this.plot.redraw();
    });
  }

  /** The rows at which the best value became better. */
  climb() {
    const rows = [], { columns } = this, better = columns.direction === "minimize" ? (one, other) => one < other : (one, other) => one > other;
    let best = null;
    for (let row = 0; row < columns.count; row++) {
      const value = columns.values[row];
      if (columns.states[row] === "c" && Number.isFinite(value) && (best === null || better(value, best))) {
        rows.push(row);
        best = value;
      }
    }
    return rows;
  }

  scales(plot) {
    const { left, top, right, bottom } = plot.inner, { columns } = this;
    this.span ??= usual([...columns.values], columns.direction);
    let { low, high } = this.span;
    if (this.kind === "log") {
      const positive = [...columns.values].filter((value) => value > 0);
      low = positive.length ? positive.reduce((one, other) => Math.min(one, other)) : 1;
      high = Math.max(high, low * 1.01);
    }
    const [first, last] = plot.zoom?.x ?? [columns.numbers[0] ?? 0, Math.max(1, columns.numbers.at(-1) ?? 1)];
    plot.x = whole(scale("linear", first, last, left + 4, right - 4));
    plot.y = scale(this.kind, ...(plot.zoom?.y ?? [low, high]), bottom, top);
  }

  draw(plot) {
    if (!this.columns) return;
    this.scales(plot);
    axes(plot, "trial", this.columns.metrics[0]);
    const { columns } = this, { context, x, y } = plot, only = passing(), chosen = selection(), colour = colours();
    const size = columns.count > 4000 ? 1.6 : columns.count > 500 ? 2.4 : 4;
    plot.inside(() => {
      for (const letter of "pfiwxrc") {
        context.fillStyle = colour[STATES[letter][0]];
        for (let row = 0; row < columns.count; row++) {
          if (columns.states[row] !== letter || !Number.isFinite(columns.values[row])) continue;
          context.globalAlpha = only && !only.has(columns.numbers[row]) ? 0.08 : letter === "c" || letter === "r" ? 0.9 : 0.45;
          const atX = x.at(columns.numbers[row]), atY = y.at(columns.values[row]);
          // Few enough to be told apart by their shape, too.
          if (columns.count > 500 || letter === "c") context.fillRect(atX - size / 2, atY - size / 2, size, size);
          else if (letter === "p") this.cross(context, colour.pruned, atX, atY);
          else if (letter === "f" || letter === "i") SIGNS.triangle(context, atX, atY, 3);
          else SIGNS.dot(context, atX, atY, 2.5);
        }
      }
      context.globalAlpha = 1;
      this.steps(plot);
      for (let row = 0; row < columns.count; row++) {
        if (!chosen.has(columns.numbers[row]) && columns.numbers[row] !== plot.hovered) continue;
        if (!Number.isFinite(columns.values[row])) continue;
        context.strokeStyle = colour.text;
        context.lineWidth = 1.6;
        context.beginPath();
        context.arc(x.at(columns.numbers[row]), y.at(columns.values[row]), 5, 0, 2 * Math.PI);
        context.stroke();
      }
      if (!plot.zoom) this.beyond(plot);
    });
    this.describe();
  }

  cross(context, colour, x, y) {
    context.strokeStyle = colour;
    context.lineWidth = 1.3;
    SIGNS.cross(context, x, y, 2.5);
  }

  beyond(plot) {
    const { values } = this.columns;
    let above = 0, below = 0;
    for (const value of values) {
      if (value > plot.y.high) above++;
      else if (value < plot.y.low) below++;
    }
    drawBeyond(plot, above, below);
  }

  steps(plot) {
    const { context, x, y } = plot, { columns } = this;
    if (!this.best.length) return;
    context.beginPath();
    let before = null;
    for (const row of this.best) {
      const at = x.at(columns.numbers[row]), value = y.at(columns.values[row]);
      if (before !== null) context.lineTo(at, before);
      context.lineTo(at, value);
      before = value;
    }
    context.lineTo(plot.inner.right, before);
    context.strokeStyle = colours().text;
    context.lineWidth = 1.8;
    context.stroke();
    const last = this.best.at(-1), { right, top } = plot.inner;
    label(context, `★ #${columns.numbers[last]}  ${number(columns.values[last])}`, right - 6, Math.max(before - 12, top + 8), colours().text, "right");
  }

  describe() {
    const { columns } = this, last = this.best.at(-1);
    this.card.say(columns.sampled ? `${columns.sampled}; the best so far` : "every trial and the best so far");
    const told = last === undefined ? "none has completed" : `the best is ${number(columns.values[last])} by trial ${columns.numbers[last]}`;
    this.plot.say(`History of ${columns.metrics[0]} over ${columns.of} trials: ${told}.`);
  }

  at(plot, place) {
    if (!this.columns || !plot.x) return null;
    const { columns } = this;
    const found = nearestRow(plot, columns.count, (row) => (Number.isFinite(columns.values[row]) ? [plot.x.at(columns.numbers[row]), plot.y.at(columns.values[row])] : null), place);
    if (!found) return null;
    const { row } = found;
    return { key: columns.numbers[row], x: found.x, y: found.y, lines: [`#${columns.numbers[row]} · ${STATES[columns.states[row]][1]}`, `${columns.metrics[0]} ${number(columns.values[row], 6)}`] };
  }

  table() {
    const { columns } = this;
    if (!columns) return { head: ["Trial"], rows: [] };
    const best = bestRows(columns, 1).slice(0, 100), rest = [...Array(columns.count).keys()].reverse();
    const rows = [...new Set([...best, ...rest])].map((row) => [`#${columns.numbers[row]}`, STATES[columns.states[row]][1], number(columns.values[row], 6)]);
    return { head: ["Trial", "State", columns.metrics[0]], rows };
  }

  debug() {
    const { plot, columns } = this;
    return { kind: "history", drawn: plot.drawn, zoom: plot.zoom, scale: this.kind, count: columns?.count, of: columns?.of, best: this.best?.map((row) => columns.numbers[row]), passing: passing()?.size ?? null,
      places: columns && plot.x ? columns.numbers.slice(0, 200).map((one, row) => ({ number: one, value: columns.values[row], x: plot.x.at(one), y: plot.y.at(columns.values[row]) })) : [] };
  }
}

