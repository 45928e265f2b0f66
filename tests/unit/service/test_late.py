"""Parts that are made when they are first used."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from service.late import Late


class Part:
    """Notes that it was made."""

    made = 0

    def __init__(self) -> None:
        type(self).made += 1

    def twice(self, number: int) -> int:
        return 2 * number


def test_a_part_is_made_once_and_not_before_it_is_asked() -> None:
    Part.made = 0
    late = Late(Part)
    part = late.stand_in()
    assert Part.made == 0
    assert late.made is None
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(part.twice, range(100))) == [2 * number for number in range(100)]
    assert Part.made == 1
    assert late.made is late.get()


def test_a_function_may_be_late() -> None:
    assert Late(lambda: max).stand_in()(3, 5) == 5


def test_a_part_that_could_not_be_made_is_made_when_it_is_asked_again() -> None:
    tries = iter([None, Part()])

    def make() -> Part:
        part = next(tries)
        if part is None:
            raise ImportError("not yet")
        return part

    late = Late(make)
    with pytest.raises(ImportError, match="not yet"):
        late.get()
    assert late.made is None
    assert late.get().twice(2) == 4


def test_a_server_is_loaded_without_what_it_needs_later() -> None:
    """Or it would be ready half a second later."""
    asked = "import sys; from service import bootstrap; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"service.bootstrap", "fastapi", "sqlalchemy"} <= loaded
    assert not loaded & {"optuna", "numpy", "scipy", "sklearn", "torch", "pandas", "pyarrow", "alembic", "psycopg"}
