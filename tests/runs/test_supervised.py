"""The spine from Python: nets and data of one's own, exact repetition, early stopping, streaming, pictures for notebooks."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import profundo as pf
from profundo.records import Dataset, Inputs, ProfundoError, Samples, Spec, Targets
from profundo.runs.experiment import new_experiment
from profundo.runs.given.keeping import TOOLS
from profundo.runs.preparing import unsettled_epochs
from profundo.runs.run import Run
from profundo.runs.scoring import passed_over
from profundo.runs.settings.manners import completed
from profundo.runs.settings.plain_yaml import read_experiment
from profundo.runs.supervised import evaluate_split, open_run, prepare, train
from profundo.runs.voice import Quiet
from profundo.train import OPTIMIZERS, History


@pytest.fixture(autouse=True)
def _one_thread():
    """The nets here are so small that threads would only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def iris():
    return pf.load("iris")


@pytest.fixture(scope="module")
def digits():
    return pf.load("digits")


def weights(net):
    return torch.cat([value.flatten().double() for value in net.state_dict().values()])


def test_the_five_lines_of_the_readme_work(digits, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    net = pf.nets.lenet5(digits.spec)
    run = pf.fit(net, digits, epochs=10, seed=0)
    assert run.scores.values["accuracy"] > 0.95
    assert len(run.history["loss"]) == 10
    assert run.history["loss"][-1] < run.history["loss"][0]
    assert run.report().read_text().startswith("<!doctype html>")
    assert run.report() == run.folder.report


def test_a_net_of_ones_own_is_trained_in_place(iris):
    class Mine(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 3)

        def forward(self, x):
            for _ in range(2):  # any Python goes
                x = torch.tanh(self.a(x)) if x.shape[1] == 4 else x
            return self.b(x)

    torch.manual_seed(0)
    net = Mine()
    before = weights(net)
    run = pf.fit(net, iris, epochs=20, out=False)
    assert run.net is net
    assert not torch.equal(weights(net), before)
    assert run.scores.values["accuracy"] > run.scores.baseline["accuracy"] + 0.3
    assert run.folder is None
    with pytest.raises(ProfundoError, match="keeps no folder"):
        run.report()


def test_fitting_leaves_the_callers_randomness_alone(iris):
    torch.manual_seed(123)
    np.random.seed(5)
    expected = torch.rand(3), np.random.rand()
    net = pf.nets.mlp(iris.spec, dropout=0.5)
    torch.manual_seed(123)
    np.random.seed(5)
    pf.fit(net, iris, epochs=1, out=False)
    assert torch.equal(torch.rand(3), expected[0])
    assert np.random.rand() == expected[1]


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(iris):
    def trained(seed):
        torch.manual_seed(0)
        return weights(pf.fit(pf.nets.mlp(iris.spec, dropout=0.2), iris, epochs=3, seed=seed, out=False).net)

    assert torch.equal(trained(1), trained(1))
    assert not torch.equal(trained(1), trained(2))


@pytest.mark.parametrize(
    ("net", "says"),
    [
        (nn.Linear(5, 3), "expected to take inputs (batch, 4)"),
        (nn.Linear(4, 2), "expected outputs (batch, 3)"),
        (nn.Sequential(nn.Linear(4, 3), nn.Flatten(0)), "expected outputs (batch, 3)"),
    ],
)
def test_a_net_that_does_not_fit_the_data_is_refused_before_the_first_step(net, says, iris):
    before = weights(net)
    with pytest.raises(ProfundoError) as error:
        pf.fit(net, iris, out=False)
    assert says in str(error.value)
    assert torch.equal(weights(net), before)


def test_an_unknown_setting_is_answered_with_the_nearest(iris):
    with pytest.raises(ProfundoError, match="'epoch' is unknown; nearest: epochs"):
        pf.fit(nn.Linear(4, 3), iris, epoch=3, out=False)


def test_early_stopping_without_a_validation_split_is_refused(iris):
    none = replace(iris, validation=Samples(iris.validation.inputs[:0], iris.validation.targets[:0]))
    with pytest.raises(ProfundoError, match="early_stop: expected a validation split"):
        pf.fit(nn.Linear(4, 3), none, epochs=2, early_stop=1, out=False)


def test_early_stopping_ends_with_the_weights_of_the_best_epoch(digits):
    torch.manual_seed(0)
    run = pf.fit(
        pf.nets.mlp(digits.spec), digits, epochs=60, early_stop=3, learning_rate=0.05, schedule="constant",
        optimizer="adam", out=False,
    )  # fmt: skip
    losses = run.history["validation loss"]
    assert len(losses) < 60
    assert run.best_epoch == losses.index(min(losses)) == len(losses) - 4
    _, scores = evaluate_split(run.net, digits, digits.validation, run.experiment)
    assert scores.values["log loss"] == pytest.approx(min(losses), rel=1e-4)


def test_rows_are_stopped_early_by_default_and_keep_the_best_epoch_after_the_rise_of_the_rate(tmp_path):
    run = train(new_experiment(data="wine", epochs=20, seed=3), out=tmp_path / "run")
    assert (run.experiment.net, run.experiment.early_stop) == ("table_net", 6)
    losses = run.history["validation loss"]
    assert run.best_epoch == losses.index(min(losses[4:]), 4)
    _, scores = evaluate_split(run.net, run.data, run.data.validation, run.experiment)
    assert scores.values["log loss"] == pytest.approx(losses[run.best_epoch], rel=1e-4)
    opened = open_run(tmp_path / "run")
    assert opened.best_epoch == run.best_epoch
    torch.testing.assert_close(opened.net.features.middle, run.net.features.middle, rtol=0, atol=0)


def test_of_many_rows_numbers_are_learned_for_longer_by_fewer_members_unless_asked_otherwise(tmp_path):
    numbers, kinds = (Spec(Inputs((2,), "features"), one) for one in (Targets("real"), Targets("binary", ("a", "b"))))

    def chosen(spec, samples, net="table_net", **asked):
        return completed(new_experiment(data="any", net_options=asked), spec, samples, net)

    def options(*which, **asked):
        return chosen(*which, **asked).net_options

    assert options(numbers, 3_000, widths=[8]) == {"members": 4, "widths": [8]}
    assert options(numbers, 3_000, members=3) == {"members": 3}
    assert options(numbers, 2_999) == options(kinds, 3_000) == options(numbers, 3_000, "mlp") == {}
    assert (chosen(numbers, 2_000).epochs, chosen(numbers, 9_000).epochs) == (150, 100)
    inputs = torch.zeros(4_300, 2)
    inputs[:, 0] = torch.arange(4_300)
    run = pf.fit("table_net", (inputs, inputs[:, 0]), epochs=1, net_options={"widths": [8]}, out=tmp_path / "run")
    assert run.experiment.net_options == {"members": 4, "widths": [8]}
    assert run.net.members == open_run(tmp_path / "run").net.members == 4


def test_a_net_of_tables_sees_the_scales_of_the_training_rows_alone():
    """Also of more rows than it measures, from pieces all over the split; test rows a million times as large change nothing."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(40_000, 3, generator=generator).exp()
    samples = Samples(inputs, torch.randint(0, 2, (40_000,), generator=generator))
    spec = Spec(Inputs((3,), "features"), Targets("binary", ("no", "yes")))
    far = Samples(inputs[:100] * 1e6, samples.targets[:100])
    net = pf.nets.table_net(spec, members=2, widths=(4,))
    pf.fit(net, Dataset("far", spec, samples, far, far), epochs=1, out=False)
    torch.testing.assert_close(net.features.middle, inputs.median(0).values, rtol=0.05, atol=0)


def test_accumulating_gradients_gives_the_same_training_to_rounding(iris):
    def trained(parts):
        torch.manual_seed(0)
        return weights(pf.fit(pf.nets.mlp(iris.spec), iris, epochs=3, accumulate=parts, out=False).net)

    torch.testing.assert_close(trained(1), trained(4), rtol=1e-3, atol=1e-4)


def picture_folder(folder, seed=0):
    """40 pictures of 12×12 in two classes: dark or bright."""
    draw = np.random.default_rng(seed)
    for name, level in (("dark", 60), ("bright", 180)):
        (folder / name).mkdir(parents=True)
        for index in range(20):
            pixels = draw.normal(level, 30, (12, 12, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    return folder


def test_streaming_ends_with_the_same_weights_as_in_memory(tmp_path):
    folder = picture_folder(tmp_path / "pictures")
    settings = {"data": str(folder), "epochs": 3, "batch_size": 8, "augment": ["mirror", "shift"]}
    memory = train(new_experiment(**settings, stream=False), out=tmp_path / "memory")
    streamed = train(new_experiment(**settings, stream=True, workers=2), out=tmp_path / "streamed")
    assert torch.equal(weights(memory.net), weights(streamed.net))
    assert memory.scores == streamed.scores


def test_a_finished_run_opens_again_with_the_same_scores(tmp_path):
    run = train(new_experiment(data="diabetes", epochs=5), out=tmp_path / "run")
    again = open_run(tmp_path / "run")
    assert again.scores == run.scores
    assert again.history.rows == run.history.rows
    rows = run.data.test.inputs[:4]
    torch.testing.assert_close(again.predict(rows), run.predict(rows))
    assert run.predict(rows).shape == (4, 1)
    assert 0 < run.predict(rows).mean() < 400  # in the target's own units


def test_predictions_of_a_run_agree_with_its_scores(iris):
    torch.manual_seed(0)
    run = pf.fit(pf.nets.mlp(iris.spec), iris, epochs=10, out=False)
    probabilities = run.predict(iris.test.inputs)
    assert torch.allclose(probabilities.sum(1), torch.ones(len(probabilities)))
    right = (probabilities.argmax(1) == iris.test.targets).double().mean().item()
    assert right == pytest.approx(run.scores.values["accuracy"])
    with pytest.raises(ProfundoError, match=r"expected \(batch, 4\)"):
        run.predict(torch.zeros(2, 5))


def test_no_setting_is_left_open_in_what_is_written(tmp_path):
    train(new_experiment(data="iris", epochs=1), out=tmp_path / "run")
    written = (tmp_path / "run/experiment.yaml").read_text()
    for name in ("net", "batch_size", "optimizer", "learning_rate", "schedule", "weight_decay", "epochs"):
        assert f"\n{name}: " in f"\n{written}"


def test_completing_a_complete_experiment_changes_nothing():
    asked = new_experiment(data="wine")
    prepared = prepare(asked)
    chosen = prepared.experiment
    assert completed(chosen, prepared.data.spec, len(prepared.data.train), chosen.net, False) == chosen


@pytest.mark.parametrize(("samples", "size"), [(20, 32), (32, 32), (33, 16), (58, 29), (63, 31), (64, 32), (105, 32)])
def test_no_batch_leaves_out_half_of_few_samples(samples, size, iris):
    assert completed(new_experiment(data="iris"), iris.spec, samples, "mlp").batch_size == size


def test_objects_show_themselves_in_notebooks(iris):
    run = pf.fit(pf.nets.linear(iris.spec), iris, epochs=2, out=False)
    assert "setosa" in iris._repr_html_()
    assert "accuracy" in run._repr_html_()
    assert run.history._repr_html_().count("<tr>") == 3


def test_bfloat16_learns_as_float32_does(digits):
    def accuracy(precision):
        torch.manual_seed(0)
        return pf.fit(pf.nets.mlp(digits.spec), digits, epochs=8, precision=precision, out=False).scores.values[
            "accuracy"
        ]

    assert accuracy("bfloat16") == pytest.approx(accuracy("float32"), abs=0.03)


@pytest.mark.parametrize("name", ["circles", "moons", "spiral", "blobs", "xor", "and", "or", "wine", "breast-cancer"])
def test_every_small_data_set_is_learned_better_than_by_a_constant(name):
    data = pf.load(name)
    torch.manual_seed(0)
    run = pf.fit(pf.nets.mlp(data.spec), data, epochs=min(60, 30_000 // len(data.train)), out=False)
    assert run.scores.values["accuracy"] > run.scores.baseline["accuracy"] + 0.2


def test_a_net_of_ones_own_goes_on_after_an_interruption_to_the_same_bits(iris, tmp_path):
    class Stop(Exception):
        pass

    class Impatient(Quiet):
        """Pulls the plug in the middle of the second epoch."""

        def show(self, step, _row):
            if step.epoch == 1:
                raise Stop

    def own():
        torch.manual_seed(0)
        return pf.nets.mlp(iris.spec, dropout=0.3)

    settings = {"epochs": 4, "checkpoint_seconds": 0, "seed": 3}
    whole = pf.fit(own(), iris, out=False, **settings)
    with pytest.raises(Stop):
        pf.fit(own(), iris, out=tmp_path / "run", voice=Impatient(), **settings)
    with pytest.raises(ProfundoError, match="learning_rate was"):
        pf.fit(own(), iris, out=tmp_path / "run", resume=True, learning_rate=0.5, **settings)
    resumed = pf.fit(own(), iris, out=tmp_path / "run", resume=True, **settings)
    assert torch.equal(weights(resumed.net), weights(whole.net))
    assert resumed.history.rows == whole.history.rows
    with pytest.raises(ProfundoError, match="finished"):
        pf.fit(own(), iris, out=tmp_path / "run", resume=True, **settings)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_learns_with_its_default_settings(optimizer):
    """Images of digits, too: test_optimizer_race.py."""
    run = pf.fit("mlp", "breast-cancer", optimizer=optimizer, epochs=20, seed=0, out=False)
    assert run.scores.values["accuracy"] > 0.88


def test_mistakes_are_found_before_a_folder_is_made(tmp_path):
    with pytest.raises(ProfundoError, match="label smoothing"):
        train(new_experiment(data="diabetes", label_smoothing=0.1), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_files_of_others_in_the_runs_folder_stay(tmp_path):
    (tmp_path / ".mine.part").write_text("mine")
    (tmp_path / ".keep.part").mkdir()
    train(new_experiment(data="iris", epochs=1), out=tmp_path)
    assert (tmp_path / ".mine.part").read_text() == "mine"
    assert (tmp_path / ".keep.part").is_dir()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda d: replace(d.train, targets=d.train.targets.float()), "expected int64"),
        (lambda d: replace(d.train, targets=d.train.targets + 1), "from 0 to 2"),
        (lambda d: replace(d.train, targets=d.train.targets[:-1]), "inputs and"),
        (lambda d: replace(d.train, inputs=d.train.inputs / 0), "NaN or infinite"),
        (lambda d: replace(d.train, inputs=d.train.inputs[:, :3]), "the spec says (4,)"),
    ],
)
def test_data_of_ones_own_are_checked_at_the_door(change, says, iris):
    wrong = replace(iris, train=change(iris))
    with pytest.raises(ProfundoError) as error:
        pf.fit(nn.Linear(4, 3), wrong, out=False)
    assert says in str(error.value)


@pytest.mark.parametrize("setting", ["validation", "stream", "data_dir", "net_options"])
def test_settings_that_would_have_no_effect_are_refused(setting, iris):
    with pytest.raises(ProfundoError, match=setting):
        pf.fit(nn.Linear(4, 3), iris, **{setting: 1})


def test_layers_that_the_user_froze_stay_frozen(digits):
    torch.manual_seed(0)
    net = pf.nets.fast_cnn(digits.spec)
    net.norm1.eval()
    before = net.norm1.running_mean.clone()
    pf.fit(net, digits, epochs=1, out=False)
    assert not net.norm1.training
    assert torch.equal(net.norm1.running_mean, before)
    assert net.norm2.training


def test_a_net_that_keeps_what_it_made_first_can_be_trained(iris):
    class Caching(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.table = nn.Linear(4, 3), None

        def forward(self, x):
            if self.table is None:
                self.table = torch.ones(4)
            return self.a(x * self.table)

    run = pf.fit(Caching(), iris, epochs=20, learning_rate=0.05, out=False)
    assert run.scores.values["accuracy"] > 0.8


def test_a_streamed_run_says_so_in_its_experiment(tmp_path):
    folder = picture_folder(tmp_path / "pictures")
    prepared = prepare(new_experiment(data=str(folder), stream=True))
    assert prepared.experiment.stream is True
    assert prepare(new_experiment(data=str(folder))).experiment.stream is False


def test_resuming_elsewhere_is_refused_or_noticed(tmp_path, iris, monkeypatch):
    class Stop(Exception):
        pass

    class Impatient(Quiet):
        def __init__(self):
            self.heard = []

        def show(self, step, _row):
            if step.epoch == 1 and not self.heard:
                raise Stop

        def notice(self, text):
            self.heard.append(text)

    settings = {"epochs": 3, "checkpoint_seconds": 0}
    net = nn.Linear(4, 3)
    with pytest.raises(Stop):
        pf.fit(net, iris, out=tmp_path / "run", voice=Impatient(), **settings)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    torch.set_num_threads(2)
    listener = Impatient()
    pf.fit(nn.Linear(4, 3), iris, out=tmp_path / "run", resume=True, voice=listener, **settings)
    assert any("threads were 1, OMP_NUM_THREADS makes them 2" in text for text in listener.heard)


def test_images_with_augmentation_repeat_bit_for_bit_from_the_experiment_file(tmp_path):
    asked = {"data": "digits", "net": "fast_cnn", "epochs": 1, "augment": ["shift", "rotation", "noise"], "seed": 4}
    for precision in ("bfloat16", "float32"):
        first = train(new_experiment(**asked, precision=precision), out=tmp_path / precision)
        again = train(new_experiment(**read_experiment(first.folder.experiment)), out=tmp_path / f"{precision}-again")
        for name in ("model.safetensors", "history.csv"):
            assert (first.folder.path / name).read_bytes() == (again.folder.path / name).read_bytes()


def test_the_recorded_step_changes_no_bit_of_a_run(tmp_path):
    asked = {"data": "digits", "net": "fast_cnn", "epochs": 2, "augment": ["shift"]}
    runs = [train(new_experiment(**asked, capture=capture), out=tmp_path / str(capture)) for capture in (True, False)]
    assert torch.equal(weights(runs[0].net), weights(runs[1].net))
    assert runs[0].history.rows == runs[1].history.rows


@pytest.mark.parametrize("objective", ["hinge", "bernoulli"])
def test_a_net_learns_two_classes_by_either_objective_and_opens_again(objective, tmp_path):
    run = train(new_experiment(data="breast-cancer", objective=objective, epochs=10), out=tmp_path / "run")
    assert run.scores.values["accuracy"] > 0.9
    opened = open_run(tmp_path / "run")
    assert opened.scores.values == run.scores.values
    assert ("log loss" in run.scores.values) == (objective == "bernoulli")
    said = opened.predict(run.data.test.inputs)
    assert torch.equal((said >= 0.5).long(), run.said.chosen)


def test_robust_objectives_are_not_led_astray_by_wild_targets(tmp_path):
    """A line with one target in ten multiplied by 30: the squared error follows the wild ones, the others do not."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(600, 1, generator=draw)
    y = 2 * x + 1 + 0.1 * torch.randn(600, 1, generator=draw)
    wild = y.clone()
    wild[::10] = 60.0
    path = tmp_path / "wild.npz"
    np.savez(path, x_train=x[:500], y_train=wild[:500], x_test=x[500:], y_test=y[500:])
    errors = {}
    for objective in ("gaussian", "laplace", "huber"):
        run = train(new_experiment(data=str(path), objective=objective, epochs=40), out=tmp_path / objective)
        errors[objective] = run.scores.values["MAE"]
    assert errors["laplace"] < 1.5 < errors["gaussian"]
    assert errors["huber"] < errors["gaussian"]


def test_balanced_weights_find_more_of_a_rare_class(tmp_path):
    draw = torch.Generator().manual_seed(0)
    rare = (torch.rand(2000, generator=draw) < 0.05).long()
    x = torch.randn(2000, 2, generator=draw) + 1.2 * rare[:, None]
    np.savez(tmp_path / "rare.npz", x=x, y=rare)
    recall = {}
    for weights in (None, "balanced"):
        asked = new_experiment(data=str(tmp_path / "rare.npz"), class_weights=weights, epochs=10)
        run = train(asked, out=tmp_path / str(weights))
        recall[weights] = run.scores.per_class[1].recall
        assert run.scores.values["balanced accuracy"] > (0.7 if weights else 0)
    assert recall["balanced"] > recall[None] + 0.2


def test_scores_are_kept_with_both_yardsticks_and_every_class(tmp_path):
    run = train(new_experiment(data="wine", epochs=2), out=tmp_path / "run")
    kept = json.loads(run.folder.scores.read_text())
    assert kept["linear"]["accuracy"] == run.scores.linear["accuracy"] > 0.9
    assert kept["linear_name"] == "logistic regression"
    assert [one["name"] for one in kept["per_class"]] == list(run.data.spec.targets.classes)
    assert sum(one["samples"] for one in kept["calibration"]) == run.scores.samples


def test_a_linear_model_that_cannot_be_fitted_costs_a_notice_and_not_the_run(tmp_path, monkeypatch):
    from profundo.runs import scoring

    said = []

    class Listening(Quiet):
        def notice(self, text):
            said.append(text)

    def fails(_data):
        raise RuntimeError("out of memory")

    monkeypatch.setattr(scoring, "yardstick", fails)
    run = train(new_experiment(data="iris", epochs=2), out=tmp_path / "run", voice=Listening())
    assert not run.scores.linear
    assert run.folder.scores.is_file()
    assert said[-1] == "no linear model to compare with: out of memory"


def test_a_run_that_is_opened_again_takes_the_linear_model_from_its_folder(tmp_path, monkeypatch):
    from profundo.runs import scoring

    run = train(new_experiment(data="iris", epochs=2), out=tmp_path / "run")
    monkeypatch.setattr(scoring, "yardstick", lambda _data: pytest.fail("fitted again"))
    opened = open_run(tmp_path / "run")
    assert (opened.scores.linear, opened.scores.linear_name) == (run.scores.linear, run.scores.linear_name)


@pytest.mark.parametrize(
    ("net", "losses", "says"),
    [
        ("table_net", [0.1, 0.9, 0.5, 0.4, 0.6], "; of the first 1 epochs, while the rate is high, none is kept"),
        ("table_net", [0.8, 0.9, 0.5, 0.4, 0.6], ""),
        ("mlp", [0.1, 0.9, 0.5, 0.4, 0.6], ""),
    ],
)
def test_an_early_epoch_that_was_better_and_does_not_count_is_told(iris, net, losses, says):
    history = History()
    history.rows = [{"validation loss": loss} for loss in losses]
    asked = new_experiment(data="iris", net=net, epochs=5, early_stop=4, schedule="one-cycle")
    after = unsettled_epochs(asked, iris.spec.targets)
    best = losses.index(min(losses[after:]), after)
    run = Run(asked, iris, nn.Linear(4, 3), history, TOOLS, best_epoch=best)
    assert passed_over(run) == says
