// What charts are drawn from: answers of /v1, asked for again when something has changed, and not more often than needed.
import { alone, held } from "../held.js";
import { follow } from "../live.js";

/** The address of a study's data. */
export function address(study, path, wanted = {}) {
  const query = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value !== null && value !== undefined));
  return `/v1/studies/${encodeURIComponent(study)}/${path}${[...query].length ? `?${query}` : ""}`;
}

/** An answer as JSON; an Error with the server's own words otherwise. */
export async function read(url, options) {
  if (alone()) return held(url);
  const answer = await fetch(url, { headers: { accept: "application/json", ...(options?.body ? { "content-type": "application/json" } : {}) }, ...options });
  if (!answer.ok) throw await refusal(answer);
  return answer.json();
}

/** An answer as bytes. */
export async function readBytes(url) {
  if (alone()) return held(url);
  const answer = await fetch(url);
  if (!answer.ok) throw await refusal(answer);
  return answer.arrayBuffer();
}

async function refusal(answer) {
  let told = {};
  try { told = await answer.json(); } catch { /* no problem body */ }
  const id = told.request_id ?? answer.headers.get("x-request-id");
  return new Error(`${told.detail ?? `The server answered ${answer.status}.`}${id ? ` (request ${id})` : ""}`);
}

const shared = new Map();

/** One answer for all charts of a page that ask for the same within a moment. */
export function together(url) {
  const known = shared.get(url);
  if (known) return known;
  const asked = read(url);
  shared.set(url, asked);
  const forget = () => setTimeout(() => shared.delete(url), 300);
  asked.then(forget, forget);
  return asked;
}

/**
 * Call `again` when something of a study has changed, at most once in `apart` milliseconds. `points` is called with new
 * points at once, if it is given: [[trial, step, value], ...].
 */
export function whenChanged(study, again, { apart = 2000, points = null, ignorePoints = false } = {}) {
  let timer = 0, last = Date.now();
  const soon = () => {
    if (timer) return;
    timer = setTimeout(() => {
      timer = 0;
      last = Date.now();
      again();
    }, Math.max(150, last + apart - Date.now()));
  };
  return follow([`study=${encodeURIComponent(study)}`], ({ type, data }) => {
    if (type === "resync") soon();
    else if (data.study !== study) return;
    else if (type === "points") {
      points?.(data.points);
      if (!ignorePoints) soon();
    } else if (type.startsWith("trial.") || type.startsWith("study.")) soon();
  });
}

/** Let the page breathe in a long piece of work. */
export function breath() {
  return globalThis.scheduler?.yield ? scheduler.yield() : new Promise((done) => setTimeout(done, 0));
}

/** Columns as charts use them: numbers of trials, values with NaN for what is missing. */
export function unfold(columns) {
  let number = -1;
  const numbers = columns.steps_between.map((step) => (number += step));
  const real = (values) => Float64Array.from(values, (value) => (value === null ? NaN : value));
  return { ...columns, numbers, count: numbers.length, values: real(columns.values), others: columns.others.map(real),
    params: columns.params.map((one) => ({ ...one, values: real(one.values) })) };
}
