// Axes and grid lines, and the small signs that charts draw.
import { colours } from "./theme.js";

/** Draw both axes of a plot: `x` and `y` are its scales, with the names of what they measure. */
export function axes(plot, xName, yName) {
  const { context, x, y } = plot, { left, right, top, bottom } = plot.inner, colour = colours();
  context.lineWidth = 1;
  context.fillStyle = colour.muted;
  context.textBaseline = "middle";
  context.textAlign = "right";
  let before = Infinity;
  for (const tick of y.ticks(Math.max(3, Math.round((bottom - top) / 55)))) {
    const at = Math.round(y.at(tick.value)) + 0.5;
    if (at < top - 1 || at > bottom + 1 || before - at < 13) continue;
    before = at;
    context.strokeStyle = colour.border;
    line(context, left, at, right, at);
    context.fillText(tick.text, left - 6, at);
  }
  context.textAlign = "center";
  let last = -Infinity;
  for (const tick of x.ticks(Math.max(2, Math.round((right - left) / 95)))) {
    const at = x.at(tick.value), half = context.measureText(tick.text).width / 2;
    if (at < left - 1 || at > right + 1 || at - half < last) continue;
    last = at + half + 8;
    context.fillText(tick.text, at, bottom + 11);
  }
  context.textAlign = "right";
  if (xName) context.fillText(xName, right, bottom + 24);
  context.textAlign = "left";
  if (yName) context.fillText(yName, 8, 7);
}

export function line(context, fromX, fromY, toX, toY) {
  context.beginPath();
  context.moveTo(fromX, fromY);
  context.lineTo(toX, toY);
  context.stroke();
}

/** Signs of states: shape and colour say the same, for not everybody tells colours apart. */
export const SIGNS = {
  dot(context, x, y, size = 3) {
    context.beginPath();
    context.arc(x, y, size, 0, 2 * Math.PI);
    context.fill();
  },
  cross(context, x, y, size = 3) {
    context.beginPath();
    context.moveTo(x - size, y - size);
    context.lineTo(x + size, y + size);
    context.moveTo(x + size, y - size);
    context.lineTo(x - size, y + size);
    context.stroke();
  },
  diamond(context, x, y, size = 4) {
    context.beginPath();
    context.moveTo(x, y - size);
    context.lineTo(x + size, y);
    context.lineTo(x, y + size);
    context.lineTo(x - size, y);
    context.closePath();
    context.fill();
  },
  triangle(context, x, y, size = 3.5) {
    context.beginPath();
    context.moveTo(x, y - size);
    context.lineTo(x + size, y + size);
    context.lineTo(x - size, y + size);
    context.closePath();
    context.fill();
  },
};

/** Text on a ground of its own, so that lines behind it do not cross it out. */
export function label(context, text, x, y, colour, align = "left") {
  context.font = `600 11px ${colours().sans}`;
  context.textAlign = align;
  context.textBaseline = "middle";
  context.lineWidth = 3;
  context.lineJoin = "round";
  context.strokeStyle = colours().surface;
  context.strokeText(text, x, y);
  context.fillStyle = colour;
  context.fillText(text, x, y);
  context.font = `11px ${colours().sans}`;
}
