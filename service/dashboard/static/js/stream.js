// One stream of messages from the server, for all who want something of it. It is opened anew, from where it was, when
// more is wanted than before.

const KINDS = ["study.created", "study.updated", "study.state", "study.deleted", "trial.created", "trial.state",
  "worker.online", "worker.offline", "worker.draining", "worker.undrained", "worker.forgotten",
  "points", "log", "workers", "hello", "resync", "tick"];
const AGAIN_MS = 2000;

export class Stream {
  /** @param {(message: object) => void} tell is called with {type, data} and with {type: "state", state}. */
  constructor(tell) {
    this.tell = tell;
    this.topics = "";
    this.after = null;
    this.source = null;
    this.state = "none";
    /** The id of the newest event that was heard of. */
    this.newest = 0;
  }

  /** Want these topics from now on: parameters of the address, such as "study=digits". */
  want(topics) {
    const wanted = [...new Set(topics)].sort().join("&");
    if (wanted === this.topics && this.source) return;
    this.topics = wanted;
    clearTimeout(this.timer);
    // Several pages that open at once make one change.
    this.timer = setTimeout(() => this.open(), 30);
  }

  open() {
    this.source?.close();
    this.source = null;
    if (!this.topics) return;
    const after = this.after ? `&after=${encodeURIComponent(this.after)}` : "";
    const source = (this.source = new EventSource(`/live?${this.topics}${after}`));
    for (const kind of KINDS) source.addEventListener(kind, (event) => this.heard(kind, event));
    source.onerror = () => {
      if (source !== this.source) return;
      this.say("gone");
      // What was refused outright the browser does not try again.
      if (source.readyState === EventSource.CLOSED) this.refused();
    };
  }

  heard(kind, event) {
    this.after = event.lastEventId;
    this.say("live");
    const data = JSON.parse(event.data);
    this.newest = Math.max(this.newest, data.newest ?? data.id ?? 0);
    this.tell({ type: kind, data });
  }

  async refused() {
    this.source = null;
    try {
      const answer = await fetch("/v1/session");
      if (answer.status === 401) return this.say("out");
    } catch { /* the server is away */ }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.open(), AGAIN_MS);
  }

  say(state) {
    this.state = state;
    this.tell({ type: "state", state });
  }
}
