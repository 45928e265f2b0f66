"""Three strikes: a study is paused when the same crash comes at several different points."""

import shlex

from service.domain import strikes
from service.domain.query import TrialQuery
from service.domain.study import Study
from service.domain.trial import Trial
from service.usecases.ports import Transaction
from service.usecases.settling import move_by_itself

_LOOKED_AT = 200


def look(tx: Transaction, study: Study, trial: Trial) -> None:
    """Pause the study if a trial that has just failed did so like others before it, since the study was last resumed.

    The failed trial was written before this, and with it the study's row was locked: of two that fail at once, the
    second one sees the first. Only the newest failures are looked at: what was long ago is no pattern.
    """
    failure, most = trial.failure, study.definition.retry.strikes
    if failure is None or failure.failure_class not in strikes.OURS or not most:
        return
    study = tx.studies.lock(study.name)
    if study.state != "active":
        return
    after = int(study.tally.get("resumed", 0))
    newest = TrialQuery(states=("failed",), order="-finished_at", size=_LOOKED_AT)
    failed = [one for one in tx.trials.list(study.id, newest).items if one.seq > after]
    numbers = strikes.same(failed, failure)
    if len(numbers) >= most:
        move_by_itself(tx, study, "paused", reason=strikes.told(numbers[-most:], failure, shlex.quote(study.name)))
