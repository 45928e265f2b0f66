"""`basin study edit`: change what may be changed of a study that is there, by options or in an editor."""

from collections.abc import Sequence
from typing import Annotated

import typer

from service.cli import documents
from service.cli.command import command
from service.cli.completion import StudyArgument
from service.cli.errors import BadInput
from service.cli.session import Session
from service.cli.study_facts import LIMITS
from service.cli.wire_json import Json
from service.words import clean

_NONE = "; none lifts the limit."


@command(
    "edit",
    "basin study edit digits-mlp --max-trials 200 --tag longer",
    "basin study edit digits-mlp --wall-time none",
    "basin study edit digits-mlp --no-gain 40:0.001",
    "basin study edit digits-mlp --editor",
)
def edit(
    session: Session,
    study: StudyArgument,
    note: Annotated[str | None, typer.Option(metavar="TEXT", help="Free text.")] = None,
    tag: Annotated[list[str] | None, typer.Option(metavar="TAG", help="Add a tag.")] = None,
    untag: Annotated[list[str] | None, typer.Option(metavar="TAG", help="Take a tag away.")] = None,
    priority: Annotated[int | None, typer.Option(help="Higher ones are served first.")] = None,
    max_trials: Annotated[str | None, typer.Option(metavar="N", help=f"Trials in all{_NONE}")] = None,
    max_completed: Annotated[str | None, typer.Option(metavar="N", help=f"Trials that ran to their end{_NONE}")] = None,
    max_running: Annotated[str | None, typer.Option(metavar="N", help=f"Trials at a time{_NONE}")] = None,
    wall_time: Annotated[
        str | None, typer.Option(metavar="TIME", help=f"Time from its creation, such as 12h{_NONE}")
    ] = None,
    gpu_hours: Annotated[str | None, typer.Option(metavar="N", help=f"GPU hours{_NONE}")] = None,
    no_gain: Annotated[
        str | None,
        typer.Option(metavar="N[:GAIN]", help=f"Completed trials in a row without a gain of more than GAIN{_NONE}"),
    ] = None,
    editor: Annotated[bool, typer.Option("--editor", metavar="", help="In $EDITOR, as YAML.")] = False,
) -> None:
    """Change note, tags, priority or budget. Nothing is overwritten that somebody else changed in between."""
    given = (max_trials, max_completed, max_running, wall_time, gpu_hours, no_gain)
    limits = {name: text for name, text in zip(LIMITS, given, strict=True) if text is not None}
    named = [note, tag, untag, priority, *limits]
    if editor == any(value is not None for value in named):
        what = "either --editor or the options" if editor else "an option that says what to change, or --editor"
        raise BadInput(f"give {what}", hint="basin study edit --help")
    found = session.client.study(study)
    if editor:
        from service.cli.editor import change

        changed = change(session, found)
    else:
        patch: Json = {} if note is None else {"note": note}
        patch |= {} if priority is None else {"priority": priority}
        patch |= {"tags": _tags(found, tag or (), untag or ())} if tag or untag else {}
        patch |= {"budget": _budget(found, limits)} if limits else {}
        changed = session.client.change_study(study, patch, found["revision"])
    if changed is not None and not session.screen.data(changed):
        session.screen.note(f"Study '{clean(study)}' is changed (revision {changed['revision']}).")


def _tags(study: Json, added: Sequence[str], removed: Sequence[str]) -> list[str]:
    kept = [tag for tag in study["definition"].get("tags", ()) if tag not in removed]
    return list(dict.fromkeys([*kept, *added]))


def _budget(study: Json, limits: dict[str, str]) -> Json:
    """The whole budget with these limits in it: what a patch does not name is lifted."""
    budget = {name: value for name, value in study["definition"].get("budget", {}).items() if value is not None}
    for name, text in limits.items():
        budget.pop(name, None)
        if text.lower() != "none":
            budget[name] = _no_gain(text) if name == "no_gain" else documents.scalar(text)
    return budget


def _no_gain(text: str) -> Json:
    """`40`, or `40:0.001` with what is a gain."""
    trials, colon, least = text.partition(":")
    return {"trials": documents.scalar(trials)} | ({"min_gain": documents.scalar(least)} if colon else {})
