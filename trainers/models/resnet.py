"""ResNet: each block adds to what it was given, so that there is always a short way for gradients."""

from torch import Tensor, nn

from trainers.chosen import Chosen
from trainers.models import parts
from trainers.models.model import Model
from trainers.techniques.regularization import stochastic_depth


class Block(nn.Module):
    """Two convolutions beside a way that changes nothing, or only the size."""

    def __init__(self, chosen: Chosen, before: int, after: int, stride: int, end: nn.Module) -> None:
        super().__init__()
        bias = chosen.text("norm") == "none"
        last = parts.norm(chosen, after, 2)
        # At first a block does nothing at all, and deep networks train as shallow ones (Goyal et al. 2017).
        if isinstance(getattr(last, "weight", None), Tensor):
            nn.init.zeros_(last.weight)  # type: ignore[arg-type]
        self.branch = nn.Sequential(
            parts.convolution(chosen, before, after, stride=stride),
            nn.Conv2d(after, after, 3, padding=1, bias=bias),
            last,
            end,
        )
        self.way: nn.Module = nn.Identity()
        if stride != 1 or before != after:
            self.way = nn.Sequential(
                nn.Conv2d(before, after, 1, stride=stride, bias=bias), parts.norm(chosen, after, 2)
            )
        self.activation = parts.activation(chosen)

    def forward(self, inputs: Tensor) -> Tensor:
        """What was given, and what is added to it."""
        found: Tensor = self.activation(self.way(inputs) + self.branch(inputs))
        return found


def build(shape: tuple[int, ...], outputs: int, chosen: Chosen) -> nn.Module:
    """A first convolution, then stages of blocks; each stage but the first begins by halving the image."""
    channels, _, _ = parts.image(shape, MODEL.name)
    stages, depth = chosen.whole("stages"), chosen.whole("depth")
    parts.check_stages(shape, stages, unhalved=1)
    layers: list[nn.Module] = [parts.convolution(chosen, channels, chosen.whole("width"))]
    channels = chosen.whole("width")
    for stage in range(stages):
        for place in range(depth):
            width = chosen.whole("width") << stage
            end = stochastic_depth.make(chosen, stage * depth + place + 1, stages * depth)
            layers.append(Block(chosen, channels, width, 2 if stage and not place else 1, end))
            channels = width
    return nn.Sequential(*layers, parts.head(chosen, channels, outputs))


MODEL = Model(
    name="resnet",
    summary="ResNet: blocks of two convolutions that add to what they are given",
    build=build,
    dimensions=(parts.WIDTH, parts.DEPTH, *parts.convolutional(), *stochastic_depth.TECHNIQUE.dimensions),
    paper="He, Zhang, Ren, Sun 2016: Deep residual learning for image recognition",
)
