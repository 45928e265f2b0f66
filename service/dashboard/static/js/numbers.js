// Numbers as the server writes them: four digits, as short as it goes.

const GROUP = "\u202f";

/** A measured number; "NaN" and "Infinity" travel as text. */
export function number(value, digits = 4) {
  if (value === null || value === undefined) return "—";
  const real = Number(value);
  if (Number.isNaN(real)) return "NaN";
  if (!Number.isFinite(real)) return real > 0 ? "inf" : "-inf";
  const size = Math.abs(real);
  if (real !== 0 && (size < 1e-4 || size >= 1e6)) {
    const [first, power] = real.toExponential(digits - 1).split("e");
    return `${trimmed(first)}e${Number(power)}`;
  }
  return size < 10 ** digits ? trimmed(real.toPrecision(digits)) : real.toFixed(0);
}

/** A count, in groups of three digits. */
export function count(value) {
  return String(value).replace(/\B(?=(\d{3})+$)/g, GROUP);
}

function trimmed(text) {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}
