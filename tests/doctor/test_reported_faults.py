"""Ways to make a mistake that people reported, each a mechanism of its own; and what looks like them and is sound."""

import copy
import itertools
from dataclasses import replace as replaced

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from doctored import PEOPLE, SCALED, X, Y, digits, first_cause, people, perceptron
from profundo.doctor import Program, examine
from profundo.doctor.causes.axis_order import meant
from profundo.doctor.causes.step_order import heeds_size, step_order
from profundo.doctor.causes.structure import structure
from profundo.doctor.passage import calls_of
from profundo.doctor.patient import Patient
from profundo.doctor.programs import ordinary_step

DRAWS = torch.Generator().manual_seed(0)
WORDS = torch.randint(2, 300, (600, 12), generator=DRAWS)
KIND = (WORDS % 7 == 0).any(1) ^ (torch.rand(600, generator=DRAWS) < 0.25)  # of which the words say something


class Words(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.head = nn.Embedding(512, 16), nn.Linear(16, 2)

    def forward(self, words):
        return self.head(self.embed(words).mean(1))


class Turned(nn.Module):
    """Rows of 8 × 8 images as steps, once the axes (samples, 4, 16) are (samples, 16, 4): by permute, or by name only."""

    def __init__(self, name_only):
        super().__init__()
        torch.manual_seed(0)
        self.name_only = name_only
        self.layers = nn.Sequential(
            nn.Conv1d(16, 24, 3), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(24, 10)
        )

    def forward(self, rows):
        series = rows.view(-1, 4, 16)
        return self.layers(series.reshape(-1, 16, 4) if self.name_only else series.transpose(1, 2))


def texts(inputs, targets=None, held=None, net=None, loss=F.cross_entropy):
    net, targets = net or Words(), KIND.long() if targets is None else targets
    held = inputs[450:] if held is None else held
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    return Program(
        net=net, loss=loss, optimizer=optimizer, train=(inputs[:450], targets[:450]), validation=(held, targets[450:])
    )


def windows(by_chance):
    """Windows of sixty recordings, each with frequencies of its own; all windows of a recording overlap."""
    draws, times = torch.Generator().manual_seed(0), torch.arange(80.0)
    kind = torch.arange(60) % 2
    speed, phase = (
        torch.rand(60, 4, generator=draws) * 0.2 + 0.05 + 0.05 * kind[:, None],
        torch.rand(60, 4, generator=draws) * 6,
    )
    signal = torch.sin(speed[..., None] * times + phase[..., None]).sum(1)
    rows, labels = signal.unfold(1, 64, 1).flatten(0, 1), kind.repeat_interleave(17)
    order = torch.randperm(len(rows), generator=draws) if by_chance else torch.arange(len(rows))
    rows, labels = rows[order], labels[order]
    net = perceptron(64, 32, 2)
    return Program(
        net=net,
        loss=F.cross_entropy,
        optimizer=torch.optim.Adam(net.parameters(), 1e-3),
        train=(rows[:765], labels[:765]),
        validation=(rows[765:], labels[765:]),
        epochs=3,
    )


def with_two_optimizers(clears):
    net = perceptron(64, 32, 10)
    second = torch.optim.SGD(net[2].parameters(), 0.1)

    def step(net, batch, loss, optimizer):
        optimizer.zero_grad()
        if clears:
            second.zero_grad()
        cost = loss(net(batch[0]), batch[1])
        cost.backward()
        optimizer.step()
        second.step()
        return cost

    return digits(net, optimizer=torch.optim.SGD(net[0].parameters(), 0.1), step=step)


OPTIMIZERS = (
    torch.optim.SGD,
    torch.optim.LBFGS,
    torch.optim.AdamW,
    torch.optim.Rprop,
    torch.optim.RMSprop,
    torch.optim.Adagrad,
)


def gathered(divisor, rate=0.5, **rest):
    count = iter(range(10**6))

    def step(net, batch, loss, optimizer):
        cost = loss(net(batch[0]), batch[1])
        (cost / divisor).backward()
        if next(count) % 8 == 7:
            optimizer.step()
            optimizer.zero_grad()
        return cost

    return digits(step=step, batch_size=8, rate=rate, **rest)


def test_of_which_optimizers_the_moves_depend_on_the_size_of_gradients():
    net = perceptron(64, 64, 10)
    heeded = {kind: heeds_size(digits(net, optimizer=kind(net.parameters(), 0.1)), 8) for kind in OPTIMIZERS}
    assert heeded == dict(zip(OPTIMIZERS, (True, True, False, False, False, False), strict=True))


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_neither_the_rate_of_now_nor_earlier_gradients_change_what_an_optimizer_heeds(kind):
    net = perceptron(64, 8, 10)
    optimizer = kind(net.parameters(), 0.1)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step / 100)
    program = digits(net, optimizer=optimizer)
    heeded = kind in (torch.optim.SGD, torch.optim.LBFGS)
    assert optimizer.param_groups[0]["lr"] == 0
    assert heeds_size(program, 8) == heeded
    for size in [1000.0] * 100 + [1.0] * 100:  # so that the mean has forgotten what the mean square remembers
        for one in net.parameters():
            one.grad = torch.full_like(one, size)
        optimizer.step(lambda: 0.0)
    assert heeds_size(program, 8) == heeded


def test_sums_that_are_divided_by_all_samples_that_are_gathered_may_be_added_up():
    def shared_out(prediction, target):
        return F.cross_entropy(prediction, target, reduction="sum") / 64

    causes = {}
    for loss in (F.cross_entropy, shared_out):
        causes[loss] = [one.cause for one in step_order(Patient(gathered(1, loss=loss), 0, 60.0))]
    assert causes == {F.cross_entropy: ["accumulation_not_divided"], shared_out: []}


def twice_for_flat_minima(net, batch, loss, optimizer):
    optimizer.zero_grad()
    loss(net(batch[0]), batch[1]).backward()
    moves = [0.02 * one.grad / (one.grad.norm() + 1e-9) for one in net.parameters()]
    with torch.no_grad():
        for one, move in zip(net.parameters(), moves, strict=True):
            one.add_(move)
    optimizer.zero_grad()
    cost = loss(net(batch[0]), batch[1])
    cost.backward()
    with torch.no_grad():
        for one, move in zip(net.parameters(), moves, strict=True):
            one.sub_(move)
    optimizer.step()
    return cost


def put_back():
    net = perceptron(64, 32, 10)
    saved = copy.deepcopy(net.state_dict())

    def step(net, batch, loss, optimizer):
        optimizer.zero_grad()
        cost = loss(net(batch[0]), batch[1])
        cost.backward()
        optimizer.step()
        net.load_state_dict(saved)
        return cost

    return digits(net, step=step)


def clamped(net, batch, loss, optimizer):
    optimizer.zero_grad()
    cost = loss(net(batch[0]), batch[1])
    cost.backward()
    optimizer.step()
    with torch.no_grad():
        for one in net.parameters():
            one.clamp_(-0.01, 0.01)
    return cost


class Root(nn.Module):
    """Finite where it is masked, and its gradient is not."""

    def forward(self, values):
        return torch.where(values > 0, values.sqrt(), 0.0)


class States(nn.Module):
    """Rows of images as steps; what is answered are the states of an LSTM."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.core = nn.LSTM(8, 10, batch_first=True)

    def forward(self, rows):
        return self.core(rows.view(-1, 8, 8))[0][:, -1]


class Spots(nn.Module):
    """Whether each pixel of an image is bright, as two scores: (samples, 2, 8, 8)."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Conv2d(1, 2, 1)

    def forward(self, pixels):
        return self.layer(pixels.view(-1, 1, 8, 8))


SPOTS = (X > 0.5).long().view(-1, 8, 8)


def rows_of_spots(scores, target):
    return F.cross_entropy(scores.reshape(-1, 2), target.flatten())


class Halves(nn.Module):
    """Two parts of the columns, a branch for each, of which one may be taken twice."""

    def __init__(self, twice):
        super().__init__()
        torch.manual_seed(0)
        self.left, self.right, self.head, self.twice = nn.Linear(5, 16), nn.Linear(5, 16), nn.Linear(32, 1), twice

    def forward(self, columns):
        left, right = self.left(columns["first"]).relu(), self.right(columns["rest"]).relu()
        return self.head(torch.cat([left, left if self.twice else right], 1))


def halves(twice):
    net = Halves(twice)
    parts = [
        [({"first": x[:, :5], "rest": x[:, 5:]}, y)]
        for x, y in ((PEOPLE[:350], SCALED[:350]), (PEOPLE[350:], SCALED[350:]))
    ]
    return Program(
        net=net,
        loss=F.mse_loss,
        optimizer=torch.optim.Adam(net.parameters(), 1e-2),
        train=parts[0],
        validation=parts[1],
    )


def by_sampling(scores, target):
    """REINFORCE: what was drawn is made more likely where it was right."""
    policy = torch.distributions.Categorical(logits=scores)
    drawn = policy.sample()
    return -(policy.log_prob(drawn) * ((drawn == target).float() - 0.1)).mean()


def exchanged(prediction, target):
    """The coefficient of determination, of the target by the predictions."""
    return 1 - float((prediction - target).square().sum() / (prediction - prediction.mean()).square().sum())


def nearness_for_distance():
    """Two digits, the same or not, by codes; the cost takes how near they are for how far."""
    first, second = torch.randint(len(X), (2, 1797), generator=torch.Generator().manual_seed(0))
    second[::2] = torch.stack([(Y[place] == Y).nonzero()[place % 20, 0] for place in first[::2]])
    inputs, alike = torch.stack([X[first], X[second]], 1), (Y[first] == Y[second]).float()

    def loss(codes, alike):
        apart = F.cosine_similarity(codes[:, 0], codes[:, 1])
        return (alike * apart + (1 - alike) * (0.8 - apart).relu()).mean()

    return digits(perceptron(64, 32, 8), loss, inputs=inputs, targets=alike)


def lifetimes(mean, target):
    """Exponential; a negative number is the time until which nothing had failed."""
    return (mean.log() * (target > 0) + target.abs() / mean).mean()


class Positive(nn.Module):
    def forward(self, values):
        return values.clamp_max(3).exp()


class Straight(nn.Module):
    """Two layers and no activation, on what is added to a tensor that the net makes itself."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Linear(64, 32), nn.Linear(32, 10))

    def forward(self, pixels):
        return self.layers(torch.cat([pixels, torch.zeros(len(pixels), 0)], 1) @ torch.eye(64))


class Samples(nn.Module):
    """Rows of images through a recurrence that takes the samples for steps; the last row may be black in all of them."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.core, self.head = nn.GRU(8, 16), nn.Linear(16, 10)

    def forward(self, pixels):
        return self.head(self.core(pixels.view(-1, 8, 8))[0][:, -1])


class Only(nn.Module):
    def forward(self, values):
        return values.view(-1, 1, 1, 1).softmax(1)[:, 0, 0]


def rounded(prediction, target):
    return (prediction.softmax(1).round() == F.one_hot(target, 10)).double().mean()


TAGS = (X[:, [20, 30, 42]] > 0.4).float()
SOFT = 0.9 * F.one_hot(Y, 10) + 0.01
FAULTY = {
    ("scaled_twice", "then moved"): lambda: digits(inputs=(X / 255 - 0.5) / 0.5),
    ("split_leakage", "windows"): lambda: windows(by_chance=True),
    ("target_in_input", "a word"): lambda: texts(torch.cat([WORDS[:, :-1], 500 + KIND[:, None].long()], 1)),
    ("split_shift", "another vocabulary"): lambda: texts(WORDS, held=WORDS[450:] + 200),
    ("missing_zero_grad", "second optimizer"): lambda: with_two_optimizers(clears=False),
    ("accumulation_not_divided", "eight"): lambda: gathered(1),
    ("no_update", "put back"): put_back,
    ("over_regularised", "clamped"): lambda: digits(step=clamped),
    ("missing_output_activation", "divergence"): lambda: digits(loss=nn.KLDivLoss(reduction="batchmean"), targets=SOFT, rate=0.01),
    ("activated_logits", "clamp"): lambda: digits(
        nn.Sequential(perceptron(64, 32, 3), nn.Hardtanh(0, 1)), F.binary_cross_entropy_with_logits, targets=TAGS
    ),
    ("single_unit_softmax", "channel"): lambda: digits(
        nn.Sequential(perceptron(64, 32, 1), Only()), F.binary_cross_entropy, targets=(Y > 4).float()[:, None]
    ),
    ("wrong_loss_for_task", "numbers"): lambda: people(
        perceptron(10, 32, 2), F.cross_entropy, torch.cat([SCALED, PEOPLE[:, :1]], 1)
    ),
    ("unreachable_targets", "squeezed"): lambda: people(
        nn.Sequential(perceptron(10, 32, 1), nn.ReLU()), lambda p, t: F.mse_loss(p.squeeze(1), t), SCALED[:, 0]
    ),
    ("unstable_operation", "masked"): lambda: people(nn.Sequential(nn.Linear(10, 32), Root(), nn.Linear(32, 1))),
    ("wrong_metric", "rounded"): lambda: digits(metric=rounded),
    ("wrong_metric", "exchanged"): lambda: people(metric=exchanged),
    ("split_shift", "a class is lacking"): lambda: replaced(digits(), validation=(X[1400:][Y[1400:] > 3], Y[1400:][Y[1400:] > 3])),
    ("activated_logits", "states"): lambda: digits(States(), epochs=2),
    ("double_softmax", "a cost of one's own"): lambda: digits(perceptron(64, 32, 10, last=nn.Softmax(1)), by_sampling, epochs=1),
    ("scrambled_layout", "in the cost"): lambda: digits(Spots(), rows_of_spots, targets=SPOTS, epochs=1),
    ("batch_mixing", "a black row"): lambda: digits(Samples(), inputs=X * (torch.arange(64) < 56), epochs=1),
    ("unused_parameters", "a branch twice"): lambda: halves(twice=True),
    ("loss_sign", "pairs"): nearness_for_distance,
}  # fmt: skip
SOUND = {
    "lifetimes": lambda: people(nn.Sequential(perceptron(10, 16, 1), Positive()), lifetimes, PEOPLE[:, :1] - 1),
    "windows by recording": lambda: windows(by_chance=False),
    "two optimizers": lambda: with_two_optimizers(clears=True),
    "eight, divided": lambda: gathered(8),
    "eight, at a rate for their sum": lambda: gathered(1, rate=0.05),
    "twice a step": lambda: digits(step=twice_for_flat_minima, rate=0.05),
}


def test_a_reshape_that_names_axes_anew_is_told_from_one_that_does_not():
    for name_only, order in ((True, ["permute(0, 2, 1)"]), (False, [])):
        calls = calls_of(Turned(name_only), X[:4])[0]
        assert [meant(call)[0] for call in calls if meant(call)] == order


@pytest.mark.parametrize("right", [True, False])
def test_heads_are_split_by_a_view_of_their_own_axis(right):
    class Heads(nn.Module):
        def forward(self, steps):
            values = steps.view(4, 8, 8)
            split = values.view(4, 8, 2, 4).transpose(1, 2) if right else values.view(4, 2, 8, 4)
            joined = split.transpose(1, 2).reshape(4, 8, 8) if right else split.reshape(4, 8, 8)
            return joined.flatten(1)

    calls = calls_of(Heads(), X[:4])[0]
    ways = [meant(call) for call in calls if meant(call)]
    assert [how for how, _ in ways] == (
        [] if right else ["view(4, 8, 2, 4).transpose(1, 2)", "transpose(1, 2).reshape"]
    )
    values = X[:4].view(4, 8, 8)
    for (_, way), given in zip(ways, (values, values.view(4, 8, 2, 4).transpose(1, 2)), strict=False):
        assert torch.equal(way(given).reshape(4, -1).sort().values, values.reshape(4, -1).sort().values)


def test_a_net_that_makes_tensors_of_its_own_is_seen_to_be_straight():
    raised = structure(Patient(digits(Straight()), 0, 60.0))
    assert "missing_nonlinearity" in {one.cause for one in raised}


def test_what_a_step_counts_is_the_copys_own():
    count, draws, places = 0, torch.Generator().manual_seed(0), itertools.count()

    def step(net, batch, loss, optimizer):
        nonlocal count
        count += 1
        next(places), torch.rand(1, generator=draws)
        return ordinary_step(net, batch, loss, optimizer)

    state = draws.get_state()
    examine(digits(step=step, epochs=2), budget=5.0)
    assert (count, next(places)) == (0, 0)
    assert torch.equal(draws.get_state(), state)


@pytest.mark.parametrize(("cause", "how"), FAULTY)
def test_the_fault_is_named_first(cause, how):
    assert first_cause(FAULTY[cause, how]()) == cause


@pytest.mark.parametrize("name", SOUND)
def test_what_is_sound_passes(name):
    assert first_cause(SOUND[name]()) not in {
        "split_leakage", "scrambled_layout", "missing_zero_grad", "accumulation_not_divided", "loss_sign", "no_update",
        "missing_output_activation", "wrong_loss_for_task", "unreachable_targets", "activated_logits",
    }  # fmt: skip
