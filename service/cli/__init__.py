"""The `basin` command: people steer a server with it, and run one.

`main` is the only way in, and the one place where an error becomes a message and an exit code.
"""

import re
import sys
import traceback
from collections.abc import Sequence

from service.cli.errors import INTERRUPTED, BadInput, CommandError
from service.cli.screen import Screen
from service.cli.session import Session
from service.cli.world import COMPLETION, World

# Typer checks values with pydantic, whose words are for programmers.
_WORDS = (
    (r"Value error, ", ""),
    (r"Input should be a valid integer.*", "must be a whole number"),
    (
        r"Input should be (greater|less) than or equal to (.*)",
        lambda found: f"must be at {'least' if found[1] == 'greater' else 'most'} {found[2]}",
    ),
)


def main(arguments: Sequence[str] | None = None, world: World | None = None) -> int:
    """Run a command; answers its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that cannot show a sign is no reason to fail
            stream.reconfigure(errors="replace")
    session = Session(world or World())
    try:
        code = _run(session, sys.argv[1:] if arguments is None else arguments)
    except CommandError as error:
        _tell(session, error)
        return error.exit_code
    except KeyboardInterrupt:
        code = INTERRUPTED
    except Exception as error:  # noqa: BLE001  # users get a sentence, not a traceback
        _tell(session, CommandError(f"this should not have happened: {type(error).__name__}: {error}"), error)
        return 1
    if code == INTERRUPTED and sys.stderr.isatty():
        sys.stderr.write("\n")  # behind the ^C that the terminal shows
    return code


def _run(session: Session, arguments: Sequence[str]) -> int:
    # Loaded here, so that Ctrl-C and errors while loading are told in the same way.
    import typer

    from service.cli.app import root

    if COMPLETION in session.world.environ:
        from service.cli import completion  # loaded only where a shell asks

        completion.prepare()
    try:
        code = root()(list(arguments), prog_name="basin", obj=session, standalone_mode=False, complete_var=COMPLETION)
    except typer.TyperException as error:
        raise _usage(error) from error
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    except SystemExit as ended:  # typer's own, after the shell has been told the completions
        code = ended.code
    return code if isinstance(code, int) else 0


def _usage(error: Exception) -> CommandError:
    """What typer says of wrong options and arguments, in our form."""
    message = str(getattr(error, "format_message", lambda: error)())
    for theirs, ours in _WORDS:
        message = re.sub(theirs, ours, message)
    context = getattr(error, "ctx", None)
    # A group without a command has shown its help already and says nothing more.
    lines = [message.replace("\n\t", " ")] if message else []
    return BadInput(*lines, hint=f"{context.command_path} --help" if context and lines else None)


def _tell(session: Session, error: CommandError, cause: BaseException | None = None) -> None:
    """Write an error to standard error, with what --debug adds to it."""
    screen = Screen()
    screen.error(error.lines, error.hint)
    if cause is not None and session.options.debug:
        traceback.print_exception(cause)
    elif cause is not None:
        screen.note("Please report it, with what --debug adds.")
    elif error.detail and session.options.debug:
        screen.note(error.detail)
