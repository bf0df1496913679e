"""Profundo: a deep-learning workbench on PyTorch. Train fast, look inside, know why.

    import profundo as pf
    data = pf.load("digits")
    net = pf.nets.lenet5(data.spec)
    run = pf.fit(net, data, epochs=10, seed=0)
    run.scores, run.history, run.report()

Rooms load when first touched, so that `import profundo` and `profundo --help` cost nothing.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "ProfundoError",
    "compare",
    "cross_validate",
    "data",
    "doctor",
    "evaluate",
    "explain",
    "export",
    "fit",
    "graph",
    "images",
    "index_images",
    "landscape",
    "learning_curve",
    "load",
    "look",
    "look_inside",
    "lr_find",
    "nets",
    "objectives",
    "open_run",
    "play",
    "recipe",
    "resume",
    "search_images",
    "select",
    "summary",
    "train",
]

if TYPE_CHECKING:
    from profundo import data, doctor, evaluate, graph, images, nets, objectives, train
    from profundo.data import load
    from profundo.inspect.inside_page import look_inside
    from profundo.inspect.landscape import landscape
    from profundo.inspect.learning_rate import lr_find
    from profundo.inspect.net_table import summary
    from profundo.inspect.run_explanation import explain
    from profundo.looks.data_look import look
    from profundo.playground.session import Session as play
    from profundo.recipes.recipe_run import run_recipe as recipe
    from profundo.records import ProfundoError
    from profundo.runs.supervised import fit, open_run
    from profundo.studies.cross_validation import cross_validate
    from profundo.studies.learning_curves import learning_curve
    from profundo.studies.model_selection import select
    from profundo.studies.run_comparison import compare
    from profundo.use.any_run import resume
    from profundo.use.exporting import export
    from profundo.use.image_search import index_images, search_images

_ROOMS = {
    "data",
    "doctor",
    "nets",
    "objectives",
    "train",
    "evaluate",
    "graph",
    "inside",
    "pictures",
    "looks",
    "runs",
    "studies",
    "recipes",
    "use",
    "inspect",
    "images",
    "playground",
}
_NAMES = {
    "load": "profundo.data",
    "compare": "profundo.studies.run_comparison",
    "look": "profundo.looks.data_look",
    "landscape": "profundo.use.looking_into",
    "look_inside": "profundo.use.looking_into",
    "lr_find": "profundo.inspect.learning_rate",
    "cross_validate": "profundo.studies.cross_validation",
    "learning_curve": "profundo.studies.learning_curves",
    "select": "profundo.studies.model_selection",
    "explain": "profundo.use.looking_into",
    "export": "profundo.use.exporting",
    "index_images": "profundo.use.image_search",
    "search_images": "profundo.use.image_search",
    "fit": "profundo.runs.supervised",
    "open_run": "profundo.runs.supervised",
    "resume": "profundo.use.any_run",
    "summary": "profundo.inspect.net_table",
    "ProfundoError": "profundo.records",
}
_FIT = "fit(net, data, loss=…, optimizer=…, metrics=…, epochs=…) is compile and fit in one"
_NETS = "a net is any torch.nn.Module, or a name of `profundo nets`, such as fit('mlp', data)"
_DATA = "load(…) and fit(net, …) take a folder of images per class, arrays, tables, texts, Datasets, DataLoaders, names, paths"
_KEEP = "run.save('folder') keeps a run, open_run('folder') opens it"
_STUDY = "cross_validate('iris', folds=5) and select('iris', vary={'l1': [0, 0.01]}); profundo.sklearn has estimators"
_FIGURES = "fit(…) gives a run: run.predict(x), run.evaluate(data), run.scores"
_PAGE = "run.report() writes a page with every class, the confusions and the worst mistakes; run.scores has the figures"
_SHOW = "look(data) shows what is there; in a notebook with pictures, and .save('page.html') writes them"
_TEXTS = "texts become numbers by themselves: give a table with target=…, or lists, (texts, labels)"
_FOREIGN = {
    **dict.fromkeys(("compile", "trainer", "neuralnet", "neuralnetclassifier", "train_model", "train"), _FIT),
    **dict.fromkeys(("fit_one_cycle", "fine_tune", "train_on_batch", "fit_generator"), _FIT),
    **dict.fromkeys(("sequential", "model", "module", "lightningmodule", "layers", "dense", "keras", "nn"), _NETS),
    **dict.fromkeys(("from_numpy", "read_csv", "from_folder", "from_df", "untar_data", "dls", "tabularpandas"), _DATA),
    **dict.fromkeys(("save", "load_model", "load_state_dict", "load_learner", "save_model", "load_weights"), _KEEP),
    **dict.fromkeys(("kfold", "cross_val_score", "cross_val", "gridsearchcv", "tuner", "tune"), _STUDY),
    **dict.fromkeys(("show_batch", "show_results", "plot_images"), _SHOW),
    **dict.fromkeys(("confusion_matrix", "classification_report", "interpretation", "interp"), _PAGE),
    **dict.fromkeys(
        ("plot_history", "plot", "history"), "run.history.plot() shows the curves, run.history['loss'] has them"
    ),
    **dict.fromkeys(
        ("callbacks", "earlystopping", "modelcheckpoint", "learningratescheduler", "reducelronplateau", "tensorboard"),
        "fit has early_stop=5, schedule='one-cycle', log='tensorboard', out='runs/x' and resume=True",
    ),
    **dict.fromkeys(("predict", "predict_proba", "score", "evaluate"), _FIGURES),
    **dict.fromkeys(
        ("optimizers", "optim", "losses", "metrics"),
        "fit takes names and PyTorch's own: optimizer=torch.optim.SGD, loss=…",
    ),
    **dict.fromkeys(("seed", "manual_seed", "seed_everything", "set_seed"), "fit(net, data, seed=0) sets every seed"),
    "playground": "play(data='spiral', hidden=(8, 8)) begins a session of it",
    **dict.fromkeys(("lr_finder", "find_lr"), "lr_find(net, data) finds a learning rate"),
    **dict.fromkeys(
        ("aug_transforms", "transforms"), "fit(…, augment=['mirror', 'rotation']); `profundo augment` lists them"
    ),
}
_ENDINGS = {  # of families of names: vision_learner, ImageDataLoaders, image_dataset_from_directory, RandomFlip …
    "interpretation": _PAGE,
    "learner": _FIT,
    **dict.fromkeys(("loaders", "loader", "block", "dataset", "datasets", "generator", "from_directory"), _DATA),
    **dict.fromkeys(
        ("vectorization", "tokenizer", "pad_sequences"),
        _TEXTS,
    ),
}
_RENAMED = {"recipe": ("profundo.recipes.recipe_run", "run_recipe"), "play": ("profundo.playground.session", "Session")}


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
    raise _unknown(name)


def _unknown(name: str) -> AttributeError:
    """What to say of a name that is not here: what it is called, that PyTorch has it, or what there is."""
    from profundo.records import no_such_name

    plain = name.lower()
    hint = _FOREIGN.get(plain) or next((hint for end, hint in _ENDINGS.items() if plain.endswith(end)), None)
    if hint is None and len(plain) > 2:
        from torch import nn

        hint = next((f"torch.nn.{one} is a layer; {_NETS}" for one in dir(nn) if one.lower() == plain), None)
    return no_such_name("profundo", name, __all__, {plain: hint} if hint else {})


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__"})


class _Room(ModuleType):
    """The house, or a room of it. Calling one, as train(net, X, y), ends in one line that says what to call."""

    def __setattr__(self, name: str, value: Any) -> None:
        if (
            type(value) is ModuleType and value.__name__ == f"{self.__name__}.{name}"
        ):  # an import sets what it has loaded
            value.__class__ = _Room
        super().__setattr__(name, value)

    def __call__(self, *_: Any, **__: Any) -> Any:
        from profundo.records import ProfundoError

        name = self.__name__.removeprefix("profundo.")
        names = [one for one in getattr(self, "__all__", dir(self)) if not one.startswith("_")]
        hint = _FOREIGN.get(name) or f"it holds {', '.join(names[:12])}{', …' * (len(names) > 12)}"
        raise ProfundoError(f"{self.__name__} is a module, and cannot be called; {hint}")


sys.modules[__name__].__class__ = _Room
