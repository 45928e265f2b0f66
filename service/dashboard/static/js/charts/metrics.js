// What a trial reported besides the objective, a small strip for each metric: gradients, rates, whatever says whether
// training is well. What is no finite number is marked, for that is where it went wrong.
import { number } from "../numbers.js";
import { Card, make } from "./card.js";
import { address, read, whenChanged } from "./data.js";
import { Plot } from "./plot.js";
import { scale, usual } from "./scale.js";
import { colours } from "./theme.js";

const MOST = 24;
const PAGE = 1000;
const MOST_POINTS = 5000;

export function mount(element) {
  element.chart = new Metrics(element);
}

class Metrics {
  constructor(element) {
    this.study = element.dataset.study;
    this.trial = element.dataset.trial;
    this.objectives = element.dataset.objectives.split(",");
    this.card = new Card(element, { title: "Training health", table: () => this.table(), data: () => address(this.study, `trials/${this.trial}/reports`) });
    this.card.host.classList.add("strips");
    this.strips = new Map();
    this.points = [];
    this.load();
    whenChanged(this.study, () => this.load(), { apart: 5000 });
  }

  async load() {
    try {
      let token = null;
      const points = [];
      do {
        const page = await read(address(this.study, `trials/${this.trial}/reports`, { page_size: PAGE, page_token: token }));
        points.push(...page.points.filter((one) => !one.superseded));
        token = page.next_page_token;
      } while (token && points.length < MOST_POINTS);
      this.points = points;
      this.card.fine();
      this.show();
    } catch (error) {
      this.card.fail(error, () => this.load());
    }
  }

  show() {
    const names = [...new Set(this.points.flatMap((one) => Object.keys(one.metrics)))].filter((name) => !this.objectives.includes(name)).slice(0, MOST);
    this.card.element.hidden = !names.length;
    this.card.say(names.length ? "what it reported besides the objective" : "");
    for (const name of names) {
      if (!this.strips.has(name)) this.strips.set(name, new Strip(this.card.host, name));
      this.strips.get(name).take(this.points);
    }
  }

  table() {
    const names = [...this.strips.keys()];
    return { head: ["Step", ...names], rows: this.points.map((one) => [one.step, ...names.map((name) => (name in one.metrics ? number(one.metrics[name]) : "—"))]) };
  }

  debug() {
    return { kind: "metrics", names: [...this.strips.keys()], broken: [...this.strips.values()].filter((one) => one.broken).map((one) => one.name) };
  }
}

class Strip {
  constructor(host, name) {
    this.name = name;
    this.box = host.appendChild(make("div", { class: "strip" }));
    this.head = this.box.appendChild(make("div", {}, make("span", { class: "mono" }, name), " ", make("b")));
    this.plot = new Plot(this.box.appendChild(make("div")), { height: 54, edge: { left: 2, right: 2, top: 4, bottom: 4 }, draw: (plot) => this.draw(plot) });
  }

  take(points) {
    this.at = [];
    this.values = [];
    for (const one of points) {
      if (!(this.name in one.metrics)) continue;
      this.at.push(one.step);
      this.values.push(Number(one.metrics[this.name]));
    }
    this.broken = this.values.some((value) => !Number.isFinite(value));
    this.head.lastChild.textContent = number(this.values.at(-1));
    this.head.lastChild.className = this.broken ? "failed" : "";
    this.plot.redraw();
  }

  draw(plot) {
    if (!this.at?.length) return;
    const { left, right, top, bottom } = plot.inner, { context } = plot, span = usual(this.values, "minimize"), colour = colours();
    plot.x = scale("linear", this.at[0], this.at.at(-1), left, right);
    plot.y = scale("linear", span.least ?? 0, span.high, bottom, top);
    context.beginPath();
    this.values.forEach((value, place) => {
      const x = plot.x.at(this.at[place]);
      if (Number.isFinite(value)) context.lineTo(x, Math.max(top, plot.y.at(value)));
    });
    context.strokeStyle = colour.accent;
    context.lineWidth = 1.3;
    context.stroke();
    context.fillStyle = colour.failed;
    this.values.forEach((value, place) => {
      if (!Number.isFinite(value)) context.fillRect(plot.x.at(this.at[place]) - 1, top, 2, bottom - top);
    });
    const known = this.values.filter(Number.isFinite);
    plot.say(`${this.name}: from ${number(Math.min(...known))} to ${number(Math.max(...known))}, at last ${number(this.values.at(-1))}${this.broken ? "; some points are no finite numbers" : ""}.`);
  }
}
