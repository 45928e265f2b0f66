// How somebody looks at a chart, kept in the address: ?curves=all.log.step. What is as it was at first stands not there.

/** The parts of a parameter of the address, each one of some choices: the first where there is none. */
export function kept(name, choices) {
  const parts = (new URLSearchParams(location.search).get(name) ?? "").split(".");
  return choices.map((some, place) => (some.includes(parts[place]) ? parts[place] : some[0]));
}

export function keep(name, parts, first = ["top", "linear", "step"]) {
  const address = new URL(location.href);
  if (parts.every((part, place) => part === first[place])) address.searchParams.delete(name);
  else address.searchParams.set(name, parts.join("."));
  history.replaceState(history.state, "", address);
}
