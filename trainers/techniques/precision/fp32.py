"""Single precision: the numbers that are computed with are those that are kept."""

import torch

from trainers.techniques.technique import Numbers, Technique

TECHNIQUE = Technique(
    kind="precision",
    name="fp32",
    summary="single precision throughout",
    paper="IEEE 754-1985",
    test="tests/unit/trainers/techniques/test_precision.py::test_products_are_of_the_chosen_numbers[fp32]",
)


def make(device: torch.device) -> Numbers:
    """How is computed."""
    return Numbers(None, None)
