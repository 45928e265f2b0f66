// What is selected on a study's pages: trials by their numbers, one selection for all charts and tables, kept in the
// address (?sel=3,17), so that a link shows the same.
import { relink } from "./link.js";

const NAME = "sel";
/** @type {Set<number>} */
let chosen = read();
/** @type {Set<(selection: Set<number>) => void>} */
const watchers = new Set();

function read() {
  const text = new URLSearchParams(location.search).get(NAME) ?? "";
  return new Set(text.split(",").filter((part) => /^\d{1,15}$/.test(part)).map(Number));
}

/** The selected trials. */
export function selection() {
  return new Set(chosen);
}

/** Select these trials and no others. */
export function select(numbers) {
  chosen = new Set(numbers);
  relink((wanted) => (chosen.size ? wanted.set(NAME, [...chosen].join(",")) : wanted.delete(NAME)));
  for (const watcher of watchers) watcher(selection());
}

/** Take a trial into the selection, or out of it. */
export function toggle(number) {
  const changed = selection();
  if (!changed.delete(number)) changed.add(number);
  select(changed);
}

/** Be told of each change; answers a function that ends it. */
export function watch(watcher) {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

addEventListener("popstate", () => {
  chosen = read();
  for (const watcher of watchers) watcher(selection());
});
