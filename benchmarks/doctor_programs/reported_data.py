"""Unseen programs: faults in the data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, WeightedRandomSampler

from . import materials as m
from . import reported_materials as r
from .materials import SGD, Adam, both, cnn, mlp, program, split, standard, table
from .registry import Arguments, faulty

bce = F.binary_cross_entropy_with_logits

# --- scales -----------------------------------------------------------------------------------------------------------


@faulty("unscaled_input", data="series", source="report", score="R2", where="train inputs")
def prices_into_a_gru(broken: bool) -> Arguments:
    """question: the forecast of a share is a flat line; windows of prices near 4,000 go into a GRU as they are."""
    data = both(m.series(), lambda x: (4000 + 250 * x if broken else x)[..., None])
    return program(m.Recurrent(nn.GRU(1, 24, batch_first=True), 1), F.mse_loss, data, 5e-3, Adam, epochs=8)


@faulty("unscaled_input", data="customers", source="report", score="accuracy of logits", where=("column 2", "column 4"))
def customers_with_salaries(broken: bool) -> Arguments:
    """question: who will leave the bank: stuck at the share of those who stay; ages beside balances of 200,000."""
    data = r.column(r.customers())
    return program(mlp(5, 32, 16, 1), bce, data if broken else standard(data), 3e-3, Adam, epochs=20)


@faulty("scaled_twice", data="traffic signs", source="report", where="train inputs")
def signs_divided_then_normalised(broken: bool) -> Arguments:
    """forum: a net for traffic signs sees one grey; pixels of 0 … 1 are divided by 255, then Normalize(0.5, 0.5)."""
    data = both(m.signs(by_track=True), lambda x: ((x / 255 if broken else x).view(-1, 1, 20, 20) - 0.5) / 0.5)
    return program(cnn(1, 20, 8), F.cross_entropy, data, 2e-3, Adam, epochs=12)


@faulty("unscaled_target", data="discs", source="report", score="R2", where="train targets")
def keypoints_in_pixels(broken: bool) -> Arguments:
    """forum: a net for landmarks answers the same point for every picture; targets are pixels of a photo 960 wide."""
    data = both(r.centres(), targets=lambda y: 480 * (y + 1) if broken else y)
    return program(cnn(1, r.SIDE, 2), F.mse_loss, data, 1e-3, Adam, epochs=12)


@faulty(
    "unscaled_target",
    data="drawn rents",
    source="report",
    also=("learning_rate_too_low",),
    score="R2",
    where=("train targets", "optimizer"),
)
def rents_by_absolute_error(broken: bool) -> Arguments:
    """question: L1 loss falls by a straight line, euro by euro, and never arrives; rents of 1,500 a month, SGD."""
    x = torch.rand(900, 6, generator=r.draw()) * 2 - 1
    y = 1500 + 400 * (x[:, :1] + x[:, 1:2] * x[:, 2:3] + 0.5 * x[:, 3:4].sign())
    data = split(x, y if broken else (y - 1500) / 400, 300)
    return program(mlp(6, 48, 1), F.l1_loss, data, 0.05, epochs=25)


@faulty("nan_in_data", data="customers", source="report", score="accuracy of logits", where="column 5")
def a_ratio_with_nothing_below(broken: bool) -> Arguments:
    """question: nan after the first epoch; a new column is balance by years, and some customers have no years yet."""
    (x, y), (u, v) = r.column(r.customers())
    ratio = [a[:, 2:3] / (a[:, 1:2] if broken else a[:, 1:2].clamp_min(1)) for a in (x, u)]
    data = (torch.cat([x, ratio[0]], 1), y), (torch.cat([u, ratio[1]], 1), v)
    return program(nn.Sequential(nn.BatchNorm1d(6), mlp(6, 24, 1)), bce, data, 5e-3, Adam, epochs=10)


@faulty("nan_in_data", data="spoken digits", source="report", where="train inputs")
def recordings_that_end_in_silence(broken: bool) -> Arguments:
    """issue: a speech net is nan within an epoch; padding is exactly 0 and its logarithm minus infinity."""
    (x, y), validation = m.spoken()
    x = x.clone()
    x[::40, 36:] = -torch.inf if broken else x.min()
    net = m.Recurrent(nn.GRU(33, 32, batch_first=True), 10)
    return program(net, F.cross_entropy, ((x, y), validation), 5e-3, Adam, epochs=8)


@faulty("constant_data", data="mnist", source="report", where="train inputs")
def one_buffer_for_all_images(broken: bool) -> Arguments:
    """question: all predictions are equal; images were read into one array that was appended, so all are the last."""
    buffer = torch.empty(1, 28, 28)

    def read(images: Tensor) -> Tensor:
        rows = []
        for image in images:
            buffer.copy_(image)
            rows.append(buffer if broken else buffer.clone())
        return torch.stack(rows)

    return program(cnn(1, 28, 10), F.cross_entropy, both(m.mnist(800, 400), read), 0.1, epochs=4)


@faulty("constant_data", data="drawn curve", source="report", score="R2", where="train inputs")
def a_single_column_normalised_by_rows(broken: bool) -> Arguments:
    """question: Normalizer instead of StandardScaler: it scales rows to length 1, and a row has one column."""
    x = torch.rand(900, 1, generator=r.draw()) * 9 + 1
    y = (x.sin() + 0.1 * torch.randn(900, 1, generator=r.draw(1))) * 2
    data = both(split(x, y, 300), lambda x: F.normalize(x, dim=1) if broken else (x - 5.5) / 2.6)
    return program(mlp(1, 64, 64, 1, act=nn.Tanh), F.mse_loss, data, 5e-3, Adam, epochs=20)


# --- labels -----------------------------------------------------------------------------------------------------------


@faulty(
    "labels_out_of_range",
    data="discs",
    source="report",
    also=("unscaled_target",),
    score="metric",
    where="train targets",
)
def masks_of_0_and_255(broken: bool) -> Arguments:
    """forum: the loss of a U-Net is hugely negative and everything becomes foreground; masks were read as 0 and 255."""
    data = both(r.masks(), targets=lambda y: y * 255 if broken else y)
    return program(r.UNet(), nn.BCEWithLogitsLoss(), data, 3e-3, Adam, epochs=5, metric=r.overlap())


@faulty("labels_out_of_range", data="breast cancer", source="report", score="metric", where="train targets")
def classes_one_and_two(broken: bool) -> Arguments:
    """question: the loss goes below zero and all are malignant; the file codes the classes 1 and 2, the loss is BCE."""
    data = both(standard(table("breast_cancer")), targets=lambda y: (y + broken).float()[:, None])

    def accuracy(p: Tensor, y: Tensor) -> float:
        return float(((p > 0) == (y == y.max())).double().mean())

    return program(mlp(30, 16, 1), nn.BCEWithLogitsLoss(), data, 1e-2, Adam, epochs=8, metric=accuracy)


@faulty("labels_out_of_range", data="drawn tags", source="report", where="train targets")
def a_tag_of_minus_one_for_padding(broken: bool) -> Arguments:
    """question: "Target -1 is out of bounds": padding is tagged -1, and what the loss ignores is -100."""
    (x, y), validation = r.tags()
    data = ((x, torch.where(torch.arange(14) > 11, -1, y)), validation)
    loss = nn.CrossEntropyLoss(ignore_index=-100 if broken else -1)
    return program(r.tagger(), lambda p, y: loss(p.flatten(0, 1), y.flatten()), data, 1e-2, Adam, epochs=6)


@faulty("inputs_targets_misaligned", data="digits", source="report", also=("label_noise",), where="train")
def files_sorted_as_text(broken: bool) -> Arguments:
    """forum: loss at 2.3 for weeks; sorted() puts img_10 before img_2, while the table of labels counts upwards."""
    (x, y), validation = m.digit_images()
    order = sorted(range(len(y)), key=str) if broken else range(len(y))
    images = r.Changed((x[list(order)], y), lambda x, y: (x, y))
    return program(cnn(1, 8, 10), F.cross_entropy, (images, validation), 3e-3, Adam, epochs=6)


@faulty(
    "inputs_targets_misaligned",
    data="discs",
    source="report",
    also=("harmful_augmentation",),
    score="metric",
    where="train",
)
def flipped_without_its_mask(broken: bool) -> Arguments:
    """issue: overlap stops near a third; pictures are flipped and turned at random, their masks are not."""

    def flip(x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        turns = int(torch.randint(4, ()))
        return x.rot90(turns, (1, 2)), mask if broken else mask.rot90(turns, (1, 2))

    training, validation = r.masks()
    data = (DataLoader(r.Changed(training, flip), 16, shuffle=True), validation)
    return program(r.UNet(), bce, data, 5e-3, Adam, epochs=8, metric=r.overlap())


@faulty("inputs_targets_misaligned", data="friedman", source="report", score="R2", where=("train", "validation"))
def split_twice_with_two_seeds(broken: bool) -> Arguments:
    """question: R² below zero whatever the net; X and y went through train_test_split one after the other."""
    (x, y), (u, v) = m.friedman()
    x, y = torch.cat([x, u]), (torch.cat([y, v])[:, None] - 14) / 5
    (x, _), (u, _) = split(x, y, 300, seed=1)
    (_, y), (_, v) = split(y, y, 300, seed=2 if broken else 1)
    return program(mlp(10, 48, 1, act=nn.SiLU), F.mse_loss, ((x, y), (u, v)), 1e-2, Adam, epochs=15)


@faulty("label_noise", data="spoken digits", source="report", where="train targets")
def a_listener_who_confused_neighbours(broken: bool) -> Arguments:
    """forum: training ends at 100 %, validation falls after a good start; 45 % of labels are those of the next digit."""
    (x, y), validation = m.spoken()
    wrong = torch.rand(len(y)) < 0.45
    y = torch.where(wrong, (y + 1) % 10, y) if broken else y
    net = nn.Sequential(nn.Flatten(), mlp(1320, 128, 10))
    return program(net, F.cross_entropy, ((x, y), validation), 1e-3, Adam, epochs=25)


# --- leaks ------------------------------------------------------------------------------------------------------------


@faulty("split_leakage", data="drawn recordings", source="report", where="validation")
def overlapping_windows_split_by_chance(broken: bool) -> Arguments:
    """question: 99 % on sensor windows, 60 % for a new person; windows overlap almost wholly, and were shuffled first."""
    rng, t = np.random.default_rng(0), np.arange(96)
    y = np.arange(60) % 2
    speeds, phases = rng.uniform(0.05, 0.25, (60, 4)) + 0.05 * y[:, None], rng.uniform(0, 6.3, (60, 4))
    signal = np.sin(speeds[..., None] * t + phases[..., None]).sum(1) + 0.05 * rng.standard_normal((60, 96))
    windows = torch.from_numpy(signal).float().unfold(1, 64, 2).flatten(0, 1)
    labels, people = torch.from_numpy(y).repeat_interleave(17), torch.arange(60).repeat_interleave(17)
    old = people < 45
    data = split(windows, labels, 255) if broken else ((windows[old], labels[old]), (windows[~old], labels[~old]))
    return program(mlp(64, 128, 64, 2), F.cross_entropy, data, 3e-3, Adam, epochs=40)


@faulty("split_leakage", data="digits", source="report", where="validation")
def augmented_before_the_split(broken: bool) -> Arguments:
    """forum: 98 % in validation, far less on new scans; five slightly noisy copies of each image, then the split."""
    (x, y), _ = m.digits()
    x, y = x[:150], y[:150]
    copies = lambda x, y: ((x.repeat(5, 1) + 0.05 * torch.randn(5 * len(x), 64)).clamp(0, 1), y.repeat(5))  # noqa: E731
    data = split(*copies(x, y), 250) if broken else (copies(x[:100], y[:100]), copies(x[100:], y[100:]))
    return program(mlp(64, 64, 10), F.cross_entropy, data, 5e-3, Adam, epochs=20)


@faulty("target_in_input", data="drawn table", source="report", where="column 8")
def a_row_number_sorted_by_class(broken: bool) -> Arguments:
    """question: 99 % on a hard table; the Id column was left in, and the file is sorted by class."""
    y = torch.arange(900) // 300
    x = torch.randn(900, 8, generator=r.draw())
    x[:, 0] += 0.8 * y
    number = torch.arange(900.0)[:, None] if broken else torch.rand(900, 1, generator=r.draw(1))
    data = standard(split(torch.cat([x, number], 1), y, 300))
    return program(mlp(9, 24, 3), F.cross_entropy, data, 1e-2, Adam, epochs=15)


@faulty("target_in_input", data="movie sentences", source="report", where=("number 598", "column 19"))
def stars_left_in_the_text(broken: bool) -> Arguments:
    """blog: sentiment at 100 %; the reviews' last word is the star rating from which the label was made."""
    stars = lambda x, y: torch.cat([x[:, :-1], 598 + y[:, None]], 1) if broken else x  # noqa: E731
    data = tuple((stars(x, y), y) for x, y in m.texts("movie-sentences", 1600))
    return program(m.Averaged(600, 2), F.cross_entropy, data, 1e-2, Adam, epochs=6)


@faulty(
    "target_in_input", data="letters", source="report", also=("inputs_targets_misaligned", "causal_leak"), where="train"
)
def letters_that_are_not_shifted(broken: bool) -> Arguments:
    """issue: perplexity 1.0 after an epoch, and it writes one letter for ever; inputs and targets are the same letters."""
    data = both(m.letters(), lambda x: x)
    data = tuple((x, x if broken else y) for x, y in data)  # type: ignore[assignment]
    net = m.Recurrent(nn.LSTM(24, 48, batch_first=True), 65, tokens=65, every=True)
    return program(net, m.by_letter, data, 1e-2, Adam, epochs=5)


# --- order and shares -------------------------------------------------------------------------------------------------


@faulty("not_shuffled", data="friedman", source="report", score="R2", where="train")
def rows_sorted_by_price(broken: bool) -> Arguments:
    """question: loss starts small in each epoch and is large at its end; the table is sorted by price, no shuffle."""
    (x, y), validation = standard(both(m.friedman(), targets=lambda y: y[:, None]), targets=True)
    order = y[:, 0].argsort()
    return program(mlp(10, 48, 1), F.mse_loss, ((x[order], y[order]), validation), 0.1, epochs=10, shuffle=not broken)


@faulty("not_shuffled", data="spoken digits", source="report", where="train")
def speakers_read_digit_by_digit(broken: bool) -> Arguments:
    """forum: accuracy in training 100 %, in validation 10 %; a sequential sampler over recordings sorted by digit."""
    training, validation = m.spoken()
    order = training[1].argsort(stable=True)
    loader = DataLoader(
        r.Changed((training[0][order], training[1][order]), lambda x, y: (x, y)), 24, shuffle=not broken
    )
    return program(m.Attentive(10, features=33), F.cross_entropy, (loader, validation), 2e-3, Adam, epochs=5)


@faulty("class_imbalance", data="discs", source="report", also=("undertrained",), score="metric", where="train targets")
def tiny_discs_on_a_large_ground(broken: bool) -> Arguments:
    """issue: pixel accuracy 99 % and no lesion found; one pixel of a hundred is inside, and all count alike."""
    loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(1.0 if broken else 12.0))
    return program(r.UNet(), loss, r.masks(1.1), 3e-3, Adam, epochs=8, metric=r.overlap())


@faulty("class_imbalance", data="customers", source="report", score="balanced accuracy", where="train targets")
def frauds_of_three_in_a_hundred(broken: bool) -> Arguments:
    """question: 97 % accurate and no fraud found; the loader draws evenly from a table with three frauds in a hundred."""
    (x, y), validation = standard(r.customers(0.03, 1800))
    weights = (1 / y.bincount().float())[y]
    sampler = None if broken else WeightedRandomSampler(weights.tolist(), len(y))
    loader = DataLoader(r.Changed((x, y), lambda x, y: (x, y)), 32, shuffle=broken, sampler=sampler)
    return program(mlp(5, 16, 2), F.cross_entropy, (loader, validation), 0.05, epochs=5)


@faulty("split_shift", data="spam", source="report", score="balanced accuracy", where="validation inputs")
def a_vocabulary_of_its_own(broken: bool) -> Arguments:
    """question: 98 % in training, a guess in validation; words were numbered anew for the second file."""
    training, (u, v) = m.texts("sms-spam", 1600)
    renumbered = torch.randperm(600, generator=r.draw())
    loss = nn.CrossEntropyLoss(torch.tensor([1.0, 6.0]))
    return program(m.Averaged(600, 2), loss, (training, (renumbered[u] if broken else u, v)), 1e-2, Adam, epochs=8)


@faulty("split_shift", data="cifar10", source="report", where="validation inputs")
def scaler_fitted_on_the_wrong_colours(broken: bool) -> Arguments:
    """forum: good in training, poor in use; one loader reads with PIL, the other with OpenCV, whose first colour is blue."""
    (x, y), (u, v) = both(m.cifar(4, 250), lambda x: (x - 0.47) / 0.25)
    return program(r.resnet(3, 4), F.cross_entropy, ((x, y), (u.flip(1) if broken else u, v)), 3e-3, Adam, epochs=6)


# --- augmentation -----------------------------------------------------------------------------------------------------


@faulty("harmful_augmentation", data="pointers", source="report", also=("label_noise",), where="train")
def arrows_that_are_mirrored(broken: bool) -> Arguments:
    """issue: left and right signs are confused, up and down are not; images are flipped and the label stays."""

    def flip(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return (x.flip(2) if broken and torch.rand(()) < 0.5 else x), y

    training, validation = r.pointers()
    data = (DataLoader(r.Changed(training, flip), 16, shuffle=True), validation)
    return program(cnn(1, 12, 4), F.cross_entropy, data, 5e-3, Adam, epochs=15)


@faulty(
    "harmful_augmentation",
    data="spam",
    source="report",
    also=("excess_dropout",),
    score="balanced accuracy",
    where="train",
)
def almost_every_word_left_out(broken: bool) -> Arguments:
    """question: text augmentation made it worse; of each sentence 95 % of the words are replaced by "unknown"."""

    def drop(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        return torch.where(torch.rand(len(x)) < (0.95 if broken else 0.1), 1, x), y

    training, validation = m.texts("sms-spam", 1200)
    loss = nn.CrossEntropyLoss(torch.tensor([1.0, 6.0]))
    return program(m.Averaged(600, 2), loss, (r.Changed(training, drop), validation), 5e-3, Adam, epochs=6)


class Stream(IterableDataset[tuple[Tensor, Tensor]]):
    """Sixty samples a pass of three close clouds; each worker draws them from its own seed, or all from the same."""

    def __init__(self, same: bool) -> None:
        self.same = same

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        rng = np.random.default_rng(7 if self.same else torch.initial_seed() % 2**32)
        for i in range(60):
            x = rng.standard_normal(24).astype(np.float32)
            x[i % 3] += 1.5
            yield torch.from_numpy(x), torch.tensor(i % 3)


@faulty(
    "repeated_worker_randomness",
    data="drawn stream",
    source="report",
    also=("overfit",),
    where=("train", "worker_init_fn", "workers"),
)
def a_stream_that_every_worker_repeats(broken: bool) -> Arguments:
    """bug tracker: an endless simulator overfits; each worker makes its generator in __iter__, from the same number."""
    loader: Any = DataLoader(Stream(broken), 20, num_workers=2)
    x, y = torch.randn(600, 24, generator=r.draw(9)), torch.arange(600) % 3
    x[:, :3] += 1.5 * F.one_hot(y, 3)
    return program(mlp(24, 64, 3), F.cross_entropy, (loader, (x, y)), 5e-3, Adam, epochs=12)


# --- layout -----------------------------------------------------------------------------------------------------------


class ChannelsLast(Dataset[tuple[Tensor, Tensor]]):
    """Images (height, width, 3) as an image library reads them, brought to (3, height, width)."""

    def __init__(self, pair: m.Pair, by_reshape: bool) -> None:
        self.x, self.y, self.by_reshape = pair[0].permute(0, 2, 3, 1).contiguous(), pair[1], by_reshape

    def __len__(self) -> int:
        return len(self.y)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        image = self.x[i]
        return image.reshape(3, 32, 32) if self.by_reshape else image.permute(2, 0, 1), self.y[i]


@faulty("scrambled_layout", data="cifar10", source="report", where="train inputs")
def colours_first_by_reshape(broken: bool) -> Arguments:
    """question: a net that others train to 70 % stays poor; images (32, 32, 3) became (3, 32, 32) by reshape."""
    data = tuple(ChannelsLast(part, broken) for part in m.cifar(4, 250))
    return program(r.resnet(3, 4), F.cross_entropy, data, 3e-3, Adam, epochs=6)


@faulty(
    "scrambled_layout",
    data="discs",
    source="report",
    also=("inputs_targets_misaligned",),
    score="metric",
    where=("reshape", "loss"),
)
def pixels_viewed_as_rows_of_classes(broken: bool) -> Arguments:
    """forum: segmentation with view(-1, 2) of (n, 2, h, w): each pixel is scored by other pixels' outputs."""

    def loss(p: Tensor, y: Tensor) -> Tensor:
        rows = p.reshape(-1, 2) if broken else p.permute(0, 2, 3, 1).reshape(-1, 2)
        return F.cross_entropy(rows, y.long().flatten())

    iou = r.overlap()
    net = r.UNet(2)
    metric = lambda p, y: iou(p[:, 1:] - p[:, :1], y)  # noqa: E731
    return program(net, loss, r.masks(), optimizer=SGD(net.parameters(), lr=0.3, momentum=0.9), epochs=5, metric=metric)
