// Times in the reader's own zone, and texts that can be copied.
import { say } from "./notices.js";

export function start() {
  local();
  copies();
  document.addEventListener("basin:parts", () => (local(), copies()));
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy-this]");
    if (!button) return;
    const text = button.dataset.copyThis || button.parentElement.querySelector("[data-copy]")?.textContent;
    try {
      await navigator.clipboard.writeText(text);
      say("Copied.");
    } catch {
      say("This browser does not let pages copy here: select the text instead.", true);
    }
  });
}

function local() {
  for (const time of document.querySelectorAll("time[datetime]:not([data-local])")) {
    const then = new Date(time.dateTime);
    time.title = `${time.textContent}`;
    time.dataset.local = "";
    time.textContent = then.toLocaleString(undefined, { dateStyle: "short", timeStyle: "medium" });
  }
}

function copies() {
  for (const text of document.querySelectorAll("[data-copy]:not([data-copied])")) {
    text.dataset.copied = "";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "plain";
    button.dataset.copyThis = "";
    button.textContent = "Copy";
    text.insertAdjacentElement("beforebegin", button);
    button.dataset.copyThis = text.textContent;
  }
}
