"""Fewer points for the same picture: of each stretch of a curve its least and its greatest stay, and a NaN if any."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]


def thinned(values: Floats, most: int) -> Places:
    """Places of at most `most` values that show the same peaks and gaps, in order; the first and the last are kept."""
    count = len(values)
    if count <= most:
        return np.arange(count)
    each = 3 if np.isnan(values).any() else 2
    stretches = max(1, (most - 2) // each)
    inner = values[1:-1]
    width = -(-len(inner) // stretches)
    padded = np.full(stretches * width, np.nan)
    padded[: len(inner)] = inner
    table = padded.reshape(stretches, width)
    begins = np.arange(stretches) * width
    missing = np.isnan(table)
    lowest = np.where(missing, np.inf, table).argmin(axis=1) + begins
    highest = np.where(missing, -np.inf, table).argmax(axis=1) + begins
    kept = [np.array([0, count - 1]), lowest + 1, highest + 1]
    if each == 3:
        gaps = missing.argmax(axis=1) + begins
        kept.append(gaps[missing.any(axis=1)] + 1)
    places = np.unique(np.concatenate(kept))
    # What was padded behind the last value is no place of a value.
    return places[places < count].astype(np.intp)


def shortened(values: Floats, digits: int = 5) -> list[float | None]:
    """Numbers as a chart needs them: few digits, for they travel as text; None for what is no finite number."""
    finite = np.isfinite(values)
    sizes = np.abs(np.where(finite & (values != 0), values, 1.0))
    exponents = digits - 1 - np.floor(np.log10(sizes)).astype(int)
    # Powers of ten are exact up to 22: dividing by one gives the number that its digits mean.
    exponents = np.clip(exponents, -22, 22)
    scales = 10.0 ** np.abs(exponents)
    with np.errstate(over="ignore", invalid="ignore"):
        small = np.round(values * scales) / scales
        large = np.round(values / scales) * scales
    rounded = np.where(exponents >= 0, small, large)
    usual = finite & (np.abs(exponents) < 22)
    rounded = np.where(usual & np.isfinite(rounded), rounded, values)
    return [value if known else None for value, known in zip(rounded.tolist(), finite.tolist(), strict=True)]
