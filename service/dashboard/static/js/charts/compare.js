// A few trials beside one another: their curves on one axis, each in a colour of its own.
import { number } from "../numbers.js";
import { axes, label } from "./axes.js";
import { Card } from "./card.js";
import { lastOf, strokeLine } from "./curve-draw.js";
import { address, read, whenChanged } from "./data.js";
import { MetricChoice } from "./metric.js";
import { nearest } from "./nearest.js";
import { Plot } from "./plot.js";
import { scale, usual, whole } from "./scale.js";
import { compared } from "./theme.js";

const AXES = { step: "step", time: "hours of training", gpu: "GPU hours" };

export function mount(element) {
  element.chart = new Compare(element);
}

class Compare {
  constructor(element) {
    this.study = element.dataset.study;
    this.trials = element.dataset.trials.split(",").map(Number);
    this.kind = "linear";
    this.axis = "step";
    this.card = new Card(element, { title: "Curves", table: () => this.table(), picture: () => this.plot.canvas, data: () => this.address() });
    this.metric = new MetricChoice(this.card, element.dataset.objectives.split(","), () => { this.plot.zoom = null; this.load(); });
    this.card.linkData();
    this.card.switch("Scale", [["linear", "lin"], ["log", "log"]], this.kind, (value) => { this.kind = value; this.plot.zoom = null; this.plot.redraw(); }, "l");
    this.card.switch("Axis", [["step", "step"], ["time", "time"], ["gpu", "GPU h"]], this.axis, (value) => { this.axis = value; this.plot.zoom = null; this.load(); });
    this.plot = new Plot(this.card.host, { height: 340, edge: { right: 56 }, zoom: true, draw: (plot) => this.draw(plot), at: (plot, place) => this.at(plot, place) });
    for (const sign of document.querySelectorAll("[data-colour-of]")) {
      sign.style.background = compared(this.trials.indexOf(Number(sign.dataset.colourOf))).colour;
    }
    this.load();
    whenChanged(this.study, () => this.load(), { apart: 3000 });
  }

  address() {
    return address(this.study, "curves", { metric: this.metric?.asked, top: 0, running: 0, pruned: 0, density: false, axis: this.axis, trials: this.trials.join(",") });
  }

  async load() {
    try {
      this.told = await read(this.address());
      this.metric.offer(this.told.metrics);
      this.lines = this.trials.map((one) => this.told.lines.find((line) => line.number === one)).filter(Boolean);
      this.card.fine();
      this.plot.redraw();
    } catch (error) {
      this.card.fail(error, () => this.load());
    }
  }

  draw(plot) {
    if (!this.lines) return;
    const { left, right, top, bottom } = plot.inner, { zoom } = plot;
    const values = this.lines.flatMap((one) => one.values).filter((value) => value !== null && (this.kind !== "log" || value > 0)), span = usual(values, this.told.direction);
    const least = values.reduce((one, other) => Math.min(one, other), Infinity), ends = this.lines.flatMap((one) => [one.at[0], one.at.at(-1)]);
    plot.x = scale("linear", ...(zoom?.x ?? [Math.min(...ends, Infinity) || 0, Math.max(...ends, 1)]), left, right);
    if (this.axis === "step") plot.x = whole(plot.x);
    plot.y = scale(this.kind, ...(zoom?.y ?? [this.kind === "log" && Number.isFinite(least) ? least : span.low, span.high]), bottom, top);
    axes(plot, AXES[this.axis], this.told.metric);
    plot.inside(() => {
      for (const one of this.lines) {
        const look = compared(this.trials.indexOf(one.number));
        strokeLine(plot, one.at, one.values, { ...look, width: plot.hovered === one.number ? 3 : 1.8 });
      }
    });
    for (const one of this.lines) {
      const end = lastOf(one);
      if (end) label(plot.context, `#${one.number}`, Math.min(end.x(plot) + 5, right + 4), Math.min(Math.max(end.y(plot), top), bottom), compared(this.trials.indexOf(one.number)).colour);
    }
    const told = this.lines.map((one) => `trial ${one.number} ${number(lastOf(one)?.value ?? null)}`).join(", ");
    const silent = this.trials.length - this.lines.length;
    this.card.say(silent ? `${silent} of them ${silent === 1 ? "has" : "have"} reported nothing` : "");
    plot.say(`${this.told.metric} of ${this.lines.length} trials: ${told || "none has a curve"}.`);
  }

  at(plot, place) {
    const found = this.lines && plot.x && nearest(plot, this.lines, place);
    return found ? { key: found.one.number, x: found.x, y: found.y, lines: [`#${found.one.number} · ${found.one.state}`, `${this.axis === "step" ? `step ${found.at}` : `${number(found.at)} h`} · ${this.told.metric} ${number(found.value, 6)}`] } : null;
  }

  table() {
    const at = [...new Set((this.lines ?? []).flatMap((one) => one.at))].sort((one, other) => one - other);
    return { head: [AXES[this.axis], ...(this.lines ?? []).map((one) => `#${one.number}`)], rows: at.map((place) => [place, ...this.lines.map((one) => { const found = one.at.indexOf(place); return found < 0 ? "" : number(one.values[found]); })]) };
  }

  debug() {
    return { kind: "compare", metric: this.told?.metric, lines: this.lines?.map((one) => ({ number: one.number, points: one.at.length })) ?? [] };
  }
}
