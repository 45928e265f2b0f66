// What another scheduler would have done with the curves that are there: asked of the server, told in sentences.
import { count, number } from "../numbers.js";
import { Card, make } from "./card.js";
import { address, read } from "./data.js";

const KINDS = { asha: [["reduction_factor", "one in so many goes on", 3], ["min_resource", "first rung at step", 1]], median: [["startup_trials", "trials before it decides", 5]], percentile: [["percentile", "percent that go on", 25]], hyperband: [["max_resource", "steps of a whole trial", 81], ["reduction_factor", "one in so many goes on", 3]], none: [] };
const WAIT_SECONDS = 15;

export function mount(element) {
  element.chart = new WhatIf(element);
}

class WhatIf {
  constructor(element) {
    this.study = element.dataset.study;
    this.card = new Card(element, { title: "What if" });
    this.card.say("the curves are replayed before another scheduler; nothing of the study changes");
    this.kind = make("select", { "aria-label": "Scheduler", onchange: () => this.offer() }, ...Object.keys(KINDS).map((name) => make("option", { value: name }, name)));
    this.options = make("span", { class: "pickers" });
    this.form = make("form", { class: "inline what-if", onsubmit: (event) => { event.preventDefault(); this.ask(); } }, this.kind, this.options, (this.button = make("button", { class: "primary" }, "Replay")));
    this.result = make("div", { class: "chart-caption", role: "status" });
    this.card.host.append(this.form, this.result);
    this.offer();
  }

  offer() {
    this.options.replaceChildren(...KINDS[this.kind.value].map(([name, text, value]) => make("label", {}, `${text} `, make("input", { name, type: "number", min: 1, value, size: 4, class: "few" }))));
  }

  get scheduler() {
    const options = Object.fromEntries([...this.options.querySelectorAll("input")].map((field) => [field.name, Number(field.value)]));
    return { type: this.kind.value, ...options, ...(this.kind.value === "asha" ? { mode: "stop" } : {}) };
  }

  async ask() {
    this.button.disabled = true;
    this.result.textContent = "It is being replayed.";
    try {
      let told = { state: "computing" };
      while (told.state === "computing") told = await read(address(this.study, "what-if"), { method: "POST", body: JSON.stringify({ scheduler: this.scheduler, wait_seconds: WAIT_SECONDS }) });
      this.told = told;
      this.result.replaceChildren(...(told.replay ? this.sentences(told) : [make("p", {}, `There is nothing to replay: ${told.reason}.`)]));
    } catch (error) {
      this.result.replaceChildren(make("p", { class: "wrong" }, error.message));
    } finally {
      this.button.disabled = false;
    }
  }

  sentences({ replay, scheduler }) {
    const share = (spent) => (Number(spent.really) ? `${Math.round((Number(spent.saved) / Number(spent.really)) * 100)} %` : "0 %");
    const told = [`${scheduler.type} would have stopped ${count(replay.stopped)} of ${count(replay.trials)} trials; really ${count(replay.really_stopped)} were. It saves ${share(replay.steps)} of the steps${replay.gpu_seconds ? ` and ${share(replay.gpu_seconds)} of the GPU time` : ""}.`];
    if (replay.best) {
      told.push(replay.best.kept ? `The present best, trial ${replay.best.number} with ${number(replay.best.value)}, would have been kept.`
        : `It would have cut the present best, trial ${replay.best.number}, at step ${replay.best.stopped_at}${replay.best.regret === null ? "" : `: the best left would be worse by ${number(replay.best.regret)}`}.`);
    }
    if (replay.top.length) told.push(`Kept: ${replay.top.map((one) => `${one.kept} of the best ${one.k}`).join(", ")}.`);
    if (replay.unknown) told.push(`${count(replay.unknown)} trials were really cut short before it would have decided: what had become of them is not known.`);
    const halted = replay.halted.slice(0, 50).map((one) => make("tr", {}, make("td", {}, make("a", { href: `/studies/${encodeURIComponent(this.study)}/trials/${one.number}` }, `#${one.number}`)), make("td", { class: "number" }, one.step), make("td", { class: "number" }, one.last_step), make("td", {}, one.really), make("td", { class: "small" }, one.reason ?? "")));
    return [...told.map((text, place) => make("p", { class: place ? null : "strong" }, text)), halted.length ? make("details", {}, make("summary", {}, `The ${count(replay.halted.length + replay.halted_more)} it would have halted`), make("table", {}, make("thead", {}, make("tr", {}, ...["Trial", "At step", "Came to", "Really", "Why"].map((text) => make("th", { scope: "col" }, text)))), make("tbody", {}, ...halted))) : "",
      make("ul", { class: "hush" }, ...replay.notes.map((text) => make("li", {}, text)))];
  }

  debug() {
    return { kind: "what-if", state: this.told?.state ?? null, stopped: this.told?.replay?.stopped ?? null, text: this.result.textContent };
  }
}
