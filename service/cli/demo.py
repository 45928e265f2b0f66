"""What `basin up` starts beside its server: a worker, and in an empty database a study that is searched and finished.

A process of its own: `python -m service.cli.demo SERVER FOLDER`. The worker is another: a server imports no trainer.
"""

import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from service.cli import study_finish
from service.cli.errors import CommandError, Refused
from service.cli.session import Options, Session
from service.cli.wire_json import Json
from service.words import clean, number

NAME = "digits-demo"
TRAINER = "digits-mlp"
STUDY: Json = {
    "name": NAME,
    "note": "The demo of `basin up`: scikit-learn's digits. Delete it whenever you like.",
    "tags": ["demo"],
    "objectives": [{"metric": "val_loss"}],
    "space": {
        "learning_rate": {"type": "float", "low": 1e-4, "high": 0.1, "log": True},
        "weight_decay": {"type": "float", "low": 1e-6, "high": 0.1, "log": True},
        "dropout": {"type": "float", "low": 0.0, "high": 0.6},
        "hidden": {"type": "int", "low": 32, "high": 512, "log": True},
        "batch_size": {"type": "ordinal", "values": [32, 64, 128, 256]},
    },
    "sampler": {"type": "tpe"},
    "scheduler": {"type": "asha", "mode": "stop", "min_resource": 2, "reduction_factor": 2},
    "budget": {"max_trials": 48},
    "trainer": {"name": TRAINER, "settings": {"epochs": 12}},
    "seed": 8420,
}
DEFAULTS: Json = {"learning_rate": 3e-3, "weight_decay": 1e-4, "dropout": 0.1, "hidden": 64, "batch_size": 64}
"""The trainer's own parameters, which the search is to beat: they are its first trial."""
_FINISH = {"top": 3, "seeds": 3}
_NEEDED = ("torch", "sklearn", "psutil")
_LOOK_SECONDS = 0.5
_WORKER_GRACE_SECONDS = 20.0
_GRACE_SECONDS = 30.0
"""Longer than the worker has: it must not be left behind."""
_ENDED = frozenset({"completed", "stopped"})


def missing() -> Sequence[str]:
    """The packages that a worker with the demo's trainer needs, and that are not here."""
    return [name for name in _NEEDED if importlib.util.find_spec(name) is None]


@contextmanager
def beside(server: str, folder: Path) -> Iterator[None]:
    """The demo as a process of its own, which ends with the block."""
    folder.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-m", "service.cli.demo", server, str(folder)], stdin=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        _end(process, _GRACE_SECONDS)


def main(server: str, folder: Path) -> int:
    """Run the worker, and look after the study; end with the worker, or with whoever started this."""
    parent = os.getppid()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, _asked)
    session = Session(options=Options(server=server))
    with contextlib.suppress(KeyboardInterrupt), _worker(server, folder) as worker:
        try:
            _look_after(session, worker, parent)
        except (CommandError, Refused) as error:
            session.screen.error([f"the demo goes on without its study: {clean(str(error))}"])
        while _alive(worker, parent):
            session.world.sleep(_LOOK_SECONDS)
    return 0


def _asked(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


@contextmanager
def _worker(server: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    slots = str(min(2, os.cpu_count() or 1))
    arguments = ["worker", "--server", server, "--trainer", TRAINER, "--workdir", str(folder), "--slots", slots]
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "service.cli", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # Ctrl-C in the terminal is for those who asked for it; the worker is told once, by us.
            start_new_session=True,
        )
    try:
        yield process
    finally:
        _end(process, _WORKER_GRACE_SECONDS)


def _end(process: "subprocess.Popen[bytes]", grace: float) -> None:
    """End a process: it may save what it has, and not for ever."""
    with contextlib.suppress(KeyboardInterrupt):
        if process.poll() is None:
            process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(grace)
    if process.poll() is None:
        process.kill()
        process.wait()


def _look_after(session: Session, worker: "subprocess.Popen[bytes]", parent: int) -> None:
    """Search the study and finish it, going on with what is there; nothing where others than the demo's are."""
    client, screen = session.client, session.screen
    known, _ = client.studies({"archived": None}, 1_000)
    if not known:
        client.create_study(STUDY)
        client.add_trial(NAME, {"params": DEFAULTS})
        screen.raw(f"Demo: study {NAME} searches {STUDY['budget']['max_trials']} trials (basin study show {NAME})")
    elif NAME not in {one["name"] for one in known}:
        return
    told = 0
    while (found := client.study(NAME))["state"] not in _ENDED:
        if not _alive(worker, parent):
            return
        told = _tell(session, found, told)
        session.world.sleep(_LOOK_SECONDS)
    report = _finish(session)
    while report["state"] in study_finish.OPEN:
        if not _alive(worker, parent):
            return
        session.world.sleep(_LOOK_SECONDS)
        report = client.finish(NAME)
    study_finish.show(screen, report)
    for line in compared(report, _default(session)):
        screen.raw(f"Demo: {line}")
    sys.stdout.flush()


def _finish(session: Session) -> Json:
    try:
        return session.client.finish(NAME)
    except Refused as refused:
        if refused.code != "finish_not_found":
            raise
        return session.client.begin_finish(NAME, {**_FINISH, "beside": _default(session)})


def _default(session: Session) -> int | None:
    """The number of the trial with the trainer's own parameters, unless somebody has made the study otherwise."""
    found, _ = session.client.trials(NAME, {}, 1_000)
    return next((int(one["number"]) for one in found if one["params"] == DEFAULTS), None)


def compared(report: Json, default: int | None) -> Iterator[str]:
    """What the winner is worth beside the trainer's own parameters, on the seeds on which both came to a value."""
    if default is None or report["winner"] is None:
        return
    if report["winner"] == default:
        yield f"nothing that was found is better than the trainer's default parameters (trial {default})"
        return
    runs = {one["trial"]: {run["seed"]: run["value"] for run in one["runs"]} for one in report["candidates"]}
    ours, theirs = runs[report["winner"]], runs.get(default, {})
    both = [(ours[seed], theirs[seed]) for seed in ours if ours[seed] is not None and theirs.get(seed) is not None]
    if not both:
        return
    mine, usual = (sum(values) / len(both) for values in zip(*both, strict=True))
    won = sum(one < other for one, other in both)
    yield (
        f"with the trainer's default parameters (trial {default}) {report['metric']} is {number(usual)}, with the "
        f"winner's {number(mine)}: {abs(usual - mine) / usual:.0%} {'less' if mine < usual else 'more'}, and less on "
        f"{won} of the {len(both)} seeds that both were run on"
    )


def _tell(session: Session, found: Json, told: int) -> int:
    """Say how far it is, each time that another dozen has ended."""
    counts = found["trials"]
    ended: int = sum(counts[state] for state in ("completed", "pruned", "failed", "infeasible", "cancelled"))
    if ended // 12 <= told // 12:
        return told
    best = found["best"]
    so_far = f"; best val_loss {number(best['values']['val_loss'])}" if best else ""
    session.screen.raw(f"Demo: {ended} trials have ended, {counts['pruned']} of them pruned{so_far}")
    sys.stdout.flush()
    return ended


def _alive(worker: "subprocess.Popen[bytes]", parent: int) -> bool:
    """Whether the worker runs, and whoever started this."""
    return worker.poll() is None and os.getppid() == parent


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))
