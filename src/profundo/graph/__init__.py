"""The computational graph, open to view: expressions, traces of what ran, derivatives, derivations, pictures.

    from profundo.graph import function, gradient, scalar, trace
    a, b, c = scalar("a"), scalar("b"), scalar("c")
    e = a * b + c
    function([a, b, c], gradient(e, a))(2, 4, 10)     # 4
    trace(net, images)                                # every operation that ran, with its value and gradient

nodes.py: a graph as plain data, the one form that all of these share, and running.py, which computes it.
expressions/: computations written down before there are values. traces/: what a network really computes.
derivatives/: three ways to differentiate, and the chain rule told. rewriting/: the same function, simpler.
drawings/: pictures, tables and formats. operations.py: the names of all that expressions can do.

Names load when first touched.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
    "predictor",
    "product",
    "profile",
    "rewrite",
    "run",
    "scalar",
    "shared",
    "step_sizes",
    "tensor",
    "trace",
    "vector",
    "view",
]

if TYPE_CHECKING:
    from profundo.graph.derivatives.derivations import derivation
    from profundo.graph.derivatives.derivative_comparison import compare, growth, step_sizes
    from profundo.graph.derivatives.differentiating import differentiate
    from profundo.graph.drawings.matrices import dense_layer, product
    from profundo.graph.expressions.expression import Expression, constant, matrix, scalar, shared, tensor, vector
    from profundo.graph.expressions.functions import function, graph_of
    from profundo.graph.expressions.gradients import gradient, hessian, jacobian
    from profundo.graph.expressions.parsing import parse
    from profundo.graph.expressions.viewing import view
    from profundo.graph.nodes import Graph, Node
    from profundo.graph.rewriting import predictor, rewrite
    from profundo.graph.running import run
    from profundo.graph.traces.profiling import profile
    from profundo.graph.traces.tracing import trace

_HOMES = {
    "compare": "derivatives.derivative_comparison",
    "growth": "derivatives.derivative_comparison",
    "step_sizes": "derivatives.derivative_comparison",
    "derivation": "derivatives.derivations",
    "differentiate": "derivatives.differentiating",
    "dense_layer": "drawings.matrices",
    "product": "drawings.matrices",
    "Expression": "expressions.expression",
    "constant": "expressions.expression",
    "matrix": "expressions.expression",
    "scalar": "expressions.expression",
    "shared": "expressions.expression",
    "tensor": "expressions.expression",
    "vector": "expressions.expression",
    "function": "expressions.functions",
    "graph_of": "expressions.functions",
    "gradient": "expressions.gradients",
    "hessian": "expressions.gradients",
    "jacobian": "expressions.gradients",
    "parse": "expressions.parsing",
    "view": "expressions.viewing",
    "Graph": "nodes",
    "Node": "nodes",
    "predictor": "rewriting",
    "rewrite": "rewriting",
    "run": "running",
    "profile": "traces.profiling",
    "trace": "traces.tracing",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"profundo.graph.{_HOMES[name]}"), name)
    if not name.startswith("_") and name in import_module("profundo.graph.operations").__all__:
        return getattr(import_module("profundo.graph.operations"), name)
    raise AttributeError(f"module 'profundo.graph' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *import_module("profundo.graph.operations").__all__})
