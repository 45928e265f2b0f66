// The curve of one trial against its competitors: the band and median of those that came as far, the best, and the cuts
// of each rung as they were when this trial was judged there.
import { number } from "../numbers.js";
import { axes, SIGNS } from "./axes.js";
import { Card } from "./card.js";
import { drawBand, drawCuts, lastOf, strokeLine } from "./curve-draw.js";
import { address, read, whenChanged } from "./data.js";
import { MetricChoice } from "./metric.js";
import { nearest } from "./nearest.js";
import { Plot } from "./plot.js";
import { scale, whole } from "./scale.js";
import { colours, LETTER_OF, STATES } from "./theme.js";

export function mount(element) {
  element.chart = new TrialCurve(element);
}

class TrialCurve {
  constructor(element) {
    this.study = element.dataset.study;
    this.trial = Number(element.dataset.trial);
    this.kind = "linear";
    this.card = new Card(element, { title: "Against its competitors", table: () => this.table(), picture: () => this.plot.canvas, data: () => address(this.study, `trials/${this.trial}/reports`) });
    this.metric = new MetricChoice(this.card, element.dataset.objectives.split(","), () => { this.plot.zoom = null; this.load(); });
    this.card.switch("Scale", [["linear", "lin"], ["log", "log"]], this.kind, (value) => { this.kind = value; this.plot.zoom = null; this.load(); }, "l");
    this.plot = new Plot(this.card.host, { height: 320, zoom: true, draw: (plot) => this.draw(plot), at: (plot, place) => this.at(plot, place) });
    this.load();
    whenChanged(this.study, () => this.load(), { apart: 4000, points: (points) => this.grow(points), ignorePoints: false });
  }

  async load() {
    try {
      const wanted = { metric: this.metric.asked, top: 0, running: 0, pruned: 0, scale: this.kind, trials: this.trial };
      const [told, decisions] = await Promise.all([read(address(this.study, "curves", wanted)), read(address(this.study, `trials/${this.trial}/decisions`))]);
      this.told = told;
      this.metric.offer(told.metrics);
      // Cuts are of the metric that the scheduler judges by: the study's curves of another one have none.
      this.cuts = (told.cuts.length ? decisions.decisions : []).filter((one) => one.cut !== null && one.cut !== undefined && !one.rule);
      this.card.fine();
      this.plot.redraw();
    } catch (error) {
      this.card.fail(error, () => this.load());
    }
  }

  get mine() {
    return this.told?.lines.find((one) => one.number === this.trial);
  }

  grow(points) {
    const { mine } = this;
    if (!mine || this.metric.asked) return;
    for (const [trial, step, value] of points) {
      if (trial !== this.trial || step <= (mine.at.at(-1) ?? -Infinity)) continue;
      mine.at = [...mine.at, step];
      mine.values = [...mine.values, Number.isFinite(Number(value)) ? Number(value) : null];
    }
    this.plot.redraw();
  }

  draw(plot) {
    if (!this.told) return;
    const { left, right, top, bottom } = plot.inner, { told, mine } = this, colour = colours();
    const real = [...(mine?.values ?? []), ...told.band.p10, ...told.band.p90].filter((value) => value !== null && (this.kind !== "log" || value > 0));
    const within = told.density?.values, low = Math.min(...real, within?.low ?? Infinity), high = Math.max(Math.min(Math.max(...real), (within?.high ?? Infinity) * 1.5), ...(mine?.values.slice(-1) ?? []).filter((value) => value !== null));
    const room = this.kind === "log" ? 0 : (high - low) * 0.05;
    const last = mine?.at.at(-1) ?? told.extent.high, end = Math.min(told.extent.high, Math.max(last * 2, told.extent.low + 1));
    plot.x = whole(scale("linear", ...(plot.zoom?.x ?? [told.extent.low, end]), left, right));
    plot.y = scale(this.kind, ...(plot.zoom?.y ?? [low - room, high + room]), bottom, top);
    axes(plot, "step", told.metric);
    plot.inside(() => {
      drawBand(plot, told.band);
      const best = told.lines.find((one) => one.why === "best" && one.number !== this.trial);
      if (best) strokeLine(plot, best.at, best.values, { colour: colour.complete, width: 1.5 });
      drawCuts(plot, this.cuts ?? [], "cut then");
      if (mine) {
        strokeLine(plot, mine.at, mine.values, { colour: colour.text, width: 2.4 });
        const end = lastOf(mine);
        if (end) this.sign(plot, mine, end, colour[STATES[LETTER_OF[mine.state]][0]]);
      }
    });
    const end2 = mine && lastOf(mine);
    this.card.say(`grey: 10th to 90th percentile of the trials that came as far${this.cuts?.length ? " · ◆ the cuts as they were" : ""} · green: the best${this.metric.asked ? ` by ${this.metric.objectives[0]}` : ""} · thick: this one`);
    plot.say(end2 ? `Trial ${this.trial} came to ${told.metric} ${number(end2.value)} at step ${end2.at}.` : `Trial ${this.trial} has reported nothing yet.`);
    if (!mine) {
      plot.context.fillStyle = colour.muted;
      plot.context.textAlign = "center";
      plot.context.fillText("This trial has reported nothing yet.", plot.width / 2, plot.height / 2);
    }
  }

  sign(plot, mine, end, colour) {
    const { context } = plot;
    context.fillStyle = context.strokeStyle = colour;
    context.lineWidth = 2.2;
    if (mine.state === "pruned") SIGNS.cross(context, end.x(plot), end.y(plot), 5);
    else if (mine.state === "failed" || mine.state === "infeasible") SIGNS.triangle(context, end.x(plot), end.y(plot), 5);
    else SIGNS.dot(context, end.x(plot), end.y(plot), 4);
  }

  at(plot, place) {
    const found = this.told && plot.x && nearest(plot, this.told.lines, place);
    return found ? { key: found.one.number, x: found.x, y: found.y, lines: [`#${found.one.number} · ${found.one.state}`, `step ${found.at} · ${this.told.metric} ${number(found.value, 6)}`] } : null;
  }

  table() {
    return { head: ["Step", this.told?.metric ?? "value"], rows: (this.mine?.at ?? []).map((at, place) => [at, number(this.mine.values[place], 6)]) };
  }

  debug() {
    return { kind: "trial-curve", metric: this.told?.metric, drawn: this.plot.drawn, points: this.mine?.at.length ?? 0, state: this.mine?.state ?? null, cuts: this.cuts ?? [] };
  }
}
