// Reads all curves of a study out of bytes. The layout is written down in docs/dashboard.md.
const TOP = 65534;
const NONE = 65535;

/**
 * @param {ArrayBuffer} buffer
 * @returns {{head: object, count: number, numbers: Uint32Array, letters: string, begins: Uint32Array, at: Float32Array,
 *   values: Float32Array}} curve i has the points from begins[i] to begins[i + 1]; NaN is no number
 */
export function unpack(buffer) {
  const bytes = new Uint8Array(buffer), view = new DataView(buffer);
  if (String.fromCharCode(...bytes.subarray(0, 4)) !== "BSN1") throw new Error("These are no curves: reload the page.");
  const length = view.getUint32(4, true);
  const head = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  const { curves: count, points } = head;
  let place = 8 + length;
  const numbers = new Uint32Array(buffer, place, count);
  const counts = new Uint16Array(buffer, place + 4 * count, count);
  const letters = new TextDecoder().decode(bytes.subarray(place + 6 * count, place + 7 * count));
  place += 7 * count + (count % 2);
  const steps = new Uint16Array(buffer, place, points), codes = new Uint16Array(buffer, place + 2 * points, points);
  const begins = new Uint32Array(count + 1), at = new Float32Array(points), values = new Float32Array(points);
  const { low, high, scale } = head.y, log = scale === "log";
  const begin = log ? Math.log(low) : low, width = (log ? Math.log(high) : high) - begin;
  for (let curve = 0, point = 0; curve < count; curve++) {
    begins[curve] = point;
    for (let now = 0, end = point + counts[curve]; point < end; point++) {
      now = (now + steps[point]) & 65535;
      at[point] = head.x.low + now * head.x.unit;
      const value = begin + (codes[point] / TOP) * width;
      values[point] = codes[point] === NONE ? NaN : log ? Math.exp(value) : value;
    }
    begins[count] = point;
  }
  return { head, count, numbers, letters, begins, at, values };
}
