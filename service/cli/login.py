"""`basin login` and `logout`: keep a token for a server, so that no command needs to be told it."""

import getpass
import sys
from typing import Annotated
from urllib.parse import urlsplit

import typer

from service.cli.command import command
from service.cli.credentials import Kept
from service.cli.errors import BadInput
from service.cli.session import DEFAULT_SERVER, Session
from service.words import clean

_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
UrlArgument = Annotated[
    str | None, typer.Argument(metavar="[URL]", help="The server; without it the one that commands speak to.")
]


@command("login", "basin login https://basin.example", "basin login --token-file token.txt", output=False)
def login(session: Session, url: UrlArgument = None) -> None:
    """Keep a token for a server, in a file that only you can read. It asks for the token, and tries it first."""
    server = _server(session, url)
    token = session.given_token or _ask()
    who = session.connect_as(server, token).session()
    path = Kept(session.world.environ).put(server, token)
    session.screen.note(f"You are '{clean(who['name'])}' ({who['role']}) at {clean(server)}.")
    session.screen.note(f"The token is kept in {clean(str(path))}; basin logout forgets it.")
    where = urlsplit(server)
    if where.scheme == "http" and where.hostname not in _HERE:
        session.screen.warn("this address is not https: whoever sees the traffic sees the token")


@command("logout", "basin logout https://basin.example", output=False)
def logout(session: Session, url: UrlArgument = None) -> None:
    """Forget the token that is kept for a server. It still holds; `basin token revoke` ends it."""
    server = _server(session, url)
    there = Kept(session.world.environ).drop(server)
    session.screen.note(f"{'Forgotten' if there else 'There was none'}: the token for {clean(server)}.")


def _server(session: Session, url: str | None) -> str:
    server = (url or session.server or DEFAULT_SERVER).rstrip("/")
    if "://" not in server:
        raise BadInput(f"{clean(server)}: must be a URL such as {DEFAULT_SERVER}")
    return server


def _ask() -> str:
    token = getpass.getpass("Token: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not token.strip():
        raise BadInput("no token was given", hint="Type it, send it to standard input, or use --token-file.")
    return token.strip()
