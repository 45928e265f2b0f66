// Rows of trials that can be selected: the boxes of the table and the selection are one.
import { selection, toggle, watch } from "./store.js";

const MOST_COMPARED = 12;

export function start() {
  show();
  watch(show);
  document.addEventListener("basin:parts", show);
  document.addEventListener("change", (event) => {
    const box = event.target.closest("[data-select]");
    if (box) toggle(Number(box.value));
  });
}

function show() {
  const chosen = selection();
  for (const box of document.querySelectorAll("[data-select]")) {
    box.hidden = false;
    box.checked = chosen.has(Number(box.value));
    box.closest("tr").setAttribute("aria-selected", String(box.checked));
  }
  offerRetry();
  const compare = document.querySelector("[data-compare]");
  if (!compare) return;
  const few = [...chosen].slice(0, MOST_COMPARED);
  compare.hidden = !few.length;
  compare.textContent = `Compare ${few.length}`;
  compare.href = `${compare.dataset.compare}?t=${few.join(",")}`;
}

/** A button for the chosen rows whose trials came to nothing. */
function offerRetry() {
  const form = document.querySelector("[data-retry]");
  if (!form) return;
  const numbers = [...document.querySelectorAll("[data-select][data-retried]:checked")].map((box) => Number(box.value));
  form.hidden = !numbers.length;
  form.dataset.body = JSON.stringify({ trials: numbers });
  form.querySelector("button").textContent = `Retry ${numbers.length}`;
}
