"""The study that `basin study template` prints: all that a study can say, with what it means."""

from service.documents import dump

_TEMPLATE = """\
# A study: what is searched, for what, and how long.
#   basin study validate study.yaml    checks it without a server
#   basin study create study.yaml      starts it
# `basin study schema` prints a JSON Schema that lets editors complete and check this file.

name: {name}
note: ""                      # free text, shown with the study
tags: []                      # such as [vision, baseline]

objectives:
  - metric: {metric}
    direction: {direction}       # minimize or maximize
    value: last               # of a learning curve: last, best, or mean_last (with last_k)
    # target: 0.05            # good enough: the study ends once a trial completes with it

# What is searched. Ranges hold both of their ends.
space:
  learning_rate:
    type: float
    low: 1e-5
    high: 0.1
    log: true                 # searched by its order of magnitude
  dropout: {{type: float, low: 0.0, high: 0.7}}
  layers: {{type: int, low: 1, high: 6}}
  batch_size: {{type: ordinal, values: [16, 32, 64, 128]}}     # values with an order
  optimizer: {{type: categorical, choices: [sgd, adamw]}}      # values without one
  momentum:
    type: float
    low: 0.0
    high: 0.99
    when: {{optimizer: sgd}}    # takes part only there; also a list, or {{min: ..., max: ...}}
  epochs: {{type: constant, value: 20}}                        # the same in every trial
  scaled_rate: {{type: derived, expression: learning_rate * batch_size / 256}}

sampler: auto                 # or tpe, gp, cmaes, qmc, random, grid, nsga2, nsga3, brute_force
scheduler: auto               # or none, asha, hyperband, median, percentile, patient, threshold, wilcoxon
# scheduler: {{type: asha, min_resource: 1, reduction_factor: 4}}    # with options

# When a single trial ends before its time, by its own curve. One whose objective is NaN is stopped in any case.
# stopping:
#   patience: {{steps: 10, min_delta: 0.001}}      # no improvement for so long
#   target: {{{metric}: 0.02}}                     # good enough for this trial
#   divergence: {{limit: 100}}                     # worse than this

# What all trials together may spend. What is not named is not limited.
budget:
  max_trials: 100
  # max_running: 8            # at the same time
  # wall_time: 12h            # from the study's creation
  # gpu_hours: 50
  # no_gain: {{trials: 40, min_gain: 0.001}}      # so many completed trials in a row, none of them better by more

retry:
  max_attempts: 3             # how often a trial that was lost may be taken up again
  # strikes: 3                # at so many points the same crash pauses the study; 0 lets it go on

# trainer:                    # what the workers run, with settings that are the same in every trial
#   name: my-trainer
#   settings: {{epochs: 20}}

# warm_start:                 # begin with what other studies have found
#   from: [an-older-study]
#   use: best                 # run its best points again, or: history (take its results as they are)
#   count: 10

# seed: 1                     # drawn by the server if none is given
"""


def written(name: str, metric: str, direction: str) -> str:
    """The template for a study of this name and objective."""
    return _TEMPLATE.format(name=_scalar(name), metric=_scalar(metric), direction=direction)


def _scalar(text: str) -> str:
    """Text as YAML has it: in quotes where it would be something else without them."""
    return dump([text])[2:].rstrip("\n")
