// The address of the page, which says how it is looked at: what is selected, brushed, shown.

/** Change what stands in the address, without a step in the history. `change` is given its parameters. */
export function relink(change) {
  const address = new URL(location.href);
  change(address.searchParams);
  try {
    history.replaceState(history.state, "", address);
  } catch {
    // A file's address is no page's to change in some browsers: there it stays as it is.
  }
}
