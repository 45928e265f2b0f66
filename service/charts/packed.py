"""All curves of a study as bytes: 16 bits for a place and 16 for a value, at most 100 points a trial.

Layout, little-endian: the four letters BSN1; a 32-bit length; that many bytes of JSON (a header, padded with spaces to
four bytes); then for n curves of m points in all: n 32-bit numbers of trials, n 16-bit counts of points, n bytes with
a letter for each state, padded to two bytes; m 16-bit places, each curve's as distances from the one before (modulo
65536); m 16-bit values. A place p lies at `x.low + p * x.unit`. A value v lies at the share v / 65534 of the way from
`y.low` to `y.high`, on the scale of the header; what lies outside is at the end that it is beyond, and 65535 is no
number.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from service.charts.grid import Extent
from service.charts.span import Span
from service.charts.thinning import Floats

MAGIC = b"BSN1"
TOP = 65534
NOT_A_NUMBER = 65535


@dataclass(frozen=True, slots=True)
class Curve:
    """One curve to be packed."""

    number: int
    letter: str
    places: Floats
    values: Floats


def packed(head: dict[str, object], extent: Extent, span: Span, curves: Sequence[Curve], *, whole: bool) -> bytes:
    """The bytes. `whole`: places are whole numbers, and stay so where they fit."""
    width = extent.high - extent.low
    unit = 1.0 if whole and width <= TOP else (width or 1.0) / TOP
    counts = np.array([len(curve.places) for curve in curves], dtype="<u2")
    header = {
        **head,
        "curves": len(curves),
        "points": int(counts.sum(dtype=np.int64)),
        "x": {"low": extent.low, "unit": unit},
        "y": {"low": span.low, "high": span.high, "scale": span.scale},
    }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=True).encode()
    text += b" " * (-len(text) % 4)
    letters = "".join(curve.letter for curve in curves).encode("ascii")
    letters += b" " * (-len(letters) % 2)
    return b"".join(
        [
            MAGIC,
            len(text).to_bytes(4, "little"),
            text,
            np.array([curve.number for curve in curves], dtype="<u4").tobytes(),
            counts.tobytes(),
            letters,
            _places(curves, counts, extent, unit).tobytes(),
            _values(curves, span).tobytes(),
        ]
    )


def _places(curves: Sequence[Curve], counts: np.ndarray, extent: Extent, unit: float) -> np.ndarray:
    if not curves:
        return np.array([], dtype="<u2")
    places = np.round((np.concatenate([curve.places for curve in curves]) - extent.low) / unit).astype(np.int64)
    steps = np.diff(places, prepend=0)
    # The first of each curve is counted from zero.
    begins = np.concatenate([[0], np.cumsum(counts.astype(np.int64))[:-1]])
    steps[begins] = places[begins]
    return (steps % 65536).astype("<u2")


def _values(curves: Sequence[Curve], span: Span) -> np.ndarray:
    if not curves:
        return np.array([], dtype="<u2")
    shares = span.shares(np.concatenate([curve.values for curve in curves]))
    codes = np.round(np.clip(shares, 0.0, 1.0) * TOP)
    return np.where(np.isnan(shares), NOT_A_NUMBER, codes).astype("<u2")
