"""A server with something of everything on it, made once: what the pages of these tests show."""

from dataclasses import dataclass
from urllib.parse import quote

from tests.browser.clerk import WORKER, Clerk

STRANGE = "<b onclick=\"alert(1)\">'quoted' & 😀 שלום עולם"
LONG = "n" * 200


@dataclass(frozen=True)
class Filled:
    """The names of what is there."""

    study: str
    many: str
    failed: int
    pruned: int
    running: int
    worker: str

    @property
    def pages(self) -> dict[str, str]:
        """Every kind of page, by a name for it."""
        here = f"/studies/{self.study}"
        return {
            "studies": "/studies",
            "new": "/new",
            "overview": here,
            "trials": f"{here}/trials",
            "trial-failed": f"{here}/trials/{self.failed}",
            "trial-pruned": f"{here}/trials/{self.pruned}",
            "why": f"{here}/trials/{self.pruned}/why",
            "analysis": f"{here}/analysis",
            "compare": f"{here}/compare?t=0,1,{self.pruned}",
            "pruning": f"{here}/pruning",
            "logs": f"{here}/logs?trial={self.failed}",
            "config": f"{here}/config",
            "finish": "/studies/finished/finish",
            "finish-none": f"{here}/finish",
            "finish-begin": f"{here}/finish/begin",
            "finished": "/studies/finished",
            "stop": f"{here}/stop",
            "edit": f"{here}/edit",
            "enqueue": f"{here}/enqueue",
            "delete": f"{here}/delete",
            "strange": f"/studies/{quote(STRANGE, safe='')}",
            "empty": "/studies/empty",
            "workers": "/workers",
            "workers-study": "/workers?view=study",
            "workers-timeline": "/workers?view=timeline",
            "workers-table": "/workers?view=table",
            "worker": f"/workers/{self.worker}",
            "connect": "/workers/connect",
            "events": f"/events?study={self.study}",
            "audit": "/events/audit",
            "missing": "/studies/nowhere",
        }

    @property
    def more(self) -> dict[str, str]:
        """More pages of the same kinds: what they show differs, what they are made of does not."""
        here = f"/studies/{self.study}"
        return {
            "many-trials": f"/studies/{self.many}/trials",
            "new-from": f"/new?from={self.study}",
            "finishing": "/studies/finishing/finish",
            "being-finished": "/studies/finishing",
            "long": f"/studies/{LONG}",
            "trial-running": f"{here}/trials/{self.running}",
        }


def fill(clerk: Clerk) -> Filled:
    """Make it all."""
    study = clerk.study("vit-aug", scheduler={"type": "median", "startup_trials": 3}, tags=["vision"], note="<i>So</i>")
    for n in range(4):
        lease = clerk.ask(study)
        clerk.report(study, lease, [1 / (n + s) for s in range(1, 8)])
        clerk.complete(study, lease)
    bad = clerk.ask(study)
    told = clerk.report(study, bad, [9.0])
    assert told["directive"]["type"] == "stop"
    clerk.complete(study, bad, "pruned")
    failing = clerk.ask(study)
    clerk.log(study, failing, "epoch 1\nCUDA error: an illegal <memory> access\n")
    failure = {"class": "crash", "message": "CUDA error: an illegal <memory> access", "tail": "Traceback <...>"}
    clerk.complete(study, failing, "failed", failure=failure)
    running = clerk.ask(study)
    clerk.report(study, running, [0.4])
    strange = clerk.study(STRANGE)
    for value in ("NaN", 1e300, -1e300):
        lease = clerk.ask(strange)
        clerk.report(strange, lease, [value, 0.5, value])
    clerk.study(LONG)
    clerk.study("empty")
    many = clerk.study("many", budget={})
    clerk.added(many, 600)
    for name, runs in (("finished", 7), ("finishing", 3)):
        ended = clerk.study(name, budget={"max_trials": 3}, trainer={"name": "digits-mlp"})
        for n in range(3):
            lease = clerk.ask(ended)
            clerk.report(ended, lease, [1.0, 0.2 + n / 100])
            clerk.complete(ended, lease)
        clerk.call("POST", f"{ended}:finish", {"top": 3, "seeds": 2})
        clerk.finishing(ended, runs, {"test_loss": 0.31, "test_accuracy": 0.9})
    for n in range(2):
        clerk.worker(n)
    return Filled("vit-aug", "many", failing["trial"], bad["trial"], running["trial"], WORKER.format(0))
