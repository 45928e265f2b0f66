"""Seeds stay what they are: a suggestion must be the same when it is worked out again years later."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from service.search.seeds import hash64, seeds
from tests.unit.service.search.samples import study


def test_the_hash_is_the_same_for_ever() -> None:
    assert hash64(7, 0) == 0xDDA5906B84A43200
    assert hash64("explore", 7) == 0xBB5892C6835C8031


@given(number=st.integers(0, 10**6), attempt=st.integers(0, 5))
def test_seeds_are_numpys_and_differ_from_trial_to_trial(number: int, attempt: int) -> None:
    one, other = seeds(study(), number, attempt), seeds(study(), number + 1, attempt)
    assert 0 <= one.trial < 2**32
    assert one.study == other.study
    assert one.trial != other.trial
    assert one == seeds(study(seq=9), number, attempt)
    assert one.trial != seeds(study(), number, attempt + 1).trial


def test_a_study_without_a_seed_is_told_by_its_name() -> None:
    unseeded = study(seed=None)
    renamed = replace(unseeded, definition=unseeded.definition.model_copy(update={"name": "another"}))
    assert seeds(unseeded, 0) == seeds(study(seed=None), 0)
    assert seeds(unseeded, 0) != seeds(renamed, 0)
