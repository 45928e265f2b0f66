"""`basin trial enqueue` and `add`: points to be tried, and trials that ran elsewhere."""

import shlex
import sys
import uuid
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import typer

from service.cli.command import command
from service.cli.completion import StudyArgument
from service.cli.errors import BadInput, CommandError, Refused
from service.cli.points import Given, assigned, from_file, from_options
from service.cli.session import Session
from service.cli.wire_json import Json
from service.words import clean, plural

ParamOption = Annotated[
    list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="A parameter's value.")
]


@command(
    "enqueue",
    "basin trial enqueue digits-mlp -p learning_rate=0.001 -p optimizer=adamw",
    "basin trial enqueue digits-mlp --file points.csv",
)
def enqueue(
    session: Session,
    study: StudyArgument,
    params: ParamOption = None,
    file: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Many: CSV with a column for each parameter, JSON or YAML with a list."),
    ] = None,
    start: Annotated[int, typer.Option("--from", min=1, metavar="K", help="Begin with the file's K-th trial.")] = 1,
) -> None:
    """Have points tried before the sampler's own. All are checked before the first is sent."""
    if bool(params) == bool(file):
        raise BadInput("give the parameters with -p, or a --file", hint="basin trial enqueue --help")
    space = session.client.study(study)["definition"]["space"]
    given = from_file(file, space, sys.stdin) if file else [from_options(params or (), space)]
    if not given:
        raise BadInput(f"{clean(str(file))}: holds no trials")
    _check(given, space)
    added = _send(session, study, given, start, file)
    if session.screen.data(added if file else added[0]):
        return
    numbers = [trial["number"] for trial in added]
    which = f"trial {numbers[0]}" if len(numbers) == 1 else f"trials {numbers[0]} to {numbers[-1]}"
    session.screen.line(f"Enqueued {which} of study '{study}'.")
    for trial in added:
        if trial.get("duplicate_of") is not None:
            session.screen.note(
                f"note: trial {trial['number']} has the same parameters as trial {trial['duplicate_of']}"
            )


@command(
    "add",
    "basin trial add digits-mlp -p learning_rate=0.001 -p optimizer=adamw --value val_loss=0.31",
    "basin trial add digits-mlp -p learning_rate=0.1 -p optimizer=sgd --state infeasible",
)
def add(
    session: Session,
    study: StudyArgument,
    params: ParamOption = None,
    values: Annotated[
        list[str] | None, typer.Option("--value", metavar="METRIC=VALUE", help="What came out, for each objective.")
    ] = None,
    state: Annotated[
        Literal["completed", "pruned", "failed", "infeasible"], typer.Option(help="How it ended.")
    ] = "completed",
    attrs: Annotated[
        list[str] | None, typer.Option("--attr", metavar="NAME=VALUE", help="Something to remember with it.")
    ] = None,
) -> None:
    """Add a trial that ran elsewhere: the sampler learns from it as from any other."""
    space = session.client.study(study)["definition"]["space"]
    trial: Json = {
        "params": from_options(params or (), space).params,
        "state": state,
        "attrs": assigned(attrs or (), "--attr"),
        "request_id": str(uuid.uuid4()),
    }
    if values:
        trial["values"] = assigned(values, "--value")
    added = session.client.add_trial(study, trial)
    if not session.screen.data(added):
        session.screen.line(f"Added trial {added['number']} to study '{study}' ({added['state']}).")


def _check(given: Sequence[Given], space: Json) -> None:
    """Check all points as the server will: better nothing sent than half of a file."""
    from pydantic import TypeAdapter, ValidationError

    from service.domain.space import check
    from service.wire.space import Space

    try:
        known = TypeAdapter(Space).validate_python(space)
    except ValidationError:
        return  # a newer server knows kinds of parameters that this command does not: it checks them itself
    lines = []
    for one in given:
        _, errors = check(known, one.params)
        lines += [f"{one.place}: {error}" if one.place else str(error) for error in errors]
    if lines:
        shown = lines[:20] + ([f"... and {plural(len(lines) - 20, 'more')}"] if len(lines) > 20 else [])
        raise BadInput(*shown, hint="Nothing was enqueued.")


def _send(session: Session, study: str, given: Sequence[Given], start: int, file: str | None) -> list[Json]:
    added: list[Json] = []
    for place, one in enumerate(given[start - 1 :], start=start):
        # With an id of its own a trial can be sent again when the answer is lost, and is enqueued once.
        trial: dict[str, Any] = {"params": one.params, "request_id": str(uuid.uuid4())}
        try:
            added.append(session.client.add_trial(study, trial))
        except (Refused, CommandError, KeyboardInterrupt) as error:
            if file:
                _tell(session, study, file, f"{place} of {len(given)} ({one.place})", place, len(added))
            if isinstance(error, Refused):
                raise _at(one, error) from error
            raise
        if len(given) > 1:
            session.screen.progress(f"{place} of {len(given)} trials ...")
    session.screen.progress("")
    if not added:
        raise BadInput(f"--from {start}: the file holds {plural(len(given), 'trial')}")
    return added


def _at(one: Given, refused: Refused) -> CommandError:
    return refused.explain(f"{one.place}: " if one.place else "")


def _tell(session: Session, study: str, file: str, where: str, place: int, added: int) -> None:
    """Say what is in, and how to go on, when a file is left halfway."""
    again = f"basin trial enqueue {shlex.quote(study)} --file {shlex.quote(file)} --from {place}"
    session.screen.progress("")
    session.screen.warn(
        f"stopped at trial {where}: {plural(added, 'trial')} before it {'is' if added == 1 else 'are'} in. "
        f"Go on with: {clean(again)}"
    )
