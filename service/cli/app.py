"""The tree of commands, in the order in which help shows them."""

from service.cli import (
    audit,
    configuration,
    doctor,
    enqueue,
    events,
    import_optuna,
    login,
    serve,
    study_artifact,
    study_best,
    study_change,
    study_create,
    study_edit,
    study_export,
    study_finish,
    study_importances,
    study_read,
    study_search,
    study_what_if,
    tokens,
    trial_change,
    trial_explain,
    trial_files,
    trial_read,
    trial_reproduce,
    warm_start,
    worker,
    workers_change,
    workers_read,
)
from service.cli.command import Declared, group, set_default, set_root

app = group("basin", "")
set_root(
    app,
    "Bayesian hyperparameter search as a service.",
    "basin up                              a server on this machine",
    "basin study template > study.yaml     a study to start from",
    "basin study create study.yaml",
    "basin worker --trainer digits-mlp     run its trials on this machine",
    "basin study list",
)

STUDY: tuple[Declared, ...] = (
    study_create.template,
    study_create.validate,
    study_create.create,
    study_read.list_studies,
    study_read.show,
    study_best.best,
    study_best.pareto,
    study_importances.importances,
    study_search.search,
    study_what_if.what_if,
    study_edit.edit,
    study_change.pause,
    study_change.resume,
    study_change.stop,
    study_change.archive,
    study_change.unarchive,
    study_change.delete,
    study_finish.finish,
    study_artifact.artifact,
    warm_start.warm_start,
    study_export.export,
    study_create.schema,
)
TRIAL: tuple[Declared, ...] = (
    trial_read.list_trials,
    trial_read.show,
    trial_explain.explain,
    trial_files.logs,
    trial_files.checkpoints,
    enqueue.enqueue,
    enqueue.add,
    trial_change.cancel,
    trial_change.retry,
    trial_reproduce.reproduce,
)
TOKEN: tuple[Declared, ...] = (tokens.create, tokens.list_tokens, tokens.revoke)
WORKERS: tuple[Declared, ...] = (
    workers_read.list_workers,
    workers_read.show,
    workers_change.drain,
    workers_change.undrain,
    workers_change.forget,
)
SERVER: tuple[Declared, ...] = (serve.up, serve.serve, serve.migrate, configuration.config)
ACCESS: tuple[Declared, ...] = (login.login, login.logout, audit.audit)
IMPORT: tuple[Declared, ...] = (import_optuna.optuna,)
EVENTS: Declared = events.events
THIS_COMMAND: tuple[Declared, ...] = (doctor.doctor, configuration.version, configuration.completion)

_study = group("study", "Create studies, watch them, steer them.")
for one in STUDY:
    one.add_to(_study)
_trial = group("trial", "Look at trials; enqueue, add, retry and cancel them.")
for one in TRIAL:
    one.add_to(_trial)
_workers = group("workers", "Look at workers; drain and forget them.")
set_default(_workers, workers_read.list_workers)
for one in WORKERS:
    one.add_to(_workers)
_import = group("import", "Take over studies from other programs.")
for one in IMPORT:
    one.add_to(_import)

_token = group("token", "Say who may use a server.")
for one in TOKEN:
    one.add_to(_token)

for one in SERVER:
    one.add_to(app, "A server")
for one in ACCESS:
    one.add_to(app, "Who may use it")
app.add_typer(_token, rich_help_panel="Who may use it")
worker.WORKER.add_to(app, "A server")
EVENTS.add_to(app, "Studies")
worker.TRAINER.add_to(app, "Studies")
app.add_typer(_study, rich_help_panel="Studies")
app.add_typer(_trial, rich_help_panel="Studies")
app.add_typer(_import, rich_help_panel="Studies")
app.add_typer(_workers, rich_help_panel="Workers")
for one in THIS_COMMAND:
    one.add_to(app, "This command")
