// What lies nearest to the pointer.
const REACH = 24;

/** The point of some lines that is nearest to a place: {one, at, value, x, y}, or null if none is near. */
export function nearest(plot, lines, place) {
  let found = null, least = REACH * REACH;
  for (const one of lines) {
    for (let point = 0; point < one.at.length; point++) {
      const value = one.values[point];
      if (value === null || Number.isNaN(value)) continue;
      const x = plot.x.at(one.at[point]), y = plot.y.at(value);
      const far = (x - place.x) ** 2 + (y - place.y) ** 2;
      if (far < least && inFrame(plot, x, y)) {
        least = far;
        found = { one, at: one.at[point], value, x, y };
      }
    }
  }
  return found;
}

/** The row whose place is nearest: `places(row)` answers [x, y] in pixels, or null. */
export function nearestRow(plot, rows, places, place, reach = REACH / 2) {
  let found = null, least = reach * reach;
  for (let row = 0; row < rows; row++) {
    const at = places(row);
    if (!at) continue;
    const far = (at[0] - place.x) ** 2 + (at[1] - place.y) ** 2;
    if (far < least && inFrame(plot, at[0], at[1])) {
      least = far;
      found = { row, x: at[0], y: at[1] };
    }
  }
  return found;
}

function inFrame(plot, x, y) {
  const { left, right, top, bottom } = plot.inner;
  return x >= left - 4 && x <= right + 4 && y >= top - 4 && y <= bottom + 4;
}
