"""All models by their names, and the dimension that chooses one of them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from trainers.models import cnn, dcgan, densenet, gan, inception, mlp, recurrent, resnet, transformer, vgg
from trainers.models.model import Model
from trainers.space import Dimension, choice

MODELS: Mapping[str, Model] = {
    one.name: one
    for one in (
        mlp.MODEL,
        cnn.MODEL,
        vgg.MODEL,
        inception.MODEL,
        resnet.MODEL,
        densenet.MODEL,
        recurrent.LSTM,
        recurrent.GRU,
        transformer.ENCODER,
        transformer.DECODER,
        gan.MODEL,
        dcgan.MODEL,
    )
}


def choice_of(*names: str, default: str, searched: bool = True) -> tuple[Dimension, ...]:
    """The dimension that chooses one of some models, and theirs: each where a model that has it is chosen."""
    chooser = choice("model", *names, default=default, summary="the kind of network", searched=searched)
    every: dict[str, Dimension] = {}
    for name in names:
        for one in MODELS[name].dimensions:
            if every.setdefault(one.name, one) != one:
                raise ValueError(f"{name} and another model mean different things by {one.name}")
    return (chooser, *(_conditional(one, names) for one in every.values()))


def _conditional(dimension: Dimension, names: Iterable[str]) -> Dimension:
    having = [name for name in names if dimension in MODELS[name].dimensions]
    if having == list(names):
        return dimension
    when = {"model": having[0] if len(having) == 1 else having, **dimension.entry.get("when", {})}
    return replace(dimension, entry={**dimension.entry, "when": when})
