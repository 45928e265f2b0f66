"""Full-batch gradient descent: each step is of all samples, and has no chance in it."""

from trainers.space import choice
from trainers.techniques.technique import Technique

FULL_BATCH = choice(
    "full_batch", False, True, default=False, searched=False, summary="each step is of all samples, one an epoch"
)

TECHNIQUE = Technique(
    kind="optimizer",
    name="full_batch",
    summary="each step is of all samples: gradient descent without chance; `batch_size` is not looked at",
    paper="Cauchy 1847: Methode generale pour la resolution des systemes d'equations simultanees",
    test="tests/unit/trainers/test_pace.py::test_a_full_batch_is_one_step_without_chance",
    dimensions=(FULL_BATCH,),
    with_others=True,
)
