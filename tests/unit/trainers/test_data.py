"""Data sets that need no download: what is learned from, what judges, what stays sealed."""

import ast
from pathlib import Path

import pytest
import torch

from trainers.chosen import Chosen
from trainers.data import catalog
from trainers.data.catalog import DIMENSIONS, SETS, load, parted, sealed
from trainers.data.splitting import Fold
from trainers.recipes import char_lm, images_cnn, sentences, sequences, table_mlp
from trainers.space import BadParameter, Scalar

BUILT_IN = [name for name, one in SETS.items() if not one.own]


TRAINERS = Path(__file__).parents[3] / "trainers"
# Where the last evaluation is made, and where it gets the data from.
MAY_UNSEAL = {"data/catalog.py", "finish.py"}


def chosen(**given: Scalar) -> Chosen:
    return Chosen(DIMENSIONS, given)


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_has_three_parts_that_share_no_sample_and_one_fingerprint(name: str) -> None:
    whole, parts = parted(name, chosen())
    places = [set(one.tolist()) for one in (parts.train, parts.validation, parts.test)]
    assert sum(map(len, places)) == len(set.union(*places)) == len(whole.targets)
    data = load(name, chosen())
    assert [len(data.train), len(data.validation), len(sealed(name, chosen()))] == [len(one) for one in places]
    assert data.shape == tuple(data.train.inputs.shape[1:])
    assert data.fingerprint == whole.fingerprint
    assert len(data.fingerprint) == 64


def test_the_same_data_have_the_same_fingerprint_and_others_another() -> None:
    assert len({load(name, chosen()).fingerprint for name in BUILT_IN}) == len(BUILT_IN)
    mark = load("friedman", chosen()).fingerprint
    assert load("friedman", chosen(split_seed=3)).fingerprint == mark
    assert load("friedman", chosen(data_noise=0.5)).fingerprint != mark


def test_the_parts_hold_each_class_in_its_share() -> None:
    data = load("digits", chosen())
    counts = torch.bincount(data.train.targets), torch.bincount(data.validation.targets)
    assert max(abs(counts[0] / counts[0].sum() - counts[1] / counts[1].sum())) < 0.005


def test_a_split_hangs_on_its_seed() -> None:
    first, again, other = (load("iris", chosen(split_seed=seed)).train for seed in (1, 1, 2))
    assert torch.equal(first.inputs, again.inputs)
    assert not torch.equal(first.inputs, other.inputs)


def test_scaling_knows_the_training_part_alone() -> None:
    data = load("diabetes", chosen())
    mean = data.train.inputs.mean(0)
    assert torch.allclose(mean, torch.zeros_like(mean), atol=1e-5)
    assert torch.allclose(data.train.inputs.std(0, correction=0), torch.ones_like(mean), atol=1e-4)
    assert data.validation.inputs.mean(0).abs().max() > 0.02
    assert abs(float(data.train.targets.mean())) < 1e-5


def test_folds_take_turns_and_leave_the_sealed_part_alone() -> None:
    splits = [parted("wine", chosen(), Fold(number, 5))[1] for number in range(5)]
    judged = torch.cat([one.validation for one in splits])
    assert len(judged) == len(set(judged.tolist()))
    assert all(torch.equal(one.test, parted("wine", chosen())[1].test) for one in splits)
    assert not set(judged.tolist()) & set(splits[0].test.tolist())
    assert set(judged.tolist()) == set(splits[0].train.tolist()) | set(splits[0].validation.tolist())


def test_shares_that_leave_nothing_are_refused_and_so_is_an_end_without_a_sealed_part() -> None:
    with pytest.raises(BadParameter, match="validation_share and test_share leave nothing to learn from"):
        load("iris", chosen(validation_share=0.5, test_share=0.5))
    with pytest.raises(BadParameter, match="test_share is 0"):
        sealed("iris", chosen(test_share=0.0))
    assert len(load("iris", chosen(test_share=0.0)).train) == 120


def test_a_data_set_that_there_is_not_is_named() -> None:
    with pytest.raises(BadParameter, match=r"data must be one of digits, .*, not 'imagenet'"):
        load("imagenet", chosen())


def test_nothing_but_the_last_evaluation_reaches_for_the_sealed_part() -> None:
    reaching = set()
    for path in TRAINERS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            named = node.attr if isinstance(node, ast.Attribute) else ""
            named = node.name if isinstance(node, ast.alias | ast.FunctionDef) else named
            if named in {"sealed", "parted", "unsealed"}:
                reaching.add(path.relative_to(TRAINERS).as_posix())
    assert reaching - MAY_UNSEAL == set()
    assert "data/catalog.py" in reaching


def test_every_data_set_is_in_the_guide_and_belongs_to_a_recipe() -> None:
    guide = (TRAINERS.parent / "docs" / "data.md").read_text()
    assert [name for name in SETS if f"`{name}`" not in guide] == []
    recipes = (table_mlp, images_cnn, char_lm, sequences, sentences)
    used = {name for recipe in recipes for name in recipe.DATA} | {"rings"}
    assert used == set(SETS)
    # What a recipe can be given, its data sets can read.
    for recipe in recipes:
        names = {one.name for one in recipe.DIMENSIONS}
        assert {one.name for one in catalog.dimensions(*recipe.DATA)} <= names
