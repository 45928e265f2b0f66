// The box that three axes span: its three sides that lie behind, with a grid, and on its edges ticks and titles.
import { label, line } from "./axes.js";
import { colours } from "./theme.js";

const TICK = 12;
const TITLE = 32;
const LEAST_EDGE = 40;

/**
 * @param {import("./plot.js").Plot} plot
 * @param {import("./camera.js").Camera} camera
 * @param {{scale: object, title: string}[]} axes three, whose scales go from -1 to 1
 */
export function drawBox(plot, camera, axes) {
  const { context } = plot, colour = colours(), { behind } = camera;
  axes.forEach(({ scale }, axis) => {
    const ticks = scale.ticks(5).map((tick) => ({ ...tick, at: scale.at(tick.value) })).filter((tick) => Math.abs(tick.at) <= 1.0001);
    const [one, other] = [0, 1, 2].filter((each) => each !== axis);
    context.strokeStyle = colour.border;
    context.lineWidth = 1;
    for (const at of [-1, ...ticks.map((tick) => tick.at), 1]) {
      for (const [side, along] of [[one, other], [other, one]]) {
        const from = spot(axis, at, side, behind[side], along, -1), to = spot(axis, at, side, behind[side], along, 1);
        stroke(context, camera, from, to);
      }
    }
    edge(plot, camera, axis, ticks, axes[axis].title);
  });
}

/** Lines from a point of the box to the sides behind it: they say where it lies. */
export function drawDrop(plot, camera, point) {
  const { context } = plot;
  context.strokeStyle = colours().control;
  context.lineWidth = 1;
  context.setLineDash([3, 3]);
  camera.behind.forEach((side, axis) => stroke(context, camera, point, point.map((value, place) => (place === axis ? side : value))));
  context.setLineDash([]);
}

/** The edge on which an axis is written: one that nothing lies in front of or beneath. */
function edgeOf(camera, axis) {
  const { behind } = camera, low = camera.tilt >= 0 ? -1 : 1;
  if (axis === 0) return [0, -behind[1], low];
  if (axis === 1) return [-behind[0], 0, low];
  const corners = [[-1, -1], [-1, 1], [1, -1], [1, 1]].map(([x, y]) => [x, y, 0]);
  return corners.reduce((left, one) => (camera.place(one)[0] < camera.place(left)[0] ? one : left));
}

function edge(plot, camera, axis, ticks, title) {
  const { context } = plot, colour = colours(), held = edgeOf(camera, axis);
  const along = (at) => camera.place(held.map((value, place) => (place === axis ? at : value)));
  const [begin, middle, end] = [along(-1), along(0), along(1)];
  const long = Math.hypot(end[0] - begin[0], end[1] - begin[1]);
  context.strokeStyle = colour.control;
  context.lineWidth = 1;
  line(context, begin[0], begin[1], end[0], end[1]);
  // Seen from its end an axis has no room for words.
  if (long < LEAST_EDGE) return;
  // Across the edge, and away from the middle of the box.
  let [outX, outY] = [(end[1] - begin[1]) / long, -(end[0] - begin[0]) / long];
  const [centreX, centreY] = camera.place([0, 0, 0]);
  if ((middle[0] - centreX) * outX + (middle[1] - centreY) * outY < 0) [outX, outY] = [-outX, -outY];
  const align = outX < -0.35 ? "right" : outX > 0.35 ? "left" : "center";
  context.textBaseline = "middle";
  context.fillStyle = colour.muted;
  context.textAlign = align;
  let last = null, widest = 0;
  for (const tick of ticks) {
    const [x, y] = along(tick.at), wide = context.measureText(tick.text).width;
    if (last && Math.abs(x - last[0]) < wide + 6 && Math.abs(y - last[1]) < 13) continue;
    last = [x, y];
    widest = Math.max(widest, wide);
    context.fillText(tick.text, x + outX * TICK, y + outY * TICK);
  }
  if (axis === 2) {
    // Beside its ticks the upright one would need as much room again: its title stands on top of it.
    const [x, y] = begin[1] < end[1] ? begin : end;
    return named(plot, title, x, y - TICK, "center");
  }
  const off = TITLE + (align === "center" ? 0 : widest * Math.abs(outX) * 0.6);
  named(plot, title, middle[0] + outX * off, middle[1] + outY * off, align);
}

/** A title, as near to its place as the picture has room for it. */
function named(plot, title, x, y, align) {
  plot.context.font = `600 11px ${colours().sans}`;
  const width = plot.context.measureText(title).width + 4, before = align === "center" ? width / 2 : align === "right" ? width : 0;
  label(plot.context, title, Math.min(Math.max(x, before), plot.width - width + before), Math.min(Math.max(y, 10), plot.height - 30), colours().text, align);
}

function spot(axis, at, side, where, along, end) {
  const point = [0, 0, 0];
  point[axis] = at;
  point[side] = where;
  point[along] = end;
  return point;
}

function stroke(context, camera, from, to) {
  const begin = camera.place(from), end = camera.place(to);
  line(context, begin[0], begin[1], end[0], end[1]);
}
