"""Faults of architecture, initialisation, signals and modes, in other ways than docs/doctor-nets.md shows them; and sound
look-alikes."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_diabetes, load_digits, make_circles, make_moons
from torch import nn

from doctored import BUDGET
from profundo.doctor import Program, examination, examine
from profundo.doctor.causes.signals import bad_init_scale, saturated_units
from profundo.doctor.causes.structure import causal_leak
from profundo.doctor.passage import calls_of, layer_names, layers_of, passage_of
from profundo.doctor.patient import Patient

X, Y = (torch.tensor(part) for part in load_digits(return_X_y=True))
ORDER = torch.randperm(len(X), generator=torch.Generator().manual_seed(0))
X, Y = X[ORDER[:800]].float(), Y[ORDER[:800]]
X = ((X - X.mean(0)) / (X.std(0) + 1)).clamp(-3, 3)
PEOPLE, PROGRESS = (torch.tensor(part).float() for part in load_diabetes(return_X_y=True))
PEOPLE, PROGRESS = PEOPLE * 21, ((PROGRESS - PROGRESS.mean()) / PROGRESS.std())[:, None]
MOONS, SIDE = (torch.tensor(part) for part in make_moons(600, noise=0.1, random_state=0))
MOONS, SIDE = MOONS.float(), SIDE.float()[:, None]
RINGS, RING = (torch.tensor(part) for part in make_circles(600, noise=0.05, factor=0.5, random_state=0))


def program(net, inputs, targets, loss, rate=1e-3, held=0.25, optimizer=torch.optim.Adam, **rest):
    count = int(len(inputs) * (1 - held))
    rest.setdefault("epochs", 10)
    if isinstance(optimizer, type):
        optimizer = optimizer([one for one in net.parameters() if one.requires_grad], rate)
    return Program(
        net=net, loss=loss, train=(inputs[:count], targets[:count]), validation=(inputs[count:], targets[count:]),
        optimizer=optimizer, **rest,
    )  # fmt: skip


def digits(net, images=False, **rest):
    return program(net, X.view(-1, 1, 8, 8) if images else X, Y, F.cross_entropy, **rest)


def moons(net, **rest):
    return program(net, MOONS, SIDE, F.binary_cross_entropy_with_logits, **{"rate": 1e-2, **rest})


def rings(net, **rest):
    return program(net, RINGS.float(), RING, F.cross_entropy, **{"rate": 1e-2, **rest})


def people(net, **rest):
    return program(net, PEOPLE, PROGRESS, F.mse_loss, **{"rate": 1e-2, **rest})


def layers(*widths, act=nn.ReLU, norm=None, draw=None):
    """Linear layers with an activation between; draw: what is done to each weight."""
    torch.manual_seed(0)
    parts = []
    for place, (a, b) in enumerate(itertools.pairwise(widths)):
        if place:
            parts += [norm(a)] if norm else []
            parts += [act()] if act else []
        parts.append(nn.Linear(a, b))
        if draw:
            draw(parts[-1].weight)
    return nn.Sequential(*parts)


class Of(nn.Module):
    """A net of a function and what it uses."""

    def __init__(self, function, **parts):
        super().__init__()
        self.function = function
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs):
        return self.function(self, *inputs)


def seeds(make):
    torch.manual_seed(0)
    return make()


# ------------------------------------------------------------------------------------------------------------ sequences
STEPS = torch.arange(20) * 0.3
PHASES = torch.rand(400, 1, generator=torch.Generator().manual_seed(0)) * 6
SPEED = torch.randint(2, (400, 1), generator=torch.Generator().manual_seed(1))
WAVES = torch.sin(PHASES + STEPS * (1 + 0.5 * SPEED))[..., None]  # (400, 20, 1), the class is the frequency
IDS = torch.randint(1, 3, (400, 25), generator=torch.Generator().manual_seed(2)).cumsum(1) % 12


def waves(net, **rest):
    return program(net, WAVES, SPEED[:, 0], F.cross_entropy, **{"rate": 1e-2, **rest})


def attention(batch_first=True, causal=False, width=16):
    def function(net, ids):
        places = net.embed(ids) + net.place.weight[: ids.shape[1]]
        mask = torch.full((ids.shape[1],) * 2, -math.inf).triu(1) if causal else None
        return net.out(net.block(places, mask)).transpose(1, 2)

    block = nn.TransformerEncoder(nn.TransformerEncoderLayer(width, 2, 32, dropout=0.0, batch_first=batch_first), 1)
    return Of(
        function, embed=nn.Embedding(12, width), place=nn.Embedding(40, width), block=block, out=nn.Linear(width, 12)
    )


def language(net, inputs=None, **rest):
    inputs = IDS[:, :-1] if inputs is None else inputs
    return program(net, inputs, IDS[:, 1:], F.cross_entropy, **{"rate": 3e-3, **rest})


# ------------------------------------------------------------------------------------------------------------- programs
def constant(net):
    for one in net.parameters():
        nn.init.constant_(one, 0.1)
    return net


def silent(net, bias=-10.0):
    for one in list(net)[:-1]:
        if isinstance(one, nn.Linear):
            nn.init.constant_(one.bias, bias)
    return net


def frozen(net, *names):
    for name, one in net.named_parameters():
        one.requires_grad_(not any(name.startswith(start) for start in names))
    return net


def made_anew(net, x):
    return net.out(nn.Linear(64, 32)(x).relu())


def conv(act=F.relu):
    def function(net, x):
        x = F.max_pool2d(act(net.one(x)), 2)
        return net.two(act(net.hidden(x.flatten(1))))

    return seeds(
        lambda: Of(function, one=nn.Conv2d(1, 8, 3, padding=1), hidden=nn.Linear(128, 32), two=nn.Linear(32, 10))
    )


def recurrent(cell=nn.LSTM, outputs=2, **rest):
    def function(net, x):
        out, _ = net.cell(x)
        return net.out(out[:, -1])

    return seeds(lambda: Of(function, cell=cell(1, 16, batch_first=True, **rest), out=nn.Linear(16, outputs)))


def both_ways(cell, width):
    return cell(1, width, batch_first=True, bidirectional=True)


def two(inputs=64, width=64, outputs=10, **parts):
    return seeds(lambda: {"a": nn.Linear(inputs, width), "b": nn.Linear(width, outputs), **parts})


FAULTY = {
    "missing_nonlinearity": lambda: program(
        seeds(lambda: Of(lambda n, x: n.b(F.max_pool2d(n.a(x), 2).flatten(1)), a=nn.Conv2d(1, 8, 3), b=nn.Linear(72, 2))),
        RINGS.float()[:, 0, None, None, None] * torch.ones(8, 8), (RINGS[:, 0].abs() > 0.5).long(), F.cross_entropy, rate=1e-2,
        epochs=6,
    ),
    "symmetric_init": lambda: people(
        Of(lambda n, x: torch.tanh(x @ n.w) @ n.v, w=nn.Parameter(torch.zeros(10, 8)), v=nn.Parameter(torch.ones(8, 1)))
    ),
    "bad_init_scale": lambda: digits(
        layers(64, 64, 64, 64, 10, draw=lambda w: nn.init.normal_(w, 0, 0.003)), optimizer=torch.optim.SGD, rate=0.05, epochs=5
    ),
    "saturated_units": lambda: rings(
        silent(layers(2, 16, 2, act=nn.Sigmoid), 12.0), rate=1.0, optimizer=torch.optim.SGD
    ),
    "batch_mixing": lambda: waves(
        seeds(lambda: Of(lambda n, x: n.b(n.a(x)[0][:, -1]), a=nn.LSTM(1, 16), b=nn.Linear(16, 2)))
    ),
    "causal_leak": lambda: language(seeds(attention)),
    "not_in_optimizer": lambda: digits(seeds(lambda: Of(made_anew, out=nn.Linear(32, 10)))),
    "not_in_optimizer, but for the last layer": lambda: rings(
        net := layers(2, 6, 6, 2), optimizer=torch.optim.Adam(net[4:].parameters(), 1e-2), epochs=20
    ),
    "unused_parameters": lambda: digits(Of(lambda n, x: n.b(F.relu(n.a(x))), extra=nn.Linear(64, 64), **two())),
    "excess_dropout": lambda: people(Of(lambda n, x: n.b(F.dropout(F.relu(n.a(x)), 0.9, n.training)), **two(10, 32, 1))),
    "dropout_on_output": lambda: people(Of(lambda n, x: F.dropout(n.b(F.relu(n.a(x))), 0.3, n.training), **two(10, 32, 1))),
    "batchnorm_stale": lambda: Program(
        net=(net := layers(64, 64, 10, norm=nn.BatchNorm1d)), loss=F.cross_entropy, train=(X[:481], Y[:481]),
        optimizer=torch.optim.Adam(net.parameters(), 1e-3), validation=(X[481:], Y[481:]), batch_size=32,
    ),
    "wrong_mode": lambda: people(
        Of(lambda n, x: n.b(F.batch_norm(F.relu(n.a(x)), n.m, n.m + 1, training=True)), m=torch.zeros(32), **two(10, 32, 1))
    ),
}  # fmt: skip

HEALTHY = {
    "two layers without activation, where a straight line is right": lambda: people(layers(10, 8, 1, act=None)),
    "an autoencoder that is linear": lambda: program(layers(64, 16, 64, act=None), X, X, F.mse_loss, rate=1e-2),
    "convolutions with functions": lambda: digits(conv(), images=True),
    "a last layer that begins at zero": lambda: digits(
        layers(64, 32, 10, draw=lambda w: nn.init.zeros_(w) if len(w) == 10 else None)
    ),
    "a linear net that begins at zero": lambda: digits(constant(nn.Linear(64, 10)), rate=1e-2),
    "small weights, normalised": lambda: digits(
        layers(64, 64, 64, 10, norm=nn.LayerNorm, draw=lambda w: nn.init.normal_(w, 0, 0.02))
    ),
    "orthogonal weights": lambda: digits(layers(64, 64, 64, 10, draw=nn.init.orthogonal_)),
    "eight sigmoids, normalised": lambda: digits(layers(64, *[32] * 4, 10, act=nn.Sigmoid, norm=nn.BatchNorm1d), rate=1e-2),
    "deep and residual": lambda: digits(
        seeds(
            lambda: Of(
                lambda n, x: n.b(x + sum(F.relu(one(x)) for one in n.many)),
                many=nn.ModuleList(nn.Linear(64, 64) for _ in range(6)),
                b=nn.Linear(64, 10),
            )
        )
    ),
    "many silent units": lambda: digits(silent(layers(64, 256, 10), -0.5)),
    "tanh": lambda: people(layers(10, 32, 1, act=nn.Tanh)),
    "recurrent": lambda: waves(recurrent(), epochs=30),
    "steps first, turned": lambda: waves(
        seeds(lambda: Of(lambda n, x: n.b(n.a(x.transpose(0, 1))[0][-1]), a=nn.GRU(1, 16), b=nn.Linear(16, 2)))
    ),
    "attention, masked": lambda: language(attention(causal=True), epochs=4),
    "both directions, to name each step": lambda: program(
        seeds(lambda: Of(lambda n, x: n.b(n.a(x)[0]).transpose(1, 2), a=both_ways(nn.GRU, 8), b=nn.Linear(16, 2))),
        WAVES, (WAVES[..., 0] > 0).long(), F.cross_entropy, rate=1e-2,
    ),
    "dropout of a half": lambda: digits(
        seeds(lambda: nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10)))
    ),
    "batch normalisation in a short training": lambda: digits(layers(64, 32, 10, norm=nn.BatchNorm1d), epochs=1, rate=1e-2),
    "batches of four": lambda: people(layers(10, 32, 1, norm=nn.BatchNorm1d), batch_size=4, epochs=1),
    "a head on learned features": lambda: learned_head(),
    "a target that inputs explain by half": lambda: people(layers(10, 16, 16, 1)),
}  # fmt: skip


def learned_head():
    net = layers(64, 64, 10)
    optimizer = torch.optim.Adam(net.parameters(), 1e-2)
    for _ in range(200):
        optimizer.zero_grad()
        F.cross_entropy(net(X), Y % 5).backward()
        optimizer.step()
    net[2] = seeds(lambda: nn.Linear(64, 10))
    return digits(frozen(net, "0"), rate=1e-2)


FACTS = ("symmetric_init", "batch_mixing", "causal_leak", "unused_parameters", "dropout_on_output", "wrong_mode")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name in FACTS else pytest.mark.slow) for name in FAULTY]
)
def test_the_fault_is_named_first(name, monkeypatch):
    monkeypatch.setattr(examination, "MOST_FAULTS", 1)  # not what may be hidden behind it
    report = examine(FAULTY[name](), budget=BUDGET)
    assert [finding.cause for finding in report.findings][:1] == [name.split(",")[0]], str(report)
    assert report.findings[0].remedy
    if name == "excess_dropout":
        assert report.findings[0].where == "dropout after a"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if place % 3 else name for place, name in enumerate(HEALTHY)]
)
def test_what_is_sound_passes(name):
    report = examine(HEALTHY[name](), budget=BUDGET)
    assert report.healthy, str(report)


def test_modules_functions_and_bare_parameters_look_alike():
    modules = layers(64, 16, 10, act=nn.Sigmoid)
    a, b = modules[0], modules[2]
    functions = Of(
        lambda n, x: F.linear(torch.sigmoid(F.linear(x, n.a.weight, n.a.bias)), n.b.weight, n.b.bias), a=a, b=b
    )
    bare = Of(
        lambda n, x: (x @ n.w).sigmoid() @ n.v, w=nn.Parameter(a.weight.T.detach()), v=nn.Parameter(b.weight.T.detach())
    )
    seen = [
        [(one.function, one.number, one.weighted) for one in calls_of(net, X[:4])[0]]
        for net in (modules, functions, bare)
    ]
    assert seen[0] == seen[1] == [("linear", 1, True), ("sigmoid", 1, False), ("linear", 2, True)]
    assert [(number, weighted) for _, number, weighted in seen[2]] == [(1, True), (1, False), (2, True)]


def test_gradients_of_a_pass_are_those_of_autograd():
    net = layers(64, 16, 10)
    passage = passage_of(digits(net), (X[:32], Y[:32]))
    values = F.linear(X[:32], net[0].weight, net[0].bias)
    cost = F.cross_entropy(net[2](values.relu()), Y[:32])
    by_values, by_weight = torch.autograd.grad(cost, [values, net[0].weight])
    assert passage.weighted[0].gradient == pytest.approx(float(by_values.norm()), rel=1e-4)
    assert torch.allclose(passage.gradients["0.weight"], by_weight, atol=1e-6)
    assert passage.moved == set(dict(net.named_parameters()))
    assert "forward" not in net.__dict__  # the caller's own is as it was


# --------------------------------------------------------------------------------------------------------------- places
def test_layers_are_named_by_their_path_also_where_pytorch_does_not_see_them():
    net = Of(lambda _net, x: x, one=nn.Linear(4, 4), core=nn.GRU(4, 4), table=nn.Parameter(torch.zeros(2, 2)))
    net.hidden, net.cells = [nn.Linear(4, 4)], {"first": nn.Linear(4, 4)}
    net.one.loose = torch.zeros(3, requires_grad=True)
    names = layer_names(net)
    seen = (net.one.weight, net.core.weight_hh_l0, net.table)
    assert [names[id(weight)] for weight in seen] == ["one", "core", "table"]
    unseen = (net.hidden[0].weight, net.cells["first"].bias, net.one.loose)
    assert [names[id(weight)] for weight in unseen] == ["hidden", "cells", "one.loose"]


@pytest.mark.parametrize(("act", "cause"), [(nn.ReLU, bad_init_scale), (nn.Tanh, saturated_units)])
@pytest.mark.parametrize("number", [0, 2])
def test_the_layer_that_is_drawn_too_large_is_named_and_no_other(number, act, cause):
    net = nn.Sequential(layers(64, 32, 32, 10, act=act))
    nn.init.normal_(net[0][number].weight, std=20.0)
    assert [one.where for one in cause(calls_of(net, X[:16])[0])] == [f"0.{number}"]


def test_of_many_layers_three_are_named_and_the_others_counted():
    net = layers(64, 32, 32, 32, 32, 10, draw=lambda weight: nn.init.normal_(weight, std=9.0))
    [finding] = bad_init_scale(calls_of(net, X[:16])[0])
    assert finding.where.endswith(" and 2 more")
    assert set(finding.where.removesuffix(" and 2 more").split(", ")) < {"0", "2", "4", "6", "8"}


def test_a_layer_among_weights_without_a_name_is_the_net():
    loose = torch.randn(64, 10, requires_grad=True)
    assert layers_of(calls_of(Of(lambda _net, x: x @ loose), X[:4])[0]) == "net"


def test_the_recurrent_layer_that_reads_backwards_is_named():
    embed, core, out = nn.Embedding(12, 8), nn.GRU(8, 8, batch_first=True, bidirectional=True), nn.Linear(16, 12)
    net = Of(lambda net, x: net.out(net.core(net.embed(x))[0]).transpose(1, 2), embed=embed, core=core, out=out)
    patient = Patient(language(net), 0, BUDGET)
    assert [one.where for one in causal_leak(patient, patient.passage)] == ["core"]
