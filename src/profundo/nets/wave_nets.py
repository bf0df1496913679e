"""WaveNet: p(sample | all before it, who speaks, what is said) by stacked causal convolutions with holes
(van den Oord et al. 2016, arXiv:1609.03499).

    z = tanh ½(W_f ∗ x + V_f h) ⊙ σ(W_g ∗ x + V_g h)         gated activation, eq. 2 and 3, but for the ½
    x ← x + W_r z                                            residual connection
    logits = W₂ relu(W₁ relu(Σ_layers W_s z))                skip connections, section 2.4

Each filter looks at two moments, `dilation` samples apart: 1, 2, 4, … 2^(depth − 1), and again for every stack. What a word is made
of stands where in the paper stand features of the text: of each class a path of vectors, along which one moves while the word
is spoken, plus a vector for the speaker, is h; it changes every FRAME samples. One path more is of no class: of a word that is not
told, from which a guided generation (wave_generation.py) moves away.

Sequences are (steps, batch, …): the moment `dilation` before is then a slice, and a convolution two matrix products.
Inputs are shifted: step t reads code t − 1 and predicts code t.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from profundo.records import ProfundoError

__all__ = ["FRAME", "Layer", "Speech", "WaveNet", "WaveRecurrent", "frames_for"]

FRAME = 64  # samples for which h stays: 8 ms at 8 kHz
KNOTS = 24  # vectors on a class's path


def frames_for(samples: int) -> int:
    """The least number of frames that holds so many samples."""
    return -(-samples // FRAME)


class Speech(nn.Module):
    """What is said, by whom, how far into it → h, (frames, batch, size). untold: the class of a word that is not told.

    Speakers differ in when they say what, in the silence before and after, and in how: each has a path of its own for each class,
    which begins as that of all plus a vector, and departs from it where it must.
    """

    def __init__(self, classes: int, speakers: int, size: int) -> None:
        super().__init__()
        self.untold = classes
        self.path = nn.Parameter(torch.randn(classes + 1, KNOTS, size) / 2)
        self.own = nn.Parameter(torch.zeros(classes + 1, speakers, KNOTS, size))
        self.speaker = nn.Embedding(speakers, size)

    def forward(self, classes: Tensor, speakers: Tensor, progress: Tensor) -> Tensor:
        """int64 (batch,) twice, and the share of the word that is over, in [0, 1], (frames, batch). Between two vectors of
        the path h is in proportion to the distance from them."""
        place = progress.clamp(0, 1) * (KNOTS - 1)
        before = place.long().clamp(max=KNOTS - 2)
        ahead = (place - before).unsqueeze(2)
        knots = self.path[:, None] + self.own
        said = (1 - ahead) * knots[classes, speakers, before] + ahead * knots[classes, speakers, before + 1]
        return torch.tanh(said + self.speaker(speakers))


class Layer(nn.Module):
    """One gated, dilated, causal convolution of two moments. gates: the tanh half, then the σ half."""

    def __init__(self, channels: int, conditions: int, dilation: int) -> None:
        super().__init__()
        self.dilation = dilation
        self.now = nn.Linear(channels, 2 * channels, bias=False)
        self.before = nn.Linear(channels, 2 * channels, bias=False)
        self.condition = nn.Linear(conditions, 2 * channels)
        self.residual = nn.Linear(channels, channels)

    def forward(self, x: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """x: (steps, batch, channels); condition: V h of the steps but the first `dilation`. Returns the next layer's x and z,
        both as many steps shorter."""
        steps = x[self.dilation :]
        rows, past = steps.flatten(0, 1), x[: len(steps)].flatten(0, 1)
        gates = torch.addmm(condition.flatten(0, 1), rows, self.now.weight.T)
        z = gated(torch.addmm(gates, past, self.before.weight.T)).view(len(steps), -1, x.shape[2])
        return steps + self.residual(z), z


def gated(gates: Tensor) -> Tensor:
    """tanh of half of the first half of each row ⊙ σ of the second. tanh ½u = 2 (σ(u) − ½), as on a CPU tanh takes several times as
    long as σ. Near ½ numbers of 16 bits lie 2⁻⁸ apart, by which a small tanh would be rounded: the difference is taken in float32."""
    if gates.element_size() >= 4:
        filters, shares = torch.sigmoid(gates).chunk(2, -1)
        return (2 * filters - 1) * shares
    filters, shares = (half.contiguous() for half in gates.chunk(2, -1))  # σ of what has gaps takes three times as long
    return (torch.sigmoid(filters.float()) - 0.5).to(gates.dtype) * torch.sigmoid(shares) * 2


class WaveNet(nn.Module):
    """symbols: codes of a sample; depth: layers of a stack. context: steps, a whole number of frames, that `forward` reads before the
    first that it predicts."""

    def __init__(
        self,
        symbols: int,
        classes: int,
        speakers: int,
        *,
        channels: int = 32,
        skip: int = 64,
        depth: int = 8,
        stacks: int = 2,
        conditions: int = 32,
    ) -> None:
        super().__init__()
        if min(symbols, classes, speakers, channels, skip, depth, stacks, conditions) < 1:
            raise ProfundoError("WaveNet: expected sizes of at least 1, got a smaller one")
        self.embedding = amplitude_like(nn.Embedding(symbols, channels))
        self.speech = Speech(classes, speakers, conditions)
        dilations = [2**power for power in range(depth)] * stacks
        self.layers = nn.ModuleList([Layer(channels, conditions, dilation) for dilation in dilations])
        self.skips = nn.Linear(channels * len(dilations), skip)
        self.hidden = nn.Linear(skip, skip)
        self.output = nn.Linear(skip, symbols)
        self.context = FRAME * frames_for(sum(dilations))

    def forward(self, previous: Tensor, classes: Tensor, speakers: Tensor, progress: Tensor) -> Tensor:
        """int64 (steps, batch), steps = FRAME · frames; (batch,) twice; (frames, batch), the share that is over → logits
        (steps − context, batch, symbols)."""
        conditions = self.speech(classes, speakers, progress)
        x, outputs = in_precision(self.embedding(previous)), []
        wanted = len(previous) - self.context
        for layer in self.in_order:
            condition = layer.condition(conditions).repeat_interleave(FRAME, 0)
            x, z = layer(x, condition[len(condition) - len(x) + layer.dilation :])
            outputs.append(z[len(z) - wanted :])
        return self.judged(torch.cat(outputs, 2))

    @property
    def in_order(self) -> list[Layer]:
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    def judged(self, outputs: Tensor) -> Tensor:
        """z of all layers, one beside the other, (…, layers · channels) → logits (…, symbols)."""
        logits: Tensor = self.output(torch.relu(self.hidden(torch.relu(self.skips(outputs)))))
        return logits


def in_precision(x: Tensor) -> Tensor:
    """As autocast has products, if it is on, so that what is added up layer by layer is read and written in half the memory."""
    device = x.device.type
    return x.to(torch.get_autocast_dtype(device)) if torch.is_autocast_enabled(device) else x


class WaveRecurrent(nn.Module):
    """An LSTM in WaveNet's place, with the same inputs and outputs."""

    def __init__(
        self,
        symbols: int,
        classes: int,
        speakers: int,
        *,
        width: int,
        embedding: int,
        context: int,
        conditions: int = 32,
    ) -> None:
        super().__init__()
        self.embedding = amplitude_like(nn.Embedding(symbols, embedding))
        self.speech = Speech(classes, speakers, conditions)
        self.recurrent = nn.LSTM(embedding + conditions, width)
        self.output = nn.Linear(width, symbols)
        self.context = context

    def forward(self, previous: Tensor, classes: Tensor, speakers: Tensor, progress: Tensor) -> Tensor:
        conditions = self.speech(classes, speakers, progress).repeat_interleave(FRAME, 0)
        states, _ = self.recurrent(torch.cat([self.embedding(previous), conditions], 2))
        logits: Tensor = self.output(states[self.context :])
        return logits


def amplitude_like(embedding: nn.Embedding) -> nn.Embedding:
    """Codes side by side begin alike, in place: what is near in amplitude need not be learned from each code's own samples."""
    symbols, size = embedding.weight.shape
    with torch.no_grad():
        height = torch.linspace(-1, 1, symbols)[:, None]
        embedding.weight.mul_(0.1).add_(3 * height * torch.randn(size))
    return embedding
