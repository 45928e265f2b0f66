// What the server tells while this page is open.
//
//   import { follow } from "./live.js";
//   follow(["study=digits"], (message) => ...)   // {type: "points", data: {study, points: [[trial, step, value], ...]}}
//
// Types are those of the API's events (trial.state, study.updated, worker.online ...) and: points, log, workers;
// resync, at which everything is to be read again. A number may be "NaN", "Infinity" or "-Infinity".
// Nothing is drawn for a tab that nobody sees: messages wait, and come as one `resync`.
import { Stream } from "./stream.js";

const STALE_SECONDS = 20;
const PING_MS = 30_000;
/** @type {Map<Function, string[]>} */
const followers = new Map();
let send = () => {};
let state = "none";
let heard = Date.now();
let missed = false;

/** Be told of these topics; answers a function that ends it. */
export function follow(topics, handler) {
  followers.set(handler, topics);
  send();
  return () => {
    followers.delete(handler);
    send();
  };
}

/** How the connection is: none, live, gone, out (the login has ended), and for how many seconds nothing was heard. */
export function connection() {
  return { state, silent: Math.floor((Date.now() - heard) / 1000) };
}

function take(message) {
  if (message.type === "state") {
    const before = state;
    state = message.state;
    if (state === "live") heard = Date.now();
    if (state !== before) show();
    return;
  }
  heard = Date.now();
  if (message.type === "tick") return;
  if (message.type === "hello") {
    // Did something happen between the making of this page and the opening of the stream?
    if (message.data.newest <= Number(document.body.dataset.newest)) return;
    message = { type: "resync", data: {} };
  }
  if (document.hidden) missed = true;
  else tell(message);
}

function tell(message) {
  for (const handler of [...followers.keys()]) {
    try {
      handler(message);
    } catch (error) {
      console.error(error);
    }
  }
}

function topics() {
  return [...new Set([...followers.values()].flat())];
}

function show() {
  const dot = document.querySelector("[data-live-dot]");
  if (!dot) return;
  const { silent } = connection();
  const stale = state === "live" && silent >= STALE_SECONDS;
  dot.dataset.state = stale ? "stale" : state;
  const text = { live: stale ? `no update for ${silent} s` : "live", gone: `no server for ${silent} s`, out: "logged out" }[state] ?? "";
  const place = dot.querySelector("[data-live-text]");
  if (place.textContent !== text) place.textContent = text;
  document.dispatchEvent(new CustomEvent("basin:connection", { detail: { state: dot.dataset.state, silent } }));
}

function shared(address) {
  const port = new SharedWorker(address, { type: "module", name: "basin" }).port;
  port.onmessage = ({ data }) => take(data);
  send = () => port.postMessage({ topics: topics() });
  setInterval(send, PING_MS);
  addEventListener("pagehide", () => port.postMessage({ bye: true }));
  addEventListener("pageshow", send);
}

/** Tell a tab that has come how the stream is, and how far it has come. */
function greet(channel, stream) {
  channel.postMessage({ type: "state", state: stream.state });
  if (stream.state === "live") channel.postMessage({ type: "hello", data: { newest: stream.newest } });
}

/** Without SharedWorker: the tab that has the lock holds the stream and hands it on to the others. */
function led() {
  const channel = new BroadcastChannel("basin");
  const wishes = new Map();
  const me = crypto.randomUUID?.() ?? String(Math.random());
  let stream = null;
  const want = () => stream?.want([...wishes.values()].flat());
  channel.onmessage = ({ data }) => {
    if (data.wish) {
      wishes.set(data.from, data.wish);
      if (!data.wish.length) wishes.delete(data.from);
      want();
      if (stream) greet(channel, stream);
    } else if (data.ask) send();
    else if (!stream) take(data);
  };
  send = () => {
    wishes.set(me, topics());
    channel.postMessage({ wish: topics(), from: me });
    want();
  };
  addEventListener("pagehide", () => channel.postMessage({ wish: [], from: me }));
  const lead = () => new Promise(() => {
    stream = new Stream((message) => {
      channel.postMessage(message);
      take(message);
    });
    channel.postMessage({ ask: true });
    want();
  });
  if (navigator.locks) navigator.locks.request("basin-live", lead);
  else lead();
}

export function start() {
  const address = document.body.dataset.live;
  if (!address) return;
  if (window.SharedWorker) shared(address);
  else led();
  setInterval(show, 1000);
  document.addEventListener("visibilitychange", () => {
    if (document.hidden || !missed) return;
    missed = false;
    tell({ type: "resync", data: {} });
  });
}
