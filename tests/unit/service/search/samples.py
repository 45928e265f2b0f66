"""Studies, trials and curves to try the engine's parts on."""

from collections.abc import Mapping, Sequence
from typing import Any

from service.domain.study import Study
from service.domain.trial import Trial
from service.usecases.engine import Curve, History, Latest
from service.wire.study import StudyDefinition
from tests.conformance.engine.drivers import NOW

SPACE: Mapping[str, Any] = {
    "rate": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
    "batch": {"type": "ordinal", "values": [16, 32, 64]},
    "width": {"type": "categorical", "choices": ["narrow", "wide"]},
}
PARAMS: Mapping[str, Any] = {"rate": 0.01, "batch": 32, "width": "wide"}
SMALL: Mapping[str, Any] = {
    "batch": {"type": "ordinal", "values": [16, 32, 64]},
    "width": {"type": "categorical", "choices": ["narrow", "wide"]},
}


def definition(**fields: Any) -> StudyDefinition:
    """A study's definition."""
    filled: dict[str, Any] = {"name": "sample", "objectives": [{"metric": "loss"}], "space": SPACE, "seed": 3}
    return StudyDefinition.model_validate({"scheduler": "none", **filled, **fields})


def study(seq: int = 0, **fields: Any) -> Study:
    """A study."""
    return Study(id=1, definition=definition(**fields), seq=seq, created_at=NOW, updated_at=NOW)


def trial(number: int, state: Any = "completed", **fields: Any) -> Trial:
    """A trial; a completed one has a loss that is its number."""
    filled: dict[str, Any] = {"params": PARAMS, "origin": "sampled", "seq": number + 1, "created_at": NOW}
    if state == "completed":
        filled["values"] = {"loss": float(number)}
    return Trial(study_id=1, number=number, state=state, **{**filled, **fields})


def curve(*values: float, steps: Sequence[int] | None = None) -> Curve:
    """A curve that has these values at the steps 1, 2, 3 …, or at those given."""
    made = Curve()
    for step, value in zip(steps or range(1, len(values) + 1), values, strict=True):
        made.add(step, value)
    return made


def history(of: Study, trials: Sequence[Trial], curves: Mapping[int, Curve] | None = None, **system: Any) -> History:
    """A history of these trials."""
    return History(of, {one.number: one for one in trials}, curves or {}, system)


def latest(of: Curve, metric: str = "loss", **fields: Any) -> Latest:
    """The last point of a curve."""
    return Latest(step=of.steps[-1], metrics={metric: of.values[-1]}, **fields)
