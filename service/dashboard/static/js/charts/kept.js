// How somebody looks at a chart, kept in the address: ?curves=all.log.step. What is as it was at first stands not there.
import { relink } from "../link.js";

/** The parts of a parameter of the address, each one of some choices: the first where there is none. */
export function kept(name, choices) {
  const parts = (new URLSearchParams(location.search).get(name) ?? "").split(".");
  return choices.map((some, place) => (some.includes(parts[place]) ? parts[place] : some[0]));
}

export function keep(name, parts, first = ["top", "linear", "step"]) {
  relink((wanted) => (parts.every((part, place) => part === first[place]) ? wanted.delete(name) : wanted.set(name, parts.join("."))));
}
