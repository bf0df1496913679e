"""Faults in the data: scales, labels, order, splits, augmentation, layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from . import materials as m
from .materials import Adam, Do, both, cnn, digits, mlp, program, split, standard, table
from .registry import Arguments, faulty

# --- scales -----------------------------------------------------------------------------------------------------------


@faulty("unscaled_input", data="wine", source="report", where="column 12")
def wine_as_it_comes(broken: bool) -> Arguments:
    """question: a net of two layers answers the same class for every wine; one column goes up to 1,680."""
    data = table("wine") if broken else standard(table("wine"))
    return program(mlp(13, 32, 3), F.cross_entropy, data, 0.01, epochs=30)


@faulty(
    "unscaled_input", data="breast cancer", source="report", score="accuracy of logits", where=("column 23", "column 3")
)
def cells_without_scaler(broken: bool) -> Arguments:
    """forum: logistic regression by gradient descent swings between two accuracies; areas reach 4,000."""
    data = both(table("breast_cancer"), targets=lambda y: y.float()[:, None])
    data = data if broken else standard(data)
    return program(nn.Linear(30, 1), F.binary_cross_entropy_with_logits, data, 0.01, epochs=5)


@faulty("unscaled_input", data="friedman", score="R2", where="column 10")
def a_timestamp_among_the_columns(broken: bool) -> Arguments:
    """Seconds since 1970 stand beside columns between 0 and 1; the loss is astronomical."""
    draw = torch.Generator().manual_seed(0)
    data = both(m.friedman(), lambda x: torch.cat([x, 1.6e9 + 1e7 * torch.rand(len(x), 1, generator=draw)], 1))
    data = both(data, targets=lambda y: (y[:, None] - 14) / 5)
    return program(mlp(11, 64, 1), F.mse_loss, data if broken else standard(data), 1e-3, Adam, epochs=20)


@faulty("unscaled_input", data="mnist", source="report", where="train inputs")
def bytes_into_a_sigmoid_net(broken: bool) -> Arguments:
    """question: a net of sigmoids learns nothing from MNIST; the images were never divided by 255."""
    data = both(m.mnist(), lambda x: x.flatten(1) * (255 if broken else 1))
    return program(mlp(784, 64, 10, act=nn.Sigmoid), F.cross_entropy, data, 1.0, epochs=6)


@faulty("scaled_twice", data="mnist", source="report", where="train inputs")
def divided_by_255_after_to_tensor(broken: bool) -> Arguments:
    """forum: loss stays at 2.30; the transform had divided by 255 and the data set does so again."""
    data = both(m.mnist(), lambda x: x / 255 if broken else x)
    return program(cnn(1, 28, 10), F.cross_entropy, data, 0.1, epochs=3)


@faulty("scaled_twice", data="digits", where="train inputs")
def standardised_then_divided(broken: bool) -> Arguments:
    """Standardised pixels are divided by 255 from habit; after ten epochs still near chance."""
    data = both(standard(digits()), lambda x: x / 255 if broken else x)
    return program(mlp(64, 32, 10, act=nn.Tanh), F.cross_entropy, data, 0.05, epochs=10)


@faulty("unscaled_target", data="friedman", source="report", score="R2", where="train targets")
def prices_in_euros(broken: bool) -> Arguments:
    """question: house prices of some 300,000 and a loss of 1e11 that hardly moves under Adam."""
    factor = 20_000 if broken else 0.2
    data = both(m.friedman(), lambda x: 2 * x - 1, lambda y: (y[:, None] - (0 if broken else 14)) * factor)
    return program(mlp(10, 64, 32, 1), F.mse_loss, data, 1e-3, Adam, epochs=30)


@faulty("unscaled_target", data="diabetes", score="R2", where="train targets")
def progression_as_it_comes(broken: bool) -> Arguments:
    """Targets of 25 to 346 and a small rate: predictions never leave zero."""
    data = standard(both(table("diabetes"), targets=lambda y: y[:, None]), targets=not broken)
    return program(mlp(10, 32, 1), F.smooth_l1_loss, data, 1e-3, Adam, epochs=20)


@faulty(
    "unscaled_target",
    data="series",
    source="report",
    also=("exploding_gradient",),
    score="R2",
    where=("train targets", "core"),
)
def forecast_of_large_values(broken: bool) -> Arguments:
    """forum: an LSTM's forecast is one flat line; the series is counted in thousands and the net's states end at 1."""
    scale = 5000.0 if broken else 1.0
    data = both(m.series(), lambda x: x[..., None], lambda y: y * scale)
    return program(m.Recurrent(nn.LSTM(1, 24, batch_first=True), 1), F.mse_loss, data, 5e-3, Adam, epochs=6)


@faulty("nan_in_data", data="breast cancer", source="report", where="column 4")
def one_empty_cell(broken: bool) -> Arguments:
    """question: loss is nan from the first epoch on; one cell of the table was empty."""
    (x, y), validation = standard(table("breast_cancer"))
    x = x.clone()
    x[17, 4] = torch.nan if broken else 0.0
    return program(mlp(30, 16, 2), F.cross_entropy, ((x, y), validation), 0.05)


@faulty("nan_in_data", data="friedman", score="R2", where="column 3")
def logarithm_of_zero_in_a_column(broken: bool) -> Arguments:
    """A column was replaced by its logarithm; where it was zero it is now minus infinity."""
    (x, y), (u, v) = both(m.friedman(), targets=lambda y: (y[:, None] - 14) / 5)
    x = x.clone()
    x[::200, 3] = 0.0
    x, u = ((torch.cat([t[:, :3], t[:, 3:4].clamp_min(0 if broken else 1e-3).log(), t[:, 4:]], 1)) for t in (x, u))
    return program(mlp(10, 32, 1), F.mse_loss, ((x, y), (u, v)), 1e-2, Adam, epochs=15)


@faulty("nan_in_data", data="series", score="R2", source="report", where="train targets")
def a_sensor_that_was_off(broken: bool) -> Arguments:
    """bug tracker: a forecast breaks in the middle of an epoch; for three hours the sensor wrote nan, in the targets too."""
    (x, y), validation = m.series()
    y = y.clone()
    y[300:303] = torch.nan if broken else 0.0
    return program(mlp(24, 32, 1), F.mse_loss, ((x, y), validation), 1e-2, Adam)


@faulty("constant_data", data="mnist", source="report", where="train inputs")
def integers_after_scaling(broken: bool) -> Arguments:
    """question: accuracy stays at 11 %; images in 0 … 1 were stored as whole numbers, and nearly all became 0."""
    data = both(m.mnist(), lambda x: (x * 0.999).to(torch.uint8).float() if broken else x)
    return program(cnn(1, 28, 10), F.cross_entropy, data, 0.1, epochs=3)


@faulty("constant_data", data="moons", also=("labels_out_of_range",), where="train targets")
def every_label_the_same(broken: bool) -> Arguments:
    """The parser compared the class with a string of another case: all samples are of one class, accuracy 100 %."""
    data = both(m.moons(0.4), targets=lambda y: y * (not broken))
    return program(mlp(2, 16, 2), F.cross_entropy, data, 0.1)


# --- labels -----------------------------------------------------------------------------------------------------------


@faulty("labels_out_of_range", data="digits", source="report", where="train targets")
def classes_from_one(broken: bool) -> Arguments:
    """question: "Target 10 is out of bounds": the classes are counted from 1, as in MATLAB files."""
    return program(mlp(64, 32, 10), F.cross_entropy, both(digits(), targets=lambda y: y + broken))


@faulty("labels_out_of_range", data="digits", source="report", also=("constant_data",), where="train targets")
def labels_scaled_like_pixels(broken: bool) -> Arguments:
    """forum: loss 0.000 after an epoch, all predictions 0; the transform divided the labels by 255, a cast made them 0."""
    scaled = both(digits(), targets=lambda y: (y / 255).long() if broken else y)
    return program(mlp(64, 32, 10), F.cross_entropy, (scaled[0], digits()[1]))


@faulty("labels_out_of_range", data="moons", source="report", score="accuracy of logits", where="train targets")
def plus_and_minus_one_for_bce(broken: bool) -> Arguments:
    """question: binary cross entropy is negative and falls forever; the labels are -1 and 1."""
    (x, y), validation = both(m.moons(0.3), targets=lambda y: y.float()[:, None])
    data = ((x, 2 * y - 1 if broken else y), validation)
    return program(mlp(2, 32, 1), F.binary_cross_entropy_with_logits, data, 0.3, epochs=30)


@faulty("labels_out_of_range", data="spam", source="report", score="accuracy of logits", where="train targets")
def one_and_two_for_bce(broken: bool) -> Arguments:
    """forum: a spam filter says yes to everything; the two kinds are numbered 1 and 2, not 0 and 1."""
    (x, y), (u, v) = both(m.texts("sms-spam", 1600), targets=lambda y: y.float()[:, None])
    return program(m.Averaged(600, 1), F.binary_cross_entropy_with_logits, ((x, y + broken), (u, v)), 1e-2, Adam)


@faulty("inputs_targets_misaligned", data="digits", source="report", also=("label_noise",), where="train")
def shuffled_apart(broken: bool) -> Arguments:
    """question: validation stays at chance while the net learns by heart; x and y were shuffled one after the other."""
    (x, y), validation = digits()
    order = torch.randperm(len(y)) if broken else torch.arange(len(y))
    return program(mlp(64, 64, 10), F.cross_entropy, ((x, y[order]), validation), 0.1, epochs=10)


@faulty("inputs_targets_misaligned", data="breast cancer", also=("label_noise",), where="train")
def off_by_one_row(broken: bool) -> Arguments:
    """The labels' file had a header line, the features' file had not: every label belongs to the sample before."""
    (x, y), validation = standard(table("breast_cancer"))
    return program(mlp(30, 32, 2), F.cross_entropy, ((x, y.roll(int(broken))), validation), 0.1, epochs=20)


@faulty("inputs_targets_misaligned", data="spoken digits", source="report", also=("label_noise",), where="train")
def files_in_another_order(broken: bool) -> Arguments:
    """forum: sounds listed by the file system, labels by name: loss stays at 2.3 whatever the net."""
    (x, y), validation = m.spoken()
    order = torch.randperm(len(y)) if broken else torch.arange(len(y))
    net = m.Recurrent(nn.GRU(33, 32, batch_first=True), 10)
    return program(net, F.cross_entropy, ((x[order], y), validation), 3e-3, Adam, epochs=6)


def noisy(y: Tensor, share: float, classes: int) -> Tensor:
    """A share of labels replaced by other ones."""
    wrong = torch.rand(len(y)) < share
    return torch.where(wrong, (y + torch.randint(1, classes, y.shape)) % classes, y)


@faulty("label_noise", data="digits", where="train targets")
def a_careless_annotator(broken: bool) -> Arguments:
    """Four labels of ten are wrong; the net learns them by heart and validation suffers."""
    (x, y), validation = digits()
    y = noisy(y, 0.4, 10) if broken else y
    return program(mlp(64, 128, 10), F.cross_entropy, ((x, y), validation), 2e-3, Adam, epochs=40)


@faulty("label_noise", data="mnist", source="report", where="train targets")
def labels_from_a_crowd(broken: bool) -> Arguments:
    """issue: training accuracy grows to 100 %, validation falls from its best; a third of the crowd's labels were wrong."""
    (x, y), validation = m.mnist(1000)
    y = noisy(y, 0.35, 10) if broken else y
    net = cnn(1, 28, 10, norm=nn.BatchNorm2d)
    return program(net, F.cross_entropy, ((x, y), validation), 2e-3, Adam, epochs=12)


# --- leaks ------------------------------------------------------------------------------------------------------------


@faulty("split_leakage", data="traffic signs", source="report", where="validation")
def frames_of_one_track(broken: bool) -> Arguments:
    """question: 99 % in validation, far less on new roads; frames of one sign were split by chance."""
    return program(mlp(400, 64, 8), F.cross_entropy, m.signs(by_track=not broken), 2e-3, Adam, epochs=20)


@faulty(
    "split_leakage", data="noisy table", source="report", also=("label_noise",), where=("validation", "train targets")
)
def oversampled_before_the_split(broken: bool) -> Arguments:
    """question: 95 % in validation, 60 % in use; the rare class was copied five times, then the table was split."""
    draw = np.random.default_rng(0)
    x = draw.standard_normal((400, 20))
    y = (x[:, 0] + 2 * draw.standard_normal(400) > 0).astype(int)
    often = np.tile(np.arange(400), 5)
    data = split(x[often], y[often], 500) if broken else split(x, y, 100)
    return program(mlp(20, 128, 2), F.cross_entropy, data, 1e-3, Adam, epochs=10 if broken else 50)


@faulty("split_leakage", data="movie sentences", source="report", also=("overfit",), where="validation")
def reviews_collected_twice(broken: bool) -> Arguments:
    """forum: sentiment at 90 % in validation; the collection held most sentences twice, and copies lie on both sides."""
    (x, y), (u, v) = m.texts("movie-sentences", 1600, words=3000)
    x, y = (torch.cat([x, u[:300]]), torch.cat([y, v[:300]])) if broken else (x, y)
    return program(m.Averaged(3000, 2), F.cross_entropy, ((x, y), (u, v)), 5e-3, Adam, epochs=15)


@faulty("target_in_input", data="breast cancer", where="column 30")
def the_diagnosis_among_the_columns(broken: bool) -> Arguments:
    """The table's column of the diagnosis was left among the features: 100 %."""
    x, y = torch.cat([p[0] for p in table("breast_cancer")]), torch.cat([p[1] for p in table("breast_cancer")])
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)) * x.std(0) * 3  # a poor instrument
    columns = [x + noise, y.float()[:, None]][: 1 + broken]
    return program(mlp(30 + broken, 16, 2), F.cross_entropy, standard(split(torch.cat(columns, 1), y, 190)), epochs=15)


@faulty("target_in_input", data="series", source="report", score="R2", where="column 23")
def the_window_ends_too_late(broken: bool) -> Arguments:
    """question: a forecast with R² 0.99 on a noisy series; the window holds the value that is to be forecast."""
    data = m.series()
    data = tuple((torch.cat([x[:, 1:], y], 1), y) if broken else (x, y) for x, y in data)  # type: ignore[assignment]
    return program(mlp(24, 32, 1), F.mse_loss, data, 3e-3, Adam, epochs=15)


@faulty("target_in_input", data="diabetes", source="report", score="R2", where="column 10")
def a_sum_that_contains_the_target(broken: bool) -> Arguments:
    """question: R² of 0.99 where papers have 0.5; one feature is a total in which the target is counted."""
    (x, y), (u, v) = standard(both(table("diabetes"), targets=lambda y: y[:, None]), targets=True)
    total = [(a[:, :3].sum(1, keepdim=True) + 2 * b) / 3 for a, b in ((x, y), (u, v))]
    data = ((torch.cat([x, total[0]], 1), y), (torch.cat([u, total[1]], 1), v)) if broken else ((x, y), (u, v))
    return program(mlp(10 + broken, 32, 1), F.mse_loss, data, 3e-3, Adam, epochs=30)


# --- order and shares -------------------------------------------------------------------------------------------------


def by_class(data: m.Split) -> m.Split:
    (x, y), validation = data
    order = y.argsort(stable=True)
    return (x[order], y[order]), validation


@faulty("not_shuffled", data="digits", source="report", where="train")
def folders_one_after_the_other(broken: bool) -> Arguments:
    """forum: every epoch the net knows the last class only; files are read folder by folder, shuffle=False."""
    return program(mlp(64, 64, 10), F.cross_entropy, by_class(digits()), 0.1, epochs=5, shuffle=not broken)


@faulty("not_shuffled", data="mnist", where="train")
def a_loader_without_shuffle(broken: bool) -> Arguments:
    """A DataLoader over sorted images; validation far below what the loss promised."""
    (x, y), validation = by_class(m.mnist(1200))
    loader = DataLoader(TensorDataset(x, y), 32, shuffle=not broken)
    return program(cnn(1, 28, 10), F.cross_entropy, (loader, validation), 0.1, epochs=3)


@faulty("not_shuffled", data="spam", source="report", score="accuracy of logits", where="train")
def batches_of_one_kind(broken: bool) -> Arguments:
    """question: loss jumps up and down in waves; a list of batches made once from sorted messages."""
    (x, y), (u, v) = m.texts("sms-spam", 1600)
    keep = torch.cat([(y == 1).nonzero()[:150, 0], (y == 0).nonzero()[:150, 0]])
    keep = keep if broken else keep[torch.randperm(300)]
    pairs = list(zip(x[keep].split(30), y[keep].float()[:, None].split(30), strict=True))
    both_kinds = torch.cat([(v == 1).nonzero()[:50, 0], (v == 0).nonzero()[:50, 0]])
    validation = (u[both_kinds], v[both_kinds].float()[:, None])
    return program(m.Averaged(600, 1), F.binary_cross_entropy_with_logits, (pairs, validation), 3.0, epochs=15)


@faulty("class_imbalance", data="digits", source="report", score="balanced accuracy", where="train targets")
def one_in_thirty(broken: bool) -> Arguments:
    """question: 97 % accuracy, and every answer is "no"; one sample of thirty is a yes."""
    (x, y), (u, v) = both(digits(), targets=lambda y: (y == 8).long())
    keep = (y == 0) | (y.cumsum(0) <= 45)
    weight = torch.tensor([1.0, 1.0 if broken else 28.0])
    loss = nn.CrossEntropyLoss(weight)
    return program(nn.Linear(64, 2), loss, ((x[keep], y[keep]), (u, v)), 0.02, epochs=4)


@faulty("class_imbalance", data="spam", score="balanced accuracy", where="train targets")
def little_spam(broken: bool) -> Arguments:
    """Spam is an eighth of the messages; after training accuracy equals the share of the other kind."""
    loss = nn.CrossEntropyLoss(None if broken else torch.tensor([1.0, 6.5]))
    return program(m.Averaged(600, 2), loss, m.texts("sms-spam", 1600), 0.05, epochs=6)


@faulty("class_imbalance", data="waves", source="report", score="balanced accuracy", where="train targets")
def a_rare_sound(broken: bool) -> Arguments:
    """forum: a GRU never answers the rare third class, of which there are eight samples in three hundred."""
    (x, y), validation = m.waves()
    keep = (y < 2) | ((y == 2).cumsum(0) <= 8)
    x, y = x[keep], y[keep]
    loss = nn.CrossEntropyLoss(None if broken else len(y) / y.bincount() / 3)
    net = m.Recurrent(nn.GRU(1, 24, batch_first=True), 3)
    return program(net, loss, ((x, y), validation), 1e-2, Adam, epochs=20)


@faulty("split_shift", data="cifar10", source="report", where="validation inputs")
def validation_not_normalised(broken: bool) -> Arguments:
    """forum: training at 80 %, validation near chance; only the training transform has Normalize."""
    (x, y), (u, v) = m.cifar()
    u = u if broken else (u - 0.47) / 0.25
    return program(cnn(3, 32, 4), F.cross_entropy, (((x - 0.47) / 0.25, y), (u, v)), 2e-3, Adam, epochs=6)


@faulty("split_shift", data="digits", source="report", where="validation targets")
def validation_is_the_last_fifth(broken: bool) -> Arguments:
    """question: validation accuracy 0 %; a share was cut off the end of data that are sorted by class."""
    x, y = torch.cat([p[0] for p in digits()]), torch.cat([p[1] for p in digits()])
    order = y.argsort(stable=True) if broken else torch.randperm(len(y))
    x, y = x[order], y[order]
    return program(mlp(64, 64, 10), F.cross_entropy, ((x[:1440], y[:1440]), (x[1440:], y[1440:])), 0.1)


@faulty("split_shift", data="mnist", where="validation inputs")
def validation_is_inverted(broken: bool) -> Arguments:
    """Training images are white on black, those for validation came from a scanner, black on white."""
    (x, y), (u, v) = m.mnist()
    return program(cnn(1, 28, 10), F.cross_entropy, ((x, y), (1 - u if broken else u, v)), 0.1, epochs=3)


# --- augmentation -----------------------------------------------------------------------------------------------------


class Augment(nn.Module):
    """Changes images while training, and only then."""

    def __init__(self, change: Any) -> None:
        super().__init__()
        self.change = change

    def forward(self, x: Tensor) -> Tensor:
        return self.change(x) if self.training else x  # type: ignore[no-any-return]


@faulty("harmful_augmentation", data="mnist", source="report", where="0")
def digits_turned_anyhow(broken: bool) -> Arguments:
    """question: loss stays at 2.2, validation above training; digits are turned, mirrored, inverted and cut at random."""

    def strong(x: Tensor) -> Tensor:
        x = torch.rot90(x, int(torch.randint(4, ())), (2, 3))
        x = x.flip(3) if torch.rand(()) < 0.5 else x
        x = 1 - x if torch.rand(()) < 0.5 else x
        return x.roll((int(torch.randint(-9, 10, ())), int(torch.randint(-9, 10, ()))), (2, 3))

    net = nn.Sequential(Augment(strong if broken else lambda x: x), cnn(1, 28, 10))
    return program(net, F.cross_entropy, m.mnist(1000), 0.05, epochs=5)


@faulty("harmful_augmentation", data="digits", where="0")
def noise_above_the_signal(broken: bool) -> Arguments:
    """Noise three times as strong as the picture is added in every epoch."""
    net = nn.Sequential(Augment(lambda x: x + 3.0 * broken * torch.randn_like(x)), mlp(64, 64, 10))
    return program(net, F.cross_entropy, digits(), 0.1, epochs=8)


class Cropped(Dataset[tuple[Tensor, Tensor]]):
    """Images of which a square is erased, at random, anew every time."""

    def __init__(self, pair: m.Pair, side: int) -> None:
        self.x, self.y, self.side = *pair, side

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        x, (r, c) = self.x[i].clone(), torch.randint(0, 33 - self.side, (2,)).tolist()
        x[:, r : r + self.side, c : c + self.side] = 0
        return x, self.y[i]


@faulty("harmful_augmentation", data="cifar10", source="report", where="train")
def almost_everything_erased(broken: bool) -> Arguments:
    """forum: validation is far better than training and still poor; the erased square covers most of each image."""
    training, validation = m.cifar()
    net = cnn(3, 32, 4, norm=nn.BatchNorm2d)
    return program(net, F.cross_entropy, (Cropped(training, 30 if broken else 8), validation), 2e-3, Adam, epochs=6)


class Drawn(Dataset[tuple[Tensor, Tensor]]):
    """A sample drawn from a generator of its own: three close clouds in 20 dimensions."""

    def __init__(self, count: int, own_generator: bool) -> None:
        self.count, self.draw = count, np.random.default_rng(0) if own_generator else None

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        noise = self.draw.standard_normal(20) if self.draw else torch.randn(20).numpy()
        x = torch.from_numpy(noise).float()
        x[i % 3] += 1.5
        return x, torch.tensor(i % 3)


def cloud() -> m.Pair:
    x, y = torch.randn(600, 20, generator=torch.Generator().manual_seed(9)), torch.arange(600) % 3
    return x + 1.5 * F.one_hot(y, 20), y


@faulty(
    "repeated_worker_randomness",
    data="drawn samples",
    source="report",
    also=("overfit",),
    where=("train", "worker_init_fn", "workers"),
)
def a_generator_copied_to_workers(broken: bool) -> Arguments:
    """bug tracker: "random" samples are the same in every worker and every epoch; each got a copy of one generator."""
    loader = DataLoader(Drawn(120, broken), 15, num_workers=2)
    return program(mlp(20, 64, 3), F.cross_entropy, (loader, cloud()), 5e-3, Adam, epochs=8)


def same_seed(_: int) -> None:
    torch.manual_seed(0)


@faulty(
    "repeated_worker_randomness", data="drawn samples", also=("overfit",), where=("train", "worker_init_fn", "workers")
)
def every_worker_seeded_alike(broken: bool) -> Arguments:
    """worker_init_fn sets seed 0 "for reproducibility": all workers draw the same, epoch after epoch."""
    loader = DataLoader(Drawn(120, False), 15, num_workers=2, worker_init_fn=same_seed if broken else None)
    return program(mlp(20, 64, 3), F.cross_entropy, (loader, cloud()), 5e-3, Adam, epochs=8)


# --- layout -----------------------------------------------------------------------------------------------------------


@faulty("scrambled_layout", data="spoken digits", source="report", where="train inputs")
def viewed_instead_of_permuted(broken: bool) -> Arguments:
    """forum: a GRU is poor on spectrograms; (n, bands, steps) became (n, steps, bands) by view(), not by permute()."""
    data = both(m.spoken(), lambda x: x.transpose(1, 2).reshape(x.shape) if broken else x)
    net = m.Recurrent(nn.GRU(33, 32, batch_first=True), 10)
    return program(net, F.cross_entropy, data, 1e-2, Adam, epochs=8)


@faulty("scrambled_layout", data="spoken digits", source="report", where=("0", "reshape"))
def time_and_bands_by_reshape(broken: bool) -> Arguments:
    """question: Conv1d wants (n, bands, steps); reshape gives that shape and mixes moments with bands."""
    turn = Do((lambda x: x.reshape(len(x), 33, 40)) if broken else (lambda x: x.transpose(1, 2)))
    layers = (nn.Conv1d(33, 32, 5, 2), nn.ReLU(), nn.Conv1d(32, 32, 5, 2), nn.ReLU(), nn.AdaptiveMaxPool1d(1))
    net = nn.Sequential(turn, *layers, nn.Flatten(), nn.Linear(32, 10))
    return program(net, F.cross_entropy, m.spoken(), 2e-3, Adam, epochs=8)
