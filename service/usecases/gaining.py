"""How a study ends that has stopped getting better: looked at with each trial that completes, under its lock."""

from dataclasses import replace

from service.domain import gain
from service.domain.study import Study
from service.usecases.ports import Transaction
from service.usecases.settling import OPEN, finish

_AT_ONCE = 5_000


def look(tx: Transaction, study: Study) -> None:
    """Count a trial that has just completed; end the study if it was one too many without a gain.

    What is counted is kept with the study, up to a seq, and only trials that changed behind it are read: those that
    other processes completed, and those that ran elsewhere, are among them.
    """
    rule = study.definition.budget.no_gain
    if rule is None:
        return
    study = tx.studies.lock(study.name)
    if study.state not in OPEN:
        return
    progress = gain.read(study.tally, rule)
    after = int(study.tally.get("resumed", 0))
    while changed := tx.trials.changed(study.id, progress.seq, _AT_ONCE):
        progress = gain.further(progress, changed, study.definition.objectives, rule, after)
        if len(changed) < _AT_ONCE:
            break
    study = replace(study, tally={**study.tally, "gain": gain.written(progress, rule)})
    why = gain.over(progress, rule)
    if why is None:
        tx.studies.save(study)
        return
    finish(tx, study, why)
