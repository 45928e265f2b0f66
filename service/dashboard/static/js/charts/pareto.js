// Two objectives against each other: every completed trial, the front of those that no other beats, and its volume as it
// grew. With one objective there is no front, and the card says so by not being there.
import { number } from "../numbers.js";
import { selection, toggle, watch } from "../store.js";
import { axes, SIGNS } from "./axes.js";
import { filter, passing } from "./brushes.js";
import { Card, make } from "./card.js";
import { columnsOf } from "./columns.js";
import { address, read, whenChanged } from "./data.js";
import { nearestRow } from "./nearest.js";
import { Plot } from "./plot.js";
import { scale, usual } from "./scale.js";
import { colours } from "./theme.js";

export function mount(element) {
  element.chart = new Pareto(element);
}

class Pareto {
  constructor(element) {
    this.study = element.dataset.study;
    this.card = new Card(element, { title: "Pareto front", table: () => this.table(), picture: () => this.plot.canvas, data: () => address(this.study, "pareto") });
    this.across = 0;
    this.up = 1;
    this.pickers = make("span", { class: "pickers" });
    this.card.header.insertBefore(this.pickers, this.card.note);
    this.plot = new Plot(this.card.host, { height: 320, edge: { left: 58 }, zoom: true, draw: (plot) => this.draw(plot), at: (plot, place) => this.at(plot, place), click: (found) => found && toggle(found.key) });
    this.growth = new Plot(this.card.host.appendChild(make("div")), { height: 130, edge: { left: 58, top: 20 }, draw: (plot) => this.grown(plot) });
    watch(() => this.plot.redraw());
    filter.watch(() => this.plot.redraw());
    columnsOf(this.study, { parameters: true }).watch((columns) => {
      if (!columns) return;
      this.columns = columns;
      this.offer();
      this.plot.redraw();
    });
    this.load();
    whenChanged(this.study, () => this.load(), { apart: 5000, ignorePoints: true });
  }

  async load() {
    try {
      this.told = await read(address(this.study, "pareto"));
      this.card.fine();
      this.plot.redraw();
      this.growth.redraw();
    } catch (error) {
      this.card.fail(error, () => this.load());
    }
  }

  offer() {
    const { metrics } = this.columns;
    if (metrics.length < 3 || this.pickers.childElementCount) return;
    const pick = (where) => make("select", { "aria-label": `Objective ${where}`, onchange: (event) => { this[where] = Number(event.target.value); this.plot.zoom = null; this.plot.redraw(); } }, ...metrics.map((name, place) => make("option", { value: place, selected: place === this[where] }, name)));
    this.pickers.append(pick("across"), " × ", pick("up"));
  }

  values(objective) {
    return objective === 0 ? this.columns.values : this.columns.others[objective - 1];
  }

  draw(plot) {
    if (!this.columns || !this.told || this.columns.metrics.length < 2) return;
    const { left, right, top, bottom } = plot.inner, { context } = plot, { columns } = this, colour = colours();
    const [xs, ys] = [this.values(this.across), this.values(this.up)], done = (row) => columns.states[row] === "c" && Number.isFinite(xs[row]) && Number.isFinite(ys[row]);
    const rows = [...Array(columns.count).keys()].filter(done);
    const spans = [[xs, this.across], [ys, this.up]].map(([values, objective]) => usual(rows.map((row) => values[row]), columns.directions[objective]));
    plot.x = scale("linear", ...(plot.zoom?.x ?? [spans[0].low, spans[0].high]), left, right);
    plot.y = scale("linear", ...(plot.zoom?.y ?? [spans[1].low, spans[1].high]), bottom, top);
    axes(plot, arrow(columns, this.across), arrow(columns, this.up));
    const kept = passing(), chosen = selection(), front = this.told.trials.map((one) => ({ number: one.number, x: Number(one.values[columns.metrics[this.across]]), y: Number(one.values[columns.metrics[this.up]]) }));
    front.sort((one, other) => one.x - other.x);
    plot.inside(() => {
      context.fillStyle = colour.muted;
      for (const row of rows) {
        context.globalAlpha = kept && !kept.has(columns.numbers[row]) ? 0.08 : 0.45;
        SIGNS.dot(context, plot.x.at(xs[row]), plot.y.at(ys[row]), 2);
      }
      context.globalAlpha = 1;
      context.strokeStyle = context.fillStyle = colour.complete;
      context.lineWidth = 1.6;
      if (columns.metrics.length === 2) this.stairs(plot, front, columns.directions);
      for (const one of front) SIGNS.dot(context, plot.x.at(one.x), plot.y.at(one.y), 4);
      context.strokeStyle = colour.text;
      for (const row of rows) {
        if (!chosen.has(columns.numbers[row]) && columns.numbers[row] !== plot.hovered) continue;
        context.beginPath();
        context.arc(plot.x.at(xs[row]), plot.y.at(ys[row]), 6, 0, 2 * Math.PI);
        context.stroke();
      }
    });
    this.rows = rows;
    const volume = this.told.hypervolume === null ? "" : ` · hypervolume ${number(this.told.hypervolume)}`;
    this.card.say(`${this.told.size} of ${this.told.of} completed trials are beaten by no other${volume}`);
    plot.say(`${columns.metrics[this.up]} against ${columns.metrics[this.across]}: ${this.told.size} of ${this.told.of} trials are on the front.`);
  }

  /** What the front dominates, as stairs: towards the bad side of the first objective, then of the second. */
  stairs(plot, front, directions) {
    const { context } = plot, small = directions[this.across] === "minimize", ordered = small ? front : front.toReversed();
    context.beginPath();
    let before = null;
    for (const one of ordered) {
      const x = plot.x.at(one.x), y = plot.y.at(one.y);
      if (before !== null) context.lineTo(x, before);
      context.lineTo(x, y);
      before = y;
    }
    context.stroke();
  }

  grown(plot) {
    const steps = this.told?.history ?? [], { left, right, top, bottom } = plot.inner, { context } = plot;
    if (!steps.length) return plot.say(this.told?.reason ?? "Nothing has completed yet.");
    const last = Math.max(this.columns?.numbers.at(-1) ?? 1, steps.at(-1).number, 1), most = Number(steps.at(-1).hypervolume) || 1;
    plot.x = scale("linear", 0, last, left, right);
    plot.y = scale("linear", 0, most * 1.05, bottom, top);
    axes(plot, "trial", "hypervolume");
    context.beginPath();
    let before = plot.y.at(0);
    for (const one of steps) {
      context.lineTo(plot.x.at(one.number), before);
      before = plot.y.at(Number(one.hypervolume));
      context.lineTo(plot.x.at(one.number), before);
    }
    context.lineTo(right, before);
    context.strokeStyle = colours().complete;
    context.lineWidth = 1.6;
    context.stroke();
    plot.say(`The hypervolume grew in ${steps.length} steps to ${number(most)}.`);
  }

  at(plot, place) {
    if (!this.rows || !plot.x) return null;
    const [xs, ys] = [this.values(this.across), this.values(this.up)];
    const found = nearestRow(plot, this.rows.length, (at) => [plot.x.at(xs[this.rows[at]]), plot.y.at(ys[this.rows[at]])], place);
    if (!found) return null;
    const row = this.rows[found.row], { columns } = this;
    return { key: columns.numbers[row], x: found.x, y: found.y, lines: [`#${columns.numbers[row]}`, `${columns.metrics[this.across]} ${number(xs[row], 6)}`, `${columns.metrics[this.up]} ${number(ys[row], 6)}`] };
  }

  table() {
    const metrics = this.columns?.metrics ?? [];
    return { head: ["Trial on the front", ...metrics], rows: (this.told?.trials ?? []).map((one) => [`#${one.number}`, ...metrics.map((name) => number(one.values[name], 6))]) };
  }

  debug() {
    return { kind: "pareto", front: this.told?.trials.map((one) => one.number) ?? [], hypervolume: this.told?.hypervolume ?? null, shown: this.rows?.length ?? 0 };
  }
}

function arrow(columns, objective) {
  return `${columns.metrics[objective]} ${columns.directions[objective] === "minimize" ? "↓" : "↑"}`;
}
