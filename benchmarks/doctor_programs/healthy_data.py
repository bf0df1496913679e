"""Healthy programs whose data look odd: raw scales, noise, few or many samples, copies, unequal shares, other targets."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from . import materials as m
from .data import Augment, by_class, noisy
from .materials import Adam, both, cnn, digits, first, mlp, program, standard, table
from .outputs import friedman, yes_or_no
from .registry import Arguments, healthy


@healthy(data="breast cancer", source="report")
def raw_scales_before_batch_norm() -> Arguments:
    """forum: "must I scale?": columns up to 4,000 go through BatchNorm first, which does it."""
    return program(
        nn.Sequential(nn.BatchNorm1d(30), mlp(30, 16, 2)), F.cross_entropy, table("breast_cancer"), epochs=10
    )


@healthy(data="mnist")
def bytes_before_batch_norm() -> Arguments:
    """Pixels of 0 to 255, a convolution, and BatchNorm behind it."""
    net = cnn(1, 28, 10, norm=nn.BatchNorm2d)
    return program(net, F.cross_entropy, both(m.mnist(), lambda x: 255 * x), 2e-3, Adam, epochs=3)


@healthy(data="iris", source="report")
def iris_in_centimetres() -> Arguments:
    """question: "no scaler, is that a mistake?": four columns of 0.1 to 8 cm, and it works."""
    return program(mlp(4, 16, 3), F.cross_entropy, table("iris"), 1e-2, Adam, epochs=60)


@healthy(data="digits")
def grey_values_up_to_sixteen() -> Arguments:
    """Digits as they come, 0 to 16, under Adam."""
    return program(mlp(64, 32, 10), F.cross_entropy, both(digits(), lambda x: 16 * x), 1e-3, Adam, epochs=8)


@healthy(data="friedman", score="R2")
def unscaled_targets_with_a_started_bias() -> Arguments:
    """Targets of mean 14; the last bias starts there."""
    net = mlp(10, 64, 1)
    nn.init.constant_(net[-1].bias, 14.0)
    return program(net, F.mse_loss, both(m.friedman(), targets=lambda y: y[:, None]), 1e-2, Adam, epochs=20)


@healthy(data="series", score="R2")
def targets_of_a_hundredth() -> Arguments:
    """Tiny targets, tiny loss: 1e-5 is what is to be had here, not a miracle."""
    data = both(m.series(), targets=lambda y: y * 1e-2)
    net = mlp(24, 32, 1, last=(m.Do(lambda x: 1e-2 * x),))
    return program(net, F.mse_loss, data, 5e-3, Adam, epochs=10)


@healthy(data="moons", source="report")
def noise_that_nobody_can_predict() -> Arguments:
    """question: "stuck at 85 %": the two moons overlap, and more is not to be had."""
    return program(mlp(2, 32, 2), F.cross_entropy, m.moons(0.4), 1e-2, Adam, epochs=15)


@healthy(data="diabetes", score="R2", source="report")
def half_of_the_variance() -> Arguments:
    """question: "only R² 0.45": that is what these ten columns hold."""
    data = standard(both(table("diabetes"), targets=lambda y: y[:, None]), targets=True)
    return program(mlp(10, 16, 1), F.mse_loss, data, 3e-3, Adam, epochs=12)


@healthy(data="digits")
def a_few_wrong_labels() -> Arguments:
    """One label of fifty is wrong, as in most collections."""
    (x, y), validation = digits()
    return program(mlp(64, 32, 10), F.cross_entropy, ((x, noisy(y, 0.02, 10)), validation), 0.1, epochs=8)


@healthy(data="digits", score="balanced accuracy")
def a_tenth_are_positive() -> Arguments:
    """One sample of ten is a yes, and it is learned."""
    data = both(digits(), targets=lambda y: (y == 3).long())
    return program(mlp(64, 32, 2), F.cross_entropy, data, 0.1, epochs=15)


@healthy(data="spam", score="balanced accuracy", source="report")
def rare_class_with_weights() -> Arguments:
    """forum: an eighth is spam; weights of the classes, and the loss is above that without."""
    loss = nn.CrossEntropyLoss(torch.tensor([1.0, 6.5]))
    return program(m.Averaged(600, 2), loss, m.texts("sms-spam", 1600), 1e-2, Adam, epochs=6)


@healthy(data="spam", score="accuracy of logits")
def rare_class_without_weights() -> Arguments:
    """An eighth is spam, no weights, and it is found all the same."""
    data = yes_or_no(m.texts("sms-spam", 1600))
    return program(m.Averaged(600, 1), F.binary_cross_entropy_with_logits, data, 1e-2, Adam, epochs=8)


@healthy(data="spam", score="accuracy of logits")
def natural_duplicates() -> Arguments:
    """Some messages were sent to many people, and copies fall on both sides: one in twenty, as in life."""
    data = yes_or_no(m.texts("sms-spam", 2400))
    net = m.Recurrent(nn.GRU(16, 16, batch_first=True), 1, tokens=600)
    return program(net, F.binary_cross_entropy_with_logits, data, 1e-2, Adam, epochs=3)


@healthy(data="mnist", source="report")
def constant_pixels() -> Arguments:
    """question: "a third of the columns is constant": the border of MNIST."""
    return program(mlp(784, 32, 10), F.cross_entropy, both(m.mnist(), lambda x: x.flatten(1)), 0.1, epochs=5)


@healthy(data="digits", source="report")
def sorted_but_shuffled() -> Arguments:
    """Samples lie sorted by class, and shuffle=True."""
    return program(mlp(64, 32, 10), F.cross_entropy, by_class(digits()), 0.1, epochs=6, shuffle=True)


@healthy(data="digits")
def a_fixed_order_that_is_mixed() -> Arguments:
    """shuffle=False over samples in random order."""
    return program(mlp(64, 32, 10), F.cross_entropy, digits(), 0.1, epochs=6, shuffle=False)


@healthy(data="series", score="R2")
def a_series_in_order_of_time() -> Arguments:
    """Windows in order of time, not shuffled, neighbours nearly alike; validation is what comes later."""
    return program(mlp(24, 32, 1), F.mse_loss, m.series(), 3e-3, Adam, epochs=12, shuffle=False)


@healthy(data="mnist")
def slight_shifts() -> Arguments:
    """Images are moved by up to two pixels while training; training is below validation."""

    def shift(x: Tensor) -> Tensor:
        return x.roll(tuple(torch.randint(-2, 3, (2,)).tolist()), (2, 3))

    return program(nn.Sequential(Augment(shift), cnn(1, 28, 10)), F.cross_entropy, m.mnist(), 0.1, epochs=6)


@healthy(data="digits")
def noise_that_helps() -> Arguments:
    """A little noise on every input."""
    net = nn.Sequential(Augment(lambda x: x + 0.2 * torch.randn_like(x)), mlp(64, 64, 10))
    return program(net, F.cross_entropy, digits(), 0.1, epochs=8)


@healthy(data="iris")
def a_hundred_samples() -> Arguments:
    """Very few samples and a small validation set: jumps of two percent are single flowers."""
    return program(mlp(4, 8, 3), F.cross_entropy, standard(table("iris")), 0.1, epochs=40, batch_size=16)


@healthy(data="wine")
def arrays_of_numpy() -> Arguments:
    """Arrays rather than tensors."""
    data: Any = tuple((x.numpy(), y.numpy()) for x, y in standard(table("wine")))
    return program(mlp(13, 16, 3), F.cross_entropy, data, 0.1, epochs=15)


@healthy(data="digits")
def a_list_of_batches() -> Arguments:
    """Batches were cut once and come in the same order every epoch."""
    (x, y), validation = digits()
    return program(mlp(64, 32, 10), F.cross_entropy, (list(zip(x.split(32), y.split(32), strict=True)), validation))


@healthy(data="digits")
def one_odd_outlier() -> Arguments:
    """One sample is ten times as bright as all others; nothing comes of it."""
    (x, y), validation = digits()
    x = x.clone()
    x[5] *= 10
    return program(mlp(64, 32, 10), F.cross_entropy, ((x, y), validation), 0.05, epochs=8)


@healthy(data="friedman", score="R2")
def five_useless_columns() -> Arguments:
    """Half of the columns have nothing to do with the target."""
    return program(mlp(10, 32, 1), F.smooth_l1_loss, friedman(), 1e-2, Adam, epochs=15)


@healthy(data="breast cancer")
def one_very_good_column() -> Arguments:
    """A single column tells nine of ten apart: strong, measured before, and no leak."""
    data = standard(both(table("breast_cancer"), lambda x: x[:, [22, 1, 4, 8]]))
    return program(mlp(4, 8, 2), F.cross_entropy, data, 0.1, epochs=10)


@healthy(data="digits", score="R2", source="report")
def ordinal_integers_as_regression() -> Arguments:
    """question: integers 0 to 9 that count something, predicted as a number by MSE: how many pixels are bright."""
    data = both(digits(), lambda x: x, lambda y: y)
    data = tuple((x, (x > 0.5).sum(1, keepdim=True).float() / 3) for x, _ in data)  # type: ignore[assignment]
    return program(mlp(64, 32, 1), F.mse_loss, data, 3e-3, Adam, epochs=15)


@healthy(data="moons", score="accuracy of probabilities")
def soft_labels() -> Arguments:
    """BCE on labels of 0.1 and 0.9."""
    (x, y), validation = yes_or_no(m.moons())
    net = mlp(2, 16, 1, last=(nn.Sigmoid(),))
    return program(net, F.binary_cross_entropy, ((x, 0.1 + 0.8 * y), validation), 1e-2, Adam, epochs=15)


@healthy(data="cifar10", source="report")
def few_images_little_accuracy() -> Arguments:
    """forum: "only 65 %": four classes of CIFAR-10, 225 images each, a small net."""
    return program(cnn(3, 32, 4), F.cross_entropy, m.cifar(), 1e-3, Adam, epochs=8)


@healthy(data="waves")
def loaders_of_which_one_drops_the_rest() -> Arguments:
    """A DataLoader that drops the last, incomplete batch, for training and validation."""
    training, validation = (TensorDataset(*part) for part in m.waves())
    loaders = (DataLoader(training, 32, shuffle=True, drop_last=True), DataLoader(validation, 50))
    return program(m.Recurrent(nn.GRU(1, 24, batch_first=True), 3), F.cross_entropy, loaders, 1e-2, Adam, epochs=10)


@healthy(data="digits")
def a_small_validation_set() -> Arguments:
    """Forty samples to validate on."""
    return program(mlp(64, 32, 10), F.cross_entropy, first(digits(), 1300, 40), 0.1, epochs=8)
