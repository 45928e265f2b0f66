// Keeps the page true: what the server says has changed is read again, and the pieces of the page that it concerns are
// put in the place of the old ones. Nothing else of the page moves.
//
//   <section data-part="kpis" data-on="study trial">     a piece, and what makes it old: study, trial, worker
//   <section data-part="running" data-points>            numbers of curves in it are written at once
//   <span data-again>                                    not all is there yet: the page is read again soon
import { follow } from "./live.js";
import { number } from "./numbers.js";
import { say, loggedOut } from "./notices.js";

const SOON_MS = 400;
const AGAIN_MS = 1500;
const APART_MS = { study: 1000, trial: 1000, worker: 2000, points: 3000, log: 1500 };
const pending = new Set();
let timer = 0;
let later = 0;
let last = 0;
let reading = false;

export function start() {
  for (const log of document.querySelectorAll("[data-follow]")) log.scrollTop = log.scrollHeight;
  const topics = document.body.dataset.topics;
  if (topics) follow(topics.split("&"), take);
  again();
}

function again() {
  clearTimeout(later);
  if (document.querySelector("[data-again]")) later = setTimeout(refresh, AGAIN_MS);
}

/** Read the page again now. */
export function refresh() {
  mark("everything", 0);
}

function take({ type, data }) {
  if (type === "resync") return refresh();
  if (type === "log") return mark("log");
  if (type === "points") {
    for (const [trial, step, value] of data.points) written(trial, step, value);
    if (document.querySelector("[data-points]")) mark("points");
    return;
  }
  const group = type.startsWith("study.") ? "study" : type.startsWith("trial.") ? "trial" : type.startsWith("worker") ? "worker" : "";
  if (type === "study.deleted" && document.querySelector("[data-study]")?.dataset.study === data.study) {
    return say("This study has been deleted.", true);
  }
  if (group) mark(group);
}

function written(trial, step, value) {
  for (const cell of document.querySelectorAll(`[data-value-of="${trial}"]`)) {
    cell.textContent = number(value);
    cell.title = value;
  }
  for (const cell of document.querySelectorAll(`[data-step-of="${trial}"]`)) cell.textContent = step;
}

function mark(group, wait) {
  pending.add(group);
  if (timer && wait !== 0) return;
  clearTimeout(timer);
  const due = last + (APART_MS[group] ?? 0) - Date.now();
  timer = setTimeout(read, wait ?? Math.max(due, SOON_MS));
}

async function read() {
  timer = 0;
  if (reading) return mark("", SOON_MS);
  reading = true;
  const groups = new Set(pending);
  pending.clear();
  last = Date.now();
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (answer.redirected && new URL(answer.url).pathname === "/login") return loggedOut();
    if (answer.status === 404) return;
    if (!answer.ok) return;
    put(new DOMParser().parseFromString(await answer.text(), "text/html"), groups);
  } catch { /* the server is away: the head of the page says so */ } finally {
    reading = false;
    last = Date.now();
  }
}

function put(fresh, groups) {
  let changed = false;
  const there = [...document.querySelectorAll("[data-part]")];
  for (const old of there) {
    const part = fresh.querySelector(`[data-part="${CSS.escape(old.dataset.part)}"]`);
    if (part === null && old.dataset.on) old.remove();
    if (part === null || !concerned(old, groups) || old.isEqualNode(part) || busy(old)) continue;
    // What the reader has opened or scrolled stays as it is.
    const places = [...old.querySelectorAll(".scroll")].map((box) => [box.scrollLeft, box.scrollTop]);
    const focused = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    const here = old.querySelector("tr.here [data-row]")?.getAttribute("href");
    const ends = old.querySelector("[data-follow]");
    const atEnd = !ends || ends.scrollHeight - ends.scrollTop - ends.clientHeight < 30;
    old.replaceWith(part);
    const log = part.querySelector("[data-follow]");
    if (log) log.scrollTop = atEnd ? log.scrollHeight : ends.scrollTop;
    if (focused) part.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
    if (here) part.querySelector(`[data-row][href="${CSS.escape(here)}"]`)?.closest("tr").classList.add("here");
    [...part.querySelectorAll(".scroll")].forEach((box, place) => places[place] && box.scrollTo(...places[place]));
    changed = true;
  }
  const known = new Set(there.map((part) => part.dataset.part));
  const added = [...fresh.querySelectorAll("[data-part]")].some((part) => !known.has(part.dataset.part) && part.dataset.on);
  document.body.dataset.newest = fresh.body.dataset.newest;
  if (changed) document.dispatchEvent(new CustomEvent("basin:parts"));
  if (added) document.dispatchEvent(new CustomEvent("basin:added"));
  again();
}

function concerned(part, groups) {
  if (groups.has("everything") || part.dataset.part === "fleet") return true;
  if (groups.has("points") && "points" in part.dataset) return true;
  return (part.dataset.on ?? "study trial").split(" ").some((group) => groups.has(group));
}

/** Whether somebody is at work in a piece: a menu is open, a field has the focus or has been changed. */
function busy(part) {
  if (part.querySelector("details[open].menu, input:focus, select:focus, textarea:focus, button:focus-visible")) return true;
  return [...part.querySelectorAll("input[type=text], textarea")].some((field) => field.value !== field.defaultValue);
}
