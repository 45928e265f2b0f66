"""What was decided of the trials of a study, rung by rung."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

import numpy as np

from service.charts.thinning import shortened
from service.domain.decision import Decision
from service.wire import charts as wire

MOST_RUNGS = 40
_MOST_VERDICTS = 1_000
_LETTERS = {"continue": "c", "stop": "s", "pause": "w", "promote": "p"}


@dataclass(frozen=True, slots=True)
class Verdict:
    """One decision at a rung, as short as can be: there are tens of thousands."""

    rung: int
    step: int
    value: float
    cut: float | None
    act: str
    at: datetime


class RungLedger:
    """The decisions of schedulers; those of a study's own stopping rules fall at no rung."""

    def __init__(self) -> None:
        self._verdicts: dict[int, tuple[Verdict, ...]] = {}
        self._rungs: dict[int, list[tuple[int, Verdict]]] | None = None

    def put(self, number: int, decisions: Iterable[Decision]) -> None:
        """All decisions of a trial."""
        told = tuple(verdict for one in decisions if (verdict := _verdict(one)) is not None)
        if told != self._verdicts.get(number, ()):
            self._verdicts[number] = told
            self._rungs = None

    def cuts(self) -> tuple[wire.Cut, ...]:
        """The latest cut at each rung."""
        found = []
        for rung, verdicts in self._by_rung()[:MOST_RUNGS]:
            cutting = [one for _, one in verdicts if one.cut is not None]
            if cutting:
                newest = max(cutting, key=lambda one: one.at)
                found.append(wire.Cut(rung=rung, step=_step(verdicts), cut=newest.cut, decided_at=newest.at))
        return tuple(found)

    def reports(self, created_at: datetime) -> tuple[wire.RungReport, ...]:
        """What happened at each rung."""
        return tuple(_report(rung, verdicts, created_at) for rung, verdicts in self._by_rung()[:MOST_RUNGS])

    def __len__(self) -> int:
        return len(self._by_rung())

    def _by_rung(self) -> list[tuple[int, list[tuple[int, Verdict]]]]:
        if self._rungs is None:
            found: dict[int, list[tuple[int, Verdict]]] = {}
            for number, verdicts in self._verdicts.items():
                for verdict in verdicts:
                    found.setdefault(verdict.rung, []).append((number, verdict))
            self._rungs = found
        return sorted(self._rungs.items())


def _verdict(decision: Decision) -> Verdict | None:
    basis = decision.basis
    if "rung" not in basis:
        return None
    return Verdict(basis["rung"], basis["step"], basis["value"], basis.get("cut"), _LETTERS[decision.act], decision.at)


def _step(verdicts: Sequence[tuple[int, Verdict]]) -> int:
    # A report may skip a rung: trials are judged at the step that they came to.
    return round(median(one.step for _, one in verdicts))


def _report(rung: int, verdicts: Sequence[tuple[int, Verdict]], created_at: datetime) -> wire.RungReport:
    acts: dict[str, set[int]] = {letter: set() for letter in _LETTERS.values()}
    for number, one in verdicts:
        acts[one.act].add(number)
    newest = sorted(verdicts, key=lambda pair: (pair[1].at, pair[0]))[-_MOST_VERDICTS:]
    return wire.RungReport(
        rung=rung,
        step=_step(verdicts),
        entered=len({number for number, _ in verdicts}),
        stopped=len(acts["s"]),
        paused=len(acts["w"] - acts["p"] - acts["s"]),
        promoted=len(acts["p"]),
        went_on=len((acts["c"] | acts["p"]) - acts["s"]),
        verdicts=wire.Verdicts(
            numbers=tuple(number for number, _ in newest),
            values=tuple(shortened(np.array([one.value for _, one in newest], dtype=np.float64))),
            cuts=tuple(shortened(np.array([one.cut for _, one in newest], dtype=np.float64))),
            acts="".join(one.act for _, one in newest),
            seconds=tuple(round((one.at - created_at).total_seconds(), 1) for _, one in newest),
        ),
    )
