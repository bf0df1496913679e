"""Unseen healthy programs: nets and losses that look odd, or are simply real."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader

from . import materials as m
from . import reported_materials as r
from .materials import SGD, Adam, Do, both, digits, mlp, program, standard, table
from .outputs import Siamese, friedman, pairs
from .registry import Arguments, healthy
from .reported_nets import adapted, spirals
from .steps import a_step

bce = F.binary_cross_entropy_with_logits


@healthy(data="cifar10", source="report")
def a_small_resnet_with_flips() -> Arguments:
    """forum: "70 % only, what is wrong?": a small ResNet, flips and shifts, SGD with momentum, four classes, 1,800 images."""

    def change(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        x = x.flip(2) if torch.rand(()) < 0.5 else x
        return x.roll(tuple(torch.randint(-3, 4, (2,)).tolist()), (1, 2)), y

    training, validation = both(m.cifar(4, 600), lambda x: (x - 0.47) / 0.25)
    net = r.resnet(3, 4)
    optimizer = SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4, nesterov=True)
    loader = DataLoader(r.Changed(training, change), 32, shuffle=True, drop_last=True)
    return program(net, F.cross_entropy, (loader, validation), optimizer=optimizer, epochs=12)


@healthy(data="discs", score="accuracy of logits")
def a_u_net_with_two_losses() -> Arguments:
    """Cross entropy of pixels and dice, added; one pixel of eight is inside."""

    def loss(p: Tensor, y: Tensor) -> Tensor:
        q = p.sigmoid()
        return bce(p, y) + 1 - (2 * (q * y).sum() + 1) / (q.sum() + y.sum() + 1)

    return program(r.UNet(), loss, r.masks(), 5e-3, Adam, epochs=8, batch_size=16)


@healthy(data="spam")
def a_transformer_with_a_token_for_the_class() -> Arguments:
    """The first place is a learned vector, from which alone the class is read; padding is masked."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.place = nn.Embedding(1500, 32, padding_idx=0), nn.Parameter(0.1 * torch.randn(21, 32))
            self.first = nn.Parameter(torch.zeros(1, 1, 32))
            block = nn.TransformerEncoderLayer(32, 4, 64, 0.2, batch_first=True, norm_first=True)
            self.blocks, self.head = nn.TransformerEncoder(block, 2, enable_nested_tensor=False), nn.Linear(32, 2)

        def forward(self, x: Tensor) -> Tensor:
            h = torch.cat([self.first.expand(len(x), 1, 32), self.embed(x)], 1) + self.place
            hidden = F.pad(x == 0, (1, 0), value=False)
            out: Tensor = self.head(self.blocks(h, src_key_padding_mask=hidden)[:, 0])
            return out

    return program(Net(), F.cross_entropy, m.texts("sms-spam", 3000, words=1500), 1e-3, Adam, epochs=4)


@healthy(data="letters", source="report")
def a_language_model_in_two_layers() -> Arguments:
    """question: "loss stops at 1.9": an LSTM of two layers with dropout between them, which is fine for so few letters."""
    core = nn.LSTM(32, 96, 2, batch_first=True, dropout=0.2)
    net = m.Recurrent(core, 65, tokens=65, every=True)
    step = a_step(before_update=lambda net: nn.utils.clip_grad_norm_(net.parameters(), 1.0))
    return program(net, m.by_letter, m.letters(2400, 24), 3e-3, Adam, epochs=10, step=step)


@healthy(data="series", score="R2")
def three_steps_ahead_from_the_last_state() -> Arguments:
    """A GRU forecasts three values at once; windows overlap, training comes before validation in time, no shuffle."""
    data = tuple((x[:, :-2, None], torch.cat([x[:, -2:], y], 1)) for x, y in m.series())
    return program(
        m.Recurrent(nn.GRU(1, 32, batch_first=True), 3), F.mse_loss, data, 5e-3, Adam, epochs=10, shuffle=False
    )


@healthy(data="mnist", score="R2", source="report")
def a_convolutional_vae_with_a_light_divergence() -> Arguments:
    """issue: "my KL term rises": a convolutional VAE, the divergence counts a tenth, and rises while pictures get better."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encode = nn.Sequential(nn.Conv2d(1, 8, 4, 2, 1), nn.SiLU(), nn.Conv2d(8, 16, 4, 2, 1), nn.SiLU())
            self.code, self.back = nn.Linear(784, 16), nn.Linear(8, 784)
            self.decode = nn.Sequential(
                nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.SiLU(), nn.ConvTranspose2d(8, 1, 4, 2, 1)
            )

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            mean, log_variance = self.code(self.encode(x).flatten(1)).chunk(2, 1)
            noise = torch.randn_like(mean) if self.training else 0
            code = self.back(mean + noise * (0.5 * log_variance).exp()).view(-1, 16, 7, 7)
            return self.decode(code).sigmoid(), mean, log_variance

    def loss(out: tuple[Tensor, Tensor, Tensor], x: Tensor) -> Tensor:
        return F.binary_cross_entropy(out[0], x, reduction="sum") / len(x) + 0.1 * m.kl(*out[1:]).mean()

    return program(Net(), loss, m.own(m.mnist(1500, 300)), 3e-3, Adam, epochs=20)


class Reversed(torch.autograd.Function):
    """The identity, whose gradient changes its sign."""

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(_: Any, *grads: Tensor) -> Tensor:
        return -0.1 * grads[0]


@healthy(data="digits")
def a_domain_that_must_not_be_seen() -> Arguments:
    """Dark and bright digits; a second head guesses which, its gradient is reversed, so that its loss stays at 0.69."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.digit, self.light = mlp(64, 64, 32), nn.Linear(32, 10), mlp(32, 16, 2)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            h = self.body(x).relu()
            return self.digit(h), self.light(Reversed.apply(h)), (x.amax(1) > 1.2).long()

    lit = lambda x: x * (1 + 0.8 * (torch.arange(len(x)) % 2))[:, None]  # noqa: E731
    loss = lambda out, y: F.cross_entropy(out[0], y) + F.cross_entropy(out[1], out[2])  # noqa: E731
    return program(Net(), loss, both(digits(), lit), 3e-3, Adam, epochs=10)


@healthy(data="digits", score="accuracy of pairs", source="report")
def triplets_whose_loss_stays_near_the_margin() -> Arguments:
    """forum: "triplet loss does not fall": codes of length 1, the hardest negative of the batch, and good neighbours."""

    def loss(code: Tensor, alike: Tensor) -> Tensor:
        a, b = F.normalize(code, dim=2).unbind(1)
        a, b = a[alike > 0.5], b[alike > 0.5]
        far = (1 - a @ b.T) + 3 * torch.eye(len(a)) + 3 * ((1 - a @ a.T) < 0.02)
        return ((1 - (a * b).sum(1)) - far.amin(1) + 0.3).clamp_min(0).mean()

    net = nn.Sequential(Siamese(mlp(64, 64, 16)), Do(lambda code: F.normalize(code, dim=2)))
    return program(net, loss, pairs(digits()), 2e-3, Adam, epochs=15, batch_size=64)


@healthy(data="digits", score="accuracy of pairs")
def contrast_within_the_batch() -> Arguments:
    """Two noisy views of a digit attract each other, all others repel; the targets say "alike" throughout, unused."""
    (x, _), validation = digits()[0], pairs(digits())[1]
    views = torch.stack([x + 0.1 * torch.randn(x.shape), x + 0.1 * torch.randn(x.shape)], 1)

    def loss(code: Tensor, _: Tensor) -> Tensor:
        a, b = F.normalize(code, dim=2).unbind(1)
        return F.cross_entropy(a @ b.T / 0.2, torch.arange(len(a)))

    net = Siamese(mlp(64, 128, 16))
    return program(net, loss, ((views, torch.ones(len(x))), validation), 2e-3, Adam, epochs=30, batch_size=64)


@healthy(data="drawn curve", score="R2")
def a_mixture_of_densities() -> Arguments:
    """Three normal densities, weighted; the loss is a negative logarithm of density and falls below zero."""
    x = torch.rand(900, 1, generator=r.draw()) * 4 - 2
    y = (2 * x).sin() + 0.08 * torch.randn(900, 1, generator=r.draw(1))

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = mlp(1, 48, 9, act=nn.Tanh)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
            weight, centre, width = self.body(x).chunk(3, 1)
            weight = weight.log_softmax(1)
            return (weight.exp() * centre).sum(1, keepdim=True), weight, centre, F.softplus(width) + 0.02

    def loss(out: tuple[Tensor, ...], y: Tensor) -> Tensor:
        _, weight, centre, width = out
        return -(weight + torch.distributions.Normal(centre, width).log_prob(y)).logsumexp(1).mean()

    return program(Net(), loss, m.split(x, y, 300), 5e-3, Adam, epochs=40)


@healthy(data="friedman", score="R2")
def three_quantiles() -> Arguments:
    """The tenth, the half and the nine tenths by the pinball loss; the outer two miss most targets on purpose."""
    share = torch.tensor([0.5, 0.1, 0.9])

    def loss(out: tuple[Tensor, Tensor], y: Tensor) -> Tensor:
        short = y - torch.cat(out, 1)
        return torch.maximum(share * short, (share - 1) * short).mean()

    net = mlp(10, 48, 3, last=(Do(lambda h: (h[:, :1], h[:, 1:])),))
    return program(net, loss, friedman(), 5e-3, Adam, epochs=25)


@healthy(data="digits")
def a_class_and_its_parity() -> Arguments:
    """Two heads: ten classes, and odd or even by a single unit with a sigmoid."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.digit, self.odd = mlp(64, 48, 48, act=nn.SiLU), nn.Linear(48, 10), nn.Linear(48, 1)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            h = F.silu(self.body(x))
            return self.digit(h), self.odd(h).sigmoid()

    def loss(out: tuple[Tensor, Tensor], y: Tensor) -> Tensor:
        return F.cross_entropy(out[0], y) + 0.5 * F.binary_cross_entropy(out[1], (y % 2).float()[:, None])

    return program(Net(), loss, digits(), 3e-3, Adam, epochs=8)


@healthy(data="friedman", score="accuracy of logits", source="report")
def ordered_classes_by_thresholds() -> Arguments:
    """question: is one output with three biases a mistake? "Above the first, the second, the third quarter?", ordinal."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.steps = mlp(10, 32, 1), nn.Parameter(torch.tensor([1.0, 0.0, -1.0]))

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.body(x) + self.steps
            return out

    cuts = torch.tensor([10.5, 14.0, 17.5])
    data = standard(both(m.friedman(), targets=lambda y: (y[:, None] > cuts).float()))
    return program(Net(), bce, data, 1e-2, Adam, epochs=20)


@healthy(data="mnist", source="report")
def a_frozen_body_with_resting_statistics() -> Arguments:
    """forum: "train() and eval() are mixed": a frozen ResNet whose BatchNorm rests in eval(); a new head: odd or even."""
    (x, y), (u, v) = m.mnist(1200, 400)
    body = r.pretrained(r.resnet(1, 10, 8), (x[:800], y[:800]), 40)[:-1].requires_grad_(False)

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body, self.head = body, nn.Linear(32, 2)

        def train(self, mode: bool = True) -> Net:
            super().train(mode)
            self.body.eval()
            return self

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = self.head(self.body(x))
            return out

    net = Net()
    data = ((x[800:], y[800:] % 2), (u, v % 2))
    return program(net, F.cross_entropy, data, optimizer=Adam(net.head.parameters(), lr=2e-2), epochs=15)


@healthy(data="digits", source="report")
def adapters_of_which_one_is_zero() -> Arguments:
    """issue: "lora_B is all zeros": low-rank adapters on a frozen net; one matrix starts at zero, the other does not."""
    net, data = adapted(zero=False)
    trained = [p for p in net.parameters() if p.requires_grad]
    return program(net, F.cross_entropy, data, optimizer=Adam(trained, lr=1e-2), epochs=10)


@healthy(data="mnist")
def depthwise_and_squeezed() -> Arguments:
    """Depthwise convolutions, ReLU6, gates of sigmoids for the channels: a mobile net in small."""

    class Gate(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = mlp(24, 6, 24, last=(nn.Sigmoid(),))

        def forward(self, x: Tensor) -> Tensor:
            out: Tensor = x * self.net(x.mean((2, 3)))[:, :, None, None]
            return out

    net = nn.Sequential(
        *(nn.Conv2d(1, 24, 3, 2, 1, bias=False), nn.BatchNorm2d(24), nn.ReLU6()),
        *(nn.Conv2d(24, 24, 3, 2, 1, groups=24, bias=False), nn.BatchNorm2d(24), nn.ReLU6(), nn.Conv2d(24, 24, 1)),
        *(Gate(), nn.BatchNorm2d(24), nn.ReLU6(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(96, 10)),
    )
    return program(net, F.cross_entropy, m.mnist(1500, 500), 1e-2, Adam, epochs=12)


@healthy(data="digits")
def a_deep_highway_that_starts_closed() -> Arguments:
    """Ten layers with gates whose biases are -2: each hardly changes its input at first."""

    class Highway(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.change, self.gate = nn.Linear(48, 48), nn.Linear(48, 48)
            nn.init.constant_(self.gate.bias, -2.0)

        def forward(self, x: Tensor) -> Tensor:
            gate = self.gate(x).sigmoid()
            return gate * self.change(x).relu() + (1 - gate) * x  # type: ignore[no-any-return]

    net = nn.Sequential(nn.Linear(64, 48), *(Highway() for _ in range(10)), nn.Linear(48, 10))
    return program(net, F.cross_entropy, digits(), 3e-3, Adam, epochs=6)


@healthy(data="spirals")
def sines_as_activations() -> Arguments:
    """sin() as activation and a first layer of large weights, as for implicit pictures."""
    net = nn.Sequential(
        nn.Linear(2, 64), Do(lambda h: (4 * h).sin()), nn.Linear(64, 32), Do(torch.sin), nn.Linear(32, 2)
    )
    return program(net, F.cross_entropy, spirals(), 5e-3, Adam, epochs=40)


@healthy(data="drawn sets", score="R2")
def a_sum_over_a_set() -> Arguments:
    """Sets of up to ten numbers, zero where there is none; a net of each, summed: the count is part of the answer."""
    x = torch.randn(900, 10, 1, generator=r.draw())
    x[torch.rand(900, 10, generator=r.draw(1)) < 0.4] = 0
    data = m.split(x, x.abs().sum(1) / 2 - 2, 300)
    net = nn.Sequential(mlp(1, 24, 16), Do(lambda h: h.sum(1)), mlp(16, 16, 1))
    return program(net, F.mse_loss, data, 3e-3, Adam, epochs=20)


@healthy(data="ratings", score="R2", source="report")
def numbers_of_users_and_films() -> Arguments:
    """question: "inputs up to 60, unscaled": they are numbers of rows of an embedding."""
    net = r.Factors(6)
    return program(net, F.mse_loss, r.ratings(), optimizer=torch.optim.AdamW(net.parameters(), lr=2e-2), epochs=15)


@healthy(data="customers", score="accuracy of logits")
def a_dict_of_columns() -> Arguments:
    """Inputs as a dict: a count through an embedding, the rest, standardised, beside it."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.products, self.net = nn.Embedding(5, 4), mlp(8, 24, 1)

        def forward(self, x: dict[str, Tensor]) -> Tensor:
            out: Tensor = self.net(torch.cat([self.products(x["products"]), x["rest"]], 1))
            return out

    raw, scaled = r.customers(), standard(r.column(r.customers()))
    loaders = []
    for (x, _), (rest, y), shuffle in zip(raw, scaled, (True, False), strict=True):
        both_kinds = torch.cat([x[:, 3:4], rest[:, [0, 1, 2, 4]]], 1)
        change = lambda x, y: ({"products": x[0].long(), "rest": x[1:]}, y)  # noqa: E731
        loaders.append(DataLoader(r.Changed((both_kinds, y), change), 32, shuffle=shuffle))
    return program(Net(), bce, loaders, 5e-3, Adam, epochs=15)


@healthy(data="digits", score="R2", source="report")
def a_linear_autoencoder() -> Arguments:
    """question: "no activation at all, is this right?": it is principal components, by gradient descent."""
    return program(
        nn.Sequential(nn.Linear(64, 12), nn.Linear(12, 64)), F.mse_loss, m.own(digits()), 3e-3, Adam, epochs=20
    )


@healthy(data="letters")
def dilated_causal_convolutions() -> Arguments:
    """Convolutions of growing reach, padded on the left only, with gates of tanh and sigmoid."""

    class Layer(nn.Module):
        def __init__(self, reach: int) -> None:
            super().__init__()
            self.conv, self.reach = nn.Conv1d(32, 64, 2, dilation=reach), reach

        def forward(self, x: Tensor) -> Tensor:
            a, b = self.conv(F.pad(x, (self.reach, 0))).chunk(2, 1)
            return x + a.tanh() * b.sigmoid()  # type: ignore[no-any-return]

    turn = Do(lambda h: h.transpose(1, 2))
    net = nn.Sequential(nn.Embedding(65, 32), turn, *(Layer(k) for k in (1, 2, 4, 8)), turn, nn.Linear(32, 65))
    return program(net, m.by_letter, m.letters(1200), 5e-3, Adam, epochs=8)


@healthy(data="drawn tags")
def a_tagger_that_reads_both_ways() -> Arguments:
    """A bidirectional LSTM tags every token: it may look ahead, for all tokens are given."""
    net = m.Recurrent(nn.LSTM(12, 16, batch_first=True, bidirectional=True), 4, tokens=12, every=True)
    return program(net, m.by_letter, r.tags(), 1e-2, Adam, epochs=8)


@healthy(data="mnist")
def few_of_many_units_fire() -> Arguments:
    """Of 300 hidden units the fifteen largest are kept, all others are set to 0: sparse on purpose."""

    def largest(h: Tensor) -> Tensor:
        return h * (h >= h.topk(15, 1).values[:, -1:])

    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 300), Do(largest), nn.Linear(300, 10))
    return program(net, F.cross_entropy, m.mnist(1200), 1e-3, Adam, epochs=6)


@healthy(data="waves")
def a_reservoir() -> Arguments:
    """A recurrent layer that stays as it was drawn; only what reads its states is trained."""
    core = nn.RNN(1, 120, batch_first=True)
    nn.init.orthogonal_(core.weight_hh_l0, 0.95)
    core.requires_grad_(False)
    net = m.Recurrent(core, 3)
    net.head = mlp(120, 32, 3)
    return program(net, F.cross_entropy, m.waves(), optimizer=Adam(net.head.parameters(), lr=5e-3), epochs=15)


@healthy(data="wine")
def a_net_with_a_norm_on_its_weights() -> Arguments:
    """Spectral and weight normalisation: parameters are derived from others."""
    from torch.nn.utils.parametrizations import spectral_norm, weight_norm

    net = nn.Sequential(weight_norm(nn.Linear(13, 24)), nn.ReLU(), spectral_norm(nn.Linear(24, 24)), nn.ReLU())
    return program(net.append(nn.Linear(24, 3)), F.cross_entropy, standard(table("wine")), 1e-2, Adam, epochs=15)


@healthy(data="spoken digits")
def layers_that_are_left_out() -> Arguments:
    """Stochastic depth: a residual branch is skipped for a sample with probability 0.3 while training."""

    class Branch(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(nn.LayerNorm(64), nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 64))

        def forward(self, x: Tensor) -> Tensor:
            kept = (torch.rand(len(x), 1) > 0.3).float() / 0.7 if self.training else 1.0
            return x + kept * self.net(x)  # type: ignore[no-any-return]

    net = nn.Sequential(nn.Flatten(), nn.Linear(1320, 64), *(Branch() for _ in range(4)), nn.Linear(64, 10))
    return program(net, F.cross_entropy, m.spoken(), 2e-3, Adam, epochs=8)
