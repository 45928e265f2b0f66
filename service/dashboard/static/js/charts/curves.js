// The learning curves of a study: the density of all, the best, the running and those pruned last as lines; or all of
// them. Along steps, time or GPU hours. New points are drawn as they come, and never move what somebody has zoomed to.
import { count, number } from "../numbers.js";
import { selection, toggle, watch } from "../store.js";
import { axes } from "./axes.js";
import { filter, passing } from "./brushes.js";
import { Card, chips } from "./card.js";
import { drawBest, drawBeyond, drawCuts, drawDensity, drawTrial, densityPicture, lastOf } from "./curve-draw.js";
import { address, readBytes, together, whenChanged } from "./data.js";
import { MetricChoice } from "./metric.js";
import { nearest } from "./nearest.js";
import { unpack } from "./packed.js";
import { Plot } from "./plot.js";
import { scale, whole } from "./scale.js";
import { splat } from "./splat.js";
import { colours, watchColours } from "./theme.js";
import { keep, kept } from "./kept.js";

const AXES = { step: "step", time: "hours of training", gpu: "GPU hours" };
const MOST_SINGLE = 20_000;

export function mount(element) {
  element.chart = new Curves(element);
}

class Curves {
  constructor(element) {
    this.study = element.dataset.study;
    [this.mode, this.kind, this.axis] = kept("curves", [["top", "running", "all"], ["linear", "log"], ["step", "time", "gpu"]]);
    this.card = new Card(element, { title: "Learning curves", table: () => this.table(), picture: () => this.plot.canvas, data: () => address(this.study, "curves", { metric: this.metric?.asked }) });
    this.metric = new MetricChoice(this.card, element.dataset.objectives.split(","), () => this.pressed({ kind: this.kind }));
    this.card.linkData();
    this.modes = this.card.switch("Which curves", [["top", "Best"], ["running", "Running"], ["all", "All"]], this.mode, (value) => this.pressed({ mode: value }), "a");
    this.card.switch("Scale", [["linear", "lin"], ["log", "log"]], this.kind, (value) => this.pressed({ kind: value }), "l");
    this.card.switch("Axis", [["step", "step"], ["time", "time"], ["gpu", "GPU h"]], this.axis, (value) => this.pressed({ axis: value }));
    this.plot = new Plot(this.card.host, { height: 380, zoom: true, draw: (plot) => this.draw(plot), at: (plot, place) => this.at(plot, place),
      click: (found) => found && toggle(found.key), zoomed: () => this.resplat() });
    addEventListener("keydown", (event) => { if (event.key === "r" && !event.target.closest?.("input, textarea, select") && !event.ctrlKey && !event.metaKey) this.plot.reset(); });
    chips(this.card, this.study);
    watch(() => this.plot.redraw());
    filter.watch(() => this.resplat());
    watchColours(() => { this.density = null; this.resplat(); });
    this.timings = {};
    this.load();
    whenChanged(this.study, () => this.load(), { apart: 4000, points: (points) => this.grow(points) });
  }

  pressed(change) {
    const moved = change.axis !== undefined || change.kind !== undefined;
    Object.assign(this, change);
    // Other axes have other stretches; another choice of lines has not.
    if (moved) this.plot.zoom = null;
    if (moved) this.all = this.picture = this.density = null;
    keep("curves", [this.mode, this.kind, this.axis]);
    this.load();
  }

  get wanted() {
    const few = this.mode === "running" ? { top: 0, pruned: 0 } : {};
    return { metric: this.metric.asked, axis: this.axis, scale: this.kind, ...few, trials: [...selection()].slice(0, 50).join(",") || null };
  }

  async load() {
    const asked = (this.asked = Symbol("asked")), begin = performance.now();
    try {
      const told = await together(address(this.study, "curves", this.wanted));
      if (asked !== this.asked) return;
      this.told = told;
      this.density = null;
      this.metric.offer(told.metrics);
      this.timings.lines = performance.now() - begin;
      this.card.fine();
      this.modes.text("all", `All ${count(told.trials)}`);
      if (told.read < told.of) setTimeout(() => this.load(), 700);
      if (this.mode === "all") await this.loadAll(asked);
      this.plot.redraw();
    } catch (error) {
      if (asked !== this.asked) return;
      this.card.fail(error, () => this.load());
      this.plot.redraw();
    }
  }

  async loadAll(asked) {
    if (this.told.of > MOST_SINGLE) return this.plot.redraw();
    const begin = performance.now();
    const wanted = { metric: this.metric.asked, axis: this.axis, scale: this.kind };
    const all = unpack(await readBytes(address(this.study, "curves/all", wanted)));
    if (asked !== this.asked) return;
    this.all = all;
    this.timings.all = performance.now() - begin;
    await this.resplat();
  }

  /** The picture of all curves, made anew for other axes. */
  async resplat() {
    this.picture = this.mode === "all" ? this.picture : null;
    if (this.mode !== "all" || !this.all || !this.plot.width) return this.plot.redraw();
    const turn = (this.turn = Symbol("turn")), begin = performance.now();
    this.scales(this.plot);
    const { left, top, right, bottom } = this.plot.inner, { x, y } = this.plot;
    const picture = await splat(this.all, { x, y, left, top, width: right - left, height: bottom - top }, () => turn !== this.turn, passing());
    if (!picture) return;
    this.picture = { canvas: picture, left, top, width: right - left, height: bottom - top };
    this.timings.splat = performance.now() - begin;
    this.plot.redraw();
  }

  /** New points of trials that run: they are of the objective. */
  grow(points) {
    if (!this.told || this.axis !== "step" || this.metric.asked) return;
    const lines = new Map(this.told.lines.map((one) => [one.number, one]));
    let grown = false;
    for (const [trial, step, value] of points) {
      const one = lines.get(trial);
      if (!one || (one.at.length && step <= one.at.at(-1))) continue;
      one.at = [...one.at, step];
      one.values = [...one.values, Number.isFinite(Number(value)) ? Number(value) : null];
      this.told.extent.high = Math.max(this.told.extent.high, step);
      grown = true;
    }
    if (grown) this.plot.redraw();
  }

  scales(plot) {
    const { left, top, right, bottom } = plot.inner, { extent, density, lines } = this.told;
    let { low, high } = density?.values ?? { low: 0, high: 1 };
    const best = lines.find((one) => one.why === "best");
    for (const value of best?.values ?? []) {
      if (value === null || (this.kind === "log" && value <= 0)) continue;
      // Of what is no objective nobody knows which way is better.
      if (this.metric.asked || this.told.direction === "minimize") low = Math.min(low, value);
      if (this.metric.asked || this.told.direction === "maximize") high = Math.max(high, value);
    }
    const room = this.kind === "log" ? 0 : (high - low) * 0.04;
    const ys = plot.zoom?.y ?? [low - room, high + room / 2], xs = plot.zoom?.x ?? [extent.low, extent.high];
    plot.x = scale("linear", xs[0], xs[1], left, right);
    if (this.axis === "step") plot.x = whole(plot.x);
    plot.y = scale(this.kind, ys[0], ys[1], bottom, top);
  }

  get lines() {
    return this.told.lines.filter((one) => this.mode !== "running" || one.state === "running" || one.why === "best" || one.why === "asked");
  }

  draw(plot) {
    if (!this.told) return;
    this.scales(plot);
    axes(plot, AXES[this.axis], this.told.metric);
    const chosen = selection(), only = passing(), hovered = plot.hovered;
    const best = this.told.lines.find((one) => one.why === "best");
    const shown = this.mode === "all" ? this.lines.filter((one) => one.state === "running") : this.lines;
    plot.inside(() => {
      if (this.mode === "all" && this.picture) plot.context.drawImage(this.picture.canvas, this.picture.left, this.picture.top, this.picture.width, this.picture.height);
      else if (this.told.density && this.mode !== "running") {
        this.density ??= densityPicture(this.told.density);
        drawDensity(plot, this.density, this.told.extent, this.told.density.values);
      }
      for (const one of shown) if (one !== best) drawTrial(plot, one, { quiet: only !== null && !only.has(one.number) });
      if (this.axis === "step") drawCuts(plot, this.told.cuts);
      if (best) drawBest(plot, best, this.by);
      for (const one of this.told.lines) if (chosen.has(one.number) || one.number === hovered) drawTrial(plot, one, { loud: true });
      if (this.told.density && !plot.zoom) drawBeyond(plot, this.told.density.above, this.told.density.below);
    });
    if (!this.told.trials) {
      plot.context.textAlign = "center";
      plot.context.fillStyle = colours().muted;
      plot.context.fillText("No trial has reported yet. Curves appear here by themselves.", plot.width / 2, plot.height / 2);
    }
    this.describe(best);
    // Since the page was asked for: what somebody waits before there is something to see.
    if (this.told.trials) this.timings.first ??= performance.now();
    if (this.picture) this.timings.allSeen ??= performance.now();
  }

  /** What the best trial is the best by, where that is not what is shown. */
  get by() {
    return this.metric.asked ? ` by ${this.metric.objectives[0]}` : "";
  }

  describe(best) {
    const { told } = this, end = best && lastOf(best);
    const reading = told.read < told.of ? `loading ${count(told.of)} trials: ${count(told.read)} so far` : null;
    const many = this.mode === "all" && told.of > MOST_SINGLE ? `density of all ${count(told.of)}: more than ${count(MOST_SINGLE)} cannot be told apart` : null;
    this.card.say(reading ?? many ?? (this.mode === "all" && this.all ? `${count(this.all.count)} curves, ${count(this.all.head.points)} points` : `${count(this.lines.length)} lines${this.mode === "running" ? "" : " + density of all"}`)
      + (told.not_finite ? ` · ${count(told.not_finite)} with NaN` : ""));
    const running = told.lines.filter((one) => one.state === "running").length;
    this.plot.say(told.trials ? `Learning curves of ${told.metric} for ${told.trials} trials, ${running} of them running.${end ? ` The best${this.by} is trial ${best.number} with ${number(end.value)}.` : ""}` : "Learning curves: no trial has reported yet.");
  }

  at(plot, place) {
    if (!this.told || !plot.x) return null;
    const found = nearest(plot, this.lines, place);
    if (!found) return null;
    const { one, at, value, x, y } = found, where = this.axis === "step" ? `step ${at}` : `${number(at)} h`;
    return { key: one.number, x, y, lines: [`#${one.number} · ${one.state}`, `${where} · ${this.told.metric} ${number(value, 6)}`] };
  }

  table() {
    const rows = (this.told?.lines ?? []).map((one) => [`#${one.number}`, one.state, one.why, one.at.length, number(lastOf(one)?.at ?? null), number(lastOf(one)?.value ?? null, 6)]);
    return { head: ["Trial", "State", "Why it is a line", "Points", AXES[this.axis], this.told?.metric ?? "value"], rows };
  }

  /** What is on the canvas, for tests. */
  debug() {
    const { plot, told } = this;
    return { kind: "curves", metric: told?.metric, mode: this.mode, scale: this.kind, axis: this.axis, zoom: plot.zoom, drawn: plot.drawn, timings: this.timings, read: told?.read, of: told?.of,
      all: this.picture && this.all ? { curves: this.all.count, points: this.all.head.points } : null,
      lines: told && plot.x ? this.lines.map((one) => { const last = lastOf(one); return { number: one.number, state: one.state, why: one.why, points: one.at.length, last: last && [last.at, last.value], x: last && last.x(plot), y: last && last.y(plot) }; }) : [],
      cuts: told?.cuts ?? [], range: plot.y && [plot.y.low, plot.y.high], domain: plot.x && [plot.x.low, plot.x.high] };
  }
}
