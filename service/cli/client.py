"""The server's REST API, one method for each call that the commands make.

Answers stay the JSON they are: an older command shows what a newer server says, and starts fast.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import httpx2

from service.cli.addresses import study_path, trial_path, worker_path
from service.cli.errors import BadInput, Refused, Unreachable
from service.cli.retry import Retrier, cause
from service.cli.wire_json import Json, encode
from service.words import clean

Query = Mapping[str, str | int | bool | Sequence[str] | None]
LARGEST_PAGE = 1000
_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
# The server sends a comment at least every quarter of a minute: a longer silence is a lost connection.
_SILENCE, _REPORT_SILENCE = 60.0, 300.0


@dataclass(frozen=True)
class Answered:
    """An answer with what its headers say of it."""

    body: Json
    headers: httpx2.Headers


class Client:
    """One server. Refusals are raised as Refused; what cannot be reached is Unreachable."""

    def __init__(
        self,
        server: str,
        token: str | None,
        retrier: Retrier,
        *,
        version: str,
        transport: httpx2.BaseTransport | None = None,
        seconds: float = 30.0,
    ) -> None:
        self.server = server.rstrip("/")
        self.retrier = retrier
        url = _checked(self.server)
        headers = {"User-Agent": f"basin/{version}", "Accept": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        self.http = httpx2.Client(
            headers=headers,
            timeout=httpx2.Timeout(seconds, connect=min(seconds, 5.0)),
            transport=transport,
            # A proxy of the environment cannot reach this machine's own addresses.
            trust_env=url.hostname not in _HERE,
            # Certificates take longer to load than most answers to arrive, and plain HTTP has none to check.
            verify=url.scheme == "https",
        )

    def close(self) -> None:
        """Let go of the connections."""
        self.http.close()

    # --- studies

    def create_study(self, definition: Json, *, validate_only: bool = False) -> Json:
        """Create a study, or only have its definition checked."""
        query = {"validate_only": True if validate_only else None}
        return self._send("POST", "/v1/studies", query=query, body=definition).body

    def studies(self, query: Query, limit: int) -> tuple[list[Json], bool]:
        """Studies, newest first, and whether there are more than `limit`."""
        return self._pages("/v1/studies", "studies", query, limit)

    def study(self, name: str) -> Json:
        """One study."""
        return self._send("GET", study_path(name)).body

    def change_study(self, name: str, patch: Json, revision: int) -> Json:
        """Change a study, if it is still at this revision."""
        return self._send("PATCH", study_path(name), body=patch, headers={"If-Match": f'"{revision}"'}).body

    def move_study(self, name: str, verb: str, body: Json | None = None) -> Json:
        """Pause, resume, stop, archive or unarchive a study."""
        return self._send("POST", f"{study_path(name)}:{verb}", body=body).body

    def delete_study(self, name: str, *, force: bool) -> None:
        """Delete a study with everything in it."""
        try:
            self._send("DELETE", study_path(name), query={"force": True if force else None})
        except Refused as refused:
            # Asked again after a lost answer, it may be we who deleted it.
            if refused.status != 404 or not self.retrier.lost:
                raise

    @contextmanager
    def export(self, name: str, format: str, *, points: bool) -> Iterator[httpx2.Response]:
        """Open the stream of an export."""
        query: Query = {"format": format, "points": points}
        # A report is put together before a byte of it is sent.
        wait, of = _REPORT_SILENCE if format == "html" else _SILENCE, f"{study_path(name)}/export"
        with self._stream("GET", of, query=query, headers={"Accept": "*/*"}, silence=wait) as response:
            yield response

    # --- trials

    def trials(self, study: str, query: Query, limit: int) -> tuple[list[Json], bool]:
        """Trials of a study, and whether there are more than `limit`."""
        return self._pages(f"{study_path(study)}/trials", "trials", query, limit)

    def trial(self, study: str, number: int) -> Json:
        """One trial."""
        return self._send("GET", trial_path(study, number)).body

    def add_trial(self, study: str, trial: Json) -> Json:
        """Enqueue a trial, or add one that ran elsewhere."""
        return self._send("POST", f"{study_path(study)}/trials", body=trial).body

    def add_trials(self, study: str, trials: Sequence[Json]) -> list[int]:
        """Enqueue or add many trials, all or none; answers their numbers."""
        return list(
            self._send("POST", f"{study_path(study)}/trials:batch", body={"trials": list(trials)}).body["numbers"]
        )

    def warm_start(self, study: str, body: Json) -> Json:
        """Take trials of other studies into one."""
        return self._send("POST", f"{study_path(study)}:warm-start", body=body).body

    def cancel_trial(self, study: str, number: int) -> Json:
        """Cancel a trial."""
        return self._send("POST", f"{trial_path(study, number)}:cancel").body

    def retry_trials(self, study: str, numbers: Sequence[int]) -> list[Json]:
        """Try trials once more, all or none; answers them as they stand."""
        body = {"trials": list(numbers)}
        return list(self._send("POST", f"{study_path(study)}/trials:retry", body=body).body["trials"])

    def attempts(self, study: str, number: int) -> list[Json]:
        """All attempts at a trial."""
        return list(self._send("GET", f"{trial_path(study, number)}/attempts").body["attempts"])

    def points(self, study: str, number: int, limit: int) -> tuple[list[Json], bool]:
        """The learning curve of a trial, and whether it is longer than `limit`."""
        return self._pages(f"{trial_path(study, number)}/reports", "points", {}, limit)

    def decisions(self, study: str, number: int) -> list[Json]:
        """What was decided of a trial; nothing from a server that does not tell."""
        try:
            return list(self._send("GET", f"{trial_path(study, number)}/decisions").body["decisions"])
        except Refused as refused:
            if refused.status != 404:
                raise
            return []

    def checkpoints(self, study: str, number: int) -> list[Json]:
        """The committed checkpoints of a trial."""
        return list(self._send("GET", f"{trial_path(study, number)}/checkpoints").body["checkpoints"])

    def log(self, study: str, number: int, attempt: int | None, offset: int) -> tuple[bytes, int, int]:
        """A part of the log of an attempt, or of the newest one: its bytes, where to go on, and whose it is."""
        of = trial_path(study, number) if attempt is None else f"{trial_path(study, number)}/attempts/{attempt}"
        with self._stream("GET", f"{of}/logs", query={"offset": offset}, headers={"Accept": "text/plain"}) as response:
            data = response.read()
        return data, int(response.headers["x-next-offset"]), int(response.headers["x-attempt"])

    @contextmanager
    def checkpoint(self, study: str, number: int, attempt: int, step: int) -> Iterator[httpx2.Response]:
        """Open the stream of a checkpoint's bytes."""
        path = f"{trial_path(study, number)}/attempts/{attempt}/checkpoints/{step}"
        with self._stream("GET", path, query={}, headers={"Accept": "*/*"}) as response:
            yield response

    # --- workers

    def workers(self) -> list[Json]:
        """The workers, those seen last first."""
        return list(self._send("GET", "/v1/workers").body["workers"])

    def worker(self, worker: str) -> Json:
        """One worker."""
        return self._send("GET", worker_path(worker)).body

    def drain_worker(self, worker: str, body: Json) -> Json:
        """Let a worker take no more trials."""
        return self._send("POST", f"{worker_path(worker)}:drain", body=body).body

    def undrain_worker(self, worker: str) -> Json:
        """Let a worker take trials again."""
        return self._send("POST", f"{worker_path(worker)}:undrain").body

    def forget_worker(self, worker: str) -> None:
        """Forget a worker."""
        self._send("DELETE", worker_path(worker))

    # --- what is read out of a study

    def best(self, study: str, count: int) -> Json:
        """The best trials."""
        return self._send("GET", f"{study_path(study)}/best", query={"count": count}).body

    def pareto(self, study: str, count: int, reference: str | None) -> Json:
        """The front and its hypervolume."""
        return self._send("GET", f"{study_path(study)}/pareto", query={"count": count, "reference": reference}).body

    def search(self, study: str) -> Json:
        """How a study is searched."""
        return self._send("GET", f"{study_path(study)}/search").body

    def advice(self, study: str) -> Json:
        """What to change in a study."""
        return self._send("GET", f"{study_path(study)}/advice").body

    def importances(self, study: str, method: str, metric: str | None, wait_seconds: int) -> Json:
        """Which parameters matter, as far as that is known after the wait."""
        query = {"method": method, "metric": metric, "wait_seconds": wait_seconds}
        return self._send("GET", f"{study_path(study)}/importances", query=query).body

    def what_if(self, study: str, scheduler: Json, wait_seconds: int) -> Json:
        """What another scheduler would have done, if it is known after the wait."""
        body = {"scheduler": scheduler, "wait_seconds": wait_seconds}
        return self._send("POST", f"{study_path(study)}/what-if", body=body).body

    def explanation(self, study: str, number: int) -> Json:
        """Why a trial is what it is."""
        return self._send("GET", f"{trial_path(study, number)}/explanation").body

    def finish(self, study: str) -> Json:
        """How a study's honest end stands."""
        return self._send("GET", f"{study_path(study)}/finish").body

    def begin_finish(self, study: str, body: Json) -> Json:
        """Begin it."""
        return self._send("POST", f"{study_path(study)}:finish", body=body).body

    def cancel_finish(self, study: str) -> Json:
        """Call it off."""
        return self._send("POST", f"{study_path(study)}/finish:cancel").body

    def reproduce(self, study: str, number: int, request_id: str) -> Json:
        """Run a trial again as it was."""
        return self._send("POST", f"{trial_path(study, number)}:reproduce", body={"request_id": request_id}).body

    def reproductions(self, study: str, number: int) -> list[Json]:
        """The runs by which a trial was reproduced."""
        return list(self._send("GET", f"{trial_path(study, number)}/reproductions").body["reproductions"])

    # --- who may, and who did

    def create_token(self, body: Json) -> Json:
        """Make a token; the answer is the only one that holds its secret."""
        return self._send("POST", "/v1/tokens", body=body).body

    def tokens(self) -> list[Json]:
        """All tokens, without their secrets."""
        return list(self._send("GET", "/v1/tokens").body["tokens"])

    def revoke_token(self, token_id: str) -> None:
        """Let a token hold no longer."""
        self._send("DELETE", f"/v1/tokens/{quote(token_id, safe='')}")

    def session(self) -> Json:
        """Who the server takes this command for."""
        return self._send("GET", "/v1/session").body

    def audit(self, query: Query, limit: int) -> tuple[list[Json], bool]:
        """Who changed what, newest first, and whether there is more than `limit`."""
        return self._pages("/v1/audit", "entries", query, limit)

    # --- the server

    def version(self) -> Answered:
        """What runs there."""
        return self._send("GET", "/v1/version")

    def ready(self) -> httpx2.Response:
        """Ask once, whatever the answer, whether the server can serve."""
        return self.http.get(f"{self.server}/readyz")

    @contextmanager
    def events(
        self, study: str | None, last_id: str | None, silence: float = _SILENCE
    ) -> Iterator[Iterator[httpx2.ServerSentEvent]]:
        """Open the stream of events, behind an id; a ReadTimeout ends it after so many seconds of silence."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {})}
        with self._stream("GET", "/v1/events", query={"study": study}, headers=headers, silence=silence) as response:
            yield iter(httpx2.EventSource(response))

    # --- how it is sent

    def _send(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Json | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        content = None if body is None else encode(body)
        kind = {} if body is None else {"Content-Type": "application/json"}
        request = self.http.build_request(
            method,
            self.server + path,
            params=_params(query or {}),
            headers={**kind, **(headers or {})},
            content=content,
        )
        with self._reached():
            response = self.retrier.send(lambda: self.http.send(request))
        return Answered(self._body(response), response.headers)

    @contextmanager
    def _stream(
        self, method: str, path: str, *, query: Query, headers: Mapping[str, str], silence: float = _SILENCE
    ) -> Iterator[httpx2.Response]:
        timeout = httpx2.Timeout(30.0, connect=5.0, read=silence)
        request = self.http.build_request(
            method, self.server + path, params=_params(query), headers=headers, timeout=timeout
        )
        with self._reached():
            response = self.retrier.send(lambda: self.http.send(request, stream=True))
        try:
            if not response.is_success:
                response.read()
                self._body(response)
            yield response
        finally:
            response.close()

    def _pages(self, path: str, key: str, query: Query, limit: int) -> tuple[list[Json], bool]:
        items: list[Json] = []
        token = None
        while True:
            size = min(limit - len(items), LARGEST_PAGE)
            page = self._send("GET", path, query={**query, "page_size": size, "page_token": token}).body
            items += page[key]
            token = page.get("next_page_token")
            if token is None or len(items) >= limit:
                return items[:limit], token is not None

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except httpx2.TransportError as error:
            raise self.unreachable(error) from error

    def unreachable(self, error: httpx2.TransportError) -> Unreachable:
        """What to say when the server did not answer."""
        hint = "Start one with: basin up\nor say where it is with --server URL or BASIN_SERVER."
        return Unreachable(f"no server answers at {clean(self.server)} ({clean(cause(error))})", hint=hint)

    def _body(self, response: httpx2.Response) -> Json:
        if response.is_redirect:
            raise self._stranger(response, f"it sends on to {clean(response.headers.get('Location', '?'))}")
        try:
            body = json.loads(response.content) if response.content else {}
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise self._stranger(response, "that is not JSON as Basin writes it")
        if response.is_success:
            return body
        if "code" not in body:
            raise self._stranger(response, "that is not an error as Basin writes it")
        raise Refused(response.status_code, body)

    def _stranger(self, response: httpx2.Response, what: str) -> Unreachable:
        request = response.request
        return Unreachable(
            f"{clean(self.server)} does not answer like a Basin server: {what}",
            hint="Is --server (or BASIN_SERVER) right? Is there a proxy in between?",
            detail=f"{request.method} {request.url.path}: status {response.status_code}",
        )


def _checked(server: str) -> Any:
    try:
        url = urlsplit(server)
        url.port  # noqa: B018  # it is read here to have it checked
    except ValueError as error:
        raise BadInput(f"--server {clean(server)}: {error}") from error
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise BadInput(f"--server {clean(server)}: must be a URL such as http://127.0.0.1:8420")
    return url


def _params(query: Query) -> list[tuple[str, str | int | float | bool | None]]:
    """A query's pairs; None is left out, and a list gives one pair for each of its items."""
    pairs: list[tuple[str, str | int | float | bool | None]] = []
    for name, value in query.items():
        for one in [value] if isinstance(value, str | int | None) else value:
            if one is not None:
                pairs.append((name, str(one).lower() if isinstance(one, bool) else str(one)))
    return pairs
