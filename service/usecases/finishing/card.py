"""The model card: what a model is, what it was chosen from, and how good it is, in Markdown."""

from collections.abc import Iterator

from service.domain.study import Study
from service.wire.finish import Candidate, Finish, Interval


def card(study: Study, found: Finish) -> str:
    """The card of a finish that has ended with a winner."""
    return "\n".join([*_head(study, found), *_test(found), *_confirmed(found), *_made(found), *_limits(found)])


def _head(study: Study, found: Finish) -> Iterator[str]:
    definition = study.definition
    yield f"# {_plain(found.study)}"
    yield ""
    if definition.note:
        yield from (_plain(definition.note), "")
    trainer = definition.trainer
    yield f"- Trainer: {_code(trainer.name) if trainer else 'not named by the study'}"
    for name, value in (trainer.settings if trainer else {}).items():
        yield f"- Setting {_code(name)}: {_code(value)}"
    if study.data_fingerprint:
        yield f"- Data: fingerprint {_code(study.data_fingerprint)}"
    yield f"- Objective: {found.direction} {_code(found.metric)}"
    yield f"- Trial {found.winner} of the study. {found.why or ''}".rstrip()
    yield ""
    winner = next(one for one in found.candidates if one.trial == found.winner)
    yield from ("| parameter | value |", "|---|---|")
    yield from (f"| {_code(name)} | {_code(value)} |" for name, value in winner.params.items())
    yield ""


def _test(found: Finish) -> Iterator[str]:
    yield "## On the sealed test split"
    yield ""
    if not any(one.round == found.round for one in found.tests):
        yield f"It was not evaluated: {found.reason or 'the round ended before'}."
        yield ""
        return
    for one in found.tests:
        if one.round == found.round:
            yield from ("| metric | value |", "|---|---|")
            yield from (f"| {_code(name)} | {value:.6g} |" for name, value in one.metrics.items())
            yield ""
            yield f"Evaluated at {one.at:%Y-%m-%d %H:%M:%S} UTC, by trial {one.trial}."
    if len(found.tests) == 1:
        yield "No trial of the search saw this split, and it was looked at this once."
    else:
        yield f"This split was looked at {len(found.tests)} times, and is worth less with each of them:"
        for one in found.tests:
            why = f": {_plain(one.again)}" if one.again else ""
            figures = ", ".join(f"{_code(name)} {value:.6g}" for name, value in one.metrics.items())
            yield f"- round {one.round}, {one.at:%Y-%m-%d} ({figures}){why}"
    yield ""


def _confirmed(found: Finish) -> Iterator[str]:
    yield "## On fresh seeds"
    yield ""
    yield (
        f"The best {len(found.candidates)} of {found.search.completed} completed trials were run again on "
        f"{len(found.seeds)} seeds that the search had not used. The figures are means of {_code(found.metric)} on the "
        f"validation split, with Student's interval at {found.level:.0%}; 'behind' is measured seed by seed."
    )
    yield ""
    yield from (
        "| trial | in the search | on fresh seeds | behind the best | ties | s a run |",
        "|---|---|---|---|---|---|",
    )
    yield from map(_row, found.candidates)
    yield ""


def _row(one: Candidate) -> str:
    behind = "best" if one.best else _interval(one.behind)
    failed = f", failed on {one.failed}" if one.failed else ""
    seconds = "" if one.seconds is None else f"{one.seconds:.3g}"
    cells = (f"{one.trial}{failed}", _number(one.searched), _interval(one.value), behind, _yes(one.tied), seconds)
    return f"| {' | '.join(cells)} |"


def _made(found: Finish) -> Iterator[str]:
    yield "## How it was trained"
    yield ""
    if found.refit is None or found.artifact is None:
        yield "There is no model: the winner was not trained on everything."
    else:
        steps = "" if found.refit.steps is None else f" for {found.refit.steps} steps, the median of its runs"
        yield f"On the training and the validation split together{steps}, from seed {found.refit.seed}."
        yield f"SHA-256 of the files as they were kept: `{found.artifact.sha256}` ({found.artifact.size:,} bytes)."
    yield ""


def _limits(found: Finish) -> Iterator[str]:
    yield "## What it does not tell"
    yield ""
    if found.search.state in {"active", "stopping"}:
        yield "- The search had not ended when its best trials were confirmed: later ones were not considered."
    yield "- The model itself was trained once: the intervals are of runs that were trained on less data."
    yield "- Intervals tell what seeds do. Other data than this study's is not in them."
    yield ""


def _interval(found: Interval | None) -> str:
    return "" if found is None else f"{found.mean:.5g} ({found.low:.5g} to {found.high:.5g})"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.5g}"


def _yes(whether: bool) -> str:
    return "yes" if whether else "no"


def _code(value: object) -> str:
    """A name or a value as it is, whatever signs it holds."""
    text = " ".join(str(value).split()).replace("|", "\\|")
    fence = "``" if "`" in text else "`"
    return f"{fence}{' ' if text[:1] == '`' else ''}{text}{' ' if text[-1:] == '`' else ''}{fence}"


def _plain(text: str) -> str:
    """Text without what Markdown would take for HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
