// What every chart's card has besides its picture: switches, a note, the picture as a table, its data, what went wrong.
import { alone } from "../held.js";
import { selection, select, watch } from "../store.js";
import { colours } from "./theme.js";

const MOST_ROWS = 500;
const SLOW_MS = 1000;

/** Make an element. */
export function make(name, given = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export class Card {
  /**
   * @param {HTMLElement} element the section; its header is there, or made of `title`
   * @param {{title?: string, table?: () => {head: string[], rows: any[][]}, data?: () => string,
   *   picture?: () => HTMLCanvasElement}} chart
   */
  constructor(element, chart) {
    this.element = element;
    this.chart = chart;
    element.querySelector("[data-without-scripts]")?.remove();
    this.header = element.querySelector("header") ?? element.insertBefore(make("header", {}, make("h2", {}, chart.title)), element.firstChild);
    this.note = make("span", { class: "hush note" });
    this.actions = make("div", { class: "actions" });
    this.header.append(this.note, this.actions);
    this.body = element.appendChild(make("div", { class: "chart-body" }));
    this.host = this.body.appendChild(make("div", { class: "chart-host" }));
    this.trouble = this.body.appendChild(make("p", { class: "chart-trouble", role: "status", hidden: true }));
    // A frame that stays empty says that it is waiting.
    setTimeout(() => this.note.textContent || !this.trouble.hidden || this.say("loading"), SLOW_MS);
    if (chart.table) this.offerTable();
    if (chart.picture) this.offerPicture();
    if (chart.data && !alone()) this.actions.append(make("a", { class: "plain-link", href: chart.data(), "data-chart-data": true, title: "What this chart is drawn from, as JSON" }, "data"));
  }

  /** Have the link to the data follow what the chart shows; a report has none. */
  linkData() {
    const link = this.actions.querySelector("[data-chart-data]");
    if (link) link.href = this.chart.data();
  }

  /** Buttons of which one is pressed: [[key, text], ...]. */
  switch(name, choices, chosen, pressed, key = null) {
    const group = make("div", { class: "segments", role: "group", "aria-label": name });
    const show = (now) => [...group.children].forEach((one) => one.setAttribute("aria-pressed", String(one.value === now)));
    for (const [value, text] of choices) {
      group.append(make("button", { type: "button", value, onclick: () => { show(value); pressed(value); } }, text));
    }
    if (key) {
      // The key goes round: it presses the one after that which is pressed.
      const next = make("button", { type: "button", hidden: true, "data-key": key, tabindex: "-1", onclick: () => {
        const at = [...group.children].findIndex((one) => one.getAttribute("aria-pressed") === "true");
        group.children[(at + 1) % group.children.length].click();
      } });
      this.header.append(next);
    }
    show(chosen);
    this.header.insertBefore(group, this.note);
    return { show, text: (value, text) => { const one = [...group.children].find((child) => child.value === value); if (one) one.textContent = text; } };
  }

  offerTable() {
    const button = make("button", { type: "button", class: "plain", "aria-pressed": "false", onclick: () => {
      const shown = button.getAttribute("aria-pressed") === "true";
      button.setAttribute("aria-pressed", String(!shown));
      button.textContent = shown ? "table" : "picture";
      this.host.hidden = !shown;
      this.table?.remove();
      this.table = null;
      if (!shown) this.body.append((this.table = this.written()));
    }, title: "Show as table" }, "table");
    this.actions.append(button);
  }

  /** The picture as a file, on the card's own ground. */
  offerPicture() {
    this.actions.append(make("button", { type: "button", class: "plain", title: "Save the picture as PNG", onclick: () => {
      const canvas = this.chart.picture(), whole = make("canvas", { width: canvas.width, height: canvas.height }), context = whole.getContext("2d");
      context.fillStyle = colours().surface;
      context.fillRect(0, 0, whole.width, whole.height);
      context.drawImage(canvas, 0, 0);
      whole.toBlob((blob) => {
        const link = make("a", { href: URL.createObjectURL(blob), download: `${this.element.dataset.study ?? "basin"}-${this.header.querySelector("h2").textContent.toLowerCase().replaceAll(" ", "-")}.png` });
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 1000);
      });
    } }, "PNG"));
  }

  written() {
    const { head, rows } = this.chart.table();
    const more = rows.length > MOST_ROWS ? make("p", { class: "hush" }, `The first ${MOST_ROWS} of ${rows.length} rows; the data has all.`) : null;
    return make("div", { class: "scroll chart-table", tabindex: "0", role: "region", "aria-label": "The chart as a table" }, make("table", {}, make("thead", {}, make("tr", {}, ...head.map((one) => make("th", { scope: "col" }, one)))),
      make("tbody", {}, ...rows.slice(0, MOST_ROWS).map((row) => make("tr", {}, ...row.map((one) => make("td", {}, String(one))))))), more);
  }

  say(text) {
    if (this.note.textContent === text) return;
    this.note.textContent = this.note.title = text;
  }

  /** Something is not there: say why, and how to try again. */
  fail(error, again) {
    this.trouble.hidden = false;
    this.trouble.replaceChildren(`${error.message} `, again && !alone() ? make("button", { type: "button", onclick: () => { this.trouble.hidden = true; again(); } }, "Try again") : "");
  }

  fine() {
    this.trouble.hidden = true;
  }
}

/** The trials that are selected, beneath a chart: links, and a way to let go of them. */
export function chips(card, study) {
  const row = card.body.appendChild(make("div", { class: "chips", hidden: true }));
  const show = () => {
    const numbers = [...selection()].slice(0, 40), base = `/studies/${encodeURIComponent(study)}`;
    row.hidden = !numbers.length;
    // In a file by itself there are no pages that a link could lead to.
    const named = (one) => (alone() ? make("span", {}, `#${one}`) : make("a", { href: `${base}/trials/${one}` }, `#${one}`));
    row.replaceChildren(make("span", { class: "hush" }, "Selected:"), ...numbers.map(named),
      alone() ? "" : make("a", { class: "button", href: `${base}/compare?t=${numbers.slice(0, 12).join(",")}` }, "Compare"),
      make("button", { type: "button", onclick: () => select([]) }, "Clear"));
  };
  watch(show);
  show();
}
