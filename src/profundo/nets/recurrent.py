"""Recurrent nets: the plain cell, LSTM and GRU; a language model and a classifier of sequences.

    plain (Elman 1990)    h = tanh(W x + U h₋ + b)
    LSTM                  i, f, o = σ(…), g = tanh(W x + U h₋ + b);  c = f c₋ + i g;  h = o tanh(c)
    (Hochreiter & Schmidhuber 1997; forget gate f: Gers et al. 2000)
    GRU (Cho et al. 2014) r, z = σ(…), n = tanh(W x + r (U h₋ + b) + b');  h = (1 − z) n + z h₋
    (r after the product, as cuDNN has it; in the paper before it)

The steps are PyTorch's own fused ones: one product for the inputs of all times, one for the state of each time. Inputs of
a fused cell are (steps, batch, features), which it reads without copying.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from profundo.nets.decoding import Kept
from profundo.records import ProfundoError
from profundo.trees import mapped

__all__ = [
    "CELLS",
    "BothWays",
    "Cell",
    "LanguageModel",
    "SequenceClassifier",
    "State",
    "convolved",
    "initialize_recurrent_",
    "mean_of_steps",
    "recurrent",
    "remember_",
    "reversed_steps",
    "rows_first",
    "rows_second",
    "within",
]

Cell = Literal["plain", "lstm", "gru"]
State = Tensor | tuple[Tensor, Tensor]
"""Of every layer: h, (layers, batch, width); of an LSTM (h, c)."""

CELLS: dict[str, Callable[[int, int, int], nn.RNNBase]] = {"plain": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


def recurrent(cell: str, inputs: int, width: int, layers: int = 1) -> nn.RNNBase:
    """PyTorch's fused cell of that name: (steps, batch, inputs) → (steps, batch, width) and the last state."""
    if cell not in CELLS or min(inputs, width, layers) < 1:
        raise ProfundoError(
            f"recurrent: expected a cell of {', '.join(CELLS)} and sizes of at least 1, got {cell!r}, {inputs} inputs, "
            f"width {width}, {layers} layers"
        )
    return initialize_recurrent_(CELLS[cell](inputs, width, layers))


def initialize_recurrent_(net: nn.RNNBase) -> nn.RNNBase:
    """Input weights uniform (Glorot & Bengio 2010), state weights orthogonal (Saxe et al. 2014), gate by gate; biases 0,
    of an LSTM's forget gate 1: it starts by remembering (Gers et al. 2000; Jozefowicz et al. 2015).
    """
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name.startswith("bias"):
                parameter.zero_()
                if isinstance(net, nn.LSTM) and name.startswith("bias_ih"):
                    parameter[net.hidden_size : 2 * net.hidden_size] = 1  # gates in the order i, f, g, o
                continue
            for gate in torch.split(parameter, net.hidden_size):
                if name.startswith("weight_hh"):
                    nn.init.orthogonal_(gate)
                else:
                    nn.init.xavier_uniform_(gate)
    return net


def remember_(net: nn.LSTM, longest: int) -> nn.LSTM:
    """Biases by which the cells of every layer forget after times spread from 1 to `longest` steps, in place.

    A forget gate σ(b) keeps 1/e of its cell for about 1 + eᵇ steps: b = log u with u uniform on [1, longest − 1], and the
    input gate opens as rarely, −b ("chrono initialisation", Tallec & Ollivier 2018, arXiv:1804.11188, eq. 16).
    """
    width = net.hidden_size
    with torch.no_grad():
        for name, bias in net.named_parameters():
            if name.startswith("bias_ih"):
                forget = torch.empty(width).uniform_(1, max(2, longest - 1)).log()
                bias[:width], bias[width : 2 * width] = -forget, forget
    return net


class LanguageModel(nn.Module):
    """p(next symbol | all before): embedding, recurrent layers, linear (Graves 2013, without his skip connections).

    symbols: size of the vocabulary. dropout: share of the last layer's outputs set to zero in training, not of the state
    (Zaremba et al. 2014).
    """

    def __init__(
        self,
        symbols: int,
        width: int = 256,
        *,
        cell: str = "lstm",
        layers: int = 1,
        embedding: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols, embedding)
        self.recurrent = recurrent(cell, embedding, width, layers)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(width, symbols)

    def forward(self, symbols: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """int64 (batch, steps) → logits of each step's next symbol (batch, steps, symbols), and the state after all."""
        outputs, state = self.recurrent(self.embedding(symbols.T), state)
        return self.output(self.dropout(outputs)).transpose(0, 1), state

    def step(self, symbols: Tensor, kept: Kept) -> tuple[Tensor, Kept]:
        """For decoding.py: what is kept is the state, rows first."""
        logits, state = self(symbols, None if kept is None else rows_second(kept))
        return torch.log_softmax(logits[:, -1].float(), 1), rows_first(state)


def rows_first(state: State) -> State:
    """A state as decoding.py keeps it: (batch, layers, width), and so each part of an LSTM's."""
    result: State = mapped(lambda part: part.transpose(0, 1), state)
    return result


def rows_second(state: State) -> State:
    """The inverse of `rows_first`."""
    result: State = mapped(lambda part: part.transpose(0, 1).contiguous(), state)
    return result


class BothWays(nn.Module):
    """Two recurrent nets, one from each end (Schuster & Paliwal 1997), over sequences of different lengths.

    The second reads every sequence reversed within its own length, so that both meet the padding last, and the fused cell
    serves padded batches too. Outputs (steps, batch, 2 width); what stands beyond a length is of no use.
    """

    def __init__(self, inputs: int, width: int, *, cell: str = "gru") -> None:
        super().__init__()
        self.forwards = recurrent(cell, inputs, width)
        self.backwards = recurrent(cell, inputs, width)

    def forward(self, inputs: Tensor, lengths: Tensor) -> Tensor:
        """(steps, batch, inputs), int64 (batch,) → (steps, batch, 2 width)."""
        ahead, _ = self.forwards(inputs)
        back, _ = self.backwards(reversed_steps(inputs, lengths))
        return torch.cat([ahead, reversed_steps(back, lengths)], 2)


def reversed_steps(sequences: Tensor, lengths: Tensor) -> Tensor:
    """Each of the sequences (steps, batch, features) reversed within its length; what lies beyond stays. Its own inverse."""
    steps = torch.arange(len(sequences), device=sequences.device)[:, None]
    lengths = lengths.to(sequences.device)
    places = torch.where(steps < lengths, lengths - 1 - steps, steps)
    return sequences.gather(0, places[:, :, None].expand_as(sequences))


def within(lengths: Tensor, steps: int) -> Tensor:
    """Whether a step is within its sequence: bool (batch, steps)."""
    return torch.arange(steps, device=lengths.device) < lengths[:, None]


def mean_of_steps(sequences: Tensor, lengths: Tensor) -> Tensor:
    """Mean over each sequence's own steps: (steps, batch, features) → (batch, features)."""
    inside = within(lengths.to(sequences.device), len(sequences)).T[:, :, None]
    return (sequences * inside).sum(0) / lengths.to(sequences.device)[:, None]


def convolved(convolutions: nn.ModuleList, sequences: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Sequences (batch, steps, features) through nn.Conv1d that halve them, each followed by max(0, ·): maps (batch, width, steps)
    and the lengths that are left. Padding is set to zero before each, as the convolution itself pads."""
    maps, lengths = sequences.transpose(1, 2), lengths.to(sequences.device)
    for convolution in convolutions:
        maps = torch.relu(convolution(maps * within(lengths, maps.shape[2])[:, None]))
        lengths = (lengths + 1) // 2
    return maps, lengths


class SequenceClassifier(nn.Module):
    """A class for a sequence of any length: 1-D convolutions, a recurrent net from both ends, the mean over time, linear.

    Each convolution halves the number of steps. Padding is left out of the mean, too: it does not influence the outputs.
    """

    def __init__(
        self, features: int, classes: int, width: int = 64, *, cell: str = "gru", dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            [nn.Conv1d(features, width, 5, stride=2, padding=2), nn.Conv1d(width, width, 5, stride=2, padding=2)]
        )
        self.recurrent = BothWays(width, width, cell=cell)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(2 * width, classes)

    def forward(self, sequences: Tensor, lengths: Tensor) -> Tensor:
        """(batch, steps, features), int64 (batch,) ≥ 1 → logits (batch, classes)."""
        maps, lengths = convolved(self.convolutions, sequences, lengths)
        steps = self.recurrent(maps.permute(2, 0, 1), lengths)
        logits: Tensor = self.output(self.dropout(mean_of_steps(steps, lengths)))
        return logits
