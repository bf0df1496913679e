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
_FIT = "fit(net, data, loss=…, optimizer=…, metrics=…, epochs=…) is compile and fit in one"
_NETS = "a net is any torch.nn.Module, or a name of `profundo nets`, such as fit('mlp', data)"
_DATA = "load(…) and fit(net, …) take arrays, tables, Datasets, DataLoaders, names and paths"
_KEEP = "run.save('folder') keeps a run, open_run('folder') opens it"
_STUDY = "cross_validate('iris', folds=5) and select('iris', vary={'l1': [0, 0.01]}); profundo.sklearn has estimators"
_FOREIGN = {
    **dict.fromkeys(("compile", "Trainer", "Learner", "NeuralNet", "NeuralNetClassifier", "train_model"), _FIT),
    **dict.fromkeys(("Sequential", "Model", "Module", "LightningModule", "layers", "Dense", "vision_learner"), _NETS),
    **dict.fromkeys(("DataLoader", "DataLoaders", "DataBlock", "Dataset", "from_numpy", "read_csv"), _DATA),
    **dict.fromkeys(("save", "load_model", "load_state_dict", "load_learner", "save_model"), _KEEP),
    **dict.fromkeys(("KFold", "cross_val_score", "cross_val", "GridSearchCV", "Tuner", "tune"), _STUDY),
    **dict.fromkeys(
        ("callbacks", "EarlyStopping", "ModelCheckpoint", "LearningRateScheduler"),
        "fit has early_stop=5, schedule='one-cycle', out='runs/x' and resume=True",
    ),
    **dict.fromkeys(
        ("predict", "predict_proba", "score"), "fit(…) gives a run: run.predict(x), run.evaluate(data), run.scores"
    ),
    **dict.fromkeys(
        ("optimizers", "optim", "losses", "metrics"),
        "fit takes names and PyTorch's own: optimizer=torch.optim.SGD, loss=…",
    ),
    **dict.fromkeys(("seed", "manual_seed", "seed_everything", "set_seed"), "fit(net, data, seed=0) sets every seed"),
    **dict.fromkeys(("lr_finder", "find_lr"), "lr_find(net, data) finds a learning rate"),
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
    if name.startswith("_"):
        raise AttributeError(f"module 'profundo' has no attribute {name!r}")
    from difflib import get_close_matches

    from profundo.records import NoSuchNameError

    near = ", ".join(get_close_matches(name.lower(), __all__, n=3, cutoff=0.5)) or ", ".join(__all__)
    raise NoSuchNameError(f"profundo has no {name!r}; {_FOREIGN.get(name, f'nearest: {near}')}")


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__"})
