// The table of trials in a report: page by page, ordered by any column, of those that the brushes leave. Rows and charts
// have one selection.
import { filter, passing } from "../charts/brushes.js";
import { make } from "../charts/card.js";
import { unfold } from "../charts/data.js";
import { STATES } from "../charts/theme.js";
import { count, number } from "../numbers.js";
import { selection, toggle, watch } from "../store.js";

const ROWS = 50;

export class Trials {
  /** @param {HTMLElement} element the section, with a table that can be read without scripts */
  constructor(element, told) {
    this.columns = unfold(told);
    this.body = element.querySelector("[data-trials]");
    this.note = element.querySelector("header .hush");
    this.first = 0;
    // As without scripts: the best first.
    this.by = { column: 2, down: told.direction === "maximize" };
    this.fields = this.all();
    filter.watch(() => this.show(0));
    watch(() => this.show());
    this.show();
  }

  /** The columns of the table: a name, what a row has to be ordered by, and how that is written. */
  all() {
    const { columns } = this, { metrics, params } = columns;
    const measured = (name, values) => ({ name, of: (row) => values[row], text: (row) => number(Number.isNaN(values[row]) ? null : values[row], 5), digits: true });
    const chosen = (one) => ({ name: one.name, of: (row) => one.values[row], text: (row) => String(one.choices[one.values[row]] ?? "—") });
    return [{ name: "#", of: (row) => columns.numbers[row], text: (row) => `#${columns.numbers[row]}` }, { name: "State", of: (row) => STATES[columns.states[row]][1], text: (row) => STATES[columns.states[row]][1] },
      measured(metrics[0], columns.values), ...columns.others.map((values, place) => measured(metrics[place + 1], values)),
      ...params.map((one) => (one.kind === "choice" ? chosen(one) : measured(one.name, one.values)))];
  }

  /** The rows in their order; what has no value comes last. */
  rows() {
    const kept = passing(), { of } = this.fields[this.by.column], sign = this.by.down ? -1 : 1;
    const rows = [...Array(this.columns.count).keys()].filter((row) => kept === null || kept.has(this.columns.numbers[row]));
    const missing = (row) => (Number.isNaN(of(row)) ? 1 : 0);
    return rows.sort((one, other) => missing(one) - missing(other) || (of(one) < of(other) ? -sign : of(one) > of(other) ? sign : 0));
  }

  show(first = this.first) {
    const rows = this.rows(), chosen = selection(), focused = document.activeElement?.dataset.keep;
    this.first = Math.max(0, Math.min(first, Math.floor((rows.length - 1) / ROWS) * ROWS));
    const shown = rows.slice(this.first, this.first + ROWS);
    this.note.textContent = `${rows.length === this.columns.count ? "" : `${count(rows.length)} of `}${count(this.columns.count)}${rows.length === this.columns.count ? "" : ", those that the brushes leave"}`;
    const head = this.fields.map((field, column) => make("th", { scope: "col", class: field.digits ? "number" : "", "aria-sort": column === this.by.column ? (this.by.down ? "descending" : "ascending") : null },
      make("button", { type: "button", class: "plain", "data-keep": `by ${column}`, onclick: () => this.order(column) }, `${field.name}${column === this.by.column ? (this.by.down ? " ▾" : " ▴") : ""}`)));
    const lines = shown.map((row) => {
      const one = this.columns.numbers[row];
      return make("tr", { "aria-selected": chosen.has(one) ? "true" : null }, make("td", {}, make("input", { type: "checkbox", "aria-label": `Select trial ${one}`, "data-keep": `trial ${one}`, checked: chosen.has(one), onchange: () => toggle(one) })),
        ...this.fields.map((field) => make("td", { class: field.digits ? "number" : "" }, field.text(row))));
    });
    this.body.replaceChildren(make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Trials" }, make("table", {}, make("caption", { class: "unseen" }, "Trials"), make("thead", {}, make("tr", {}, make("th", { scope: "col" }, make("span", { class: "unseen" }, "Select")), ...head)), make("tbody", {}, ...lines))), this.turner(rows.length));
    // The table is made anew, and whoever works with keys stays where they were.
    if (focused) this.body.querySelector(`[data-keep="${CSS.escape(focused)}"]`)?.focus();
  }

  order(column) {
    this.by = { column, down: this.by.column === column && !this.by.down };
    this.show(0);
  }

  turner(all) {
    if (all <= ROWS) return "";
    const go = (text, by, ends) => make("button", { type: "button", "data-keep": text, disabled: ends, onclick: () => this.show(this.first + by) }, text);
    return make("p", { class: "body actions" }, go("‹ Previous", -ROWS, this.first === 0), make("span", { class: "hush" }, `${count(this.first + 1)} to ${count(Math.min(this.first + ROWS, all))} of ${count(all)}`), go("Next ›", ROWS, this.first + ROWS >= all));
  }
}
