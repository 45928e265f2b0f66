"""`basin study create`, `validate`, `template`, `schema`: from a file to a study."""

import shlex
import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from service.cli.command import command
from service.cli.errors import Refused
from service.cli.session import Session
from service.cli.warm_start import tell
from service.cli.wire_json import Json
from service.words import clean, plural

if TYPE_CHECKING:  # the models take longer to load than most commands to run: loaded where a definition is read
    from service.cli.definition import Source

FileArgument = Annotated[str, typer.Argument(metavar="FILE", help="A study as YAML or JSON; - reads standard input.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="A value in place of the file's, such as budget.max_trials=20."),
]
NameOption = Annotated[str | None, typer.Option("--name", metavar="NAME", help="A name in place of the file's.")]


@command(
    "create",
    "basin study create study.yaml",
    "basin study create study.yaml --name second-run --set budget.max_trials=20",
    "basin study template | basin study create - --validate-only",
)
def create(
    session: Session,
    file: FileArgument,
    changes: SetOption = None,
    name: NameOption = None,
    validate_only: Annotated[
        bool, typer.Option("--validate-only", metavar="", help="Have the server check it, and create nothing.")
    ] = False,
) -> None:
    """Create a study from a file. It is checked here first, then by the server."""
    from service.cli.definition import load

    source = load(file, sys.stdin, changes or (), name)
    definition = source.definition()
    try:
        study = _created(session, source, definition.model_dump(mode="json"), validate_only=validate_only)
    except Refused as refused:
        raise source.explain(refused) from refused
    if session.screen.data(study):
        return
    if validate_only:
        session.screen.line(f"{source.document.label}: the server would take it")
        return
    quoted = shlex.quote(study["name"])
    session.screen.line(f"Created study '{study['name']}'.")
    if definition.warm_start is not None:
        tell(session.screen, study, again=definition.warm_start.use == "best")
    session.screen.note(f"Next: basin study show {quoted}")


def _created(session: Session, source: "Source", definition: Json, *, validate_only: bool) -> Json:
    """Create the study; if a lost answer was sent for again, the study that is there may be the one we made."""
    client = session.client
    try:
        return client.create_study(source.data, validate_only=validate_only)
    except Refused as refused:
        if refused.code != "name_taken" or not client.retrier.lost:
            raise
        there = client.study(definition["name"])
        drawn = {"seed": there["definition"].get("seed")} if definition["seed"] is None else {}
        if there["definition"] != {**definition, **drawn}:
            raise
        return there


@command(
    "validate",
    "basin study validate study.yaml",
    "basin study validate study.yaml --set space.learning_rate.high=1",
    server=False,
)
def validate(session: Session, file: FileArgument, changes: SetOption = None, name: NameOption = None) -> None:
    """Check a file without a server. What is wrong is told with file, line and field."""
    from service.cli.definition import load

    source = load(file, sys.stdin, changes or (), name)
    definition = source.definition()
    if not session.screen.data(definition.model_dump(mode="json")):
        objectives = ", ".join(f"{one.direction} {one.metric}" for one in definition.objectives)
        parameters = plural(len(definition.space), "parameter")
        session.screen.line(f"{source.document.label}: fine: study '{definition.name}', {objectives}, {parameters}")


@command(
    "template",
    "basin study template > study.yaml",
    "basin study template --objective accuracy --direction maximize > study.yaml",
    server=False,
    output=False,
)
def template(
    session: Session,
    objective: Annotated[str, typer.Option(metavar="METRIC", help="The metric that the trials report.")] = "val_loss",
    direction: Annotated[Literal["minimize", "maximize"], typer.Option(help="What is better.")] = "minimize",
    name: Annotated[str, typer.Option(metavar="NAME", help="The study's name.")] = "my-study",
) -> None:
    """Print a study with comments, to start from."""
    from service.cli.template import written

    session.screen.raw(written(clean(name), clean(objective), direction).rstrip("\n"))


@command("schema", "basin study schema > study.schema.json", server=False, output=False)
def schema(session: Session) -> None:
    """Print the JSON Schema of a study, for editors that complete and check YAML."""
    import json

    from service.wire.study import study_schema

    session.screen.raw(json.dumps(study_schema(), indent=2))
