// A SharedWorker: it holds the one stream of a browser for all of its tabs. A browser has six connections to a server,
// and a stream for each tab would use them up.
import { Stream } from "./stream.js";

const FORGET_MS = 200_000;
/** @type {Map<MessagePort, {topics: string[], heard: number}>} */
const tabs = new Map();

const stream = new Stream((message) => {
  for (const port of tabs.keys()) port.postMessage(message);
});

function wanted() {
  stream.want([...tabs.values()].flatMap((tab) => tab.topics));
}

onconnect = (event) => {
  const port = event.ports[0];
  tabs.set(port, { topics: [], heard: Date.now() });
  port.onmessage = ({ data }) => {
    if (data.bye) tabs.delete(port);
    else tabs.set(port, { topics: data.topics, heard: Date.now() });
    wanted();
  };
  port.postMessage({ type: "state", state: stream.state });
  if (stream.state === "live") port.postMessage({ type: "hello", data: { newest: stream.newest } });
};

// A tab that crashed says no goodbye.
setInterval(() => {
  for (const [port, tab] of tabs) if (Date.now() - tab.heard > FORGET_MS) tabs.delete(port);
  wanted();
}, 60_000);
