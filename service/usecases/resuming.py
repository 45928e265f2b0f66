"""After a resume: whether the curve goes on as it was before, told with the attempt."""

from collections.abc import Iterable
from dataclasses import replace

from service.domain import continuity
from service.domain.study import Study
from service.domain.trial import Attempt, AttemptKey
from service.usecases.ports import Transaction


def compare(tx: Transaction, attempts: Iterable[Attempt], studies: Iterable[object]) -> dict[AttemptKey, Attempt]:
    """Compare the curves of attempts that went on from a checkpoint, once each; answers those that were compared.

    The points must have been written. Only the first objective is looked at: it is what decisions are made by.
    """
    objectives = {study.id: study.definition.objectives[0] for study in studies if isinstance(study, Study)}
    compared = {}
    for attempt in attempts:
        step = attempt.resume_step
        if step is None or attempt.continuity is not None or attempt.acked_seq < continuity.NEEDED:
            continue
        key, objective = attempt.key, objectives[attempt.key.study_id]
        curve = tx.points.curves(key.study_id, [key.number], objective.metric).get(key.number, ())
        found = continuity.compare(objective, curve, step)
        if found is not None:
            compared[key] = replace(attempt, continuity=found)
    return compared
