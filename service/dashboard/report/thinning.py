"""Fewer trials where all of them would make a file too large: the best, those of the front, and others all along."""

from collections.abc import Collection, Sequence
from itertools import accumulate

from service.wire.charts import Column, Columns

CELLS = 400_000
"""How many numbers of trials a file holds: a few megabytes before they are packed."""
LEAST = 200
_BEST_SHARE = 5


def thinned(columns: Columns, front: Collection[int], *, cells: int = CELLS) -> Columns:
    """The columns, with no more trials than fit; `sampled` says which those are."""
    count = len(columns.states)
    most = max(LEAST, cells // (len(columns.metrics) + len(columns.params) + 1))
    if count <= most:
        return columns
    numbers = [number - 1 for number in accumulate(columns.steps_between)]
    best = _best(columns, most // _BEST_SHARE)
    wanted = {*best, *(row for row, number in enumerate(numbers) if number in front)}
    others = [row for row in range(count) if row not in wanted]
    room = max(0, most - len(wanted))
    wanted |= {others[place * len(others) // room] for place in range(room)} if others else set()
    rows = sorted(wanted)
    kept = [numbers[row] for row in rows]
    return columns.model_copy(
        update={
            "sampled": f"the best {len(best):,} and {len(rows) - len(best):,} others, of {columns.of:,} trials",
            "steps_between": tuple(after - before for before, after in zip([-1, *kept], kept, strict=False)),
            "states": "".join(columns.states[row] for row in rows),
            "values": _picked(columns.values, rows),
            "others": tuple(_picked(one, rows) for one in columns.others),
            "params": tuple(_narrowed(one, rows) for one in columns.params),
        }
    )


def _best(columns: Columns, most: int) -> list[int]:
    sign = 1 if columns.direction == "minimize" else -1
    known = [
        (sign * value, row)
        for row, (state, value) in enumerate(zip(columns.states, columns.values, strict=True))
        if state == "c" and value is not None
    ]
    return [row for _, row in sorted(known)[:most]]


def _narrowed(column: Column, rows: Sequence[int]) -> Column:
    return column.model_copy(update={"values": _picked(column.values, rows)})


def _picked(values: Sequence[float | None], rows: Sequence[int]) -> tuple[float | None, ...]:
    return tuple(values[row] for row in rows)
