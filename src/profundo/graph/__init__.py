"""The computational graph, open to view: expressions, traces of what ran, derivatives, derivations, pictures.

    from profundo.graph import function, gradient, scalar, trace
    a, b, c = scalar("a"), scalar("b"), scalar("c")
    e = a * b + c
    function([a, b, c], gradient(e, a))(2, 4, 10)     # 4
    trace(net, images)                                # every operation that ran, with its value and gradient

nodes.py: a graph as plain data, the one form that all of these share, and running.py, which computes it.
expressions/: computations written down before there are values. traces/: what a network really computes.
derivatives/: three ways to differentiate, and the chain rule written out. drawings/: pictures, tables and formats.
operations.py: the names of all that expressions can do.
"""

from typing import Any

from profundo.graph.derivatives.derivations import derivation
from profundo.graph.derivatives.derivative_comparison import compare, growth, step_sizes
from profundo.graph.derivatives.differentiating import differentiate
from profundo.graph.drawings import drawing, formats, node_tables  # noqa: F401 - they enter themselves in nodes.RENDERERS
from profundo.graph.drawings.matrices import dense_layer, product
from profundo.graph.expressions.expression import (
    FUNCTIONS,
    Expression,
    constant,
    matrix,
    scalar,
    shared,
    tensor,
    vector,
)
from profundo.graph.expressions.functions import function, graph_of
from profundo.graph.expressions.gradients import gradient, hessian, jacobian
from profundo.graph.expressions.parsing import parse
from profundo.graph.expressions.viewing import view
from profundo.graph.nodes import Graph, Node
from profundo.graph.operations import __all__ as _operations
from profundo.graph.running import run
from profundo.graph.traces.profiling import profile
from profundo.graph.traces.tracing import trace

__all__ = [
    "Expression",
    "Graph",
    "Node",
    "compare",
    "constant",
    "dense_layer",
    "derivation",
    "differentiate",
    "function",
    "gradient",
    "graph_of",
    "growth",
    "hessian",
    "jacobian",
    "matrix",
    "parse",
    "product",
    "profile",
    "run",
    "scalar",
    "shared",
    "step_sizes",
    "tensor",
    "trace",
    "vector",
    "view",
]


def __getattr__(name: str) -> Any:
    """Operations, such as `profundo.graph.exp`."""
    if name in _operations:
        return FUNCTIONS[name]
    raise AttributeError(f"module 'profundo.graph' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_operations})
