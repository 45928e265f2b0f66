"""LSTM and GRU: a memory from step to step; tokens give an output at each step, series give one at the end."""

import functools

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from trainers.chosen import Chosen
from trainers.models import parts
from trainers.models.model import Model
from trainers.space import BadParameter, choice, whole
from trainers.techniques.regularization import dropout

Cell = type[nn.LSTM] | type[nn.GRU]


class Recurrent(nn.Module):
    """Cells in layers, one way or both ways."""

    def __init__(self, kind: Cell, entry: nn.Module, width: int, outputs: int, chosen: Chosen, *, each: bool) -> None:
        super().__init__()
        hidden, both = chosen.whole("hidden"), chosen.flag("bidirectional")
        layers, share = chosen.whole("layers"), chosen.real("dropout")
        self.entry = entry
        self.cells = kind(
            width, hidden, layers, batch_first=True, bidirectional=both, dropout=share if layers > 1 else 0.0
        )
        self.exit = nn.Sequential(dropout.make(chosen), nn.Linear(hidden * (2 if both else 1), outputs))
        self.each = each

    def forward(self, inputs: Tensor, lengths: Tensor | None = None) -> Tensor:
        """`lengths`, on the CPU, are those of sequences that end before the last step; what follows is not read."""
        steps = self.entry(inputs)
        if lengths is not None:
            steps = pack_padded_sequence(steps, lengths, batch_first=True, enforce_sorted=False)
        found, memory = self.cells(steps)
        if not self.each:
            found = self._ends(memory)
        elif lengths is not None:
            found, _ = pad_packed_sequence(found, batch_first=True, total_length=inputs.shape[1])
        answer: Tensor = self.exit(found)
        return answer

    def _ends(self, memory: Tensor | tuple[Tensor, Tensor]) -> Tensor:
        """The last layer's memory, of each direction at its own end."""
        last = memory[0] if isinstance(memory, tuple) else memory
        return torch.cat(list(last[-2:] if self.cells.bidirectional else last[-1:]), dim=-1)


def build(kind: Cell, name: str, shape: tuple[int, ...], outputs: int, chosen: Chosen) -> nn.Module:
    """For tokens `(steps,)` or series `(steps, numbers)`."""
    hidden = chosen.whole("hidden")
    if len(shape) == 1:
        model = Recurrent(kind, nn.Embedding(outputs, hidden), hidden, outputs, chosen, each=True)
    elif len(shape) == 2:
        model = Recurrent(kind, nn.Identity(), shape[1], outputs, chosen, each=False)
    else:
        raise BadParameter("model", f"{name!r} takes sequences, but one input is of shape {tuple(shape)}; try 'cnn'")
    if isinstance(model.cells, nn.LSTM):
        _open_forget_gates(model.cells)
    return model


@torch.no_grad()
def _open_forget_gates(cells: nn.LSTM) -> None:
    """Let memories last from the first step on (Jozefowicz, Zaremba, Sutskever 2015)."""
    for name, bias in cells.named_parameters():
        if name.startswith("bias_ih"):
            bias[cells.hidden_size : 2 * cells.hidden_size] = 1.0


_DIMENSIONS = (
    whole("hidden", 16, 512, log=True, default=64, summary="units of a layer, in each direction"),
    whole("layers", 1, 3, default=1, summary="layers of cells"),
    choice("bidirectional", False, True, default=False, summary="whether sequences are also read from their end"),
    *parts.DROPOUT,
)
LSTM = Model(
    name="lstm",
    summary="LSTM: cells whose memory is kept, forgotten and told by gates",
    build=functools.partial(build, nn.LSTM, "lstm"),
    dimensions=_DIMENSIONS,
    paper="Hochreiter, Schmidhuber 1997: Long short-term memory",
)
GRU = Model(
    name="gru",
    summary="GRU: as LSTM, with two gates instead of three",
    build=functools.partial(build, nn.GRU, "gru"),
    dimensions=_DIMENSIONS,
    paper="Cho, van Merrienboer, Gulcehre, Bahdanau, Bougares, Schwenk, Bengio 2014: Learning phrase representations",
)
