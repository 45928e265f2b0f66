// Answers that a page holds itself: a file that was exported has no server that could be asked.

/** @type {((url: URL) => Promise<any>)|null} */
let answers = null;

/** From now on nothing is asked for: `given` answers, or throws an Error that says why not. */
export function hold(given) {
  answers = given;
}

/** Whether this page is a file by itself. */
export function alone() {
  return answers !== null;
}

/** The answer that is held for an address of /v1. */
export function held(address) {
  return answers(new URL(address, "http://held/"));
}
