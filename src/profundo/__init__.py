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
    from profundo.inspect.learning_rate import lr_find
    from profundo.inspect.net_table import summary
    from profundo.looks.data_look import look
    from profundo.recipes.recipe_run import run_recipe as recipe
    from profundo.records import ProfundoError
    from profundo.runs.supervised import fit, open_run
    from profundo.studies.cross_validation import cross_validate
    from profundo.studies.learning_curves import learning_curve
    from profundo.studies.model_selection import select
    from profundo.studies.run_comparison import compare
    from profundo.use.any_run import resume
    from profundo.use.exporting import export

_ROOMS = {
    "data",
    "nets",
    "objectives",
    "train",
    "evaluate",
    "graph",
    "pictures",
    "looks",
    "runs",
    "studies",
    "recipes",
    "use",
    "inspect",
}
_NAMES = {
    "load": "profundo.data",
    "compare": "profundo.studies.run_comparison",
    "look": "profundo.looks.data_look",
    "lr_find": "profundo.inspect.learning_rate",
    "cross_validate": "profundo.studies.cross_validation",
    "learning_curve": "profundo.studies.learning_curves",
    "select": "profundo.studies.model_selection",
    "export": "profundo.use.exporting",
    "fit": "profundo.runs.supervised",
    "open_run": "profundo.runs.supervised",
    "resume": "profundo.use.any_run",
    "summary": "profundo.inspect.net_table",
    "ProfundoError": "profundo.records",
}
_RENAMED = {"recipe": ("profundo.recipes.recipe_run", "run_recipe")}


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
