"""The tree of commands, in the order in which help shows them: each is loaded when it is called, or shown by help."""

from collections.abc import Mapping
from functools import partial
from importlib import import_module
from typing import Any

from typer.core import TyperGroup

from service.cli.command import Made, Maker, Shelf, group, root_group

# Name and place of each command. A name alone must do to find it: all of them together take longer to load than most of
# them take to run.
Places = Mapping[str, str]
STUDY: Places = {
    "template": "study_create.template",
    "validate": "study_create.validate",
    "create": "study_create.create",
    "list": "study_read.list_studies",
    "show": "study_read.show",
    "best": "study_best.best",
    "pareto": "study_best.pareto",
    "importances": "study_importances.importances",
    "search": "study_search.search",
    "what-if": "study_what_if.what_if",
    "edit": "study_edit.edit",
    "pause": "study_change.pause",
    "resume": "study_change.resume",
    "stop": "study_change.stop",
    "archive": "study_change.archive",
    "unarchive": "study_change.unarchive",
    "delete": "study_change.delete",
    "finish": "study_finish.finish",
    "artifact": "study_artifact.artifact",
    "warm-start": "warm_start.warm_start",
    "export": "study_export.export",
    "schema": "study_create.schema",
}
TRIAL: Places = {
    "list": "trial_read.list_trials",
    "show": "trial_read.show",
    "explain": "trial_explain.explain",
    "logs": "trial_files.logs",
    "checkpoints": "trial_files.checkpoints",
    "enqueue": "enqueue.enqueue",
    "add": "enqueue.add",
    "retry": "trial_change.retry",
    "cancel": "trial_change.cancel",
    "reproduce": "trial_reproduce.reproduce",
}
TOKEN: Places = {"create": "tokens.create", "list": "tokens.list_tokens", "revoke": "tokens.revoke"}
WORKERS: Places = {
    "list": "workers_read.list_workers",
    "show": "workers_read.show",
    "drain": "workers_change.drain",
    "undrain": "workers_change.undrain",
    "forget": "workers_change.forget",
}
IMPORT: Places = {"optuna": "import_optuna.optuna"}
SERVER: Places = {
    "up": "serve.up",
    "serve": "serve.serve",
    "migrate": "serve.migrate",
    "config": "configuration.config",
}
ACCESS: Places = {"login": "login.login", "logout": "login.logout", "audit": "audit.audit"}
EVENTS: Places = {"events": "events.events"}
THIS_COMMAND: Places = {
    "doctor": "doctor.doctor",
    "version": "configuration.version",
    "completion": "configuration.completion",
}
# What other packages bring.
BROUGHT: Places = {"worker": "worker.WORKER", "trainer": "worker.TRAINER"}


def root() -> TyperGroup:
    """The whole tree."""
    return root_group(
        Shelf(
            {
                **_commands(SERVER, "A server"),
                **_commands(ACCESS, "Who may use it"),
                "token": _group("token", "Say who may use a server.", TOKEN, "Who may use it"),
                **_commands({"worker": BROUGHT["worker"]}, "A server"),
                **_commands(EVENTS, "Studies"),
                **_commands({"trainer": BROUGHT["trainer"]}, "Studies"),
                "study": _group("study", "Create studies, watch them, steer them.", STUDY, "Studies"),
                "trial": _group("trial", "Look at trials; enqueue, add, retry and cancel them.", TRIAL, "Studies"),
                "import": _group("import", "Take over studies from other programs.", IMPORT, "Studies"),
                **_commands(THIS_COMMAND, "This command"),
                "workers": _group("workers", "Look at workers; drain and forget them.", WORKERS, "Workers", "list"),
            }
        ),
        "Bayesian hyperparameter search as a service.",
        "basin up                              a server on this machine",
        "basin study template > study.yaml     a study to start from",
        "basin study create study.yaml",
        "basin worker --trainer digits-mlp     run its trials on this machine",
        "basin study list",
    )


def declared(place: str) -> Any:
    """What stands at a place: it is loaded now."""
    module, _, name = place.partition(".")
    return getattr(import_module(f"service.cli.{module}"), name)


def _commands(places: Places, panel: str) -> Mapping[str, Maker]:
    return {name: partial(_made, place, panel) for name, place in places.items()}


def _made(place: str, panel: str | None) -> Made:
    made: Made = declared(place).made(panel)
    return made


def _group(name: str, help: str, places: Places, panel: str, default: str | None = None) -> Maker:
    """A group; with a default its name alone does what one of its commands does."""
    shelf = Shelf({command: partial(_made, place, None) for command, place in places.items()})
    return lambda: group(name, help, shelf, panel, declared(places[default]) if default else None)
