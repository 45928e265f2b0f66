"""JSON as it travels: NaN and the infinities are text."""

import json
import math
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]
"""An object as it came, or as it will be sent."""


def encode(value: Any) -> bytes:
    """A value as the body of a request."""
    return json.dumps(_plain(value), allow_nan=False, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value
