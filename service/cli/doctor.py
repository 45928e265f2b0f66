"""`basin doctor`: looks at this machine, the settings, the database and the server, and says what to do."""

import resource
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from service.cli import findings
from service.cli.command import command
from service.cli.errors import CommandError, Refused
from service.cli.findings import Finding, Level
from service.cli.screen import Column, state
from service.cli.serve import load, parts
from service.cli.session import DEFAULT_SERVER, Session, own_version
from service.words import clean, duration, plural

if TYPE_CHECKING:
    from service.config import Settings

_SKEW_SECONDS = 10.0
_MOUNTS = Path("/proc/self/mountinfo")


@command("doctor", "basin doctor", "basin doctor --server http://gpu-lab:8420", "basin doctor -o json")
def doctor(session: Session) -> int:
    """Check this machine, the database and the server. The exit code is 1 when something fails."""
    found = list(_look(session))
    failed = sum(finding.level == "fail" for finding in found)
    if not session.screen.data([asdict(finding) for finding in found]):
        rows = [(state(finding.level), finding.what, _said(finding)) for finding in found]
        session.screen.table([Column(""), Column(""), Column("", wraps=True)], rows, header=False)
        warned = any(finding.level == "warn" for finding in found)
        well = "Nothing failed; look at the warnings." if warned else "All is well."
        session.screen.note(f"\n{plural(failed, 'check')} failed." if failed else f"\n{well}")
    return 1 if failed else 0


def _said(finding: Finding) -> str:
    return f"{finding.said}\n{finding.advice}" if finding.advice else finding.said


def _look(session: Session) -> Iterator[Finding]:
    yield findings.python()
    answers, seen = _server(session)
    yield from seen
    try:
        settings = load(session, {}).settings
    except CommandError as error:
        yield Finding("fail", "settings", "; ".join(error.lines), "basin config shows them once they can be read.")
    else:
        yield from _database(settings)
        yield from _folder(settings)
        here = f"http://{settings.host}:{settings.port}"
        yield findings.port(settings.host, settings.port, basin=answers and session.server == here)
    yield findings.torch()
    yield findings.gpus()
    yield findings.open_files(resource.getrlimit(resource.RLIMIT_NOFILE)[0], resource.RLIM_INFINITY)


def _server(session: Session) -> tuple[bool, list[Finding]]:
    """Whether a Basin server answers, and what there is to say of it."""
    from service.wire.server import PROTOCOL

    asked = session.world.now()
    try:
        answered = session.connect(seconds=5).version()
    except Refused as refused:
        told = refused.explain()
        # Only Basin speaks so without a token: it runs, though not for us.
        return refused.status == 401, [
            Finding("fail", "server", "; ".join(told.lines), told.hint or "Is --server right?")
        ]
    except CommandError as error:
        said = "; ".join(error.lines)
        if session.chosen_server:
            return False, [Finding("fail", "server", said, "Is it running, and is --server right?")]
        return False, [Finding("warn", "server", said, f"basin up starts one at {DEFAULT_SERVER}.")]
    took = (session.world.now() - asked).total_seconds()
    return True, [_versions(answered.body, PROTOCOL), *_clock(answered.headers, asked, took)]


def _versions(there: Mapping[str, Any], protocol: int) -> Finding:
    said = f"version {clean(str(there['version']))}, protocol {there['protocol']}, {clean(str(there['database']))}"
    if there["protocol"] != protocol:
        return Finding(
            "fail", "server", said, f"This command speaks protocol {protocol}: install the server's version."
        )
    if there["version"] != own_version():
        return Finding("warn", "server", said, f"This command is version {own_version()}; the same is better.")
    return Finding("ok", "server", said)


def _clock(headers: Mapping[str, str], asked: datetime, took: float) -> Iterator[Finding]:
    try:
        theirs = parsedate_to_datetime(headers.get("Date", ""))
    except (TypeError, ValueError):
        return
    # The header has whole seconds, and was written somewhere between our question and the answer.
    skew = abs((theirs - asked).total_seconds() - took / 2)
    said = f"{duration(skew)} apart from the server's"
    if skew > _SKEW_SECONDS:
        yield Finding("warn", "clock", said, "Leases do not depend on it, but times in lists are off: use NTP.")
    else:
        yield Finding("ok", "clock", "with the server's")


def _database(settings: "Settings") -> Iterator[Finding]:
    from service.config import hide_password

    where = hide_password(settings.database_url)
    try:
        with parts():
            from service import bootstrap

            schema = bootstrap.schema_state(settings)
    except CommandError as error:
        missing = isinstance(error.__cause__, ModuleNotFoundError)
        level: Level = "warn" if missing else "fail"
        advice = "Only a machine that runs the server needs them." if missing else error.hint or "Does it run?"
        yield Finding(level, "database", f"{where}: {'; '.join(error.lines)}", advice)
        return
    if schema.found == schema.needed:
        yield Finding("ok", "database", f"{where}, schema {schema.found}")
    elif settings.on_sqlite and schema.found is None:
        yield Finding("ok", "database", f"{where}: not there yet, made when a server starts")
    elif settings.migrates:
        yield Finding("ok", "database", f"{where}: schema {schema.found}, migrated when a server starts")
    else:
        said = f"{where}: schema {schema.found or 'none'}, needs {schema.needed}"
        yield Finding("fail", "database", said, "Make a backup, then: basin migrate")


def _folder(settings: "Settings") -> Iterator[Finding]:
    folder = settings.data_dir.expanduser().absolute()
    there = next(parent for parent in (folder, *folder.parents) if parent.exists()).resolve()
    yield findings.disk(there, shutil.disk_usage(there).free)
    if _MOUNTS.exists():
        yield findings.file_system(there, _MOUNTS.read_text(), sqlite=settings.on_sqlite)
