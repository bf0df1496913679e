"""Every setting is an option, and every option reaches the experiment."""

import sys

import pytest

from profundo.cli import main
from profundo.cli.app import ELSEWHERE
from profundo.runs.experiment import SETTINGS, Experiment, belonging_to, new_experiment

# Name → what is written on the command line, and the value it stands for; none of them the default.
WRITTEN = {
    "data": (["mnist"], "mnist"),
    "target": (["--target", "price,size"], "price,size"),
    "task": (["--task", "labels"], "labels"),
    "drop": (["--drop", "a, b", "--drop", "c"], ["a, b", "c"]),
    "only": (["--only", "a"], ["a"]),
    "id_columns": (["--id", "who"], ["who"]),
    "columns": (
        ["--column", "a=b=date:%m/%d/%Y", "--column", "zip=category"],
        {"a=b": "date:%m/%d/%Y", "zip": "category"},
    ),
    "missing": (["--missing", "?, NA"], ["?", "NA"]),
    "encoding": (["--encoding", "cp850"], "cp850"),
    "header": (["--header", "none"], "none"),
    "image_size": (["--image-size", "17"], 17),
    "sound_rate": (["--sound-rate", "16000"], 16000),
    "sound_seconds": (["--sound-seconds", "1.5"], 1.5),
    "split_by": (["--split-by", "time:when"], "time:when"),
    "horizon": (["--horizon", "12"], 12),
    "lookback": (["--lookback", "24"], 24),
    "series": (["--series", "shop"], "shop"),
    "target_transform": (["--target-transform", "log"], "log"),
    "net": (["--net", "mlp"], "mlp"),
    "net_options": (
        ["--net-option", "dropout=0.2", "--net-option", "widths=[8, 4]"],
        {"dropout": 0.2, "widths": [8, 4]},
    ),
    "pretrained": (["--pretrained", "resnet18"], "resnet18"),
    "freeze": (["--freeze"], True),
    "epochs": (["--epochs", "7"], 7),
    "batch_size": (["--batch-size", "all"], "all"),
    "optimizer": (["--optimizer", "nesterov"], "nesterov"),
    "learning_rate": (["--learning-rate", "0.03"], 0.03),
    "schedule": (["--schedule", "cyclic-exponential"], "cyclic-exponential"),
    "warm_up": (["--warm-up", "0.1"], 0.1),
    "augment": (["--augment", "[mirror, {crop: {scale: [0.6, 1]}}]"], ["mirror", {"crop": {"scale": [0.6, 1]}}]),
    "weight_decay": (["--weight-decay", "0.5"], 0.5),
    "l1": (["--l1", "0.001"], 0.001),
    "objective": (["--objective", "huber"], "huber"),
    "class_weights": (["--class-weights", "1,2.5,0"], [1.0, 2.5, 0.0]),
    "label_smoothing": (["--label-smoothing", "0.2"], 0.2),
    "early_stop": (["--early-stop", "3"], 3),
    "longer": (["--longer", "4"], 4),
    "validation": (["--validation", "0.25"], 0.25),
    "accumulate": (["--accumulate", "4"], 4),
    "clip": (["--clip", "0.7"], 0.7),
    "threshold": (["--threshold", "cost:10,1"], "cost:10,1"),
    "seed": (["--seed", "11"], 11),
    "split_seed": (["--split-seed", "5"], 5),
    "device": (["--device", "cpu"], "cpu"),
    "precision": (["--precision", "float32"], "float32"),
    "capture": (["--no-capture"], False),
    "stream": (["--stream"], True),
    "workers": (["--workers", "5"], 5),
    "skip_bad": (["--skip-bad"], True),
    "log": (["--log", "tensorboard"], "tensorboard"),
    "doctor": (["--doctor"], True),
    "heal": (["--heal"], True),
    "data_dir": (["--data-dir", "somewhere"], "somewhere"),
    "checkpoint_seconds": (["--checkpoint-seconds", "1.5"], 1.5),
    "lang": (["--lang", "ca"], "ca"),
    "keep_epochs": (["--keep-epochs"], True),
}
WATCHING = ("doctor", "heal")
# Command → the function that gets the settings, and the settings it has no use for.
COMMANDS = {
    "train": ("profundo.runs.supervised.train", ()),
    "lr-find": (
        "profundo.inspect.learning_rate.find",
        (*belonging_to("course"), "log", "checkpoint_seconds", "lang", "keep_epochs", *WATCHING),
    ),
    "cross-validate": ("profundo.studies.cross_validation.cross_validate", ("log", "lang", "keep_epochs", *WATCHING)),
    "learning-curve": ("profundo.studies.learning_curves.learning_curve", ("log", "lang", "keep_epochs", *WATCHING)),
    "select": ("profundo.studies.model_selection.select", ("log", "lang", "keep_epochs", *WATCHING)),
}


class Reached(Exception):
    """What a command asked for."""


@pytest.fixture
def experiment_of(monkeypatch):
    """The experiment that a command with these words asks for. Nothing is trained."""

    def call(command, *words):
        def reached(*given, **settings):
            names = {name: value for name, value in settings.items() if name in SETTINGS}
            raise Reached(given[0] if given else new_experiment(**names))

        monkeypatch.setattr(COMMANDS[command][0], reached)
        monkeypatch.setattr(sys, "argv", ["profundo", command, *words])
        with pytest.raises(Reached) as end:
            main()
        return end.value.args[0]

    return call


def test_the_words_below_say_another_value_than_the_default_of_every_setting():
    assert set(WRITTEN) == {name for name, about in SETTINGS.items() if not about.in_python}
    for name, (_, value) in WRITTEN.items():
        assert value != Experiment.model_fields[name].default, name


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_reaches_the_experiment(command, experiment_of):
    known = {name: written for name, written in WRITTEN.items() if name not in COMMANDS[command][1]}
    words = [word for written, _ in known.values() for word in written]
    words += {"select": ["--vary", "depth=0,1"]}.get(command, [])
    assert experiment_of(command, *words) == new_experiment(**{name: value for name, (_, value) in known.items()})


@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_a_command_has_no_use_for_is_refused(command, monkeypatch, capsys):
    for name in COMMANDS[command][1]:
        monkeypatch.setattr(sys, "argv", ["profundo", command, "digits", *WRITTEN[name][0]])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 2
        assert WRITTEN[name][0][0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ("train iris --lr 0.1", "--learning-rate"),
        ("train iris --LR=0.1", "--learning-rate"),
        ("train iris --learning_rate 0.1", "--learning-rate"),
        ("cross-validate iris --bs 8", "--batch-size"),
        ("learning-curve iris --batch 8", "--batch-size"),
        ("train iris --wd 1", "--weight-decay"),
        ("train iris --epoch 1", "--epochs"),
        ("train iris --momentum 0.9", "--optimizer"),
        ("train --dataset iris", "the argument data has no name"),
        ("recipe perceptron --epochs 2", "--set epochs=…"),
        ("recipe perceptron --lr 2", "--set learning_rate=…"),
        ("train iris --clip x", "expected a number, got 'x'"),
        ("train iris --epochs 1.5", "expected a whole number, got '1.5'"),
        ("lr-find iris --steps many", "expected a whole number, got 'many'"),
    ],
)
def test_the_option_that_was_meant_is_named(words, meant, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr(sys, "argv", ["profundo", *words.split()])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert meant in capsys.readouterr().err


def test_names_of_elsewhere_lead_to_options_there_are_and_are_none_themselves():
    ours = {name.replace("_", "-") for name in SETTINGS} | {"out"}
    assert set(ELSEWHERE.values()) <= ours
    assert not ours & set(ELSEWHERE)


def test_the_look_at_data_is_told_how_to_read_them(monkeypatch):
    def reached(what, **settings):
        del settings["tell"]
        raise Reached(what, settings)

    monkeypatch.setattr("profundo.looks.data_look.look", reached)
    names = ("target", "task", "image_size", "data_dir")
    words = [word for name in names for word in WRITTEN[name][0]]
    monkeypatch.setattr(sys, "argv", ["profundo", "data", "mnist", *words])
    with pytest.raises(Reached) as end:
        main()
    assert end.value.args == ("mnist", {name: WRITTEN[name][1] for name in names})


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (["--in-memory"], "stream", False),
        (["--capture"], "capture", True),
        (["--no-skip-bad"], "skip_bad", False),
        (["--augment", "none"], "augment", []),
        (["--augment", "mirror, shift"], "augment", ["mirror", "shift"]),
        (["--class-weights", "balanced"], "class_weights", "balanced"),
        (["--batch-size", "1"], "batch_size", 1),
    ],
)
def test_what_is_written_wins_over_the_config_file(words, name, value, experiment_of, tmp_path):
    file = tmp_path / "e.yaml"
    file.write_text(
        "data: iris\nstream: true\ncapture: false\nskip_bad: true\naugment: [flip]\nclass_weights: [1, 2, 3]\nbatch_size: 9\n"
    )
    assert getattr(experiment_of("train", "--config", str(file), *words), name) == value


def test_help_tells_every_option_in_its_group(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "300")
    monkeypatch.setattr(sys, "argv", ["profundo", "train", "--help"])
    with pytest.raises(SystemExit):
        main()
    text = " ".join(capsys.readouterr().out.split())
    for name, about in SETTINGS.items():
        if about.in_python:
            assert about.help not in text
            continue
        assert WRITTEN[name][0][0].replace("--no-", "--") in text or name == "data"
        assert about.help.removesuffix(".") in text, name
    assert "sgd, momentum, nesterov, adagrad, adadelta, rmsprop, adam, adamw." in text
    places = [text.index(f"─ {group} ─") for group in ("Data", "Net", "Course", "Learning", "Run")]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("name", "ours"), [("fit", "train"), ("summary", "nets"), ("plot", "report"), ("show", "data")]
)
def test_commands_of_other_libraries_lead_to_those_here(name, ours, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["profundo", name, "digits"])
    with pytest.raises(SystemExit):
        main()
    assert f"Did you mean '{ours}'?" in capsys.readouterr().err


def test_names_of_optimizers_and_schedules_may_have_capitals():
    experiment = new_experiment(data="digits", optimizer="Adam", schedule="One_Cycle")
    assert (experiment.optimizer, experiment.schedule) == ("adam", "one-cycle")
