// Scales: from values to pixels and back, with ticks at round numbers.
import { number } from "../numbers.js";

/** A scale from [low, high] to [from, to] pixels: "linear" or "log". */
export function scale(kind, low, high, from, to) {
  const log = kind === "log" && low > 0;
  const forward = log ? Math.log : (value) => value;
  const back = log ? Math.exp : (value) => value;
  let begin = forward(low), end = forward(high);
  // Half of each, for the distance between two huge numbers is none.
  if (!(end > begin)) [begin, end] = [begin - 0.5 * (Math.abs(begin) || 1), end + 0.5 * (Math.abs(end) || 1)];
  const width = end / 2 - begin / 2;
  const at = (value) => from + ((forward(value) / 2 - begin / 2) / width) * (to - from);
  const invert = (pixel) => back(begin + ((pixel - from) / (to - from)) * 2 * width);
  return { kind: log ? "log" : "linear", low: back(begin), high: back(end), from, to, at, invert,
    ticks: (count) => (log ? logTicks(low, high, count) : linearTicks(begin, end, count)) };
}

/** A scale of whole numbers, such as steps: it has no ticks between them. */
export function whole(given) {
  return { ...given, ticks: (count) => given.ticks(count).filter((tick) => Number.isInteger(tick.value)) };
}

function linearTicks(low, high, count) {
  const rough = (high / count - low / count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].find((one) => one * power >= rough * 0.999) * power;
  if (!Number.isFinite(step) || step <= 0) return [];
  const ticks = [];
  for (let place = Math.ceil(low / step); place * step <= high + step * 1e-9 && ticks.length < 50; place++) {
    ticks.push({ value: place * step, text: number(Math.abs(place) < 1e-9 ? 0 : place * step) });
  }
  return ticks;
}

function logTicks(low, high, count) {
  const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
  const decades = last - first;
  const each = Math.max(1, Math.ceil(decades / count));
  const within = decades <= 1 ? [1, 2, 3, 5, 7] : decades <= 3 ? [1, 2, 5] : [1];
  const ticks = [];
  for (let power = first; power <= last; power += each) {
    for (const digit of within) {
      const value = digit * 10 ** power;
      if (value >= low * 0.999 && value <= high * 1.001) ticks.push({ value, text: number(value) });
    }
  }
  return ticks;
}

/** The places of choices along pixels, as a scale. */
export function bands(choices, from, to) {
  const step = (to - from) / Math.max(1, choices.length - 1);
  const only = choices.length < 2;
  const at = (place) => (only ? (from + to) / 2 : from + place * step);
  return { kind: "choice", from, to, at, invert: (pixel) => (only ? 0 : (pixel - from) / step),
    ticks: () => choices.map((choice, place) => ({ value: place, text: String(choice) })) };
}

/** The stretch of values that is shown: on the bad side without the outliers that would squeeze all others. */
export function usual(values, direction) {
  const known = Float64Array.from(values.filter((value) => value !== null && Number.isFinite(value))).sort();
  if (!known.length) return { low: 0, high: 1, outside: 0 };
  const share = (part) => known[Math.min(known.length - 1, Math.max(0, Math.floor(part * (known.length - 1))))];
  let low = known[0], high = known[known.length - 1];
  const small = direction !== "maximize";
  const tail = small ? Math.min(share(0.99), low + 20 * (share(0.75) - low) || high) : Math.max(share(0.01), high - 20 * (high - share(0.25)) || low);
  if (small && high / 2 - low / 2 > 1.5 * (tail / 2 - low / 2) && tail > low) high = tail;
  if (!small && high / 2 - low / 2 > 1.5 * (high / 2 - tail / 2) && tail < high) low = tail;
  const outside = known.filter((value) => value < low || value > high).length;
  const room = (high - low) * 0.03 || Math.abs(high) * 0.05 || 0.5;
  return { low: low - room, high: high + room, outside, least: known[0], most: known[known.length - 1] };
}
