// Colours and letters that all charts share. They are read from the style sheet's tokens, and again when it changes.

const NAMES = ["bg", "surface", "sunken", "border", "control", "text", "muted", "accent", "chosen", "running", "complete",
  "pruned", "failed", "lost", "waiting", "sans"];
/** What the letters of `states` stand for: the token of the colour, and the word. */
export const STATES = {
  q: ["waiting", "queued"], r: ["running", "running"], w: ["waiting", "paused"], c: ["complete", "completed"],
  p: ["pruned", "pruned"], f: ["failed", "failed"], i: ["failed", "infeasible"], x: ["waiting", "cancelled"],
};
export const LETTER_OF = Object.fromEntries(Object.entries(STATES).map(([letter, [, word]]) => [word, letter]));
/** Colours to tell up to twelve trials apart that somebody compares; dashes tell those that are alike. */
const COMPARED = { light: ["#1450b8", "#b3450c", "#2a7c56", "#7e0d42", "#6d4bb5", "#08707f"],
  dark: ["#7db4ff", "#ffb072", "#6ee7b7", "#ff8fa8", "#c3a6ff", "#67d8e6"] };
const CIVIDIS = [[0, 34, 78], [32, 56, 110], [68, 78, 108], [99, 101, 111], [124, 123, 120], [152, 147, 115], [184, 172, 103],
  [217, 200, 82], [253, 234, 69]];
let known = null;
const watchers = new Set();

/** The colours of now, by the names of their tokens. */
export function colours() {
  if (known === null) {
    const style = getComputedStyle(document.documentElement);
    known = Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    known.dark = brightness(known.bg) < 128;
  }
  return known;
}

/** Be told when the colours change. */
export function watchColours(watcher) {
  watchers.add(watcher);
}

function changed() {
  known = null;
  for (const watcher of watchers) watcher();
}
document.addEventListener("basin:theme", changed);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", changed);

/** Red, green and blue of a colour that is written as #rrggbb. */
export function rgb(colour) {
  const digits = colour.replace("#", "");
  return [0, 2, 4].map((place) => parseInt(digits.slice(place, place + 2), 16));
}

function brightness(colour) {
  const [red, green, blue] = rgb(colour);
  return 0.3 * red + 0.6 * green + 0.1 * blue;
}

/** A colour with transparency. */
export function faint(colour, alpha) {
  return `rgba(${rgb(colour).join(",")},${alpha})`;
}

/** The colour of a share from 0, the best, to 1: dark is best on light ground, light on dark. */
export function graded(share) {
  const place = Math.min(Math.max(colours().dark ? 1 - share : share, 0), 1) * (CIVIDIS.length - 1);
  const low = Math.min(Math.floor(place), CIVIDIS.length - 2);
  return CIVIDIS[low].map((one, at) => Math.round(one + (CIVIDIS[low + 1][at] - one) * (place - low)));
}

/** Colour and dashes of the n-th trial of a comparison. */
export function compared(place) {
  const list = COMPARED[colours().dark ? "dark" : "light"];
  return { colour: list[place % list.length], dash: place < list.length ? [] : [5, 3] };
}
