// A field of values from scattered points, and its lines of equal value.
const MOST_POINTS = 1500;
const NEAR = 0.02;

/**
 * Values of points {x, y, value} in the unit square, smoothed by a Gaussian kernel onto cells x cells places; NaN where
 * no point is near. The fewer points there are, the wider each one reaches.
 */
export function smoothed(points, cells) {
  const each = Math.ceil(points.length / MOST_POINTS), some = each > 1 ? points.filter((_, place) => place % each === 0) : points;
  const reach = Math.min(0.25, Math.max(0.035, 0.5 / Math.sqrt(some.length + 1))), wide = 1 / (2 * reach * reach);
  const sums = new Float64Array(cells * cells), weights = new Float64Array(cells * cells), span = Math.ceil(3 * reach * cells);
  for (const { x, y, value } of some) {
    const atX = Math.floor(x * cells), atY = Math.floor(y * cells);
    for (let row = Math.max(0, atY - span); row <= Math.min(cells - 1, atY + span); row++) {
      for (let column = Math.max(0, atX - span); column <= Math.min(cells - 1, atX + span); column++) {
        const farX = (column + 0.5) / cells - x, farY = (row + 0.5) / cells - y;
        const weight = Math.exp(-(farX * farX + farY * farY) * wide);
        sums[row * cells + column] += weight * value;
        weights[row * cells + column] += weight;
      }
    }
  }
  return sums.map((sum, place) => (weights[place] > NEAR ? sum / weights[place] : NaN));
}

/** Pieces [fromX, fromY, toX, toY] in the unit square along which the field has a value: marching squares. */
export function isolines(field, cells, level) {
  const pieces = [];
  for (let row = 0; row < cells - 1; row++) {
    for (let column = 0; column < cells - 1; column++) {
      const corners = [[column, row], [column + 1, row], [column + 1, row + 1], [column, row + 1]];
      const values = corners.map(([x, y]) => field[y * cells + x]);
      if (values.some(Number.isNaN)) continue;
      const cuts = [];
      for (let side = 0; side < 4; side++) {
        const from = values[side], to = values[(side + 1) % 4];
        if (from < level === to < level) continue;
        const share = (level - from) / (to - from), [fromX, fromY] = corners[side], [toX, toY] = corners[(side + 1) % 4];
        cuts.push([(fromX + share * (toX - fromX) + 0.5) / cells, (fromY + share * (toY - fromY) + 0.5) / cells]);
      }
      for (let place = 0; place + 1 < cuts.length; place += 2) pieces.push([...cuts[place], ...cuts[place + 1]]);
    }
  }
  return pieces;
}
