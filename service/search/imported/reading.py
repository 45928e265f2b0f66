"""A study of Optuna's database, read as a whole and made into one of ours."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial
from pydantic import JsonValue, TypeAdapter, ValidationError

from service.domain.space import fit
from service.search.imported.spaces import Found, conditions, parameter, scalar
from service.search.imported.storages import close, opened, shown, unreadable
from service.search.imported.trials import Intake, point, usable
from service.usecases.importing import CannotImport, Imported, Wish
from service.wire.message import MAX_NOTE, Name, Note, Scalar, listed
from service.wire.problem import field_errors
from service.wire.space import AnyParameter
from service.wire.study import StudyDefinition

_NAME: TypeAdapter[str] = TypeAdapter(Name)
_NOTE: TypeAdapter[str] = TypeAdapter(Note)
_PARAMETER: TypeAdapter[AnyParameter] = TypeAdapter(AnyParameter)
_METRICS = "study:metric_names"
_MOST_LISTED = 20


def read(wish: Wish) -> Imported:
    """Read a study and its trials; CannotImport if it cannot be read or cannot be a study here."""
    storage = opened(wish.url)
    try:
        found = {study.study_name: study for study in storage.get_all_studies()}
        study = found[_chosen(wish, list(found))]
        trials = sorted(storage.get_all_trials(study._study_id, deepcopy=False), key=lambda trial: trial.number)
    except CannotImport:
        raise
    except Exception as error:
        raise unreadable(wish.url, error) from error
    finally:
        close(storage)
    notes: list[str] = []
    names = _names(trials, notes)
    _check_fill(wish.fill, names.values())
    space, unexplained = _space(trials, names, wish.fill, notes)
    metrics = _metrics(study.system_attrs.get(_METRICS), study.directions, notes)
    definition = _definition(
        {
            "name": wish.name or _name(study.study_name, notes),
            "note": _note(study.study_name, study.user_attrs),
            "objectives": [
                {"metric": metric, "direction": "maximize" if direction == StudyDirection.MAXIMIZE else "minimize"}
                for metric, direction in zip(metrics, study.directions, strict=True)
            ],
            "space": space,
        }
    )
    intake = Intake(study.study_name, definition, names, wish.running, wish.fill)
    arrivals = tuple(arrival for trial in trials if (arrival := intake.take(trial)) is not None)
    notes += [f"{what} ({count} trial(s))" for what, count in intake.short.items()]
    notes += [
        f"no condition tells when '{name}' takes part: trials without it are left out; "
        f"a value for them can be given with --fill {name}=VALUE"
        for name in unexplained
    ]
    return Imported(
        study=study.study_name,
        definition=definition,
        arrivals=arrivals,
        states=Counter(trial.state.name.lower() for trial in trials),
        left_out=dict(intake.left_out.most_common()),
        notes=tuple(notes),
    )


def _chosen(wish: Wish, names: Sequence[str]) -> str:
    """The study that is meant; the only one if none is named."""
    there = ", ".join(names[:_MOST_LISTED]) + (", ..." if len(names) > _MOST_LISTED else "")
    if not names:
        raise CannotImport(f"{shown(wish.url)}: holds no studies")
    if wish.study is None:
        if len(names) > 1:
            raise CannotImport(
                f"{shown(wish.url)}: holds {len(names)} studies: {there}", "Choose one with --study NAME"
            )
        return names[0]
    if wish.study not in names:
        raise CannotImport(f"{shown(wish.url)}: holds no study '{wish.study}'", f"There are: {there}")
    return wish.study


def _names(trials: Iterable[FrozenTrial], notes: list[str]) -> dict[str, str]:
    """What each parameter is called here: its own name, or the nearest one that names can be."""
    made: dict[str, str] = {}
    for trial in trials:
        for name in [*trial.distributions, *(trial.system_attrs.get("fixed_params") or {})]:
            if name not in made:
                made[name] = _identifier(name, set(made.values()))
                if made[name] != name:
                    notes.append(f"parameter '{name}' is called '{made[name]}' here")
    return made


def _identifier(name: str, taken: set[str]) -> str:
    plain = re.sub(r"[^\w.\-/]", "_", name)
    plain = (plain if re.match(r"[^\W\d]", plain) else f"p_{plain}")[:100]
    number = 2
    made = plain
    while made in taken:
        made, number = f"{plain[:95]}_{number}", number + 1
    return made


def _check_fill(fill: Mapping[str, Scalar], names: Iterable[str]) -> None:
    known = set(names)
    for name in fill:
        if name not in known:
            raise CannotImport(f"--fill {name}: is not a parameter of this study ({listed(sorted(known))})")


def _check_value(name: str, shape: Mapping[str, Any], value: Scalar) -> None:
    """Refuse a value to fill in that the parameter cannot have."""
    _, wrong = fit(_PARAMETER.validate_python(shape), value)
    if wrong is not None:
        raise CannotImport(f"--fill {name}: {wrong}")


def _space(
    trials: Sequence[FrozenTrial], names: Mapping[str, str], fill: Mapping[str, Scalar], notes: list[str]
) -> tuple[dict[str, Any], list[str]]:
    """The parameters with their conditions, and those whose conditions could not be found."""
    drawn: dict[str, list[BaseDistribution]] = {}
    values: dict[str, list[Scalar]] = {}
    for trial in trials:
        for name, distribution in trial.distributions.items():
            seen = drawn.setdefault(names[name], [])
            if distribution not in seen:
                seen.append(distribution)
            values.setdefault(names[name], []).append(scalar(trial.params[name]))
    if not drawn:
        raise CannotImport("no trial of this study tells what was searched", "Only studies that ran can be imported.")
    points = [point(trial, names, fill) for trial in usable(trials)]
    space: dict[str, Any] = {}
    for name, distributions in drawn.items():
        if any(name in one for one in points):
            extra = [fill[name]] if name in fill else []
            space[name], said = parameter(Found(name, distributions, [*values[name], *extra]))
            notes += said
            for value in extra:
                _check_value(name, space[name], value)
        else:
            notes.append(f"'{name}' was drawn in no trial that came to its end: it is no parameter here")
    when, unexplained = conditions(points, space)
    for name, test in when.items():
        space[name]["when"] = test
        notes.append(f"'{name}' takes part where {_told(test)}: so it was in all trials")
    return space, unexplained


def _told(test: Mapping[str, Any]) -> str:
    def said(name: str, one: Any) -> str:
        if isinstance(one, dict):
            return " and ".join(f"{name} {'>=' if bound == 'min' else '<='} {value:g}" for bound, value in one.items())
        return f"{name} is one of {listed(one)}" if isinstance(one, list) else f"{name} is {one!r}"

    return " and ".join(said(name, one) for name, one in test.items())


def _metrics(given: object, directions: Sequence[StudyDirection], notes: list[str]) -> list[str]:
    """The metrics' names, as the study has them; `value`, or `value_0` and so on, if it has none."""
    if not isinstance(given, list) or len(given) != len(directions):
        return ["value"] if len(directions) == 1 else [f"value_{place}" for place in range(len(directions))]
    made: list[str] = []
    for name in map(str, given):
        made.append(_identifier(name, set(made)))
        if made[-1] != name:
            notes.append(f"metric '{name}' is called '{made[-1]}' here")
    return made


def _name(given: str, notes: list[str]) -> str:
    """The study's name, without the signs that names cannot have."""
    signs = (
        "_" if sign in "/\\:?#%" or not sign.isprintable() else sign for sign in unicodedata.normalize("NFC", given)
    )
    name = "".join(signs).strip()[:200].strip() or "imported"
    try:
        _NAME.validate_python(name)
    except ValidationError:
        name = "imported"
    if name != given:
        notes.append(f"the study is called '{name}' here")
    return name


def _note(name: str, attrs: Mapping[str, JsonValue]) -> str:
    lines = [f"Imported from the Optuna study '{name}'.", *(f"{key}: {value}" for key, value in attrs.items())]
    text = "".join(sign if sign == "\n" or sign.isprintable() else " " for sign in "\n".join(lines))[:MAX_NOTE]
    try:
        return _NOTE.validate_python(text)
    except ValidationError:
        return "Imported from Optuna."


def _definition(data: dict[str, Any]) -> StudyDefinition:
    try:
        return StudyDefinition.model_validate(data)
    except ValidationError as error:
        lines = "; ".join(map(str, field_errors(error, data)))
        raise CannotImport(f"the study cannot be one of Basin's: {lines}") from error
