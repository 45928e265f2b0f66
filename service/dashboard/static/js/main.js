// What runs on every page: the stream, the pieces that it renews, forms, keys; then the modules that the page names.
//
//   <section data-module="charts/history.js" ...>   calls mount(element) of static/js/charts/history.js
import * as forms from "./forms.js";
import * as keys from "./keys.js";
import * as load from "./load.js";
import * as live from "./live.js";
import * as notices from "./notices.js";
import * as parts from "./parts.js";
import * as rows from "./rows.js";
import * as times from "./times.js";

notices.watchConnection();
parts.start();
forms.start();
keys.start();
load.start();
rows.start();
times.start();
live.start();

async function mount(element) {
  element.dataset.mounted = "";
  try {
    const module = await import(`./${element.dataset.module}`);
    await module.mount(element);
  } catch (error) {
    console.error(error);
    notices.say(`A part of this page could not be loaded (${element.dataset.module}). Reload the page to try again.`, true);
  }
}

function mountAll() {
  for (const element of document.querySelectorAll("[data-module]:not([data-mounted])")) mount(element);
}

mountAll();
document.addEventListener("basin:parts", mountAll);
// A menu closes when somebody clicks beside it, or presses Escape.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
});
