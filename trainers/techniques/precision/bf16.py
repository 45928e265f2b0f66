"""bfloat16: products in half the bits with the range of single precision; weights stay in single precision."""

import torch

from trainers.techniques.technique import Numbers, Technique

TECHNIQUE = Technique(
    kind="precision",
    name="bf16",
    summary="products in bfloat16, weights and sums in single precision; nothing needs to be scaled",
    paper="Kalamkar, Mudigere, Mellempudi et al. 2019: A study of BFLOAT16 for deep learning training",
    test="tests/unit/trainers/techniques/test_precision.py::test_products_are_of_the_chosen_numbers[bf16]",
)


def make(device: torch.device) -> Numbers:
    """How is computed."""
    return Numbers(torch.bfloat16, None)
