"""Quiet: Optuna's remarks are for whoever wrote the program that calls it, and not for the users of a server."""

import re
import warnings

import optuna

_UNWANTED: tuple[tuple[type[Warning], str], ...] = (
    # "X is experimental": we pin Optuna's major version, and the equivalence suite guards what we use of it.
    (optuna.exceptions.ExperimentalWarning, ""),
    # "Constraints will not be used by CMA-ES", "WilcoxonPruner will not prune this trial": docs/ says so beforehand.
    (UserWarning, r"optuna\."),
    # Divisions by zero and the like, from which these libraries go on as they mean to.
    (RuntimeWarning, r"(optuna|numpy|scipy|cmaes)\."),
)
_FILTERS = [("ignore", None, category, re.compile(module) if module else None, 0) for category, module in _UNWANTED]

# Its log lines go to standard error by a handler of their own.
optuna.logging.disable_default_handler()
optuna.logging.set_verbosity(optuna.logging.ERROR)


def hush() -> None:
    """See to it that Optuna's warnings are not shown. To be called before each use of it.

    The filters are put in place again wherever they are not the first ones: `warnings.catch_warnings` around a caller
    of ours takes them away. Around our own calls it is no way to be quiet, for it is not safe with threads.
    """
    if warnings.filters[: len(_FILTERS)] != _FILTERS:
        for category, module in reversed(_UNWANTED):
            warnings.filterwarnings("ignore", category=category, module=module)
