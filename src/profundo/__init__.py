"""Profundo: a deep-learning workbench on PyTorch. Train fast, look inside, know why.

    import profundo as pf
    data = pf.load("digits")
    net = pf.nets.lenet5(data.spec)
    run = pf.fit(net, data, epochs=10, seed=0)
    run.scores, run.history, run.report()

Rooms load when first touched, so that `import profundo` and `profundo --help` cost nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "ProfundoError",
    "compare",
    "cross_validate",
    "data",
    "evaluate",
    "export",
    "fit",
    "graph",
    "learning_curve",
    "load",
    "look",
    "lr_find",
    "nets",
    "objectives",
    "open_run",
    "recipe",
    "resume",
    "select",
    "summary",
    "train",
]

if TYPE_CHECKING:
    from profundo import data, evaluate, graph, nets, objectives, train
    from profundo.data import load
    from profundo.recipes.comparing import compare
    from profundo.recipes.cooking import cook as recipe
    from profundo.recipes.cross_validating import cross_validate
    from profundo.recipes.exporting import export
    from profundo.recipes.learning_curves import learning_curve
    from profundo.recipes.looking import look
    from profundo.recipes.lr_finding import lr_find
    from profundo.recipes.running import resume
    from profundo.recipes.selecting import select
    from profundo.recipes.supervised import fit, open_run
    from profundo.recipes.tabulating import summary
    from profundo.records import ProfundoError

_ROOMS = {"data", "nets", "objectives", "train", "evaluate", "graph", "pictures", "recipes"}
_NAMES = {
    "load": "profundo.data",
    "compare": "profundo.recipes.comparing",
    "look": "profundo.recipes.looking",
    "lr_find": "profundo.recipes.lr_finding",
    "cross_validate": "profundo.recipes.cross_validating",
    "learning_curve": "profundo.recipes.learning_curves",
    "select": "profundo.recipes.selecting",
    "export": "profundo.recipes.exporting",
    "fit": "profundo.recipes.supervised",
    "open_run": "profundo.recipes.supervised",
    "resume": "profundo.recipes.running",
    "summary": "profundo.recipes.tabulating",
    "ProfundoError": "profundo.records",
}
_RENAMED = {"recipe": ("profundo.recipes.cooking", "cook")}


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f"profundo.{name}")
    if name in _RENAMED:
        home, there = _RENAMED[name]
        return getattr(import_module(home), there)
    if name in _NAMES:
        return getattr(import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'profundo' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__"})
