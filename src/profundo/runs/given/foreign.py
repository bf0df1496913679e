"""What Keras, PyTorch, fastai, Lightning, skorch and scikit-learn call things, and what they are called here.

Names with one meaning are understood (`lr`); to all others the answer is the name here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from profundo.records import ProfundoError

__all__ = ["FOREIGN", "understood", "without_gone"]

SAME = {"lr": "learning_rate"}
"""Understood as what they mean."""

GONE = {"out_of_fold": False}
"""Settings that there are no more, each with the value that is what all runs do now: others are unknown."""

_EPOCHS = "the name here is epochs"
_SCHEDULE = "the name here is schedule: a name, a function of the share of training done, or a scheduler's class"
_LOSS = "the name here is loss: a name, or a function of (outputs, targets)"
_STOP = "the name here is early_stop: the epochs to wait for a better validation loss"
_DEVICE = "the name here is device: 'auto', 'cpu', 'cuda' or 'cuda:1'"
_VALIDATION = "the name here is validation: (X, y) or whatever the data are, or a share such as 0.1"
_AUGMENT = "the name here is augment: ['shift', 'mirror'] …; `profundo augment` lists them"
_SPLITS = "validation=… and test=… are data or, validation, a share; split_by='group:column' keeps groups together"
_TEXTS = "texts become numbers by themselves; net_options has what can be chosen"

FOREIGN: Mapping[str, str] = {
    **dict.fromkeys(
        ("batch", "bs", "batchsize", "train_batch_size", "per_device_train_batch_size"), "the name here is batch_size"
    ),
    **dict.fromkeys(("optim", "opt", "opt_func", "solver"), "the name here is optimizer"),
    **dict.fromkeys(
        ("max_epochs", "n_epochs", "num_epochs", "nb_epoch", "n_epoch", "max_iter", "num_train_epochs"),
        _EPOCHS,
    ),
    **dict.fromkeys(("criterion", "loss_fn", "loss_func", "loss_function", "loss_fct"), _LOSS),
    **dict.fromkeys(
        ("validation_data", "validation_split", "val", "valid", "val_data", "val_split", "valid_pct"), _VALIDATION
    ),
    **dict.fromkeys(
        ("val_dataloaders", "val_loader", "val_dataloader", "valid_ds", "eval_dataset", "eval_set", "iterator_valid"),
        _VALIDATION,
    ),
    **dict.fromkeys(("validation_fraction", "train_split", "x_val", "y_val"), _VALIDATION),
    **dict.fromkeys(("scheduler", "lr_scheduler", "lr_schedule", "learning_rate_schedule", "sched"), _SCHEDULE),
    **dict.fromkeys(("patience", "early_stopping", "early_stopping_rounds", "n_iter_no_change"), _STOP),
    **dict.fromkeys(("gpus", "accelerator", "devices", "cuda", "gpu"), _DEVICE),
    **dict.fromkeys(("random_state", "random_seed", "manual_seed"), "the name here is seed"),
    **dict.fromkeys(("wd", "l2", "alpha"), "the name here is weight_decay"),
    **dict.fromkeys(
        ("gradient_clip_val", "clipnorm", "max_norm", "max_grad_norm", "clip_norm", "clipvalue"),
        "the name here is clip: the largest norm of the gradient",
    ),
    **dict.fromkeys(
        ("accumulate_grad_batches", "gradient_accumulation_steps"),
        "the name here is accumulate: the parts that a batch goes through the net in",
    ),
    **dict.fromkeys(
        ("amp", "fp16", "bf16", "mixed_precision", "use_amp"),
        "the name here is precision: 'auto', 'float32' or 'bfloat16'",
    ),
    **dict.fromkeys(("num_workers", "n_workers", "n_jobs"), "the name here is workers"),
    **dict.fromkeys(
        ("name", "save_dir", "logdir", "log_dir", "output_dir", "default_root_dir", "checkpoint", "save_path"),
        "the name here is out: the run's folder; its state is saved as it trains",
    ),
    **dict.fromkeys(
        ("logger", "tensorboard", "log_every_n_steps"),
        "the name here is log='tensorboard'; the history and a report are always written",
    ),
    **dict.fromkeys(
        (
            "dropout",
            "widths",
            "hidden",
            "hidden_layer_sizes",
            "activation",
            "layers",
            "depth",
            "dropout_rate",
            "ps",
            "y_range",
        ),
        "options of a net by name are net_options={'dropout': 0.2}; `profundo nets mlp` lists them",
    ),
    **dict.fromkeys(("y", "labels", "classes"), "give targets with the data: (X, y), or target='column' of a table"),
    **dict.fromkeys(("k", "cv", "n_splits", "k_folds"), "the name here is folds, of cross_validate"),
    **dict.fromkeys(
        ("size", "img_size", "target_size", "input_shape", "resize", "item_tfms", "sz", "image_shape"),
        "the name here is image_size, in pixels; a net by name is made for the shape of its inputs",
    ),
    **dict.fromkeys(("batch_tfms", "tfms", "transforms", "aug_transforms", "preprocessing_function"), _AUGMENT),
    **dict.fromkeys(("data_augmentation", "transform", "augmentation", "augmentations"), _AUGMENT),
    **dict.fromkeys(
        ("dep_var", "y_names", "y_name", "label_col", "y_col", "label_name", "target_column", "label"),
        "the name here is target: the column to be predicted",
    ),
    **dict.fromkeys(
        ("procs", "cat_names", "cont_names", "categorical_features", "rescale", "normalize", "standardize"),
        "columns are read, filled, encoded and standardised by what training shows of them; columns={'zip': 'category'} overrules",
    ),
    **dict.fromkeys(
        ("num_classes", "n_classes", "n_out", "class_mode", "label_mode", "class_names"),
        "the targets say which classes there are",
    ),
    **dict.fromkeys(
        ("arch", "backbone", "architecture"), "the net comes first, fit('resnet', data); or pretrained='resnet18'"
    ),
    **dict.fromkeys(
        ("monitor", "min_delta", "restore_best_weights", "mode", "save_best_only"), f"{_STOP}; the best are kept"
    ),
    **dict.fromkeys(
        ("from_logits", "reduction"), "a net ends in a linear layer, and the loss takes its outputs as they are"
    ),
    **dict.fromkeys(
        ("unfreeze", "trainable", "frozen"),
        "layers are frozen by layer.requires_grad_(False); of pretrained=…, freeze=True",
    ),
    **dict.fromkeys(("valid_col", "splitter", "splits", "valid_idx", "train_size", "test_size", "train_ds"), _SPLITS),
    **dict.fromkeys(("pct_start", "div", "div_final", "decay", "lr_decay", "gamma", "step_size"), _SCHEDULE),
    **dict.fromkeys(("tokenizer", "vocab", "max_tokens", "max_vocab", "num_words", "text_col", "maxlen"), _TEXTS),
    "out_of_fold": "members no longer set aside different rows, which gained 0.5 % on new tables; leave it out, and train anew",
    "callbacks": "there are none: early_stop=5, schedule='one-cycle', log='tensorboard' and out=… do what they are for",
    "cbs": "there are none: early_stop=5, schedule='one-cycle', log='tensorboard' and out=… do what they are for",
    "verbose": "a bar is shown where somebody may be watching; voice=Quiet() of profundo.runs.voice says nothing",
    "shuffle": "samples are shuffled anew in every epoch, by the seed",
    "drop_last": "an incomplete last batch is left out; its samples come in other epochs",
    "sample_weight": "weights are given with the data: (X, y, weights)",
    "sample_weights": "weights are given with the data: (X, y, weights)",
    "class_weight": "the name here is class_weights: 'balanced', a number for each class, or {class: number}",
    **dict.fromkeys(
        ("validation_steps", "validation_freq"), "the whole validation split is looked at after every epoch"
    ),
    "steps_per_epoch": "an epoch is one pass over the samples; epochs and batch_size decide",
    "initial_epoch": "an interrupted run goes on with out=…, resume=True",
    "resume_from_checkpoint": "an interrupted run goes on with out=…, resume=True",
    "momentum": "the name here is optimizer='momentum' or 'nesterov'; or optimizer=functools.partial(torch.optim.SGD, momentum=0.8)",
    "max_lr": "the name here is learning_rate: the largest of the schedule",
    "lr_max": "the name here is learning_rate: the largest of the schedule",
    "train_loader": "the data come second: fit(net, train_loader, validation=val_loader)",
    "train_dataloaders": "the data come second: fit(net, train_loader, validation=val_loader)",
    "train_dataset": "the data come second: fit(net, dataset, validation=other)",
    "model": "the net comes first: fit(net, data)",
    **dict.fromkeys(
        ("betas", "beta1", "beta2", "eps", "rho", "nesterov", "amsgrad", "dampening"),
        "an optimizer is given with what it needs: optimizer=functools.partial(torch.optim.AdamW, betas=(0.9, 0.95))",
    ),
    **dict.fromkeys(
        ("milestones", "T_max", "t_max", "total_steps", "warmup_steps", "num_warmup_steps"),
        "a schedule is given with what it needs: schedule=functools.partial(StepLR, step_size=10), or by name with warm_up=0.1",
    ),
    **dict.fromkeys(
        (
            "test_data",
            "test_loader",
            "test_dataloader",
            "test_dataloaders",
            "test_dataset",
            "x_test",
            "y_test",
        ),
        "the name here is test: (X, y) or whatever the data are; without, a fifth tests",
    ),
    **dict.fromkeys(("max_steps", "num_steps", "n_steps", "iterations", "num_iterations"), _EPOCHS),
    **dict.fromkeys(
        ("deterministic", "benchmark", "cudnn_benchmark"), "every run repeats to the same bits from its seed"
    ),
    **dict.fromkeys(
        ("pin_memory", "persistent_workers", "prefetch_factor", "collate_fn", "sampler"),
        "the samples are in memory once they are read; give a DataLoader, which reads them its way",
    ),
    **dict.fromkeys(("compile", "torch_compile"), "give torch.compile(net), or capture=True, which records the step"),
    **dict.fromkeys(
        ("ema", "swa", "ema_decay"), "weights are not averaged; early_stop=5 keeps those of the best epoch"
    ),
    **dict.fromkeys(("strategy", "num_nodes", "ddp"), "several processes are started by torchrun (docs/training.md)"),
    **dict.fromkeys(
        ("quiet", "silent", "progress_bar", "enable_progress_bar", "disable_tqdm"),
        "a bar is shown where somebody may be watching; voice=Quiet() of profundo.runs.voice says nothing",
    ),
}


OF_COLUMNS = ("target", "drop", "only", "id_columns", "columns", "series")


def columns_called(given: Any) -> Any:
    """Names of columns as text, which pandas may have as numbers, an Index or an array."""
    if isinstance(given, Mapping):
        return {str(name): value for name, value in given.items()}
    if hasattr(given, "tolist"):
        given = given.tolist()
    if isinstance(given, list | tuple):
        return [str(name) for name in given]
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


def understood(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings under their names here, where another has one meaning; a torch.device or dtype by its name, numbers and
    arrays of NumPy and PyTorch as Python's, columns by their names."""
    settings = without_gone(settings)
    settings = {name: plain(value) for name, value in settings.items() if name != "device" or value is not None}
    settings = {name: columns_called(value) if name in OF_COLUMNS else value for name, value in settings.items()}
    if isinstance(target := settings.get("target"), list):
        settings["target"] = ",".join(target)
    if isinstance(settings.get("augment"), str):
        settings = {**settings, "augment": settings["augment"].split(",")}
    if both := next((name for name, ours in SAME.items() if name in settings and ours in settings), None):
        raise ProfundoError(
            f"{both} and {SAME[both]} are two names for one thing: {settings[both]} and {settings[SAME[both]]}; give one"
        )
    for name in ("optimizer", "schedule"):
        if isinstance(value := settings.get(name), str):
            settings[name] = value.lower().replace("_", "-") if name == "schedule" else value.lower()
    return {SAME.get(name, name): value for name, value in settings.items()}


def without_gone(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a run from before, without those that there are no more at the value that is what all runs do now."""
    return {name: value for name, value in settings.items() if name not in GONE or value != GONE[name]}


def plain(value: Any) -> Any:
    if type(value).__name__ in ("device", "dtype"):
        return str(value).removeprefix("torch.")
    return (
        value.tolist()
        if type(value).__module__.partition(".")[0] in ("numpy", "torch") and hasattr(value, "tolist")
        else value
    )
