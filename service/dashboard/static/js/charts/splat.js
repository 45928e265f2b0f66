// Thousands of curves as a picture: for each pixel it is counted how many pass, and the counts become colours once, by
// their logarithm. Thin transparent strokes would be rounded away, one by one.
import { breath } from "./data.js";
import { colours, rgb, STATES } from "./theme.js";

const AT_ONCE_MS = 40;
const GROUPS = ["complete", "pruned", "running", "failed", "waiting"];

/**
 * @param {ReturnType<import("./packed.js").unpack>} all
 * @param {{x: object, y: object, left: number, top: number, width: number, height: number}} frame
 * @param {() => boolean} given whether the picture is no longer wanted
 * @param {Set<number>|null} passing the trials that are shown, or null for all
 * @returns {Promise<HTMLCanvasElement|null>}
 */
export async function splat(all, frame, given, passing) {
  const width = Math.round(frame.width), height = Math.round(frame.height);
  const counts = Object.fromEntries(GROUPS.map((name) => [name, new Uint16Array(width * height)]));
  let since = performance.now();
  for (let curve = 0; curve < all.count; curve++) {
    if ((curve & 127) === 0 && performance.now() - since > AT_ONCE_MS) {
      await breath();
      if (given()) return null;
      since = performance.now();
    }
    if (passing && !passing.has(all.numbers[curve])) continue;
    const into = counts[STATES[all.letters[curve]][0]];
    trace(all, curve, frame, into, width, height);
  }
  await breath();
  return given() ? null : coloured(counts, width, height);
}

function trace(all, curve, { x, y, left, top }, into, width, height) {
  let beforeX = NaN, beforeY = NaN;
  for (let point = all.begins[curve]; point < all.begins[curve + 1]; point++) {
    const nowX = x.at(all.at[point]) - left, nowY = y.at(all.values[point]) - top;
    if (beforeY === beforeY && nowY === nowY) stroke(into, width, height, beforeX, beforeY, nowX, nowY);
    else if (nowY === nowY) mark(into, width, height, nowX | 0, nowY | 0);
    beforeX = nowX;
    beforeY = nowY;
  }
}

function mark(into, width, height, x, y) {
  if (x < 0 || x >= width || y < 0 || y >= height) return;
  const place = y * width + x;
  if (into[place] < 65535) into[place]++;
}

function stroke(into, width, height, fromX, fromY, toX, toY) {
  // What is far above the frame would take very many steps.
  if ((fromX < 0 && toX < 0) || (fromX > width && toX > width) || (fromY < 0 && toY < 0) || (fromY > height && toY > height)) return;
  const steps = Math.min(4096, Math.max(1, Math.ceil(Math.max(Math.abs(toX - fromX), Math.abs(toY - fromY)))));
  const stepX = (toX - fromX) / steps, stepY = (toY - fromY) / steps;
  let x = fromX, y = fromY;
  for (let step = 0; step < steps; step++, x += stepX, y += stepY) {
    if (x < 0 || x >= width || y < 0 || y >= height) continue;
    const place = (y | 0) * width + (x | 0);
    if (into[place] < 65535) into[place]++;
  }
}

function coloured(counts, width, height) {
  const picture = new ImageData(width, height), data = picture.data, colour = colours();
  const paints = GROUPS.map((name) => ({ counts: counts[name], rgb: rgb(colour[name]) }));
  let most = 1;
  for (const { counts: one } of paints) for (const count of one) if (count > most) most = count;
  const full = Math.log1p(most);
  for (let place = 0; place < width * height; place++) {
    let total = 0, red = 0, green = 0, blue = 0;
    for (const { counts: one, rgb: paint } of paints) {
      const count = one[place];
      if (!count) continue;
      total += count;
      red += paint[0] * count;
      green += paint[1] * count;
      blue += paint[2] * count;
    }
    if (!total) continue;
    data[4 * place] = red / total;
    data[4 * place + 1] = green / total;
    data[4 * place + 2] = blue / total;
    data[4 * place + 3] = 55 + 200 * (Math.log1p(total) / full);
  }
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(picture, 0, 0);
  return canvas;
}
