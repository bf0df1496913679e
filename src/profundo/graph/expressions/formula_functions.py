"""The functions that formulas know by name, and how many arguments each takes."""

from __future__ import annotations

__all__ = ["CALLED", "FUNCTIONS"]

_OF_ONE = (
    "abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "elu", "erf", "exp", "floor", "gelu", "leaky_relu", "log",
    "log10", "log2", "logsigmoid", "relu", "round", "sigmoid", "sign", "silu", "sin", "sinh", "softplus", "sqrt", "step",
    "tan", "tanh",
)  # fmt: skip
_OTHER_NAMES = {
    "arccos": "acos", "arcsen": "asin", "arcsin": "asin", "arctan": "atan", "arctg": "atan", "ln": "log",
    "log_10": "log10", "log_2": "log2", "raiz": "sqrt", "raíz": "sqrt", "sen": "sin", "senh": "sinh", "tg": "tan",
    "tgh": "tanh",
}  # fmt: skip
_OF_ENTRIES = ("logsumexp", "mean", "norm", "prod", "softmax", "std", "sum", "var")
_OF_MATRICES = {"conv2d": 2, "det": 1, "dot": 2, "inv": 1, "logdet": 1, "outer": 2, "solve": 2, "trace": 1}

FUNCTIONS: dict[str, tuple[str, int]] = (
    {name: (name, 1) for name in _OF_ONE}
    | {name: (other, 1) for name, other in _OTHER_NAMES.items()}
    | {"max": ("maximum", 2), "min": ("minimum", 2)}
)
"""Function → (its name in profundo.graph.operations, how many arguments it takes; max and min take more, too)."""

CALLED: dict[str, tuple[str, int]] = (
    {name: (name, 0) for name in _OF_ENTRIES}
    | {name: (name, wanted) for name, wanted in _OF_MATRICES.items()}
    | {"σ": ("sigmoid", 1), "sigma": ("sigmoid", 1), "Σ": ("sum", 0), "if": ("where", 3), "where": ("where", 3)}
)
"""Functions only where "(" follows and no variable has the name; 0: of the entries of one list, or of several numbers."""
