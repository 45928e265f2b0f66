// The trials of a study as columns: read once for all charts of a page, and again when something has changed.
import { relink } from "../link.js";
import { address, read, unfold, whenChanged } from "./data.js";
import { against } from "./brushes.js";

const MOST_AT_FIRST = 8;
const NAME = "params";
const AGAIN_MS = 1000;
const sheets = new Map();

/** The columns of a study, with the parameters that the page shows; one for all charts of a page. */
export function columnsOf(study, { parameters = false } = {}) {
  const key = `${study}\n${parameters}`;
  if (!sheets.has(key)) sheets.set(key, new Columns(study, parameters));
  return sheets.get(key);
}

class Columns {
  constructor(study, parameters) {
    this.study = study;
    this.parameters = parameters;
    this.watchers = new Set();
    this.now = null;
    this.error = null;
    this.chosen = parameters ? this.linked() : [];
    this.load();
    whenChanged(study, () => this.load(), { apart: 3000, ignorePoints: true });
  }

  linked() {
    const text = new URLSearchParams(location.search).get(NAME);
    return text ? text.split(",").filter(Boolean) : null;
  }

  /** Be told of the columns, now if they are there and whenever they have changed. */
  watch(watcher) {
    this.watchers.add(watcher);
    if (this.now || this.error) watcher(this.now, this.error);
  }

  /** Show these parameters on the page. */
  choose(names) {
    this.chosen = names;
    relink((wanted) => wanted.set(NAME, names.join(",")));
    this.load();
  }

  async load() {
    const asked = (this.asked = Symbol("asked"));
    try {
      if (this.chosen === null) this.chosen = await this.first();
      const told = await read(address(this.study, "columns", { params: this.chosen.join(",") }));
      if (asked !== this.asked) return;
      this.now = unfold(told);
      this.error = null;
      if (told.read < told.of) setTimeout(() => this.load(), AGAIN_MS);
      if (this.parameters || !this.now.param_names.length) against(this.now);
    } catch (error) {
      if (asked !== this.asked) return;
      this.error = error;
    }
    for (const watcher of this.watchers) watcher(this.now, this.error);
  }

  /** The parameters that matter most, or the first ones where that is not known. */
  async first() {
    const importances = await read(address(this.study, "importances")).catch(() => ({ importances: [] }));
    const ordered = importances.importances.map((one) => one.name);
    const known = ordered.length ? ordered : (await read(address(this.study, "columns"))).param_names;
    return known.slice(0, MOST_AT_FIRST);
  }
}

/** The rows of the best completed trials, the best first. */
export function bestRows(columns, share) {
  const rows = [];
  for (let row = 0; row < columns.count; row++) if (columns.states[row] === "c" && Number.isFinite(columns.values[row])) rows.push(row);
  const sign = columns.direction === "minimize" ? 1 : -1;
  rows.sort((left, right) => sign * (columns.values[left] - columns.values[right]));
  return rows.slice(0, Math.max(rows.length ? 1 : 0, Math.ceil(rows.length * share)));
}

/** For each row how good its value is: 0 the best of all, 1 the worst; NaN without a value. */
export function ranks(columns) {
  const sign = columns.direction === "minimize" ? 1 : -1, rows = [...columns.values.keys()].filter((row) => Number.isFinite(columns.values[row]));
  rows.sort((left, right) => sign * (columns.values[left] - columns.values[right]));
  const found = new Float64Array(columns.count).fill(NaN);
  rows.forEach((row, place) => (found[row] = rows.length > 1 ? place / (rows.length - 1) : 0));
  return found;
}
