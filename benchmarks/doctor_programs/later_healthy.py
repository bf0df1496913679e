"""Later programs, without a fault: sound, though they look odd, or end with a result that is modest for good reason."""

from __future__ import annotations

import itertools
import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from . import materials as m
from . import reported_materials as r
from .later_faulty import ConvolutionalVAE, bce, frequent_tokens, normal
from .materials import SGD, Adam, both, cnn, digits, mlp, program, split, standard, table
from .outputs import friedman, yes_or_no
from .registry import Arguments, healthy

# --- data -------------------------------------------------------------------------------------------------------------


@healthy(data="drawn coins", source="report", score="accuracy of logits")
def coins_with_a_slight_bias() -> Arguments:
    """question: "accuracy will not pass 70 %": yes or no is drawn with a probability, and the net has found it."""
    x = normal(1200, 6)
    y = (torch.rand(1200, 1, generator=r.draw(1)) < (x[:, :1] + 0.6 * x[:, 1:2]).sigmoid()).float()
    return program(mlp(6, 16, 1), bce, split(x, y, 400), 5e-3, Adam, epochs=8)


@healthy(data="drawn rule", source="report")
def a_rule_without_exception() -> Arguments:
    """issue: "100 %, is there a leak?": mushrooms in columns of zeros and ones, and a rule that always holds."""
    x = torch.randint(0, 2, (1500, 20), generator=r.draw()).float()
    y = ((x[:, 3] > 0) & (x[:, 7] > 0) | (x[:, 11] > 0)).long()
    return program(mlp(20, 32, 2), F.cross_entropy, split(x, y, 500), 1e-2, Adam, epochs=12)


@healthy(data="drawn returns", source="report", score="R2")
def a_series_that_is_mostly_chance() -> Arguments:
    """question: "my forecast is nearly flat": each value is half of the last one and chance, so a fourth is all there is."""
    noise, values = normal(1500), torch.zeros(1500)
    for i in range(1, 1500):
        values[i] = 0.6 * values[i - 1] + noise[i]
    x, y = values.unfold(0, 8, 1)[:-1], values[8:, None]
    return program(mlp(8, 16, 1), F.mse_loss, ((x[:1000], y[:1000]), (x[1010:], y[1010:])), 3e-3, Adam, epochs=6)


@healthy(data="wine", source="report")
def sixty_rows_of_a_table() -> Arguments:
    """forum: so few labelled rows that one mistake is a step in every curve; batches of 8, and a net with a small decay."""
    data = m.first(standard(table("wine")), 60)
    net = mlp(13, 8, 3)
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-2, weight_decay=0.1)
    return program(net, F.cross_entropy, data, optimizer=optimizer, epochs=15, batch_size=8)


@healthy(data="tags", source="report")
def padding_marked_by_minus_one_hundred() -> Arguments:
    """forum: "a third of my labels are -100": cross_entropy ignores them; sentences of training end early."""
    (x, y), validation = r.tags()
    length = torch.randint(5, 15, (len(x), 1), generator=r.draw())
    beyond = torch.arange(14) >= length
    train = x.masked_fill(beyond, 0), y.masked_fill(beyond, -100)
    return program(r.tagger(), m.by_letter, (train, validation), 1e-2, Adam, epochs=8)


@healthy(data="drawn tokens", source="report")
def sentences_sorted_by_length() -> Arguments:
    """question: "do batches by length harm?": each batch holds one length, batches are mixed once, no shuffle, no padding."""
    (x, y), validation = frequent_tokens()
    batches = [(x[i : i + 30, : 10 + i // 30 % 7], y[i : i + 30]) for i in range(0, 600, 30)]
    return program(m.Averaged(10, 10), F.cross_entropy, (batches, validation), 3e-2, Adam, epochs=10)


@healthy(data="drawn claims", source="report", score="R2")
def claims_that_are_mostly_zero() -> Arguments:
    """issue: the loss of Tweedie for insurance: most claims are 0, the rest are skewed, and a third is explained."""
    x = normal(1500, 6)
    mean = (0.9 * x[:, :1] + 0.5 * x[:, 1:2]).exp() * 0.5
    claim = torch.rand(1500, 1, generator=r.draw(1)) < 0.3
    y = torch.where(claim, mean / 0.3 * (0.5 + torch.rand(1500, 1, generator=r.draw(2))), torch.zeros(()))

    def loss(z: Tensor, y: Tensor, power: float = 1.5) -> Tensor:
        z = z.log()
        return (-y * ((1 - power) * z).exp() / (1 - power) + ((2 - power) * z).exp() / (2 - power)).mean()

    net = mlp(6, 16, 1, last=(m.Do(torch.exp),))
    return program(net, loss, split(x, y, 500), 5e-3, Adam, epochs=25)


@healthy(data="drawn points", source="report")
def one_pass_through_many_points() -> Arguments:
    """question: "is one epoch enough?": six thousand points of a spiral, each is seen once, and that is nearly all it takes."""
    angle = 9 * torch.rand(6600, generator=r.draw()).sqrt()
    y = torch.randint(0, 2, (6600,), generator=r.draw(1))
    turn = angle / 2 + math.pi * y
    x = torch.stack([angle * turn.cos(), angle * turn.sin()], 1) / 4 + 0.05 * normal(6600, 2)
    return program(mlp(2, 64, 64, 2), F.cross_entropy, split(x, y, 600), 1e-2, Adam, epochs=1, batch_size=20)


# --- nets -------------------------------------------------------------------------------------------------------------


class VisionTransformer(nn.Module):
    """(n, 1, 28, 28) in patches of 7 × 7 → 10 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.attend = m.Attentive(10, features=49, width=48, depth=1, dropout=0.1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.attend(F.dropout(F.unfold(x, 7, stride=7).transpose(1, 2), 0.1, self.training))
        return out


@healthy(data="mnist", source="report")
def a_vision_transformer_better_on_validation() -> Arguments:
    """issue: "validation is above training all the time": dropout and shifted images, for training only."""

    def change(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        down, right = torch.randint(-1, 2, (2,)).tolist()
        return x.roll((down, right), (1, 2)), y

    (x, y), validation = m.mnist(1500)
    train = r.Changed((x, y), change)
    return program(VisionTransformer(), F.cross_entropy, (train, validation), 3e-3, Adam, epochs=12)


@healthy(data="mnist", source="report", score="R2")
def a_divergence_that_grows() -> Arguments:
    """issue: "my loss rises in the second half": the divergence of a VAE is warmed up, and its weight rises with the steps."""
    count = itertools.count()
    net = ConvolutionalVAE()

    def loss(out: tuple[Tensor, Tensor, Tensor], x: Tensor) -> Tensor:
        weight = min(1.0, next(count) / 150) if net.training else 1.0
        return 784 * F.binary_cross_entropy(out[0], x) + weight * m.kl(*out[1:]).mean()

    return program(net, loss, m.own(m.mnist(1000)), 5e-3, Adam, epochs=12)


class Quantised(nn.Module):
    """(n, 64) → reconstruction, and the code before and after it was replaced by the nearest of some vectors."""

    def __init__(self, groups: int = 8, width: int = 4, vectors: int = 32) -> None:
        super().__init__()
        self.encode, self.decode = mlp(64, 64, groups * width), mlp(groups * width, 64, 64)
        self.book, self.width = nn.Embedding(vectors, width), width

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        code = self.encode(x).unflatten(1, (-1, self.width))
        near = self.book((code[:, :, None] - self.book.weight).pow(2).sum(-1).argmin(-1))
        straight = code + (near - code).detach()
        return self.decode(straight.flatten(1)), code, near


@healthy(data="digits", source="report", score="R2")
def a_quantised_code() -> Arguments:
    """issue: "most vectors of my VQ-VAE are never used": the gradient jumps over argmin, some vectors rest, images are fine."""

    def loss(out: tuple[Tensor, Tensor, Tensor], x: Tensor) -> Tensor:
        image, code, near = out
        return F.mse_loss(image, x) + F.mse_loss(near, code.detach()) + 0.25 * F.mse_loss(code, near.detach())

    return program(Quantised(), loss, m.own(digits()), 3e-3, Adam, epochs=30)


class Cosine(nn.Module):
    """Codes and class vectors of length 1; their products times 12, less a margin for the own class while training."""

    def __init__(self, body: nn.Module, width: int, classes: int) -> None:
        super().__init__()
        self.body, self.classes = body, nn.Parameter(torch.randn(classes, width))

    def forward(self, x: Tensor) -> Tensor:
        return 12 * F.normalize(self.body(x), dim=1) @ F.normalize(self.classes, dim=1).T


@healthy(data="spoken digits", source="report")
def a_margin_of_cosines() -> Arguments:
    """forum: "loss starts at 8 and ends at 1": products of unit vectors times 12, the own class has to win by a margin."""
    net = Cosine(nn.Sequential(nn.Flatten(), mlp(1320, 64, 32)), 32, 10)
    loss = nn.CrossEntropyLoss()
    margin = lambda p, y: loss(p - 3 * F.one_hot(y, 10), y)  # noqa: E731
    return program(net, margin, m.spoken(), 2e-3, Adam, epochs=10)


class Repeated(nn.Module):
    """One layer, applied eight times to its own output and the input."""

    def __init__(self, inputs: int, width: int, outputs: int) -> None:
        super().__init__()
        self.read, self.again, self.head = (
            nn.Linear(inputs, width),
            nn.Linear(width, width, bias=False),
            nn.Linear(width, outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        read = self.read(x)
        state = torch.zeros_like(read)
        for _ in range(8):
            state = (read + self.again(state)).tanh()
        out: Tensor = self.head(state)
        return out


@healthy(data="friedman", source="report", score="R2")
def one_layer_eight_times() -> Arguments:
    """blog: a net that repeats one layer until it rests; the same weights get eight gradients in each step."""
    return program(Repeated(10, 32, 1), F.mse_loss, friedman(), 5e-3, Adam, epochs=15)


class Graph(nn.Module):
    """Numbers of nodes (n,) → classes, by two sums over neighbours; features and edges of the graph are buffers."""

    def __init__(self, features: Tensor, edges: Tensor, classes: int) -> None:
        super().__init__()
        self.register_buffer("features", features)
        self.register_buffer("edges", edges / edges.sum(1, keepdim=True))
        self.first, self.second = nn.Linear(features.shape[1], 16), nn.Linear(16, classes)

    def forward(self, nodes: Tensor) -> Tensor:
        hidden = (self.edges @ self.first(self.features)).relu()
        out: Tensor = (self.edges @ self.second(hidden))[nodes]
        return out


@healthy(data="drawn graph", source="report")
def neighbours_in_a_graph() -> Arguments:
    """question: "a GCN sees the test nodes": all nodes are in every pass, labels of a few; that is how graphs are learned."""
    y = torch.arange(400) % 4
    features = F.one_hot(y, 4) + 1.6 * normal(400, 4)
    near = torch.where(y[:, None] == y, 0.03, 0.004)
    edges = (torch.rand(400, 400, generator=r.draw(1)) < near).float()
    edges = ((edges + edges.T + torch.eye(400)) > 0).float()
    nodes = torch.randperm(400, generator=r.draw(2))
    data = (nodes[:100], y[nodes[:100]]), (nodes[100:], y[nodes[100:]])
    return program(Graph(features, edges, 4), F.cross_entropy, data, 2e-2, Adam, epochs=30, batch_size=100)


class Bag(nn.Module):
    """(n, members, features) → one logit (n, 1), of a mean of the members weighted by attention."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.look, self.head = (
            mlp(64, 48, 32, last=(nn.ReLU(),)),
            mlp(32, 16, 1, act=nn.Tanh),
            nn.Linear(32, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        h = self.body(x)
        out: Tensor = self.head((self.look(h).softmax(1) * h).sum(1))
        return out


@healthy(data="digits", source="report", score="accuracy of logits")
def bags_of_which_only_the_bag_is_known() -> Arguments:
    """issue: attention over the members of a bag; the bag's label says that one of five digits is a 9, never which."""

    def bags(pair: m.Pair, count: int, seed: int) -> m.Pair:
        x, y = pair
        member = torch.randint(0, len(x), (count, 5), generator=r.draw(seed))
        return x[member], (y[member] == 9).any(1, keepdim=True).float()

    train, validation = digits()
    data = bags(train, 1500, 0), bags(validation, 400, 1)
    return program(Bag(), bce, data, 2e-3, Adam, epochs=12)


class Waves(nn.Module):
    """Places (n, 2) → sines and cosines of random frequencies, which are a buffer → a grey value (n, 1)."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("frequency", 6 * torch.randn(2, 48))
        self.net = mlp(96, 64, 1)

    def forward(self, x: Tensor) -> Tensor:
        turn = x @ self.frequency
        out: Tensor = self.net(torch.cat([turn.sin(), turn.cos()], 1))
        return out


@healthy(data="drawn image", source="report", score="R2")
def one_image_by_its_places() -> Arguments:
    """blog: a net that is one image: from a place to its grey value, by random waves; a third of the pixels is left out."""
    place = torch.cartesian_prod(torch.linspace(-1, 1, 40), torch.linspace(-1, 1, 40))
    grey = (12 * place[:, :1]).sin() * (9 * place[:, 1:]).cos() + (place.norm(dim=1, keepdim=True) < 0.5).float()
    return program(Waves(), F.mse_loss, split(place, grey, 500), 3e-3, Adam, epochs=15)


class Rising(nn.Module):
    """A net that can only rise with its inputs: exp of each weight, tanh between."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(inputs, width), nn.Linear(width, 1)
        for layer in (self.first, self.second):
            nn.init.normal_(layer.weight, -2, 0.5)

    def forward(self, x: Tensor) -> Tensor:
        hidden = F.linear(x, self.first.weight.exp(), self.first.bias).tanh()
        return F.linear(hidden, self.second.weight.exp(), self.second.bias)


@healthy(data="drawn demand", source="report", score="R2")
def a_net_that_can_only_rise() -> Arguments:
    """question: exp(weight) instead of weight, so that all slopes are positive; raw weights are about -2."""
    x = normal(900, 4)
    y = x[:, :1].sigmoid() * 2 + (x[:, 1:2] + x[:, 2:3]).tanh() + 0.1 * normal(900, 1, seed=1)
    return program(Rising(4, 24), F.mse_loss, split(x, y, 300), 2e-2, Adam, epochs=30)


@healthy(data="spam", source="report")
def seven_of_ten_dropped_and_no_worse() -> Arguments:
    """forum: "dropout of 0.7, is that not too much?": in a layer of 256 it does no harm; training looks worse than validation."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.head = m.Averaged(600, 256, 64), nn.Linear(256, 2)

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.head(F.dropout(self.words(x).relu(), 0.7, self.training))
            return out

    return program(Net(), F.cross_entropy, m.texts("sms-spam", 1600), 5e-3, Adam, epochs=8)


@healthy(data="discs", source="report", score="accuracy of logits")
def masks_by_overlap_alone() -> Arguments:
    """issue: "the loss of Dice begins at 0.8 and rests there for a while": a U-Net by overlap alone, no cross entropy."""

    def loss(z: Tensor, y: Tensor) -> Tensor:
        p = z.sigmoid()
        return 1 - (2 * (p * y).sum() + 1) / (p.sum() + y.sum() + 1)

    return program(r.UNet(), loss, r.masks(), 5e-3, Adam, epochs=8)


# --- steps ------------------------------------------------------------------------------------------------------------


@healthy(data="discs", source="report", score="R2")
def a_critic_beside_a_mean_error() -> Arguments:
    """issue: "the critic stays at 1.39 and the generator rises": noise taken off by a U-Net, with a critic that helps little."""
    (x, y), (u, v) = r.masks(count=300)
    net, critic = r.UNet(), cnn(1, r.SIDE, 1, 8)
    second = Adam(critic.parameters(), lr=5e-4)

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        image = net(batch[0])
        second.zero_grad()
        real, fake = critic(batch[1]), critic(image.detach())
        (F.softplus(-real).mean() + F.softplus(fake).mean()).backward()
        second.step()
        optimizer.zero_grad()
        cost: Tensor = loss(image, batch[1])
        (cost + 0.01 * F.softplus(-critic(image)).mean()).backward()
        optimizer.step()
        return cost.detach()

    return program(net, F.l1_loss, ((x, y), (u, v)), 3e-3, Adam, epochs=8, step=step)


@healthy(data="cifar10", source="report")
def a_rate_that_starts_anew() -> Arguments:
    """forum: "the loss leaps every few epochs": CosineAnnealingWarmRestarts, each leap is a restart, and it ends low."""
    net = cnn(3, 32, 4, norm=nn.BatchNorm2d)
    optimizer = SGD(net.parameters(), lr=0.05, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 60)

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        optimizer.zero_grad()
        cost: Tensor = loss(net(batch[0]), batch[1])
        cost.backward()
        optimizer.step()
        schedule.step()
        return cost.detach()

    return program(net, F.cross_entropy, m.cifar(), optimizer=optimizer, epochs=6, batch_size=30, step=step)


@healthy(data="digits", source="report")
def unfrozen_half_way() -> Arguments:
    """question: the head alone for the first epochs, then the body too, at a tenth of the rate; the body is pretrained."""
    (x, y), validation = digits()
    net = r.pretrained(mlp(64, 48, 10), (x[:500], (y[:500] + 3) % 10), 60)
    head = nn.Linear(48, 10)
    net = nn.Sequential(*list(net)[:-1], head)
    body = list(net[:-1].parameters())
    groups = [{"params": body, "lr": 5e-4}, {"params": head.parameters(), "lr": 5e-3}]
    for parameter in body:
        parameter.requires_grad_(False)
    count = itertools.count()

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        if next(count) == 100:
            for parameter in net.parameters():
                parameter.requires_grad_()
        optimizer.zero_grad()
        cost: Tensor = loss(net(batch[0]), batch[1])
        cost.backward()
        optimizer.step()
        return cost.detach()

    data = (x[500:], y[500:]), validation
    return program(net, F.cross_entropy, data, optimizer=Adam(groups), epochs=8, step=step)


@healthy(data="mnist", source="report")
def only_the_biases_of_a_trained_net() -> Arguments:
    """blog: a trained net is adapted to pale images by its biases and its head alone; all other weights rest."""
    (x, y), validation = m.mnist(1500)
    net = r.pretrained(mlp(784, 96, 96, 10), (x[:1100].flatten(1), y[:1100]), 60)
    data = both(((x[1100:], y[1100:]), validation), lambda a: 0.2 + 0.6 * a.flatten(1))
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(name.endswith("bias") or name.startswith("4."))
    optimizer = Adam((p for p in net.parameters() if p.requires_grad), lr=1e-2)
    return program(net, F.cross_entropy, data, optimizer=optimizer, epochs=25)


@healthy(data="ratings", source="report", score="R2")
def sparse_vectors_with_an_optimizer_of_their_own() -> Arguments:
    """bug tracker: SparseAdam for embeddings, SGD for the rest; gradients are sparse tensors, most rows have none."""
    net = r.Factors(4)
    for vectors in (net.user, net.film):
        vectors.sparse = True
    second = torch.optim.SparseAdam([net.user.weight, net.film.weight], lr=2e-2)

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        optimizer.zero_grad()
        second.zero_grad()
        cost: Tensor = loss(net(batch[0]), batch[1])
        cost.backward()
        optimizer.step()
        second.step()
        return cost.detach()

    return program(net, F.mse_loss, r.ratings(), optimizer=SGD(net.bias.parameters(), lr=1.0), epochs=10, step=step)


@healthy(data="letters", source="report")
def clipped_at_every_step() -> Arguments:
    """question: "the norm is above the limit at every step": clipping at 0.25 with SGD at 4 is how such nets were trained."""

    def step(net: nn.Module, batch: Any, loss: Any, optimizer: torch.optim.Optimizer) -> Tensor:
        optimizer.zero_grad()
        cost: Tensor = loss(net(batch[0]), batch[1])
        cost.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 0.25)
        optimizer.step()
        return cost.detach()

    net = m.Recurrent(nn.LSTM(32, 64, batch_first=True), 65, tokens=65, every=True)
    return program(net, m.by_letter, m.letters(1200), 4.0, epochs=15, step=step)


@healthy(data="wine", source="report")
def full_batches_and_a_rate_of_one() -> Arguments:
    """question: one batch of all rows, SGD(lr=1), fifty steps; the curve of the loss is a smooth line without noise."""
    return program(mlp(13, 3), F.cross_entropy, standard(table("wine")), 1.0, epochs=50, batch_size=200)


@healthy(data="digits", source="report")
def a_decay_of_three_tenths() -> Arguments:
    """forum: "weight_decay=0.3, a typing error?": it is AdamW, where it is multiplied by the rate; a hundred images."""
    net = mlp(64, 128, 10)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.3)
    return program(net, F.cross_entropy, m.first(digits(), 150), optimizer=optimizer, epochs=25, batch_size=16)


@healthy(data="circles", source="report", score="accuracy of logits")
def an_average_of_all_steps() -> Arguments:
    """forum: ASGD with a large constant rate: the loss of single batches stays noisy, batches are of four points."""
    net = mlp(2, 24, 1)
    optimizer = torch.optim.ASGD(net.parameters(), lr=0.2)
    return program(net, bce, yes_or_no(m.circles()), optimizer=optimizer, epochs=12, batch_size=4)


class Weighed(nn.Module):
    """Coordinates (n, 2) of a disc and its mean brightness (n, 1), and how uncertain each task is, which is learned."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, 2, 1), nn.ReLU(), nn.Conv2d(16, 32, 3, 2, 1), nn.ReLU(), nn.Flatten()
        )
        self.place, self.light = nn.Linear(800, 2), nn.Linear(800, 1)
        self.log_variance = nn.Parameter(torch.zeros(2))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        h = self.body(x)
        return self.place(h), self.light(h), self.log_variance


@healthy(data="discs", source="report", score="R2")
def two_tasks_that_weigh_themselves() -> Arguments:
    """issue: "the loss of several tasks is negative": each is divided by a learned variance, whose logarithm is added."""

    class Both(nn.Module):
        def forward(self, out: tuple[Tensor, Tensor, Tensor], y: Tensor) -> Tensor:
            place, light, log_variance = out
            errors = torch.stack([F.mse_loss(place, y), F.mse_loss(light, y.pow(2).sum(1, keepdim=True))])
            return (errors * (-log_variance).exp() + log_variance).sum()

    return program(Weighed(), Both(), r.centres(), 3e-3, Adam, epochs=12)
