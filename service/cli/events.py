"""`basin events`: what happened on the server lately, and what happens now."""

import json
import math
import sys
from collections import deque
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from service.cli.command import command
from service.cli.completion import study_names
from service.cli.screen import Cell, Screen, state
from service.cli.session import Session
from service.cli.wire_json import Json
from service.cli.world import FIRST_PATIENCE
from service.words import moment, number

# Events of other studies lie between those of one: so many are looked through for each that is to be shown.
_LOOKED_THROUGH = 20
_SILENCE = 1.0


@command(
    "events", "basin events", "basin events --follow --study digits-mlp", "basin events --follow -o json | jq .type"
)
def events(
    session: Session,
    study: Annotated[
        str | None, typer.Option(metavar="STUDY", help="Only those of one study.", autocompletion=study_names)
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", metavar="", help="Go on until Ctrl-C.")] = False,
    last: Annotated[int, typer.Option(min=0, max=1000, metavar="N", help="Begin with the last so many.")] = 10,
) -> None:
    """Show the latest events. With --follow the coming ones too: each once, also when the connection is lost."""
    feed = _Feed(session, study)
    shown = 0
    for event in feed.latest(last):
        _show(session.screen, event)
        shown += 1
    if not follow:
        if not shown and session.screen.output == "table":
            session.screen.note("Nothing has happened lately. --follow waits until something does.")
        return
    for event in feed.coming():
        _show(session.screen, event)


class _Feed:
    """The server's stream of events, from one place in it to another."""

    def __init__(self, session: Session, study: str | None) -> None:
        self.session = session
        self.study = study
        self.seen: int | None = None

    def latest(self, count: int) -> Iterator[Json]:
        """The last events up to now."""
        newest = self._newest()
        behind = max(0, newest - count * _LOOKED_THROUGH)
        found: deque[Json] = deque(maxlen=count)
        if behind < newest and count:
            for event in self._between(behind, newest):
                found.append(event)
        self.seen = newest
        yield from found

    def coming(self) -> Iterator[Json]:
        """The events after the latest, without end."""
        import httpx2

        client = self.session.connect(FIRST_PATIENCE, math.inf)
        while True:
            try:
                with client.events(self.study, str(self.seen)) as stream:
                    client.retrier.answered = True
                    for event in stream:
                        self.seen = int(event.id) if event.id else self.seen
                        if event.data:
                            yield self._resynced(json.loads(event.data))
            except httpx2.TransportError:
                pass
            self.session.screen.note("The connection was lost; connecting again.")
            self.session.world.sleep(client.retrier.delay(1, None))

    def _newest(self) -> int:
        """Where the stream stands: the first thing it says."""
        with self.session.client.events(self.study, None) as stream:
            return next((int(event.id) for event in stream if event.id), 0)

    def _between(self, behind: int, newest: int) -> Iterator[Json]:
        import httpx2

        try:
            # The newest event may be another study's, and then only silence says that there are no more.
            with self.session.client.events(self.study, str(behind), silence=_SILENCE) as stream:
                for event in stream:
                    if event.data and event.event != "resync":
                        yield json.loads(event.data)
                    if event.id and int(event.id) >= newest:
                        return
        except httpx2.ReadTimeout:
            return

    def _resynced(self, event: Json) -> Json:
        if event["type"] == "resync":
            self.session.screen.warn("some events in between are no longer kept and are not shown")
        return event


def _show(screen: Screen, event: Json) -> None:
    if screen.output == "json":
        screen.raw(json.dumps(event, ensure_ascii=False))
    elif screen.output == "yaml":
        screen.raw("---")
        screen.data(event)
    elif event["type"] != "resync":
        at = moment(event["at"])
        time = at.astimezone().strftime("%Y-%m-%d %H:%M:%S") if at else ""
        screen.line(Cell(time, "dim"), "  ", Cell(_whom(event), "bold"), "  ", *_what(event))
    # Whoever follows through a pipe wants to see each event at once.
    sys.stdout.flush()


def _whom(event: Json) -> str:
    """The study or the worker that it happened to."""
    return str(event.get("study") or (event.get("data") or {}).get("name") or event.get("worker") or "")


def _what(event: Json) -> Iterator[str | Cell]:
    data: dict[str, Any] = event.get("data") or {}
    if event.get("trial") is not None:
        yield f"trial {event['trial']} "
    if "state" in data:
        yield state(str(data["state"]))
    else:
        yield str(event["type"]).rpartition(".")[2]
    if data.get("reason"):
        yield f": {data['reason']}"
    if data.get("fields"):
        yield f": {', '.join(map(str, data['fields']))}"
    for metric, value in (data.get("values") or {}).items():
        yield f"  {metric} {number(value)}"
    if data.get("failure"):
        yield f"  ({data['failure']})"
