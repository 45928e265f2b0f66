"""The trials of a report as rows that can be read without scripts: the best first, then the newest."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from service.charts.letters import LETTERS
from service.wire.charts import Column, Columns
from service.wire.message import Scalar

MOST = 200
_STATES = {letter: state for state, letter in LETTERS.items()}


@dataclass(frozen=True, slots=True)
class Row:
    """A trial: what became of it, what it came to, and with which parameters."""

    number: int
    state: str
    values: Sequence[float | None]
    params: Sequence[Scalar]


def rows(columns: Columns, most: int = MOST) -> list[Row]:
    """The best completed trials, then the others, the newest first."""
    numbers = [number - 1 for number in accumulate(columns.steps_between)]
    sign = 1 if columns.direction == "minimize" else -1

    def order(row: int) -> tuple[bool, float, int]:
        value = columns.values[row]
        if columns.states[row] != LETTERS["completed"] or value is None:
            return True, 0.0, -numbers[row]
        return False, sign * value, numbers[row]

    return [
        Row(
            number=numbers[row],
            state=_STATES[columns.states[row]],
            values=[columns.values[row], *(one[row] for one in columns.others)],
            params=[_written(one, row) for one in columns.params],
        )
        for row in sorted(range(len(numbers)), key=order)[:most]
    ]


def _written(column: Column, row: int) -> Scalar:
    value = column.values[row]
    return column.choices[int(value)] if column.kind == "choice" and value is not None else value
