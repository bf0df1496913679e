"""Activations by the names the courses use: each with its formula, derivative, range, initial gain and advice.

    step                        McCulloch & Pitts 1943            ELU        Clevert, Unterthiner & Hochreiter 2016
    logistic, tanh              Rumelhart, Hinton & Williams 1986 SELU       Klambauer et al. 2017
    softplus                    Dugas et al. 2001                 GELU       Hendrycks & Gimpel 2016
    ReLU                        Nair & Hinton 2010                SiLU       Elfwing, Uchibe & Doya 2018
    Leaky ReLU                  Maas, Hannun & Ng 2013            maxout     Goodfellow et al. 2013

In formulas a is what the unit receives, σ the logistic function, φ and Φ density and distribution function of the
standard normal distribution.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from profundo.nets.init import GAINS
from profundo.records import ProfundoError

__all__ = ["ACTIVATIONS", "Activation", "Pieces", "Step", "activation_layer", "step"]


@dataclass(frozen=True, slots=True)
class Activation:
    """What there is to know of one activation f.

    make: a new layer that applies f to each value; of maxout, whose pieces are learnt, an example. values: the range of f.
    formula, latex: f(a); slope, slope_latex: f′(a), where it exists. kinks: where f or f′ jumps.
    use: when to take it; beware: what goes wrong. learns: whether it has weights, so that it stands for a linear layer too.
    """

    name: str
    title: str
    make: Callable[[], nn.Module]
    values: str
    formula: str
    slope: str
    latex: str
    slope_latex: str
    use: str
    beware: str
    kinks: tuple[float, ...] = ()
    learns: bool = False

    @property
    def gain(self) -> float:
        """The factor of the initial weights before it (init.py)."""
        return GAINS[self.name]

    @property
    def advice(self) -> str:
        return f"{self.use} {self.beware}"


def step(a: Tensor) -> Tensor:
    """1 where a ≥ 0, else 0. Written with ⌊a⌋, so that back-propagation gets its derivative, 0, and not an error."""
    return 1 + a.floor().clamp(-1, 0)


class Step(nn.Module):
    """The threshold unit's activation, value by value. threshold.py has whole units, with weights set by hand."""

    def forward(self, a: Tensor) -> Tensor:
        return step(a)


class Pieces(nn.Module):
    """max_k (slope_k a + offset_k), value by value: what a maxout unit with one input may have learnt."""

    def __init__(self, slopes: tuple[float, ...], offsets: tuple[float, ...]) -> None:
        super().__init__()
        self.slopes, self.offsets = slopes, offsets

    def forward(self, a: Tensor) -> Tensor:
        pieces = [slope * a + offset for slope, offset in zip(self.slopes, self.offsets, strict=True)]
        return torch.stack(pieces).amax(0)


def _cases(above: str, below: str, condition: str = "a > 0") -> str:
    return rf"\begin{{cases}} {above} & {condition} \\ {below} & \text{{otherwise}} \end{{cases}}"


# Of each: its name, title, layer and range; f(a) and f′(a), both in LaTeX; when to take it; what goes wrong; its kinks.
# fmt: off
_ALL = (
    Activation(
        "linear", "Linear (identity)", nn.Identity, "(−∞, ∞)",
        "a", "1", "a", "1",
        "For the output layer of a regression, and before a cost that takes logits.",
        "In hidden layers it adds nothing: linear layers in a row are one linear layer.",
    ),
    Activation(
        "logistic", "Sigmoid", nn.Sigmoid, "(0, 1)",
        "1/(1 + exp(−a))", "σ(a)·(1 − σ(a))", r"\frac{1}{1 + e^{-a}}", r"\sigma(a) \cdot (1 - \sigma(a))",
        "For probabilities at the output, and for gates; train it on logits, never on the logarithm of its result.",
        "Saturates beyond ±5, and its slope is at most 1/4: in deep nets gradients vanish. Not centred on 0.",
    ),
    Activation(
        "tanh", "Hyperbolic tangent", nn.Tanh, "(−1, 1)",
        "tanh(a)", "1 − tanh(a)²", r"\tanh(a)", r"1 - \tanh(a)^2",
        "For hidden layers of small nets and for recurrent ones: centred on 0, of slope 1 there.",
        "Saturates beyond ±3: gradients vanish in deep nets. The gain of 4 is the courses'; most others take 1.",
    ),
    Activation(
        "hardtanh", "Hard tanh", nn.Hardtanh, "[−1, 1]",
        "max(−1, min(1, a))", "1 if −1 < a < 1, else 0", r"\max(-1, \min(1, a))", _cases("1", "0", "-1 < a < 1"),
        "A tanh without exponentials, for small devices and for results that must stay within bounds.",
        "Outside [−1, 1] the gradient is exactly 0: a unit that is pushed there learns no more.",
        kinks=(-1.0, 1.0),
    ),
    Activation(
        "relu", "ReLU", nn.ReLU, "[0, ∞)",
        "max(0, a)", "1 if a > 0, else 0", r"\max(0, a)", _cases("1", "0"),
        "The first choice for hidden layers: quick, sparse, and it does not saturate above 0.",
        "A unit that is negative for every sample has no gradient and is dead; a too large learning rate kills many.",
        kinks=(0.0,),
    ),
    Activation(
        "leaky_relu", "Leaky ReLU, 0.01", lambda: nn.LeakyReLU(0.01), "(−∞, ∞)",
        "a if a > 0, else 0.01·a", "1 if a > 0, else 0.01", _cases("a", r"0.01 \cdot a"), _cases("1", "0.01"),
        "Where ReLU units die: a little gradient is left below 0.",
        "With 0.01 a unit comes back slowly; the zeros of a ReLU, and their sparsity, are gone.",
        kinks=(0.0,),
    ),
    Activation(
        "leaky_relu_0.1", "Leaky ReLU, 0.1", lambda: nn.LeakyReLU(0.1), "(−∞, ∞)",
        "a if a > 0, else 0.1·a", "1 if a > 0, else 0.1", _cases("a", r"0.1 \cdot a"), _cases("1", "0.1"),
        "Where units die with 0.01 too: in detectors, and (with 0.2) in the discriminators of GANs.",
        "The closer the two slopes are, the more the net is a linear one.",
        kinks=(0.0,),
    ),
    Activation(
        "elu", "ELU", nn.ELU, "(−1, ∞)",
        "a if a > 0, else exp(a) − 1", "1 if a > 0, else exp(a)", _cases("a", "e^{a} - 1"), _cases("1", "e^{a}"),
        "For hidden layers without batch normalisation: outputs come near to mean 0, and no unit is quite dead.",
        "Takes an exponential; far below 0 it saturates and its gradient vanishes.",
    ),
    Activation(
        "selu", "SELU", nn.SELU, "(−1.7581, ∞)",
        "1.0507·a if a > 0, else 1.7581·(exp(a) − 1)", "1.0507 if a > 0, else 1.7581·exp(a)",
        _cases(r"1.0507 \cdot a", r"1.7581 \cdot (e^{a} - 1)"), _cases("1.0507", r"1.7581 \cdot e^{a}"),
        "For deep nets of linear layers alone: means and variances stay near 0 and 1 from layer to layer.",
        "Only with weights of variance 1/n_in and alpha dropout; otherwise it is a scaled ELU.",
        kinks=(0.0,),
    ),
    Activation(
        "softplus", "Softplus", nn.Softplus, "(0, ∞)",
        "ln(1 + exp(a))", "σ(a)", r"\ln(1 + e^{a})", r"\sigma(a)",
        "For outputs that must be positive, such as a variance or a rate; a ReLU with a smooth corner.",
        "In hidden layers slower than ReLU and seldom better; ln 2 at 0, so that its outputs are not centred.",
    ),
    Activation(
        "gelu", "GELU", nn.GELU, "[−0.17, ∞)",
        "a·Φ(a)", "Φ(a) + a·φ(a)", r"a \cdot \Phi(a)", r"\Phi(a) + a \cdot \varphi(a)",
        "For transformers, which are trained with it since BERT; smooth, and not monotone.",
        "Costs more than ReLU; far below 0 the gradient vanishes all the same.",
    ),
    Activation(
        "silu", "SiLU (swish)", nn.SiLU, "[−0.28, ∞)",
        "a·σ(a)", "σ(a)·(1 + a·(1 − σ(a)))", r"a \cdot \sigma(a)", r"\sigma(a) \cdot (1 + a \cdot (1 - \sigma(a)))",
        "For deep convolutional nets, where a smooth ReLU often helps a little; close to GELU.",
        "Costs more than ReLU; far below 0 the gradient vanishes all the same.",
    ),
    Activation(
        "maxout", "Maxout", lambda: Pieces((-0.5, 0.25, 1.0), (-1.0, 0.0, -1.0)), "[−0.33, ∞)",
        "max(−0.5·a − 1, 0.25·a, a − 1)", "−0.5 if a < −4/3, else 0.25 if a < 4/3, else 1",
        r"\max(-0.5 \cdot a - 1, 0.25 \cdot a, a - 1)",
        r"\begin{cases} -0.5 & a < -4/3 \\ 0.25 & a < 4/3 \\ 1 & \text{otherwise} \end{cases}",
        "Learns its own convex shape, here one of three pieces; goes well with dropout, and never saturates.",
        "Takes k times the weights for k pieces. It replaces a linear layer and its activation: nets.layers.Maxout.",
        kinks=(-4 / 3, 4 / 3), learns=True,
    ),
    Activation(
        "step", "Step", Step, "{0, 1}",
        "1 if a ≥ 0, else 0", "0", _cases("1", "0", r"a \ge 0"), "0",
        "For units whose weights are set by hand, or learnt by the perceptron's own rule.",
        "Its derivative is 0: gradient descent learns nothing through it.",
        kinks=(0.0,),
    ),
)
# fmt: on

ACTIVATIONS: dict[str, Activation] = {one.name: one for one in _ALL}

_OTHER_NAMES = {"sigmoid": "logistic", "identity": "linear", "swish": "silu", "heaviside": "step"}


def activation_layer(name: str) -> nn.Module:
    """A new layer that applies it value by value. Raises ProfundoError for a name that is not there, and for maxout."""
    if name not in ACTIVATIONS:
        hint = f"; {name} is called {_OTHER_NAMES[name]} here" if name in _OTHER_NAMES else ""
        raise ProfundoError(f"activation: expected one of {', '.join(ACTIVATIONS)}; got {name!r}{hint}")
    if ACTIVATIONS[name].learns:
        raise ProfundoError(
            f"activation {name}: has weights of its own; put profundo.nets.layers.Maxout(inputs, units, pieces) in the "
            "place of a linear layer and its activation"
        )
    return ACTIVATIONS[name].make()
