// The rungs of a study: how many came to each, were stopped or paused there, went on; and for one of them every verdict,
// with the cut as it was at that moment.
import { count, number } from "../numbers.js";
import { toggle } from "../store.js";
import { axes, SIGNS } from "./axes.js";
import { Card, make } from "./card.js";
import { address, read, whenChanged } from "./data.js";
import { nearestRow } from "./nearest.js";
import { Plot } from "./plot.js";
import { scale, usual } from "./scale.js";
import { colours } from "./theme.js";

const ACTS = { c: ["complete", "went on"], s: ["pruned", "stopped"], w: ["waiting", "paused"], p: ["running", "promoted"] };
const SVG = "http://www.w3.org/2000/svg";
const WIDE = 260;

export function mount(element) {
  element.chart = new Rungs(element);
}

class Rungs {
  constructor(element) {
    this.study = element.dataset.study;
    this.card = new Card(element, { title: "Rungs", data: () => address(this.study, "rungs") });
    this.list = this.card.host.appendChild(make("div", { class: "scroll" }));
    this.caption = this.card.host.appendChild(make("p", { class: "hush chart-caption" }));
    this.plot = new Plot(this.card.host.appendChild(make("div")), { height: 240, zoom: true, draw: (plot) => this.draw(plot), at: (plot, place) => this.at(plot, place), click: (found) => found && toggle(found.key) });
    this.load();
    whenChanged(this.study, () => this.load(), { apart: 4000, ignorePoints: true });
  }

  async load() {
    try {
      this.told = await read(address(this.study, "rungs"));
      this.card.fine();
      if (this.told.read < this.told.of) setTimeout(() => this.load(), 1000);
      this.show();
    } catch (error) {
      this.card.fail(error, () => this.load());
    }
  }

  show() {
    const { told } = this;
    if (!told.rungs.length) {
      const why = told.scheduler === "none" ? "This study lets every trial run to its end: its scheduler is none." : "Nothing has been decided at a rung yet.";
      this.list.replaceChildren(make("p", { class: "hush" }, why));
      this.plot.host.hidden = true;
      return;
    }
    this.plot.host.hidden = false;
    this.rung ??= told.rungs[0].rung;
    if (!told.rungs.some((one) => one.rung === this.rung)) this.rung = told.rungs[0].rung;
    const most = Math.max(...told.rungs.map((one) => one.entered));
    const rows = told.rungs.map((one) => make("tr", { "aria-selected": String(one.rung === this.rung) }, make("th", { scope: "row" }, make("button", { type: "button", class: "plain", "aria-pressed": String(one.rung === this.rung), onclick: () => { this.rung = one.rung; this.plot.zoom = null; this.show(); } }, `rung ${one.rung}`)),
      make("td", { class: "number" }, count(one.step)), make("td", {}, bar(one, most)), ...[one.entered, one.stopped, one.paused, one.promoted, one.went_on].map((many) => make("td", { class: "number" }, count(many)))));
    this.list.replaceChildren(make("table", {}, make("caption", { class: "unseen" }, "Rungs"), make("thead", {}, make("tr", {}, ...["Rung", "Step", "What became of those who came", "Came", "Stopped", "Paused", "Promoted", "Went on"].map((text, place) => make("th", { scope: "col", class: place === 1 || place > 2 ? "number" : null }, text)))), make("tbody", {}, ...rows)));
    const saved = told.saved_steps === null ? "what stopping has saved is known once a trial has completed" : `stopping saved ${Math.round(told.saved_steps * 100)} % of the steps${told.saved_gpu_hours === null ? "" : `, about ${number(told.saved_gpu_hours, 3)} GPU hours`}`;
    this.card.say(`${told.scheduler} on ${told.metric} · ${saved}${told.more ? ` · ${told.more} further rungs are in the data` : ""}`);
    this.caption.textContent = `Rung ${this.rung}: every verdict in the order of time, and the cut as it was (dashed).`;
    this.plot.redraw();
  }

  get verdicts() {
    return this.told?.rungs.find((one) => one.rung === this.rung)?.verdicts;
  }

  draw(plot) {
    const told = this.verdicts;
    if (!told) return;
    const { left, right, top, bottom } = plot.inner, { context } = plot, hours = told.seconds.map((one) => one / 3600), colour = colours();
    const span = usual([...told.values, ...told.cuts], this.told.direction);
    plot.x = scale("linear", ...(plot.zoom?.x ?? [hours[0] ?? 0, Math.max(hours.at(-1) ?? 1, (hours[0] ?? 0) + 1e-3)]), left + 6, right - 6);
    plot.y = scale("linear", ...(plot.zoom?.y ?? [span.low, span.high]), bottom, top);
    axes(plot, "hours since the study began", this.told.metric);
    plot.inside(() => {
      for (const [place, act] of [...told.acts].entries()) {
        if (told.values[place] === null) continue;
        const x = plot.x.at(hours[place]), y = plot.y.at(told.values[place]);
        context.fillStyle = context.strokeStyle = colour[ACTS[act][0]];
        context.lineWidth = 1.4;
        context.globalAlpha = told.acts.length > 300 ? 0.6 : 0.95;
        if (act === "s") SIGNS.cross(context, x, y, 3);
        else if (act === "w") SIGNS.diamond(context, x, y, 3.5);
        else SIGNS.dot(context, x, y, 2.6);
      }
      context.globalAlpha = 1;
      context.beginPath();
      let before = null;
      told.cuts.forEach((cut, place) => {
        if (cut === null) return;
        if (before !== null) context.lineTo(plot.x.at(hours[place]), before);
        before = plot.y.at(cut);
        context.lineTo(plot.x.at(hours[place]), before);
      });
      context.strokeStyle = colour.pruned;
      context.setLineDash([4, 3]);
      context.lineWidth = 1.4;
      context.stroke();
      context.setLineDash([]);
    });
    plot.say(`Rung ${this.rung}: ${told.numbers.length} verdicts; the newest cut is ${number(told.cuts.findLast((one) => one !== null) ?? null)}.`);
  }

  at(plot, place) {
    const told = this.verdicts;
    if (!told || !plot.x) return null;
    const found = nearestRow(plot, told.numbers.length, (row) => (told.values[row] === null ? null : [plot.x.at(told.seconds[row] / 3600), plot.y.at(told.values[row])]), place);
    if (!found) return null;
    const row = found.row;
    return { key: told.numbers[row], x: found.x, y: found.y, lines: [`#${told.numbers[row]} ${ACTS[told.acts[row]][1]}`, `${this.told.metric} ${number(told.values[row], 6)}`, `cut then ${number(told.cuts[row], 6)}`] };
  }

  debug() {
    return { kind: "rungs", rung: this.rung, rungs: this.told?.rungs.map(({ rung, step, entered, stopped, paused, promoted, went_on }) => ({ rung, step, entered, stopped, paused, promoted, went_on })) ?? [], verdicts: this.verdicts?.numbers.length ?? 0 };
  }
}

function bar(one, most) {
  const svg = document.createElementNS(SVG, "svg"), open = Math.max(0, one.entered - one.went_on - one.stopped - one.paused);
  const told = `${one.went_on} went on, ${one.stopped} stopped, ${one.paused} paused`;
  for (const [name, value] of Object.entries({ class: "rung-bar", width: WIDE, height: 12, viewBox: `0 0 ${WIDE} 12`, role: "img", "aria-label": told })) svg.setAttribute(name, value);
  let from = 0;
  for (const [kind, many] of [["completed", one.went_on], ["pruned", one.stopped], ["waiting", one.paused], ["room", open]]) {
    const part = document.createElementNS(SVG, "rect"), width = (many / most) * WIDE;
    for (const [name, value] of Object.entries({ class: kind, x: from, width, height: 12 })) part.setAttribute(name, value);
    svg.append(part);
    from += width;
  }
  return svg;
}
