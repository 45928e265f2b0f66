// The keyboard: every key is a button or a link as well, and none is taken while somebody writes.

const PAIR_MS = 1200;
const GO = { s: "/studies", w: "/workers", e: "/events" };
let first = "";

export function start() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.closest?.("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]")) return;
    if (document.querySelector("dialog[open]")) return;
    if (pressed(event.key)) event.preventDefault();
  });
  const help = document.querySelector("[data-help]");
  help?.removeAttribute("hidden");
  help?.addEventListener("click", showKeys);
  const theme = document.querySelector("[data-theme-switch]");
  theme?.removeAttribute("hidden");
  theme?.addEventListener("click", switchTheme);
}

function pressed(key) {
  if (first === "g" && GO[key]) return go(GO[key]);
  first = key;
  setTimeout(() => (first = ""), PAIR_MS);
  if (/^[1-8]$/.test(key)) return click(`[data-tab="${key}"]`);
  const does = KEYS[key];
  return does ? does() !== false : click(`[data-key="${CSS.escape(key)}"]`);
}

const KEYS = {
  "/": () => focus("[data-search]"),
  f: () => focus("[data-filter]"),
  "?": () => showKeys(),
  t: () => switchTheme(),
  j: () => move(1),
  k: () => move(-1),
  Enter: () => document.activeElement === document.body || document.activeElement?.matches("tr, main") ? click("tr.here [data-row]") : false,
  x: () => click("tr.here input[type=checkbox]"),
};

function showKeys() {
  document.querySelector("[data-keys]").showModal();
}

export function switchTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("basin.theme", root.dataset.theme);
  document.dispatchEvent(new CustomEvent("basin:theme"));
}

function go(address) {
  location.href = address;
  return true;
}

function click(selector) {
  const found = document.querySelector(selector);
  found?.click();
  return found !== null;
}

function focus(selector) {
  const found = document.querySelector(selector);
  found?.focus();
  found?.select?.();
  return found !== null;
}

/** The row that keys mean, one on or one back. */
function move(by) {
  const rows = [...document.querySelectorAll("[data-rows] tbody tr")];
  if (!rows.length) return false;
  const at = rows.findIndex((row) => row.classList.contains("here"));
  const next = rows[Math.min(Math.max(at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by, 0), rows.length - 1)];
  rows[at]?.classList.remove("here");
  next.classList.add("here");
  next.scrollIntoView({ block: "nearest" });
  return true;
}
