// How a box of three axes is looked at: turned, tilted, from near or far, and where its points then lie on a canvas. The
// box goes from -1 to 1 along each axis; the third axis points up.

const FIRST = { turn: 0.62, tilt: 0.4, zoom: 1 };
const FARTHEST = 0.5;
const NEAREST = 8;
/** How far the eye is: what is near is a little larger, so that near and far are told apart. */
const EYE = 6;
const STRAIGHT = Math.PI / 2;

export class Camera {
  constructor() {
    this.reset();
  }

  reset() {
    Object.assign(this, FIRST);
  }

  /** Turn about the third axis and tilt, in radians. One looks from straight above at most. */
  by(turn, tilt) {
    this.turn = (this.turn + turn) % (2 * Math.PI);
    this.tilt = Math.min(STRAIGHT, Math.max(-STRAIGHT, this.tilt + tilt));
  }

  /** Come nearer by a factor; answers whether that was possible. */
  nearer(factor) {
    const before = this.zoom;
    this.zoom = Math.min(NEAREST, Math.max(FARTHEST, before * factor));
    return this.zoom !== before;
  }

  /** Fit the box into a frame. */
  frame({ left, top, right, bottom }) {
    this.middle = [(left + right) / 2, (top + bottom) / 2];
    this.unit = Math.min((right - left) / 3.2, (bottom - top) / 3.15) * this.zoom;
    const [sine, cosine, up, flat] = [Math.sin(this.turn), Math.cos(this.turn), Math.sin(this.tilt), Math.cos(this.tilt)];
    this.across = [cosine, sine, 0];
    this.upward = [-sine * up, cosine * up, flat];
    this.away = [-sine * flat, cosine * flat, -up];
  }

  /** Where a point of the box lies: [x, y] in pixels, and how far behind the middle of the box. */
  place(point) {
    const along = (axis) => axis[0] * point[0] + axis[1] * point[1] + axis[2] * point[2];
    const depth = along(this.away), scale = (this.unit * EYE) / (EYE + depth);
    return [this.middle[0] + along(this.across) * scale, this.middle[1] - along(this.upward) * scale, depth];
  }

  /** The same for many points, three numbers each, into arrays that are there already. */
  placeAll(points, xs, ys, depths) {
    const { across: [a, b], upward: [c, d, e], away: [f, g, h], unit, middle: [x, y] } = this;
    for (let one = 0, at = 0; one < xs.length; one++, at += 3) {
      const first = points[at], second = points[at + 1], third = points[at + 2];
      const depth = f * first + g * second + h * third, scale = (unit * EYE) / (EYE + depth);
      xs[one] = x + (a * first + b * second) * scale;
      ys[one] = y - (c * first + d * second + e * third) * scale;
      depths[one] = depth;
    }
  }

  /** For each axis the side of the box that lies behind: -1 or 1. */
  get behind() {
    return this.away.map((part) => (part < 0 ? -1 : 1));
  }
}
