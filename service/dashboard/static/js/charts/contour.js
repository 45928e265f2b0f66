// The value over two parameters, smoothed from the trials that the brushes leave: colours, lines of equal value, and the
// trials themselves. Where no trial is near nothing is drawn, for nothing is known there.
import { number } from "../numbers.js";
import { toggle } from "../store.js";
import { axes } from "./axes.js";
import { filter, passing } from "./brushes.js";
import { Card, make } from "./card.js";
import { columnsOf } from "./columns.js";
import { address } from "./data.js";
import { isolines, smoothed } from "./field.js";
import { nearestRow } from "./nearest.js";
import { Plot } from "./plot.js";
import { bands, scale, usual } from "./scale.js";
import { colours, graded, watchColours } from "./theme.js";

const CELLS = 44;
const LEVELS = 7;

export function mount(element) {
  element.chart = new Contour(element);
}

class Contour {
  constructor(element) {
    this.study = element.dataset.study;
    this.card = new Card(element, { title: "Contour", table: () => this.table(), picture: () => this.plot.canvas, data: () => address(this.study, "columns") });
    this.pickers = ["across", "up"].map((where) => make("select", { "aria-label": `Parameter ${where}`, onchange: () => this.make() }));
    this.card.header.insertBefore(make("span", { class: "pickers" }, this.pickers[0], " × ", this.pickers[1]), this.card.note);
    this.plot = new Plot(this.card.host, { height: 330, edge: { left: 58, right: 74 }, draw: (plot) => this.draw(plot), at: (plot, place) => this.at(plot, place), click: (found) => found && toggle(found.key) });
    filter.watch(() => this.make());
    watchColours(() => (this.picture = null));
    columnsOf(this.study, { parameters: true }).watch((columns, error) => {
      if (error) return this.card.fail(error);
      this.columns = columns;
      this.offer();
      this.make();
    });
  }

  offer() {
    const names = this.columns.params.map((one) => one.name);
    this.pickers.forEach((picker, place) => {
      const chosen = names.includes(picker.value) ? picker.value : names[Math.min(place, names.length - 1)];
      picker.replaceChildren(...names.map((name) => make("option", { value: name, selected: name === chosen }, name)));
    });
  }

  /** Smooth the values anew. */
  make() {
    const { columns } = this;
    if (!columns || columns.params.length < 2) {
      this.card.say("needs two parameters");
      return;
    }
    [this.across, this.up] = this.pickers.map((picker) => columns.params.find((one) => one.name === picker.value));
    const kept = passing(), span = usual([...columns.values], columns.direction);
    this.points = [];
    for (let row = 0; row < columns.count; row++) {
      if (!Number.isFinite(columns.values[row]) || (kept && !kept.has(columns.numbers[row]))) continue;
      const x = placeOf(this.across, columns.values && this.across.values[row]), y = placeOf(this.up, this.up.values[row]);
      if (Number.isFinite(x) && Number.isFinite(y)) this.points.push({ row, x, y, value: Math.min(Math.max(columns.values[row], span.low), span.high) });
    }
    this.field = smoothed(this.points, CELLS);
    const known = this.field.filter((value) => !Number.isNaN(value));
    this.low = known.reduce((one, other) => Math.min(one, other), Infinity);
    this.high = known.reduce((one, other) => Math.max(one, other), -Infinity);
    this.levels = Array.from({ length: LEVELS }, (_, place) => this.low + ((place + 1) / (LEVELS + 1)) * (this.high - this.low));
    this.lines = this.high > this.low ? this.levels.map((level) => isolines(this.field, CELLS, level)) : [];
    this.picture = null;
    this.plot.redraw();
  }

  shade(value) {
    const share = (value - this.low) / (this.high - this.low || 1);
    return graded(this.columns.direction === "minimize" ? share : 1 - share);
  }

  paint() {
    const picture = new ImageData(CELLS, CELLS);
    for (let row = 0; row < CELLS; row++) {
      for (let column = 0; column < CELLS; column++) {
        const value = this.field[row * CELLS + column], place = 4 * ((CELLS - 1 - row) * CELLS + column);
        if (Number.isNaN(value)) continue;
        picture.data.set(this.shade(value), place);
        picture.data[place + 3] = 255;
      }
    }
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = CELLS;
    canvas.getContext("2d").putImageData(picture, 0, 0);
    return canvas;
  }

  draw(plot) {
    if (!this.field) return;
    const { left, right, top, bottom } = plot.inner, { context } = plot;
    const along = (one, from, to) => (one.kind === "choice" ? bands(one.choices, from + (to - from) * 0.08, to - (to - from) * 0.08) : scale(one.log ? "log" : "linear", one.low, one.high, from, to));
    plot.x = along(this.across, left, right);
    plot.y = along(this.up, bottom, top);
    this.picture ??= this.paint();
    const x = (share) => left + share * (right - left), y = (share) => bottom - share * (bottom - top);
    axes(plot, this.across.name, this.up.name);
    plot.inside(() => {
      context.imageSmoothingEnabled = true;
      context.drawImage(this.picture, left, top, right - left, bottom - top);
      context.strokeStyle = colours().dark ? "rgba(255,255,255,.55)" : "rgba(0,0,0,.5)";
      context.lineWidth = 0.8;
      for (const segments of this.lines) {
        context.beginPath();
        for (const [fromX, fromY, toX, toY] of segments) {
          context.moveTo(x(fromX), y(fromY));
          context.lineTo(x(toX), y(toY));
        }
        context.stroke();
      }
      context.fillStyle = colours().surface;
      context.globalAlpha = this.points.length > 1500 ? 0.12 : 0.7;
      for (const point of this.points) context.fillRect(x(point.x) - 1, y(point.y) - 1, 2, 2);
      context.globalAlpha = 1;
    });
    this.legend(plot);
    this.card.say(`${this.columns.metrics[0]}, smoothed over ${this.points.length} trials`);
    plot.say(`${this.columns.metrics[0]} over ${this.across.name} and ${this.up.name}, from ${number(this.low)} to ${number(this.high)}, smoothed over ${this.points.length} trials.`);
  }

  legend(plot) {
    const { context } = plot, { right, top, bottom } = plot.inner;
    for (let y = top; y < bottom; y++) {
      const value = this.high - ((y - top) / (bottom - top)) * (this.high - this.low);
      context.fillStyle = `rgb(${this.shade(value)})`;
      context.fillRect(right + 14, y, 12, 1.5);
    }
    context.fillStyle = colours().muted;
    context.textAlign = "left";
    for (const value of [this.high, (this.high + this.low) / 2, this.low]) context.fillText(number(value, 3), right + 30, bottom - ((value - this.low) / (this.high - this.low || 1)) * (bottom - top - 10) - 5);
  }

  at(plot, place) {
    if (!this.points || !plot.x) return null;
    const { left, right, top, bottom } = plot.inner;
    const found = nearestRow(plot, this.points.length, (at) => [left + this.points[at].x * (right - left), bottom - this.points[at].y * (bottom - top)], place, 10);
    if (!found) return null;
    const { row } = this.points[found.row], { columns } = this;
    return { key: columns.numbers[row], x: found.x, y: found.y, lines: [`#${columns.numbers[row]}`, ...[this.across, this.up].map((one) => `${one.name} ${one.kind === "choice" ? one.choices[one.values[row]] : number(one.values[row], 6)}`), `${columns.metrics[0]} ${number(columns.values[row], 6)}`] };
  }

  table() {
    const step = CELLS / 11, told = (place) => number(this.field[place]);
    const rows = Array.from({ length: 11 }, (_, row) => Array.from({ length: 11 }, (_, column) => told(Math.floor((10.5 - row) * step) * CELLS + Math.floor((column + 0.5) * step))));
    return { head: [`${this.across?.name ?? ""} from low to high, ${this.up?.name ?? ""} from high to low`, ...Array(10).fill("")], rows };
  }

  debug() {
    return { kind: "contour", across: this.across?.name, up: this.up?.name, points: this.points?.length, low: this.low, high: this.high, lines: this.lines?.map((one) => one.length) };
  }
}

/** Where a value lies in the range of its parameter, from 0 to 1. */
function placeOf(one, value) {
  if (one.kind === "choice") return 0.08 + 0.84 * (one.choices.length > 1 ? value / (one.choices.length - 1) : 0.5);
  const at = one.log ? Math.log : (real) => real;
  return (at(value) - at(one.low)) / (at(one.high) - at(one.low));
}
