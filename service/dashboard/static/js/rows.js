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
  const compare = document.querySelector("[data-compare]");
  if (!compare) return;
  const few = [...chosen].slice(0, MOST_COMPARED);
  compare.hidden = !few.length;
  compare.textContent = `Compare ${few.length}`;
  compare.href = `${compare.dataset.compare}?t=${few.join(",")}`;
}
