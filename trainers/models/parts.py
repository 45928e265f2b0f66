"""What models are put together from: the activation, the normalisation and the dropout that were chosen."""

from torch import nn

from trainers.chosen import Chosen
from trainers.space import BadParameter, Dimension, whole
from trainers.techniques import catalog
from trainers.techniques.regularization import dropout, spatial_dropout

DROPOUT = dropout.TECHNIQUE.dimensions
SPATIAL_DROPOUT = spatial_dropout.TECHNIQUE.dimensions
WIDTH = whole(
    "width", 8, 64, log=True, default=16, summary="channels of the first stage; each next one has twice as many"
)
STAGES = whole("stages", 1, 3, default=2, summary="stages of a network of convolutions: after each the image is halved")
DEPTH = whole("depth", 1, 4, default=2, summary="blocks of a stage")


def activations(default: str) -> tuple[Dimension, ...]:
    """The choice of an activation, and what each of them adds."""
    return (catalog.choice_of("activation", default=default), *catalog.dimensions("activation"))


def norms(default: str) -> tuple[Dimension, ...]:
    """The choice of a normalisation, and what each of them adds."""
    return (catalog.choice_of("normalisation", default=default), *catalog.dimensions("normalisation"))


def convolutional() -> tuple[Dimension, ...]:
    """What all networks of convolutions have."""
    return (STAGES, *activations("relu"), *norms("batch"), *DROPOUT, *SPATIAL_DROPOUT)


def activation(chosen: Chosen) -> nn.Module:
    """A new activation: each place has one of its own, so that each can be watched."""
    made: nn.Module = catalog.maker("activation", chosen.text("activation"))(chosen)
    return made


def norm(chosen: Chosen, width: int, dims: int) -> nn.Module:
    """A normalisation for `width` channels of images (`dims` is 2), or for `width` numbers a sample (0)."""
    made: nn.Module = catalog.maker("normalisation", chosen.text("norm"))(chosen, width, dims)
    return made


def convolution(chosen: Chosen, before: int, after: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """A convolution that keeps the size of an image (but for its stride), with all that comes after one."""
    # What a normalisation takes away right after need not be learnt.
    bias = chosen.text("norm") == "none"
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, stride=stride, padding=kernel // 2, bias=bias),
        norm(chosen, after, 2),
        activation(chosen),
        spatial_dropout.make(chosen),
    )


def image(shape: tuple[int, ...], model: str) -> tuple[int, int, int]:
    """Channels, height and width of an image; refuses what is none."""
    if len(shape) != 3:
        raise BadParameter("model", f"{model!r} takes images, but one input is of shape {tuple(shape)}; try 'mlp'")
    return shape[0], shape[1], shape[2]


def check_stages(shape: tuple[int, ...], stages: int, *, unhalved: int = 0) -> None:
    """Refuses more stages than an image can be halved; the `unhalved` ones of a model come before that."""
    most = unhalved + min(shape[1:]).bit_length() - 1
    if stages > most:
        size = f"{shape[1]} x {shape[2]}"
        if not most:
            raise BadParameter("stages", f"cannot be {stages}: images of {size} are too small to be halved")
        raise BadParameter("stages", f"must be at most {most} for images of {size}, not {stages}")


def head(chosen: Chosen, channels: int, outputs: int) -> nn.Sequential:
    """From channels to outputs, by the mean over all places of an image."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), dropout.make(chosen), nn.Linear(channels, outputs))
