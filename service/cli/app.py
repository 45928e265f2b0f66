"""The tree of commands, in the order in which help shows them."""

from service.cli import (
    configuration,
    doctor,
    enqueue,
    events,
    import_optuna,
    serve,
    study_best,
    study_change,
    study_create,
    study_edit,
    study_export,
    study_importances,
    study_read,
    study_search,
    study_what_if,
    trial_change,
    trial_explain,
    trial_read,
    warm_start,
    worker,
)
from service.cli.command import Declared, group, set_root

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
    warm_start.warm_start,
    study_export.export,
    study_create.schema,
)
TRIAL: tuple[Declared, ...] = (
    trial_read.list_trials,
    trial_read.show,
    trial_explain.explain,
    enqueue.enqueue,
    enqueue.add,
    trial_change.cancel,
)
SERVER: tuple[Declared, ...] = (serve.up, serve.serve, serve.migrate, configuration.config)
IMPORT: tuple[Declared, ...] = (import_optuna.optuna,)
EVENTS: Declared = events.events
THIS_COMMAND: tuple[Declared, ...] = (doctor.doctor, configuration.version, configuration.completion)

_study = group("study", "Create studies, watch them, steer them.")
for one in STUDY:
    one.add_to(_study)
_trial = group("trial", "Look at trials; enqueue, add and cancel them.")
for one in TRIAL:
    one.add_to(_trial)
_import = group("import", "Take over studies from other programs.")
for one in IMPORT:
    one.add_to(_import)

for one in SERVER:
    one.add_to(app, "A server")
worker.add_to(app, "A server")
EVENTS.add_to(app, "Studies")
app.add_typer(_study, rich_help_panel="Studies")
app.add_typer(_trial, rich_help_panel="Studies")
app.add_typer(_import, rich_help_panel="Studies")
for one in THIS_COMMAND:
    one.add_to(app, "This command")
