// A small scatter for each parameter: the value of every trial that the brushes leave against that parameter.
import { number } from "../numbers.js";
import { selection, toggle, watch } from "../store.js";
import { filter, passing } from "./brushes.js";
import { Card } from "./card.js";
import { columnsOf } from "./columns.js";
import { address } from "./data.js";
import { nearestRow } from "./nearest.js";
import { Plot } from "./plot.js";
import { bands, scale, usual } from "./scale.js";
import { colours, STATES } from "./theme.js";

const WIDE = 130;
const HIGH = 170;

export function mount(element) {
  element.chart = new Slices(element);
}

class Slices {
  constructor(element) {
    this.study = element.dataset.study;
    this.card = new Card(element, { title: "Slices", table: () => this.table(), picture: () => this.plot.canvas, data: () => address(this.study, "columns") });
    this.plot = new Plot(this.card.host, { height: HIGH, edge: { left: 46, right: 8, top: 12, bottom: 20 }, draw: (plot) => this.draw(plot), at: (plot, place) => this.at(plot, place), click: (found) => found && toggle(found.key) });
    watch(() => this.plot.redraw());
    filter.watch(() => this.plot.redraw());
    columnsOf(this.study, { parameters: true }).watch((columns, error) => {
      if (error) return this.card.fail(error);
      this.columns = columns;
      this.plot.redraw();
    });
  }

  layout(plot) {
    const { columns } = this, { left, right } = plot.inner, across = Math.max(1, Math.floor((right - left) / WIDE));
    const lines = Math.max(1, Math.ceil(columns.params.length / across)), each = Math.min(across, columns.params.length || 1), width = (right - left) / each;
    if (plot.height !== lines * HIGH) {
      plot.height = lines * HIGH;
      plot.resize();
    }
    const span = usual([...columns.values], columns.direction);
    this.boxes = columns.params.map((one, place) => {
      const x = left + (place % each) * width + 3, y = Math.floor(place / each) * HIGH + plot.edge.top;
      const box = { one, left: x, right: x + width - 8, top: y, bottom: y + HIGH - plot.edge.top - plot.edge.bottom };
      const over = one.kind === "choice" ? bands(one.choices, box.left + 14, box.right - 14) : scale(one.log ? "log" : "linear", one.low, one.high, box.left + 4, box.right - 4);
      return { ...box, x: over, y: scale("linear", span.low, span.high, box.bottom, box.top) };
    });
    plot.x = this.boxes[0]?.x;
    plot.y = this.boxes[0]?.y;
  }

  draw(plot) {
    if (!this.columns) return;
    this.layout(plot);
    const { context } = plot, colour = colours(), { columns } = this, kept = passing(), chosen = selection();
    for (const box of this.boxes) {
      context.strokeStyle = colour.border;
      context.lineWidth = 1;
      context.strokeRect(box.left + 0.5, box.top + 0.5, box.right - box.left, box.bottom - box.top);
      context.save();
      context.beginPath();
      context.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
      context.clip();
      for (const letter of "fiprc") {
        context.fillStyle = colour[STATES[letter][0]];
        context.globalAlpha = columns.count > 2000 ? 0.4 : 0.75;
        for (let row = 0; row < columns.count; row++) {
          if (columns.states[row] !== letter || (kept && !kept.has(columns.numbers[row]))) continue;
          const x = this.across(box, row), y = box.y.at(columns.values[row]);
          if (Number.isFinite(x) && Number.isFinite(y)) context.fillRect(x - 1, y - 1, 2, 2);
        }
      }
      context.globalAlpha = 1;
      context.fillStyle = colour.text;
      for (let row = 0; row < columns.count; row++) {
        if (!chosen.has(columns.numbers[row]) && columns.numbers[row] !== plot.hovered) continue;
        context.beginPath();
        context.arc(this.across(box, row), box.y.at(columns.values[row]), 3.5, 0, 2 * Math.PI);
        context.fill();
      }
      context.restore();
      context.fillStyle = colour.muted;
      context.textAlign = "center";
      context.textBaseline = "middle";
      context.fillText(box.one.name.length > 18 ? `${box.one.name.slice(0, 17)}…` : box.one.name, (box.left + box.right) / 2, box.bottom + 11);
    }
    const first = this.boxes[0];
    for (const tick of first?.y.ticks(4) ?? []) {
      context.textAlign = "right";
      context.fillText(tick.text, first.left - 5, Math.min(Math.max(first.y.at(tick.value), first.top + 5), first.bottom - 5));
    }
    this.card.say(`${columns.metrics[0]} against each parameter${kept ? `, ${kept.size} trials that the brushes leave` : ""}`);
    plot.say(`${columns.metrics[0]} against each of ${columns.params.length} parameters, ${kept?.size ?? columns.count} trials.`);
  }

  /** Where a trial lies across a box; those of one choice are spread a little, always alike. */
  across(box, row) {
    const at = box.x.at(box.one.values[row]);
    return box.one.kind === "choice" ? at + (((this.columns.numbers[row] * 7919) % 101) / 101 - 0.5) * 16 : at;
  }

  at(plot, place) {
    const box = this.boxes?.find((one) => place.x >= one.left && place.x <= one.right && place.y >= one.top && place.y <= one.bottom);
    if (!box) return null;
    const { columns } = this, kept = passing();
    const found = nearestRow({ inner: box }, columns.count, (row) => (kept && !kept.has(columns.numbers[row]) ? null : [this.across(box, row), box.y.at(columns.values[row])]), place, 9);
    if (!found) return null;
    const value = box.one.values[found.row];
    return { key: columns.numbers[found.row], x: found.x, y: found.y, lines: [`#${columns.numbers[found.row]} · ${STATES[columns.states[found.row]][1]}`, `${box.one.name} ${box.one.kind === "choice" ? box.one.choices[value] : number(value, 6)}`, `${columns.metrics[0]} ${number(columns.values[found.row], 6)}`] };
  }

  table() {
    const { columns } = this, kept = passing(), rows = [...Array(columns?.count ?? 0).keys()].filter((row) => !kept || kept.has(columns.numbers[row]));
    return { head: ["Trial", ...(columns?.params.map((one) => one.name) ?? []), columns?.metrics[0] ?? "value"], rows: rows.map((row) => [`#${columns.numbers[row]}`, ...columns.params.map((one) => (one.kind === "choice" ? String(one.choices[one.values[row]] ?? "—") : number(one.values[row]))), number(columns.values[row], 6)]) };
  }

  debug() {
    return { kind: "slices", drawn: this.plot.drawn, boxes: this.boxes?.map((box) => box.one.name) ?? [], shown: passing()?.size ?? this.columns?.count };
  }
}
