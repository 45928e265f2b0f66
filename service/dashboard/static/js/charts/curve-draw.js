// Draws curves: the density of all of them, single lines with their ends, the band of quantiles, the cuts as they were.
import { label, SIGNS } from "./axes.js";
import { number } from "../numbers.js";
import { colours, faint, LETTER_OF, rgb, STATES } from "./theme.js";

/** The density as a picture of its own, that is stretched over the axes. */
export function densityPicture(density) {
  const { columns, rows, counts } = density, picture = new ImageData(columns, rows), paint = rgb(colours().muted);
  const most = Math.log1p(counts.reduce((left, right) => Math.max(left, right), 1));
  for (let column = 0; column < columns; column++) {
    for (let row = 0; row < rows; row++) {
      const count = counts[column * rows + row], place = 4 * ((rows - 1 - row) * columns + column);
      picture.data.set(paint, place);
      picture.data[place + 3] = count ? 20 + 105 * (Math.log1p(count) / most) : 0;
    }
  }
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  canvas.getContext("2d").putImageData(picture, 0, 0);
  return canvas;
}

export function drawDensity(plot, picture, extent, values) {
  const { context, x, y } = plot, half = (x.at(extent.high) - x.at(extent.low)) / (picture.width - 1) / 2;
  const left = x.at(extent.low) - half, top = y.at(values.high);
  context.imageSmoothingEnabled = true;
  context.drawImage(picture, left, top, x.at(extent.high) + half - left, y.at(values.low) - top);
}

/** The stretch from the 10th to the 90th percentile, and the median. */
export function drawBand(plot, band) {
  const { context, x, y } = plot, known = band.at.map((_, place) => place).filter((place) => band.p10[place] !== null && band.p90[place] !== null);
  if (!known.length) return;
  context.beginPath();
  for (const place of known) context.lineTo(x.at(band.at[place]), y.at(band.p90[place]));
  for (const place of known.toReversed()) context.lineTo(x.at(band.at[place]), y.at(band.p10[place]));
  context.closePath();
  context.fillStyle = faint(colours().muted, 0.22);
  context.fill();
  strokeLine(plot, band.at, band.p50, { colour: colours().muted, width: 1.2 });
}

/** A line through points; where a value is missing it is broken off. */
export function strokeLine(plot, at, values, { colour, width = 1, dash = [], alpha = 1 }) {
  const { context, x, y } = plot;
  context.beginPath();
  let on = false;
  for (let point = 0; point < at.length; point++) {
    if (values[point] === null || Number.isNaN(values[point])) on = false;
    else if (on) context.lineTo(x.at(at[point]), y.at(values[point]));
    else {
      on = true;
      context.moveTo(x.at(at[point]), y.at(values[point]));
    }
  }
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.globalAlpha = alpha;
  context.lineJoin = "round";
  context.setLineDash(dash);
  context.stroke();
  context.setLineDash([]);
  context.globalAlpha = 1;
}

/** One trial's line by its state, with the sign of how it ended. */
export function drawTrial(plot, one, { loud = false, quiet = false } = {}) {
  const letter = LETTER_OF[one.state], colour = colours()[STATES[letter][0]], running = letter === "r";
  strokeLine(plot, one.at, one.values, { colour, width: loud ? 2.4 : running ? 1.5 : 0.9, alpha: quiet ? 0.12 : loud || running ? 1 : 0.55 });
  const last = lastOf(one);
  if (!last || quiet) return;
  const { context } = plot;
  context.fillStyle = context.strokeStyle = colour;
  context.lineWidth = 1.4;
  if (running) SIGNS.dot(context, last.x(plot), last.y(plot), 3);
  else if (letter === "p") SIGNS.cross(context, last.x(plot), last.y(plot), 3);
  else if (letter === "f" || letter === "i") SIGNS.triangle(context, last.x(plot), last.y(plot));
}

/** The newest point of a line that has a value. */
export function lastOf(one) {
  for (let point = one.at.length - 1; point >= 0; point--) {
    if (one.values[point] !== null && !Number.isNaN(one.values[point])) {
      return { at: one.at[point], value: one.values[point], x: (plot) => plot.x.at(one.at[point]), y: (plot) => plot.y.at(one.values[point]) };
    }
  }
  return null;
}

export function drawBest(plot, one, by = "") {
  strokeLine(plot, one.at, one.values, { colour: colours().text, width: 2.4 });
  const last = lastOf(one);
  if (!last) return;
  const { right, top, bottom } = plot.inner, text = `★ best${by} #${one.number}  ${number(last.value)}`;
  // Beneath the line where there is no room above it.
  const x = Math.min(last.x(plot), right - 4), above = last.y(plot) - 34, y = above < top + 8 ? last.y(plot) + 20 : above;
  label(plot.context, text, x, Math.min(Math.max(y, top + 8), bottom - 8), colours().text, "right");
}

/** The cuts, each as it was when it was applied last: by their steps. */
export function drawCuts(plot, cuts, text = "pruning cut") {
  const known = cuts.filter((cut) => cut.cut !== null && Number.isFinite(Number(cut.cut)));
  if (!known.length) return;
  const { context, x, y } = plot, colour = colours().pruned;
  strokeLine(plot, known.map((cut) => cut.step), known.map((cut) => Number(cut.cut)), { colour, dash: [3, 3] });
  context.fillStyle = colour;
  for (const cut of known) SIGNS.diamond(context, x.at(cut.step), y.at(Number(cut.cut)));
  const first = known[Math.min(1, known.length - 1)];
  label(context, text, x.at(first.step) + 9, y.at(Number(first.cut)) - 9, colour);
}

/** A small mark at an edge: how many values lie beyond it. */
export function drawBeyond(plot, above, below) {
  const { context } = plot, { left, top, bottom } = plot.inner;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillStyle = colours().muted;
  if (above) context.fillText(`▲ ${above.toLocaleString("en")} above`, left + 8, top + 7);
  if (below) context.fillText(`▼ ${below.toLocaleString("en")} below`, left + 8, bottom - 8);
}

