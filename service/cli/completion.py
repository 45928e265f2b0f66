"""Completion in shells: the script for each, and the names of studies from the server."""

from typing import Annotated, Any, Literal

import typer

# Typer has no public name for these; the alternative is to keep a copy of its scripts.
from typer._completion_classes import completion_init
from typer._completion_shared import get_completion_script

from service.cli.session import Options, Session
from service.cli.world import COMPLETION

Shell = Literal["bash", "zsh", "fish"]
_SECONDS = 1.0
_MOST = 100


def prepare() -> None:
    """Let typer answer the questions that the scripts ask."""
    completion_init()


def script(shell: Shell) -> str:
    """The script that makes a shell ask."""
    return get_completion_script(prog_name="basin", complete_var=COMPLETION, shell=shell)


def study_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """The names of studies that begin so; nothing when the server does not answer at once."""
    try:
        # No command has run yet, so the options that were typed are not in the session.
        options = Options(
            server=_given(ctx, "server"), token=_given(ctx, "token"), token_file=_given(ctx, "token_file"), quiet=True
        )
        session = Session(ctx.find_root().obj.world, options)
        client = session.connect(seconds=_SECONDS)
        studies, _ = client.studies({"q": incomplete or None}, _MOST)
        client.close()
    except Exception:  # noqa: BLE001  # whoever presses Tab wants names, or nothing
        return []
    return [str(study["name"]) for study in studies if str(study["name"]).startswith(incomplete)]


def _given(ctx: Any, name: str) -> str | None:
    while ctx is not None:
        if ctx.params.get(name) is not None:
            return str(ctx.params[name])
        ctx = ctx.parent
    return None


StudyArgument = Annotated[str, typer.Argument(metavar="STUDY", help="The study's name.", autocompletion=study_names)]
StudiesArgument = Annotated[
    list[str], typer.Argument(metavar="STUDY...", help="The names of studies.", autocompletion=study_names)
]
