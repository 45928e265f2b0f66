// Brushes: stretches of parameters and values that a trial must lie in to be shown. One set for all charts of a page,
// kept in the address (?brush=lr:0.001~0.01), so that a link shows the same.
import { relink } from "../link.js";

const NAME = "brush";
const watchers = new Set();
/** @type {Map<string, [number, number]>} by the name of a parameter; the value's is "=" */
let brushes = read();
/** @type {ReturnType<import("./data.js").unfold>|null} */
let columns = null;
let passed = null;

function read() {
  const found = new Map();
  for (const part of new URLSearchParams(location.search).getAll(NAME)) {
    const [, name, low, high] = /^(.+):([^:~]+)~([^:~]+)$/.exec(part) ?? [];
    if (name && Number.isFinite(Number(low)) && Number.isFinite(Number(high))) found.set(name, [Number(low), Number(high)]);
  }
  return found;
}

export const filter = {
  get brushes() { return new Map(brushes); },
  get count() { return brushes.size; },
  /** Brush a parameter, or let go of it with null. */
  set(name, stretch) {
    if (stretch) brushes.set(name, stretch);
    else brushes.delete(name);
    this.changed();
  },
  clear() {
    brushes.clear();
    this.changed();
  },
  changed() {
    relink((wanted) => {
      wanted.delete(NAME);
      for (const [name, [low, high]] of brushes) wanted.append(NAME, `${name}:${low.toPrecision(6)}~${high.toPrecision(6)}`);
    });
    passed = null;
    for (const watcher of watchers) watcher();
  },
  watch(watcher) { watchers.add(watcher); },
};

/** The columns that brushes are read against. */
export function against(given) {
  columns = given;
  passed = null;
}

/** The numbers of the trials that pass all brushes; null if there is no brush. */
export function passing() {
  if (!brushes.size || !columns) return null;
  if (passed === null) {
    const tests = [...brushes].map(([name, [low, high]]) => {
      const values = name === "=" ? columns.values : columns.params.find((one) => one.name === name)?.values;
      return values ? (row) => values[row] >= low && values[row] <= high : () => true;
    });
    passed = new Set(columns.numbers.filter((_, row) => tests.every((test) => test(row))));
  }
  return passed;
}
