// Which GPU trained what, and when: a row for each, a bar for each attempt, coloured by how it ended.
import { toggle } from "../store.js";
import { label } from "./axes.js";
import { Card } from "./card.js";
import { read, whenChanged } from "./data.js";
import { Plot } from "./plot.js";
import { scale } from "./scale.js";
import { colours, STATES, LETTER_OF } from "./theme.js";

const ROW = 20;
const MOST_ROWS = 60;
const STEPS = [60, 300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 86400];

export function mount(element) {
  element.chart = new Timeline(element);
}

class Timeline {
  constructor(element) {
    this.study = element.dataset.study || null;
    this.hours = 24;
    this.card = new Card(element, { title: "Timeline of GPUs", table: () => this.table(), picture: () => this.plot.canvas, data: () => this.address() });
    this.card.switch("How far back", [["1", "1 h"], ["6", "6 h"], ["24", "24 h"], ["168", "7 d"]], "24", (value) => { this.hours = Number(value); this.plot.zoom = null; this.load(); });
    this.plot = new Plot(this.card.host, { height: 100, edge: { left: 150, top: 8 }, zoom: true, draw: (plot) => this.draw(plot), at: (plot, place) => this.at(plot, place), click: (found) => found && this.study && toggle(found.key) });
    this.load();
    if (this.study) whenChanged(this.study, () => this.load(), { apart: 4000, ignorePoints: true });
    else setInterval(() => document.hidden || this.load(), 10_000);
  }

  address() {
    return `/v1/timeline?${new URLSearchParams({ ...(this.study ? { study: this.study } : {}), hours: this.hours })}`;
  }

  async load() {
    try {
      const told = await read(this.address());
      this.told = told;
      this.rows = [...new Set(told.stretches.map((one) => place(one)))].sort((one, other) => one.localeCompare(other, "en", { numeric: true })).slice(0, MOST_ROWS);
      this.card.fine();
      this.plot.height = Math.max(70, this.rows.length * ROW + 44);
      this.plot.resize();
      this.plot.redraw();
    } catch (error) {
      this.card.fail(error, () => this.load());
    }
  }

  draw(plot) {
    if (!this.told) return;
    const { left, right, top, bottom } = plot.inner, { context } = plot, now = Date.parse(this.told.now), colour = colours();
    const first = Math.min(now - 60_000, ...this.told.stretches.map((one) => Date.parse(one.began))), from = Math.max(first, Date.parse(this.told.since));
    const [low, high] = plot.zoom?.x ?? [from, now];
    plot.x = scale("linear", low, high, left, right);
    plot.y = scale("linear", 0, Math.max(1, this.rows.length), top, bottom);
    this.clock(plot, low, high);
    this.boxes = [];
    this.rows.forEach((name, row) => {
      context.fillStyle = colour.muted;
      context.textAlign = "right";
      context.textBaseline = "middle";
      context.fillText(name.length > 22 ? `${name.slice(0, 21)}…` : name, left - 8, top + row * ROW + ROW / 2);
      context.fillStyle = colour.sunken;
      context.fillRect(left, top + row * ROW + 3, right - left, ROW - 6);
    });
    plot.inside(() => {
      for (const one of this.told.stretches) {
        const row = this.rows.indexOf(place(one));
        if (row < 0) continue;
        const x = plot.x.at(Date.parse(one.began)), end = plot.x.at(one.ended ? Date.parse(one.ended) : now), wide = Math.max(1.5, end - x - 1);
        const box = { one, left: x, right: x + wide, top: top + row * ROW + 3, bottom: top + (row + 1) * ROW - 3 };
        context.fillStyle = colour[tone(one.state)];
        context.globalAlpha = plot.hovered === one.trial ? 1 : 0.75;
        context.fillRect(box.left, box.top, wide, ROW - 6);
        context.globalAlpha = 1;
        if (one.state === "lost" || one.state === "failed") hatch(context, box, colour.surface);
        if (wide > 34) label(context, `#${one.trial}`, x + 4, (box.top + box.bottom) / 2, colour.text);
        this.boxes.push(box);
      }
    });
    const busy = this.told.stretches.filter((one) => !one.ended).length;
    this.card.say(this.told.stretches.length ? `${this.rows.length} places, ${busy} at work${this.told.more ? " · the newest attempts only" : ""}` : `nothing was trained in the last ${this.hours} h`);
    plot.say(`Timeline: ${this.told.stretches.length} attempts on ${this.rows.length} places, ${busy} of them running.`);
  }

  clock(plot, low, high) {
    const { left, right, bottom } = plot.inner, { context } = plot, seconds = (high - low) / 1000;
    const step = (STEPS.find((one) => seconds / one < Math.max(3, (right - left) / 110)) ?? 86400) * 1000;
    context.fillStyle = colours().muted;
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (let at = Math.ceil(low / step) * step; at <= high; at += step) {
      const when = new Date(at), text = step >= 86400_000 ? when.toLocaleDateString("en", { month: "short", day: "numeric" }) : when.toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit", hour12: false });
      context.fillText(text, plot.x.at(at), bottom + 11);
    }
  }

  at(plot, at) {
    const box = this.boxes?.findLast((one) => at.x >= one.left - 1 && at.x <= one.right + 1 && at.y >= one.top && at.y <= one.bottom);
    if (!box) return null;
    const { one } = box, minutes = (Date.parse(one.ended ?? this.told.now) - Date.parse(one.began)) / 60_000;
    return { key: one.trial, x: at.x, y: box.top, lines: [`${this.study ? "" : `${one.study} `}#${one.trial}, attempt ${one.attempt} · ${one.state}`, `${place(one)} · ${minutes < 90 ? `${minutes.toFixed(1)} min` : `${(minutes / 60).toFixed(1)} h`}`] };
  }

  table() {
    return { head: ["Where", "Study", "Trial", "Attempt", "State", "Began", "Ended"], rows: (this.told?.stretches ?? []).map((one) => [place(one), one.study, `#${one.trial}`, one.attempt, one.state, one.began, one.ended ?? "runs"]) };
  }

  debug() {
    return { kind: "timeline", rows: this.rows ?? [], bars: this.boxes?.length ?? 0 };
  }
}

function place(one) {
  return one.gpu ? `${one.worker}/${one.gpu}` : one.worker;
}

function tone(state) {
  if (state === "lost") return "lost";
  if (state === "leased" || state === "running") return "running";
  return STATES[LETTER_OF[state] ?? "w"][0];
}

/** Lines across a bar, so that what was lost is told by more than its colour. */
function hatch(context, box, colour) {
  context.save();
  context.beginPath();
  context.rect(box.left, box.top, box.right - box.left, box.bottom - box.top);
  context.clip();
  context.strokeStyle = colour;
  context.lineWidth = 1;
  for (let x = box.left - 20; x < box.right; x += 6) {
    context.beginPath();
    context.moveTo(x, box.bottom);
    context.lineTo(x + 14, box.top);
    context.stroke();
  }
  context.restore();
}
