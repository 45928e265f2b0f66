"""Whoever fills a server for these tests: studies, trials with curves and logs, workers, over its API."""

import hashlib
import json
import math
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from tests.patience import PATIENCE

SPACE: Mapping[str, Any] = {
    "lr": {"type": "float", "low": 1e-5, "high": 0.1, "log": True},
    "depth": {"type": "int", "low": 1, "high": 24},
    "optimizer": {"type": "categorical", "choices": ["adamw", "lion", "sgd"]},
}
WORKER = "0000000{}-0000-4000-8000-000000000000"


class Clerk:
    """A client of the API."""

    def __init__(self, address: str, token: str | None = None) -> None:
        self.address = address
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Call the API; bytes are sent as they are."""
        raw = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        headers = {"content-type": kind, **self._headers}
        request = urllib.request.Request(f"{self.address}/v1{path}", raw, headers, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            text = answer.read()
        return json.loads(text) if text else None

    def study(self, name: str, **more: Any) -> str:
        """A study; answers its address in the API."""
        definition = {
            "name": name,
            "objectives": [{"metric": "val_loss"}],
            "space": SPACE,
            "sampler": "random",
            "scheduler": "none",
            "budget": {"max_trials": 500},
            **more,
        }
        self.call("POST", "/studies", definition)
        return f"/studies/{quote(name, safe='')}"

    def ask(self, study: str, worker: str = "someone") -> Mapping[str, Any]:
        """A trial to run."""
        (lease,) = self.call("POST", f"{study}:ask", {"worker": worker, "max_trials": 1})["leases"]
        return lease

    def report(
        self,
        study: str,
        lease: Mapping[str, Any],
        values: Sequence[float | str],
        first: int = 1,
        more: Mapping[str, float | str] | None = None,
    ) -> Any:
        """Points of the trial's curve, a step each; each with the same further metrics."""
        metrics = [{"val_loss": value, **(more or {})} for value in values]
        points = [{"step": step, "metrics": one} for step, one in enumerate(metrics, start=first)]
        body = {"token": lease["token"], "first_seq": first, "points": points}
        return self.call("POST", f"{self.attempt(study, lease)}:report", body)

    def complete(self, study: str, lease: Mapping[str, Any], outcome: str = "completed", **more: Any) -> None:
        """The end of the trial."""
        self.call(
            "POST", f"{self.attempt(study, lease)}:complete", {"token": lease["token"], "outcome": outcome, **more}
        )

    def saved(self, study: str, lease: Mapping[str, Any], step: int, content: bytes) -> None:
        """A checkpoint that the server keeps."""
        query = f"token={lease['token']}&sha256={hashlib.sha256(content).hexdigest()}"
        self.call("PUT", f"{self.attempt(study, lease)}/checkpoints/{step}?{query}", content)

    def finishing(self, study: str, runs: int, test: Mapping[str, float | str] | None = None) -> None:
        """So many runs of its honest end; the one on everything tells what the sealed test split said."""
        for place in range(runs):
            lease = self.ask(study)
            if lease["purpose"] == "confirm":
                self.report(study, lease, [1.0, 0.2 + place % 2 / 100 + place / 1000])
                self.complete(study, lease)
                continue
            self.report(study, lease, [0.1], more=test)
            self.saved(study, lease, 1, b"weights")
            self.complete(study, lease)

    def log(self, study: str, lease: Mapping[str, Any], text: str) -> None:
        """What the trial has written."""
        address = f"{self.attempt(study, lease)}/logs?token={lease['token']}&offset=0"
        self.call("POST", address, text.encode())

    def added(self, study: str, count: int) -> None:
        """Trials that completed elsewhere, with curves: many at once."""
        trials = [
            {
                "params": {"lr": 10 ** (-5 + 4 * (n % 97) / 97), "depth": 1 + n % 24, "optimizer": "adamw"},
                "state": "completed" if n % 3 else "pruned",
                "points": [
                    {"step": s, "metrics": {"val_loss": 2 * math.exp(-s / 4) + (n % 13) / 13}} for s in (1, 5, 9)
                ],
            }
            for n in range(count)
        ]
        for place in range(0, count, 200):
            self.call("POST", f"{study}/trials:batch", {"trials": trials[place : place + 200]})

    def worker(self, number: int, **more: Any) -> str:
        """A worker with two GPUs that has introduced itself; answers its id."""
        worker_id, instance = WORKER.format(number), f"{number:x}" * 32
        gpus = [{"uuid": f"GPU-{number}-{n}", "model": "NVIDIA H200", "memory_bytes": 150 * 10**9} for n in range(2)]
        new = {"instance": instance, "name": f"dgx-0{number}", "protocol": 1, "agent_version": "0.1.0", "slots": 2}
        self.call("PUT", f"/workers/{worker_id}", {**new, "trainers": ["digits-mlp"], "gpus": gpus, **more})
        use = [{"uuid": gpu["uuid"], "utilisation": 0.93, "temperature": 71} for gpu in gpus]
        self.call("POST", f"/workers/{worker_id}:heartbeat", {"instance": instance, "gpus": use})
        return worker_id

    @staticmethod
    def attempt(study: str, lease: Mapping[str, Any]) -> str:
        """The address of an attempt."""
        return f"{study}/trials/{lease['trial']}/attempts/{lease['attempt']}"
