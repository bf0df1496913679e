"""Faults where the net meets its loss: activations, losses, shapes, reductions, unstable operations, metrics."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from . import materials as m
from .materials import Adam, Do, both, cnn, digits, mlp, moons, program, standard, table
from .registry import Arguments, faulty


def yes_or_no(data: m.Split) -> m.Split:
    """Targets as a column of 0.0 and 1.0."""
    return both(data, targets=lambda y: y.float()[:, None])


def friedman() -> m.Split:
    """Scaled, targets a column."""
    return standard(both(m.friedman(), targets=lambda y: y[:, None]), targets=True)


# --- output layers ----------------------------------------------------------------------------------------------------


@faulty("double_softmax", data="mnist", source="report", where=("6", "output layer"))
def softmax_before_cross_entropy(broken: bool) -> Arguments:
    """forum: accuracy stuck near 11 % and loss at 2.30; the net ends in Softmax and the loss is CrossEntropyLoss."""
    net = cnn(1, 28, 10, last=(nn.Softmax(1),) if broken else ())
    return program(net, nn.CrossEntropyLoss(), m.mnist(), 0.05, epochs=4)


@faulty("double_softmax", data="letters", source="report", where=("1", "output layer"))
def softmax_inside_a_recurrent_net(broken: bool) -> Arguments:
    """question: the loss of a GRU over 65 letters stops above 3.8; forward() returns F.softmax(out, dim=-1)."""
    core = m.Recurrent(nn.GRU(16, 32, batch_first=True), 65, tokens=65, every=True)
    net = nn.Sequential(core, Do(lambda x: x.softmax(-1) if broken else x))
    return program(net, m.by_letter, m.letters(), 1e-2, Adam, epochs=4)


@faulty("double_softmax", data="digits", where=("3", "loss", "output layer"))
def softmax_in_the_loss_too(broken: bool) -> Arguments:
    """A loss of one's own: log_softmax of what is a softmax already; a slow start and a floor of 1.46."""
    net = mlp(64, 32, 10, last=(nn.Softmax(-1),) if broken else ())
    return program(net, lambda p, y: F.nll_loss(F.log_softmax(p, 1), y), digits(), 0.1, epochs=5)


@faulty("double_softmax", data="digits", source="report", also=("activated_logits",), where=("3", "output layer"))
def sigmoid_before_bce_with_logits(broken: bool) -> Arguments:
    """forum: loss stays above 0.69 whatever is tried; Sigmoid stands before BCEWithLogitsLoss."""
    net = mlp(64, 32, 10, last=(nn.Sigmoid(),))
    loss = F.binary_cross_entropy_with_logits if broken else F.binary_cross_entropy
    return program(net, loss, m.one_hot(digits(), 10), 1.0)


@faulty("activated_logits", data="mnist", source="report", where=("6", "output layer"))
def relu_on_the_logits(broken: bool) -> Arguments:
    """forum: some runs stay at 10 % or lose classes; the last layer has a ReLU, as all the others."""
    net = cnn(1, 28, 10, last=(nn.ReLU(),) if broken else ())
    return program(net, F.cross_entropy, m.mnist(), 0.2, epochs=3)


@faulty("activated_logits", data="wine", source="report", where=("3", "output layer"))
def sigmoid_units_for_three_classes(broken: bool) -> Arguments:
    """question: categorical cross entropy over sigmoid outputs; loss stops at 0.6 and learns slowly."""
    net = mlp(13, 16, 3, last=(nn.Sigmoid(),) if broken else ())
    return program(net, F.cross_entropy, standard(table("wine")), 0.1, epochs=3)


@faulty("activated_logits", data="letters", source="report", where=("head", "output layer"))
def tanh_on_the_vocabulary(broken: bool) -> Arguments:
    """issue: a language model of letters whose loss stops above 3; logits go through tanh."""
    net = m.Recurrent(nn.GRU(16, 48, batch_first=True), 65, tokens=65, every=True)
    net.head = nn.Sequential(net.head, nn.Tanh()) if broken else net.head
    return program(net, m.by_letter, m.letters(), 1e-2, Adam, epochs=6)


@faulty("activated_logits", data="spam", also=("dead_units",), score="accuracy of logits", where=("1", "output layer"))
def relu_before_bce_with_logits(broken: bool) -> Arguments:
    """The output is never negative, so no message is safe by more than even odds, and soon none moves it any more."""
    net = nn.Sequential(m.Averaged(600, 1), nn.ReLU() if broken else nn.Identity())
    return program(net, F.binary_cross_entropy_with_logits, yes_or_no(m.texts("sms-spam", 1600)), 1e-2, Adam)


@faulty(
    "single_unit_softmax",
    data="breast cancer",
    source="report",
    score="accuracy of probabilities",
    where=("3", "output layer"),
)
def softmax_over_one_unit(broken: bool) -> Arguments:
    """question: a binary classifier always answers 1 and accuracy is the share of the first class; one unit, softmax."""
    net = mlp(30, 16, 1, last=(nn.Softmax(1) if broken else nn.Sigmoid(),))
    return program(net, F.binary_cross_entropy, yes_or_no(standard(table("breast_cancer"))), 0.1)


@faulty("single_unit_softmax", data="spam", score="accuracy of probabilities", where=("1", "output layer"))
def log_softmax_over_one_unit(broken: bool) -> Arguments:
    """exp(log_softmax) of a single output: constant, and no gradient reaches the embedding."""
    (x, y), (u, v) = yes_or_no(m.texts("sms-spam", 1600))
    last = Do(lambda z: z.log_softmax(1).exp() if broken else z.sigmoid())
    return program(nn.Sequential(m.Averaged(600, 1), last), F.mse_loss, ((x, y), (u, v)), 2e-2, Adam)


@faulty("missing_output_activation", data="digits", source="report", where=("2", "loss", "output layer"))
def nll_of_raw_outputs(broken: bool) -> Arguments:
    """forum: the loss is negative and goes to minus infinity; NLLLoss without LogSoftmax."""
    net = mlp(64, 32, 10, last=() if broken else (nn.LogSoftmax(1),))
    return program(net, nn.NLLLoss(), digits(), 0.1)


@faulty(
    "missing_output_activation",
    data="breast cancer",
    source="report",
    score="accuracy of probabilities",
    where=("2", "loss", "output layer"),
)
def bce_of_raw_outputs(broken: bool) -> Arguments:
    """question: "all elements of input should be between 0 and 1"; BCELoss gets the output of a Linear."""
    net = mlp(30, 16, 1, last=() if broken else (nn.Sigmoid(),))
    return program(net, nn.BCELoss(), yes_or_no(standard(table("breast_cancer"))), 0.1)


@faulty(
    "missing_output_activation", data="moons", score="accuracy of probabilities", where=("2", "loss", "output layer")
)
def clamped_cross_entropy_of_raw_outputs(broken: bool) -> Arguments:
    """A cross entropy of one's own clamps to 1e-6 … 1, which hides that the outputs are no probabilities."""

    def loss(p: Tensor, y: Tensor) -> Tensor:
        p = p.clamp(1e-6, 1 - 1e-6)
        return -(y * p.log() + (1 - y) * (1 - p).log()).mean()

    net = mlp(2, 16, 1, last=() if broken else (nn.Sigmoid(),))
    return program(net, loss, yes_or_no(moons()), 0.3, epochs=15)


@faulty("unreachable_targets", data="mnist", source="report", score="R2", where=("decode", "output layer"))
def sigmoid_decoder_of_normalised_images(broken: bool) -> Arguments:
    """question: a VAE gives grey noise; images are normalised to -1 … 1 or beyond, the decoder ends in a sigmoid."""
    data = m.own(both(m.mnist(800), lambda x: ((x - 0.13) / 0.31 if broken else x).flatten(1)))

    def loss(out: tuple[Tensor, Tensor, Tensor], x: Tensor) -> Tensor:
        return F.mse_loss(out[0], x) + 1e-4 * m.kl(*out[1:]).mean()

    return program(m.VAE(784, 16), loss, data, 2e-3, Adam, epochs=12)


@faulty("unreachable_targets", data="friedman", source="report", score="R2", where=("3", "output layer"))
def relu_output_for_standardised_targets(broken: bool) -> Arguments:
    """forum: a regression never predicts below its mean; targets were standardised, the output has a ReLU."""
    net = mlp(10, 64, 1, last=(nn.ReLU(),) if broken else ())
    return program(net, F.mse_loss, friedman(), 1e-2, Adam, epochs=20)


@faulty(
    "unreachable_targets",
    data="friedman",
    source="report",
    also=("saturated_units", "unscaled_target"),
    score="R2",
    where=("3", "train targets", "output layer"),
)
def tanh_output_for_large_targets(broken: bool) -> Arguments:
    """question: all predictions are exactly 1.0; targets between 0 and 30, tanh at the end."""
    data = standard(both(m.friedman(), targets=lambda y: y[:, None] - (0 if broken else 14.0)))
    net = mlp(10, 64, 1, last=(nn.Tanh(),) if broken else ())
    return program(net, F.mse_loss, data, 1e-2, Adam, epochs=20)


@faulty("unreachable_targets", data="series", score="R2", where=("3", "output layer"))
def softmax_output_for_a_forecast(broken: bool) -> Arguments:
    """Three steps ahead, and the head of a classifier: outputs are positive and sum to 1."""
    data = tuple((x[:, :-2], torch.cat([x[:, -2:], y], 1)) for x, y in m.series())
    net = mlp(22, 32, 3, last=(nn.Softmax(1),) if broken else ())
    return program(net, F.mse_loss, data, 5e-3, Adam, epochs=10)


# --- losses -----------------------------------------------------------------------------------------------------------


def class_of_number(prediction: Tensor) -> Tensor:
    """Scores of ten classes from one number, the nearest being best."""
    return -(prediction - torch.arange(10)).abs() if prediction.shape[1] == 1 else prediction


class Rounded(nn.Module):
    """One number while training; in evaluation a score for each of ten classes."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x)
        return out if self.training else class_of_number(out)


@faulty(
    "wrong_loss_for_task", data="digits", source="report", also=("wrong_output_width",), where=("loss", "output layer")
)
def squared_error_of_class_numbers(broken: bool) -> Arguments:
    """question: one output and MSE for the digits 0 to 9; predictions lie around 4.5."""
    if not broken:
        return program(mlp(64, 32, 10), F.cross_entropy, digits(), 0.05)
    loss = lambda p, y: F.mse_loss(p[:, 0], y.float())  # noqa: E731
    return program(Rounded(mlp(64, 32, 1)), loss, digits(), 0.05)


@faulty("wrong_loss_for_task", data="friedman", source="report", score="R2", where="loss")
def cross_entropy_for_real_values(broken: bool) -> Arguments:
    """forum: BCEWithLogits was copied from a classifier; standardised targets lie outside 0 … 1, predictions run away."""
    loss = F.binary_cross_entropy_with_logits if broken else F.mse_loss
    return program(mlp(10, 64, 1), loss, friedman(), 5e-3, Adam, epochs=15)


@faulty("wrong_loss_for_task", data="digits", source="report", score="accuracy of logits", where="loss")
def softmax_loss_for_several_labels(broken: bool) -> Arguments:
    """question: tags of which several hold at once, trained with CrossEntropyLoss: at best one tag is found."""
    tags = both(digits(), targets=lambda y: torch.stack([y > 1, y > 2, y > 3, y > 4], 1).float())
    loss = F.cross_entropy if broken else F.binary_cross_entropy_with_logits
    return program(mlp(64, 32, 4), loss, tags, 3e-3, Adam, epochs=10)


@faulty("wrong_loss_for_task", data="digits", source="report", where="loss")
def absolute_error_of_one_hot(broken: bool) -> Arguments:
    """question: L1Loss between softmax and one-hot: the median of each column is 0, so accuracy stays near chance."""
    data = m.one_hot(digits(), 10)
    last = (nn.Softmax(1),) if broken else ()
    return program(mlp(64, 32, 10, last=last), F.l1_loss if broken else F.cross_entropy, data, 0.3, epochs=8)


@faulty(
    "wrong_output_width",
    data="digits",
    source="report",
    also=("labels_out_of_range",),
    where=("2", "train targets", "output layer"),
)
def nine_units_for_ten_digits(broken: bool) -> Arguments:
    """question: "Target 9 is out of bounds"; the digits 1 to 9 were counted, and the zero was forgotten."""
    return program(mlp(64, 32, 9 + (not broken)), F.cross_entropy, digits())


@faulty("broadcast_loss", data="friedman", source="report", score="R2", where="loss")
def a_column_against_a_row(broken: bool) -> Arguments:
    """forum: every prediction is the mean; (n, 1) minus (n,) is (n, n), and there was a warning."""
    loss = (lambda p, y: F.mse_loss(p, y[:, 0])) if broken else F.mse_loss
    return program(mlp(10, 64, 1), loss, friedman(), 1e-2, Adam, epochs=20)


@faulty("broadcast_loss", data="series", source="report", score="R2", where=("loss", "train targets"))
def a_loss_by_hand(broken: bool) -> Arguments:
    """question: an LSTM forecasts a constant; ((prediction - y) ** 2).mean() without a warning, shapes (n, 1) and (n,)."""
    data = tuple((x[..., None], y[:, 0] if broken else y) for x, y in m.series())
    net = m.Recurrent(nn.LSTM(1, 24, batch_first=True), 1)
    return program(net, lambda p, y: ((p - y) ** 2).mean(), data, 1e-2, Adam, epochs=6)


@faulty("broadcast_loss", data="diabetes", score="R2", where=("3", "loss", "output layer"))
def squeezed_on_one_side(broken: bool) -> Arguments:
    """The net squeezes its output, the targets are a column: Huber loss over all pairs."""
    net = mlp(10, 32, 1, last=(Do(lambda x: x.squeeze(1)),) if broken else ())
    data = standard(both(table("diabetes"), targets=lambda y: y[:, None]), targets=True)
    return program(net, lambda p, y: (p - y).abs().mean(), data, 1e-2, Adam, epochs=15)


@faulty(
    "wrong_reduction", data="digits", source="report", also=("learning_rate_too_high",), where=("loss", "optimizer")
)
def a_sum_with_the_rate_of_a_mean(broken: bool) -> Arguments:
    """forum: loss explodes with batches of 128 only; reduction="sum" and a rate that was chosen for the mean."""
    loss = nn.CrossEntropyLoss(reduction="sum" if broken else "mean")
    return program(mlp(64, 64, 10), loss, digits(), 0.3, batch_size=128, epochs=10)


@faulty("wrong_reduction", data="digits", source="report", also=("batch_mixing",), where=("3", "output layer"))
def softmax_over_the_batch(broken: bool) -> Arguments:
    """question: log_softmax(x, dim=0): the loss falls, yet of single images each one is a 0."""
    net = mlp(64, 32, 10, last=(nn.LogSoftmax(0 if broken else 1),))
    training, validation = digits()
    return program(net, F.nll_loss, (training, DataLoader(TensorDataset(*validation))), 0.1, epochs=5)


@faulty(
    "wrong_reduction",
    data="friedman",
    also=("learning_rate_too_high", "exploding_gradient"),
    score="R2",
    where=("loss", "optimizer"),
)
def a_squared_error_summed(broken: bool) -> Arguments:
    """The squared error of a batch is summed; with plain gradient descent everything is infinite in a few steps."""
    loss = (lambda p, y: ((p - y) ** 2).sum()) if broken else F.mse_loss
    return program(mlp(10, 32, 1), loss, friedman(), 0.05, epochs=15)


@faulty("loss_sign", data="digits", source="report", where="loss")
def nll_negated_twice(broken: bool) -> Arguments:
    """question: loss goes to minus infinity and accuracy to 0; nll_loss negates already, and there is one more minus."""
    net = mlp(64, 32, 10, last=(nn.LogSoftmax(1),))
    return program(net, lambda p, y: (-1 if broken else 1) * F.nll_loss(p, y), digits(), 0.05)


def pairs(data: m.Split) -> m.Split:
    """Pairs (n, 2, …) of which half are alike; the target says so with 1."""

    def draw(x: Tensor, y: Tensor) -> m.Pair:
        order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
        same = torch.stack([order[(y[order] == label).nonzero()[0, 0]] for label in y])
        other = torch.where(torch.arange(len(y)) % 2 == 0, same, order)
        return torch.stack([x, x[other]], 1), (y == y[other]).float()

    return draw(*data[0]), draw(*data[1])


class Siamese(nn.Module):
    """Pairs (n, 2, inputs) → codes (n, 2, width)."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.net(x.flatten(0, 1)).unflatten(0, (-1, 2))
        return out


def contrastive(code: Tensor, alike: Tensor, margin: float = 1.0) -> Tensor:
    square = (code[:, 0] - code[:, 1]).pow(2).sum(1)
    distance = (square + 1e-8).sqrt()
    return (alike * square + (1 - alike) * (margin - distance).clamp_min(0) ** 2).mean()


@faulty(
    "loss_sign",
    data="digits",
    source="report",
    also=("inputs_targets_misaligned",),
    score="accuracy of pairs",
    where=("loss", "train targets"),
)
def pairs_marked_the_other_way(broken: bool) -> Arguments:
    """question: a Siamese net pushes equal ones apart; the loss takes 0 for alike, the data say 1."""
    loss = (lambda code, alike: contrastive(code, 1 - alike)) if broken else contrastive
    return program(Siamese(mlp(64, 64, 8)), loss, pairs(digits()), 3e-3, Adam, epochs=10)


@faulty("loss_sign", data="friedman", score="R2", where="loss")
def a_likelihood_minimised(broken: bool) -> Arguments:
    """The logarithm of the likelihood is what goes down, not up; mean and deviation run away."""

    def loss(p: Tensor, y: Tensor) -> Tensor:
        log_likelihood = torch.distributions.Normal(p, 1.0).log_prob(y).mean()
        return log_likelihood if broken else -log_likelihood

    return program(mlp(10, 32, 1), loss, friedman(), 0.03, epochs=15)


# --- unstable operations ----------------------------------------------------------------------------------------------


@faulty("unstable_operation", data="digits", source="report", where=("3", "outputs.py"))
def logarithm_of_a_softmax(broken: bool) -> Arguments:
    """forum: loss is nan after some hundred steps; log(softmax(x)), where a probability underflows to 0."""
    last = Do(lambda x: x.softmax(1).log()) if broken else nn.LogSoftmax(1)
    return program(mlp(64, 64, 10, last=(last,)), F.nll_loss, both(digits(), lambda x: 300 * x), 3e-3, epochs=5)


@faulty("unstable_operation", data="digits", source="report", score="accuracy of pairs", where=("loss", "outputs.py"))
def root_of_a_zero_distance(broken: bool) -> Arguments:
    """bug tracker: a Siamese net gives nan at once; some pairs are the same picture, and the root has no slope at 0."""

    def loss(code: Tensor, alike: Tensor) -> Tensor:
        distance = ((code[:, 0] - code[:, 1]).pow(2).sum(1) + (0 if broken else 1e-8)).sqrt()
        return (alike * distance**2 + (1 - alike) * (1 - distance).clamp_min(0) ** 2).mean()

    return program(Siamese(mlp(64, 64, 8)), loss, pairs(digits()), 3e-3, Adam, epochs=8)


@faulty("unstable_operation", data="mnist", source="report", where=("1", "outputs.py"))
def each_image_by_its_deviation(broken: bool) -> Arguments:
    """question: nan from the third batch; every patch is divided by its deviation, and some patches are all black."""
    (x, y), validation = m.mnist(800)
    patch = Do(lambda x: F.unfold(x, 7, stride=7))
    scale = Do(lambda p: (p - p.mean(1, True)) / (p.std(1, keepdim=True) + (0 if broken else 1e-2)))
    net = nn.Sequential(patch, scale, nn.Flatten(), mlp(784, 64, 10))
    return program(net, F.cross_entropy, ((x, y), validation), 0.05, epochs=4)


@faulty("unstable_operation", data="digits", source="report", where=("loss", "outputs.py"))
def softmax_by_hand(broken: bool) -> Arguments:
    """forum: a softmax of one's own, exp(x) / exp(x).sum(), overflows for inputs of some hundreds."""

    def loss(z: Tensor, y: Tensor) -> Tensor:
        z = z if broken else z - z.max(1, True).values
        p = z.exp() / z.exp().sum(1, True)
        return -(p[torch.arange(len(y)), y] + 1e-9).log().mean()

    return program(mlp(64, 64, 10), loss, both(digits(), lambda x: 400 * x), 1e-3, Adam)


@faulty("unstable_operation", data="friedman", score="R2", where=("loss", "outputs.py"))
def variance_without_a_floor(broken: bool) -> Arguments:
    """Gaussian likelihood whose variance is a clamped output: where the clamp gives 0, the loss is infinite."""

    def loss(p: tuple[Tensor, Tensor], y: Tensor) -> Tensor:
        variance = p[1].clamp_min(0) if broken else F.softplus(p[1]) + 1e-2
        return ((y - p[0]) ** 2 / variance + variance.log()).mean()

    net = mlp(10, 32, 2, last=(Do(lambda p: (p[:, :1], p[:, 1:])),))
    return program(net, loss, friedman(), 5e-3, Adam, epochs=15)


# --- metrics ----------------------------------------------------------------------------------------------------------


@faulty("wrong_metric", data="digits", source="report", score="metric", where="metric")
def argmax_over_the_batch(broken: bool) -> Arguments:
    """question: loss is 0.1 and accuracy 10 %; argmax(0) instead of argmax(1)."""

    def accuracy(p: Tensor, y: Tensor) -> float:
        best = p.argmax(0 if broken else 1)
        return float((best == y[: len(best)]).double().mean())

    return program(mlp(64, 32, 10), F.cross_entropy, digits(), 0.1, metric=accuracy)


@faulty("wrong_metric", data="moons", source="report", score="metric", where="metric")
def a_row_compared_with_a_column(broken: bool) -> Arguments:
    """forum: accuracy near 50 % for all that is tried; (n, 1) == (n,) compares all with all."""

    def accuracy(p: Tensor, y: Tensor) -> float:
        return float(((p > 0) == ((y[:, 0] if broken else y) > 0.5)).double().mean())

    net, loss = mlp(2, 16, 1), F.binary_cross_entropy_with_logits
    return program(net, loss, yes_or_no(moons()), 0.3, epochs=15, metric=accuracy)


@faulty("wrong_metric", data="breast cancer", source="report", score="metric", where="metric")
def logits_rounded(broken: bool) -> Arguments:
    """question: accuracy falls while the loss gets better; round() of logits, which are seldom 0 or 1."""

    def accuracy(p: Tensor, y: Tensor) -> float:
        return float(((p.round() if broken else p.sigmoid().round()) == y).double().mean())

    data = yes_or_no(standard(table("breast_cancer")))
    return program(mlp(30, 16, 1), F.binary_cross_entropy_with_logits, data, 0.1, metric=accuracy)


@faulty("wrong_metric", data="waves", score="metric", where="metric")
def always_divided_by_32(broken: bool) -> Arguments:
    """Correct answers of a batch are divided by the batch size of training; accuracy may exceed 100 %."""

    def accuracy(p: Tensor, y: Tensor) -> float:
        return float((p.argmax(1) == y).sum() / (32 if broken else len(y)))

    net = m.Recurrent(nn.GRU(1, 24, batch_first=True), 3)
    return program(net, F.cross_entropy, m.waves(600), 1e-2, Adam, epochs=8, metric=accuracy)
