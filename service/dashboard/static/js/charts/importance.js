// Which parameters matter: the share of each, where the best tenth of the trials lies in its range, and the best value.
import { alone } from "../held.js";
import { number } from "../numbers.js";
import { Card, make } from "./card.js";
import { address, read, whenChanged } from "./data.js";

const MOST = 12;
const MOST_BEST = 200;
const SVG = "http://www.w3.org/2000/svg";
const AGAIN_MS = 2500;

export function mount(element) {
  element.chart = new Importance(element);
}

class Importance {
  constructor(element) {
    this.study = element.dataset.study;
    this.card = new Card(element, { title: "What matters", data: () => address(this.study, "importances") });
    this.best = [];
    this.space = {};
    this.load();
    whenChanged(this.study, () => this.load(), { apart: 15000, ignorePoints: true });
  }

  async load() {
    try {
      const study = await read(`/v1/studies/${encodeURIComponent(this.study)}`);
      this.space = study.definition.space;
      const tenth = Math.min(MOST_BEST, Math.max(1, Math.ceil(study.trials.completed / 10)));
      [this.told, this.best] = await Promise.all([read(address(this.study, "importances")), read(address(this.study, "best", { count: tenth })).then((told) => told.trials)]);
      this.card.fine();
      if (!alone() && (this.told.state === "computing" || this.told.state === "stale")) setTimeout(() => this.load(), AGAIN_MS);
    } catch (error) {
      this.card.fail(error, () => this.load());
    }
    this.show();
  }

  show() {
    if (!this.told) return;
    const { told } = this, by = told.method === "ped_anova" ? "PED-ANOVA" : told.method;
    const age = told.state === "stale" ? ` · of an earlier moment, being computed anew` : "";
    this.card.say(told.importances.length ? `importance (${by}) · best tenth in the range · best value${age}` : "importance");
    if (!told.importances.length) {
      const text = told.state === "computing" ? "It is being worked out." : `It cannot be told yet: ${told.reason ?? "nothing has completed"}.`;
      return this.card.host.replaceChildren(make("p", { class: "hush" }, text));
    }
    const rows = told.importances.slice(0, MOST).map((one) => this.row(one));
    const left = told.importances.length - rows.length;
    this.card.host.replaceChildren(make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Importance of parameters" }, make("table", { class: "tight" }, make("caption", { class: "unseen" }, "Importance of parameters"),
      make("thead", { class: "unseen" }, make("tr", {}, ...["Parameter", "Share", "Share in numbers", "Best tenth in the range", "Best value"].map((text) => make("th", { scope: "col" }, text)))), make("tbody", {}, ...rows))),
      left > 0 ? make("p", { class: "hush" }, `and ${left} more, each with ${number(told.importances[MOST].share)} or less`) : "");
  }

  row({ name, share }) {
    const best = this.band(name);
    return make("tr", {}, make("th", { scope: "row", class: "mono" }, name), make("td", {}, bar(40, [["room", 0, 1], ["share", 0, Number(share)]], `${Math.round(share * 100)} %`)), make("td", { class: "number small" }, number(share, 2)),
      make("td", {}, best?.range ? bar(52, [["room", 0, 1], ["band", best.range[0], Math.max(best.range[1] - best.range[0], 0.02)], ["mark", best.place, 0.03]], `the best tenth lies from ${Math.round(best.range[0] * 100)} to ${Math.round(best.range[1] * 100)} % of the range`) : null),
      make("td", { class: "number strong" }, best ? best.text : ""));
  }

  /** Where the best tenth, of 200 trials at most, lies in the range of a parameter, and the value of the best trial. */
  band(name) {
    const values = this.best.filter((one) => name in one.params).map((one) => one.params[name]);
    if (!values.length) return null;
    const value = values[0], column = this.space[name];
    if (column?.low === undefined) return { text: String(value) };
    const place = (one) => share(column, one), places = values.map(place).sort((one, other) => one - other);
    const at = (part) => places[Math.round(part * (places.length - 1))];
    return { range: [at(0.05), at(0.95)], place: Math.min(place(value), 0.97), text: number(value) };
  }

  debug() {
    return { kind: "importance", state: this.told?.state, names: this.told?.importances.map((one) => one.name) ?? [] };
  }
}

/** Where a value lies in the range of a parameter, from 0 to 1. */
export function share({ low, high, log }, value) {
  const at = log ? Math.log : (one) => one;
  return high > low ? Math.min(1, Math.max(0, (at(value) - at(low)) / (at(high) - at(low)))) : 0.5;
}

function bar(width, parts, told) {
  const svg = document.createElementNS(SVG, "svg");
  for (const [name, value] of Object.entries({ class: "range", width, height: 10, viewBox: `0 0 ${width} 10`, role: "img", "aria-label": told })) svg.setAttribute(name, value);
  for (const [kind, from, length] of parts) {
    const part = document.createElementNS(SVG, "rect");
    for (const [name, value] of Object.entries({ class: kind, x: from * width, width: Math.max(0, length * width), height: 10, rx: kind === "mark" ? 0 : 2 })) part.setAttribute(name, value);
    svg.append(part);
  }
  return svg;
}
