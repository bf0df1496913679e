"""What examining leaves as it was, what it refuses, and programs that docs/doctor-*.md, which run as tests, do not show."""

import copy
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import balanced_accuracy_score, r2_score, roc_auc_score
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from doctored import BUDGET, X, Y, digits, first_cause, perceptron
from profundo.doctor import Program, examine
from profundo.doctor.costs import cost_of
from profundo.doctor.patient import Patient, take_fused
from profundo.doctor.programs import copied, ordinary_step
from profundo.doctor.skill import Task, skill
from profundo.doctor.trials import trained, unchanged
from profundo.records import ProfundoError


def asleep(net, batch, loss, optimizer):
    net.eval()
    inputs, targets = batch
    optimizer.zero_grad()
    loss(net(inputs), targets).backward()
    optimizer.step()


def other_net():
    return digits(optimizer=torch.optim.SGD(perceptron(64, 64, 10).parameters(), 0.1))


FAULTY = {
    "wrong_mode": lambda: digits(nn.Sequential(nn.BatchNorm1d(64), nn.Linear(64, 10)), step=asleep),
    "not_in_optimizer": other_net,
}
HEALTHY = {
    "a linear net": lambda: digits(nn.Linear(64, 10)),
    "a loader": lambda: Program(
        net=(net := perceptron(64, 64, 10)),
        loss=nn.CrossEntropyLoss(),
        optimizer=torch.optim.Adam(net.parameters(), 1e-2),
        train=DataLoader(TensorDataset(X[:700], Y[:700]), 32, shuffle=True),
        validation=DataLoader(TensorDataset(X[1400:], Y[1400:]), 100),
    ),
}


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW])
def test_an_adam_goes_on_by_its_fused_kernel_from_where_it_was(kind):
    nets = [perceptron(64, 8, 10) for _ in range(2)]
    plain, fused = (kind(net.parameters(), 0.01, weight_decay=0.1) for net in nets)
    for step in range(6):
        if step == 3:
            take_fused(fused)
        for net, optimizer in zip(nets, (plain, fused), strict=True):
            ordinary_step(net, (X[:32], Y[:32]), F.cross_entropy, optimizer)
    assert (plain.param_groups[0]["fused"], fused.param_groups[0]["fused"]) == (None, True)
    for one, other in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        torch.testing.assert_close(one, other)
    sgd = torch.optim.SGD(nets[0].parameters(), 0.01)
    take_fused(sgd)
    assert sgd.param_groups[0]["fused"] is None


@pytest.mark.parametrize("cause", FAULTY)
def test_the_fault_is_named_first(cause):
    assert first_cause(FAULTY[cause]()) == cause


@pytest.mark.parametrize("name", HEALTHY)
def test_what_is_sound_passes(name):
    assert first_cause(HEALTHY[name]()) is None


def test_the_course_of_a_program_is_the_trial_of_its_length():
    """To the bit, though it is judged more often and the net draws whenever it is asked."""
    restless = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    restless.register_forward_pre_hook(lambda _net, inputs: (F.dropout(inputs[0], 0.2),))
    patient = Patient(digits(restless, epochs=1), seed=3, budget=BUDGET)
    trial = trained(patient.variant.copy(), patient.planned, 3)
    assert len(trial.skills) == 3
    assert len(set(trial.skills)) > 1
    assert patient.course.outcome == trial
    assert patient.outcome(3, patient.planned, unchanged) == trial
    assert patient.outcome(4, patient.planned, unchanged) != trial


def test_what_the_caller_holds_is_afterwards_as_before():
    program = digits(perceptron(64, 64, 10, last=nn.Softmax(1)))
    program.optimizer.zero_grad()
    F.nll_loss(program.net(X[:8]), Y[:8]).backward()
    program.optimizer.step()
    before = copy.deepcopy((program.net.state_dict(), program.optimizer.state_dict()))
    states = torch.get_rng_state(), random.getstate(), np.random.get_state(legacy=True)[1].tolist()
    program.net.eval()
    examine(program, budget=5)
    assert not program.net.training
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert np.random.get_state(legacy=True)[1].tolist() == states[2]
    for name, value in program.net.state_dict().items():
        assert torch.equal(value, before[0][name])
    moments = program.optimizer.state_dict()["state"]
    assert all(
        torch.equal(moments[key]["momentum_buffer"], was["momentum_buffer"]) for key, was in before[1]["state"].items()
    )


def test_functions_that_name_the_net_are_given_its_copy():
    """A penalty and a scheduler in a step: the caller's are neither trained nor stepped, the copies are."""
    net = perceptron(64, 10)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, 0.5)
    history = []

    def weights():
        return sum(p.square().sum() for p in net.parameters())

    def loss(prediction, target):
        return F.cross_entropy(prediction, target) + 1e-3 * weights()

    def step(model, batch, cost, opt):
        opt.zero_grad()
        value = cost(model(batch[0]), batch[1])
        value.backward()
        opt.step()
        scheduler.step()
        history.append(float(value))
        return value

    program = Program(net=net, loss=loss, optimizer=optimizer, train=(X, Y), step=step)
    mine = copied(program)
    value = mine.step(mine.net, (X[:32], Y[:32]), mine.loss, mine.optimizer)
    penalty = F.cross_entropy(program.net(X[:32]), Y[:32]) + 1e-3 * weights()
    assert float(value) == pytest.approx(float(penalty))
    assert mine.optimizer.param_groups[0]["lr"] == 0.05
    assert optimizer.param_groups[0]["lr"] == 0.1
    assert history == []
    assert all(p.grad is None for p in net.parameters())
    assert all(p.grad is not None for p in mine.net.parameters())
    examine(program, budget=3)
    assert history == []
    assert all(p.grad is None for p in net.parameters())


ROWS, LABELS = X[:200, :5], Y[:200] % 3
REFUSED = {
    "optimizer by name": ({"optimizer": "sgd"}, "expected optimizer to be a torch.optim.Optimizer"),
    "a class for a cost": ({"loss": nn.CrossEntropyLoss}, "got the class CrossEntropyLoss; give an instance of it"),
    "a cost by name": ({"loss": "mse"}, "expected loss to be a function, got str"),
    "epochs as text": ({"epochs": "5"}, "expected epochs to be a whole number of at least 1, got '5'"),
    "no samples": ({"train": (ROWS[:0], LABELS[:0])}, "expected samples in train, got none"),
    "no batches": ({"train": []}, "expected batches in train, got none"),
    "other lengths": ({"train": (ROWS[:9], LABELS[:8])}, "as many inputs as targets in train, got 9, 8"),
    "a generator": ({"train": ((ROWS, LABELS) for _ in range(3))}, "got generator, which can be read once only"),
    "a name": ({"validation": "iris"}, "expected validation to be .*, got str"),
    "uneven lists": ({"train": ([[1.0, 2.0], [3.0]], [0, 1])}, "expected numbers in rows of equal length"),
}


def small(**other):
    net = perceptron(5, 8, 3)
    optimizer = torch.optim.SGD(net.parameters(), 0.1)
    return Program(**{"net": net, "loss": F.cross_entropy, "optimizer": optimizer, "train": (ROWS, LABELS), **other})


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_program_is_one_line(name):
    other, words = REFUSED[name]
    with pytest.raises(ProfundoError, match=words) as caught:
        examine(small(**other), budget=5)
    assert "\n" not in str(caught.value)


def test_what_is_no_examination_is_one_line():
    with pytest.raises(ProfundoError, match="expected a Program"):
        examine(perceptron(4, 1))
    with pytest.raises(ProfundoError, match="budget to be a number of seconds above 0, got -1"):
        examine(small(), budget=-1)
    with pytest.raises(ProfundoError, match="seed to be a whole number from 0, got 'a'"):
        examine(small(), seed="a")


@pytest.mark.parametrize(
    "spoiled",
    [
        {"train": (ROWS[:, :4], LABELS)},
        {"train": (ROWS, LABELS.float())},
        {"validation": (ROWS[:, :4], LABELS)},
        {"step": lambda *_: 1 / 0},
    ],
)
def test_a_program_that_ends_in_an_error_is_never_called_healthy(spoiled):
    report = examine(small(**spoiled), budget=5)
    assert report.error
    assert not report.healthy
    assert str(report).startswith("the program ends with an error: ")


def test_arrays_and_lists_are_taken_in_the_nets_precision():
    lists = examine(small(train=(ROWS.tolist(), LABELS.tolist())), budget=5)
    arrays = examine(small(train=(ROWS.double().numpy(), LABELS.numpy())), budget=5)
    assert not lists.error
    assert not arrays.error
    assert lists.quantities["course"]["losses"] == arrays.quantities["course"]["losses"]


def test_batches_that_a_step_changes_in_place_stay_the_callers():
    def step(net, batch, loss, optimizer):
        batch[0].mul_(1.5)
        return ordinary_step(net, batch, loss, optimizer)

    batches = [(ROWS[place : place + 20].clone(), LABELS[place : place + 20]) for place in range(0, 200, 20)]
    examine(small(train=batches, step=step), budget=5)
    assert torch.equal(torch.cat([rows for rows, _ in batches]), ROWS)


@pytest.mark.parametrize(
    ("kind", "loss", "outputs", "targets"),
    [
        ("cross entropy", nn.CrossEntropyLoss(), (8, 5), "classes"),
        ("cross entropy", lambda p, t: F.cross_entropy(p, t.flatten().long()), (8, 5), "column"),
        ("cross entropy", lambda p, t: 1.0 * F.nll_loss(p.log_softmax(1), t), (8, 5), "classes"),
        ("negative log likelihood", F.nll_loss, (8, 5), "classes"),
        ("binary cross entropy of logits", lambda p, t: F.softplus(-p * (2 * t - 1)).mean(), (8, 1), "binary"),
        ("binary cross entropy", lambda p, t: F.binary_cross_entropy(p.squeeze(1), t.squeeze(1)), (8, 1), "binary"),
        ("squared error", lambda p, t: ((p - t) ** 2).sum(), (8, 3), "real"),
        ("absolute error", nn.L1Loss(), (8, 3), "real"),
        ("other", lambda p, t: (p - t).abs().sqrt().mean(), (8, 3), "real"),
    ],
)
def test_a_cost_is_known_by_what_it_answers(kind, loss, outputs, targets):
    draws = torch.Generator().manual_seed(1)
    given = torch.randn(outputs, generator=draws)
    values = {
        "classes": torch.randint(5, (8,), generator=draws),
        "column": torch.randint(5, (8, 1), generator=draws).float(),
        "binary": torch.randint(2, (8, 1), generator=draws).float(),
        "real": torch.randn(8, 3, generator=draws),
    }[targets]
    assert cost_of(loss, given, values).kind == kind


def test_skill_is_that_of_scikit_learn():
    draws = torch.Generator().manual_seed(2)
    scores, classes = torch.randn(200, 4, generator=draws), torch.randint(4, (200,), generator=draws)
    scores[torch.arange(200), classes] += 1
    balanced = balanced_accuracy_score(classes, scores.argmax(1), adjusted=True)
    areas = [2 * roc_auc_score(classes == k, scores[:, k]) - 1 for k in range(4)]
    assert skill(scores, classes, Task("classes", 4)) == pytest.approx((balanced + np.mean(areas)) / 2)
    answers, truth = torch.randn(50, 1, generator=draws), torch.randn(50, generator=draws)
    answers[:, 0] = truth + 0.3 * answers[:, 0]
    assert skill(answers, truth, Task("real")) == pytest.approx(r2_score(truth, answers[:, 0]))
    assert skill(torch.ones(50, 1), truth - truth.mean() + 1, Task("real")) == pytest.approx(0, abs=1e-6)
