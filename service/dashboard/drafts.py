"""A study that is being written: the same definition as YAML, Python and curl, and what is still wrong with it."""

import json
import math
import pprint
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import ValidationError

from service import documents, words
from service.documents import Document, Unreadable
from service.wire.problem import FieldError, field_errors
from service.wire.space import AnyParameter, CategoricalParameter, FloatParameter, IntParameter, OrdinalParameter
from service.wire.study import StudyDefinition

START = """\
name: my-study
objectives:
  - {metric: val_loss, direction: minimize}
space:
  learning_rate: {type: float, low: 1e-5, high: 0.1, log: true}
  dropout: {type: float, low: 0.0, high: 0.7}
  batch_size: {type: ordinal, values: [16, 32, 64, 128]}
  optimizer: {type: categorical, choices: [sgd, adamw]}
  momentum: {type: float, low: 0.0, high: 0.99, when: {optimizer: sgd}}
budget: {max_trials: 100}
"""
_AT_LINE = re.compile(r":(\d+): (.*)", re.DOTALL)
_SAMPLES = 3
_WIDTH = 88
Refusals = Callable[[StudyDefinition], Sequence[FieldError]]


@dataclass(frozen=True, slots=True)
class Wrong:
    """Something that is wrong: the field, its line in the YAML, and what to do."""

    field: str
    message: str
    line: int | None


@dataclass(frozen=True, slots=True)
class Draft:
    """A definition as it stands. `data` is what was read, right or wrong; nothing, where it could not be read."""

    yaml: str
    data: Any
    errors: Sequence[Wrong]
    definition: StudyDefinition | None
    samples: Mapping[str, str]

    def told(self, server: str, *, token: bool) -> dict[str, Any]:
        """All of it for the page's script."""
        return {
            "yaml": self.yaml,
            "data": self.data,
            "errors": [asdict(one) for one in self.errors],
            "samples": self.samples,
            "python": python(self.data, server, token=token),
            "curl": curl(self.data, server, token=token),
        }


def of_yaml(text: str, refusals: Refusals) -> Draft:
    """A draft of what somebody has written."""
    try:
        document = documents.parse(text, "")
    except Unreadable as error:
        found = _AT_LINE.fullmatch(str(error))
        line, said = (int(found[1]), found[2]) if found else (None, str(error).removeprefix(": "))
        return Draft(text, None, [Wrong("", said, line)], None, {})
    return _checked(text, document, refusals)


def of_data(data: Any, refusals: Refusals) -> Draft:
    """A draft of what a form holds; it is written anew as YAML."""
    text = documents.dump(data)
    return _checked(text, documents.parse(text, ""), refusals)


def of_definition(definition: StudyDefinition, refusals: Refusals) -> Draft:
    """A draft like a study that is there, under another name."""
    data = definition.model_dump(mode="json", exclude_defaults=True)
    # The seed was drawn for that study, and what it took of others it took once.
    for name in ("seed", "warm_start"):
        data.pop(name, None)
    return of_data({**data, "name": f"{definition.name[:190]}-2"}, refusals)


def line(yaml: str, field: str) -> int:
    """The line of a field in what was written."""
    return documents.parse(yaml, "").line(field)


def python(data: Any, server: str, *, token: bool) -> str:
    """The same as a program."""
    header = ', headers={"Authorization": f"Bearer {TOKEN}"}' if token else ""
    written = pprint.pformat(data, width=_WIDTH, sort_dicts=False)
    post = f'httpx2.post("{server}/v1/studies", json=study{header}).raise_for_status()'
    return f"import httpx2\n\nstudy = {written}\n{post}\n"


def curl(data: Any, server: str, *, token: bool) -> str:
    """The same as a command. The mark that ends the body stands on a line of its own, which JSON never is."""
    header = ' -H "Authorization: Bearer $TOKEN"' if token else ""
    written = json.dumps(data, indent=2, ensure_ascii=False)
    head = f"curl {server}/v1/studies -H 'Content-Type: application/json'{header} --data-binary @-"
    return f"{head} <<'END'\n{written}\nEND\n"


def _checked(text: str, document: Document, refusals: Refusals) -> Draft:
    data = document.data
    if not isinstance(data, dict):
        return Draft(text, None, [Wrong("", "must be a mapping with name, objectives and space", 1)], None, {})
    try:
        definition = StudyDefinition.model_validate_json(json.dumps(data))
    except ValidationError as invalid:
        errors: Sequence[FieldError] = field_errors(invalid, data)
        return Draft(text, data, _placed(errors, document), None, {})
    errors = refusals(definition)
    return Draft(text, data, _placed(errors, document), None if errors else definition, _samples(definition))


def _placed(errors: Sequence[FieldError], document: Document) -> list[Wrong]:
    return [Wrong(one.field, one.message, document.line(one.field)) for one in errors]


def _samples(definition: StudyDefinition) -> dict[str, str]:
    """A few values of each parameter, so that a range can be seen to be what was meant."""
    rng = random.Random(definition.name)
    return {
        name: ", ".join(words.scalar(_drawn(parameter, rng), 3) for _ in range(_SAMPLES))
        for name, parameter in definition.space.items()
        if isinstance(parameter, FloatParameter | IntParameter | CategoricalParameter | OrdinalParameter)
    }


def _drawn(parameter: AnyParameter, rng: random.Random) -> Any:
    match parameter:
        case CategoricalParameter():
            return rng.choice(parameter.choices)
        case OrdinalParameter():
            return rng.choice(parameter.values)
        case FloatParameter() | IntParameter():
            low, high = float(parameter.low), float(parameter.high)
            value = math.exp(rng.uniform(math.log(low), math.log(high))) if parameter.log else rng.uniform(low, high)
            if parameter.step is not None and not parameter.log:
                value = low + round((value - low) / parameter.step) * parameter.step
            return round(value) if isinstance(parameter, IntParameter) else value
        case _:
            return None
