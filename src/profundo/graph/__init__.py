"""The computational graph, open to view: expressions, traces of what ran, derivatives, derivations, pictures.

    from profundo.graph import function, gradient, scalar, trace
    a, b, c = scalar("a"), scalar("b"), scalar("c")
    e = a * b + c
    function([a, b, c], gradient(e, a))(2, 4, 10)     # 4
    trace(net, images)                                # every operation that ran, with its value and gradient

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
    "hessian",
    "jacobian",
    "matrix",
    "parse",
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
    from profundo.graph.comparing import compare, step_sizes
    from profundo.graph.derivations import derivation
    from profundo.graph.differentiating import differentiate
    from profundo.graph.expressions import Expression, constant, matrix, scalar, shared, tensor, vector
    from profundo.graph.functions import function, graph_of
    from profundo.graph.gradients import gradient, hessian, jacobian
    from profundo.graph.matrices import dense_layer, product
    from profundo.graph.nodes import Graph, Node
    from profundo.graph.parsing import parse
    from profundo.graph.profiling import profile
    from profundo.graph.rewriting import rewrite
    from profundo.graph.running import run
    from profundo.graph.tracing import trace
    from profundo.graph.viewing import view

_HOMES = {
    "compare": "comparing",
    "step_sizes": "comparing",
    "derivation": "derivations",
    "differentiate": "differentiating",
    "Expression": "expressions",
    "constant": "expressions",
    "matrix": "expressions",
    "scalar": "expressions",
    "shared": "expressions",
    "tensor": "expressions",
    "vector": "expressions",
    "function": "functions",
    "graph_of": "functions",
    "gradient": "gradients",
    "hessian": "gradients",
    "jacobian": "gradients",
    "dense_layer": "matrices",
    "product": "matrices",
    "Graph": "nodes",
    "Node": "nodes",
    "parse": "parsing",
    "profile": "profiling",
    "rewrite": "rewriting",
    "run": "running",
    "trace": "tracing",
    "view": "viewing",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"profundo.graph.{_HOMES[name]}"), name)
    if not name.startswith("_") and name in import_module("profundo.graph.operations").__all__:
        return getattr(import_module("profundo.graph.operations"), name)
    raise AttributeError(f"module 'profundo.graph' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *import_module("profundo.graph.operations").__all__})
