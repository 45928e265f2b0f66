// Which metric's curves a chart shows: a choice in its head, kept in the address (?metric=val_accuracy). The objective,
// which is shown at first, stands not there.
import { alone } from "../held.js";
import { make } from "./card.js";

const NAME = "metric";

export class MetricChoice {
  /**
   * @param {Card} card
   * @param {string[]} objectives those of the study, first the one that is shown where nothing else is asked for
   * @param {() => void} changed called when somebody has chosen
   */
  constructor(card, objectives, changed) {
    this.objectives = objectives;
    // A report has the curves of one metric alone.
    this.asked = alone() ? null : new URLSearchParams(location.search).get(NAME) || null;
    if (this.asked === objectives[0]) this.asked = null;
    this.card = card;
    this.box = make("select", { "aria-label": "Metric", title: "Metric", hidden: alone(), onchange: () => this.choose(changed) });
    card.header.insertBefore(this.box, card.note);
    this.offer([]);
  }

  /** The metric that is shown. */
  get shown() {
    return this.asked ?? this.objectives[0];
  }

  /** Offer these, the objectives, and the one that is asked for, be it known or not. */
  offer(metrics) {
    const names = [...new Set([...this.objectives, ...metrics, this.shown])];
    if (names.length !== this.box.options.length || names.some((name, place) => this.box.options[place].value !== name)) {
      this.box.replaceChildren(...names.map((name) => make("option", { value: name }, name)));
    }
    this.box.value = this.shown;
  }

  choose(changed) {
    this.asked = this.box.value === this.objectives[0] ? null : this.box.value;
    const address = new URL(location.href);
    if (this.asked) address.searchParams.set(NAME, this.asked);
    else address.searchParams.delete(NAME);
    history.replaceState(history.state, "", address);
    this.card.linkData();
    changed();
  }
}
