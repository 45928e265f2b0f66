"""Transformers: each step asks all others (encoder) or those before it (decoder) what they have to say."""

import functools
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainers.chosen import Chosen
from trainers.models import parts
from trainers.models.model import Model
from trainers.space import BadParameter, real, steps, whole
from trainers.techniques.regularization import dropout


class Attention(nn.Module):
    """Attention of several heads."""

    def __init__(self, width: int, chosen: Chosen, *, causal: bool) -> None:
        super().__init__()
        self.heads = chosen.whole("heads")
        self.share = chosen.real("attention_dropout")
        self.causal = causal
        self.asked = nn.Linear(width, 3 * width)
        self.told = nn.Linear(width, width)

    def forward(self, inputs: Tensor) -> Tensor:
        """From (samples, steps, width) to the same."""
        count, length, width = inputs.shape
        parted = self.asked(inputs).reshape(count, length, 3, self.heads, width // self.heads)
        query, key, value = parted.permute(2, 0, 3, 1, 4)
        found = functional.scaled_dot_product_attention(
            query, key, value, dropout_p=self.share if self.training else 0.0, is_causal=self.causal
        )
        answer: Tensor = self.told(found.transpose(1, 2).reshape(count, length, width))
        return answer


class Block(nn.Module):
    """Attention, then each step by itself; each normalises first, and adds to what it is given."""

    def __init__(self, width: int, chosen: Chosen, *, causal: bool) -> None:
        super().__init__()
        inner = round(width * chosen.real("ffn_factor"))
        self.attention = nn.Sequential(
            nn.LayerNorm(width), Attention(width, chosen, causal=causal), dropout.make(chosen)
        )
        self.apart = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, inner),
            parts.activation(chosen),
            nn.Linear(inner, width),
            dropout.make(chosen),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """From (samples, steps, width) to the same."""
        inputs = inputs + self.attention(inputs)
        added: Tensor = inputs + self.apart(inputs)
        return added


class Transformer(nn.Module):
    """Blocks between an entry and an exit; tokens give an output at each step, series one by the mean of all."""

    def __init__(self, shape: tuple[int, ...], outputs: int, chosen: Chosen, *, causal: bool) -> None:
        super().__init__()
        width, layers = chosen.whole("d_model"), chosen.whole("blocks")
        self.each = len(shape) == 1
        self.entry: nn.Module = nn.Embedding(outputs, width) if self.each else nn.Linear(shape[1], width)
        self.places = nn.Embedding(shape[0], width)
        self.dropout = dropout.make(chosen)
        self.blocks = nn.Sequential(*(Block(width, chosen, causal=causal) for _ in range(layers)))
        self.exit = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, outputs))
        self.apply(_begin)
        # What is added grows with the layers: so each of them begins with less (Radford et al. 2019).
        for block in self.blocks.modules():
            if isinstance(block, Attention):
                nn.init.normal_(block.told.weight, std=0.02 / math.sqrt(2 * layers))

    def forward(self, inputs: Tensor) -> Tensor:
        """From tokens or series to outputs."""
        places = torch.arange(inputs.shape[1], device=inputs.device)
        found = self.blocks(self.dropout(self.entry(inputs) + self.places(places)))
        answer: Tensor = self.exit(found if self.each else found.mean(1))
        return answer


def build(name: str, shape: tuple[int, ...], outputs: int, chosen: Chosen, *, causal: bool) -> nn.Module:
    """For tokens `(steps,)` or series `(steps, numbers)`, of at most so many steps."""
    if len(shape) not in (1, 2):
        raise BadParameter("model", f"{name!r} takes sequences, but one input is of shape {tuple(shape)}; try 'cnn'")
    width, heads = chosen.whole("d_model"), chosen.whole("heads")
    if width % heads:
        raise BadParameter("heads", f"must divide d_model, which is {width}; {heads} does not")
    return Transformer(shape, outputs, chosen, causal=causal)


def _begin(module: nn.Module) -> None:
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
    if isinstance(module, nn.Linear) and module.bias is not None:
        nn.init.zeros_(module.bias)


_DIMENSIONS = (
    whole("blocks", 1, 6, default=2, summary="blocks of attention, one on the other"),
    steps("d_model", 32, 64, 128, 256, 512, default=64, summary="width of a step"),
    steps("heads", 1, 2, 4, 8, default=4, summary="heads of attention; they divide d_model"),
    real("ffn_factor", 1.0, 4.0, default=4.0, above=True, summary="width of what each step does by itself, in d_model"),
    real("attention_dropout", 0.0, 0.5, default=0.0, most=0.95, summary="share of attention left out"),
    *parts.DROPOUT,
    *parts.activations("gelu"),
)
_PAPER = "Vaswani, Shazeer, Parmar, Uszkoreit, Jones, Gomez, Kaiser, Polosukhin 2017: Attention is all you need"
ENCODER = Model(
    name="encoder",
    summary="Transformer encoder, normalising first: each step sees all others",
    build=functools.partial(build, "encoder", causal=False),
    dimensions=_DIMENSIONS,
    paper=_PAPER,
)
DECODER = Model(
    name="decoder",
    summary="Transformer decoder, normalising first: each step sees those before it, as a model of language must",
    build=functools.partial(build, "decoder", causal=True),
    dimensions=_DIMENSIONS,
    paper=_PAPER,
)
