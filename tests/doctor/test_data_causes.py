"""Faults in the data or their splits, in other ways than docs/doctor-data.md shows them; and programs that look like them and
are sound."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_sample_image
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import LinearRegression
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from doctored import BUDGET
from profundo.doctor import Program, examine
from profundo.doctor.causes.pairing import pairing
from profundo.doctor.causes.splitting import split_leakage
from profundo.doctor.causes.values import values
from profundo.doctor.patient import Patient
from profundo.doctor.reference import PENALTIES, Reference, explained, straight_share


def mixed(count, seed=0):
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed))


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def table(loader):
    inputs, targets = (torch.tensor(part) for part in loader(return_X_y=True))
    order = mixed(len(inputs))
    inputs = inputs[order].float()
    return (inputs - inputs.mean(0)) / inputs.std(0).clamp_min(1e-3), targets[order]


IMAGES, DIGITS = (torch.tensor(part) for part in load_digits(return_X_y=True))
IMAGES, DIGITS = IMAGES[mixed(len(IMAGES))].float()[:1200] / 16, DIGITS[mixed(len(DIGITS))][:1200]
CELLS, MALIGNANT = table(load_breast_cancer)
PEOPLE, PROGRESS = table(load_diabetes)
PROGRESS = ((PROGRESS - PROGRESS.mean()) / PROGRESS.std()).float()[:, None]
TRAIN = 600


def net_of(*widths):
    torch.manual_seed(0)
    layers = [part for a, b in pairwise(widths) for part in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def program(net, loss, train, validation, rate=0.01, **rest):
    rest.setdefault("epochs", 4)
    return Program(
        net=net,
        loss=loss,
        optimizer=torch.optim.Adam(net.parameters(), rate),
        train=train,
        validation=validation,
        **rest,
    )


def digits(inputs=IMAGES, targets=DIGITS, at=TRAIN, net=None, **rest):
    net = net or net_of(inputs[0].numel(), 48, 10)
    pairs = (inputs[:at], targets[:at]), (inputs[at:], targets[at:])
    return program(net, F.cross_entropy, rest.pop("train", pairs[0]), rest.pop("validation", pairs[1]), **rest)


def people(inputs=PEOPLE, targets=PROGRESS, at=330, **rest):
    rest.setdefault("epochs", 15)
    pairs = (inputs[:at], targets[:at]), (inputs[at:], targets[at:])
    return program(net_of(inputs.shape[1], 24, 1), nn.MSELoss(), *pairs, **rest)


class Yes(nn.Module):
    """One logit as (samples,), written with functional calls."""

    def __init__(self, width):
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two = nn.Linear(width, 24), nn.Linear(24, 1)

    def forward(self, cells):
        return self.two(torch.tanh(self.one(cells))).squeeze(-1)


def cells(inputs=CELLS, targets=MALIGNANT, at=420, **rest):
    rest.setdefault("epochs", 8)
    pairs = (inputs[:at], targets[:at].float()), (inputs[at:], targets[at:].float())
    return program(Yes(inputs.shape[1]), lambda p, t: F.binary_cross_entropy_with_logits(p, t), *pairs, **rest)


def wrong(targets, share, classes, seed=0):
    flip = torch.rand(len(targets), generator=torch.Generator().manual_seed(seed)) < share
    return torch.where(flip, (targets + 1 + mixed(len(targets)) % (classes - 1)) % classes, targets)


def first_wrong(targets, count, share, classes):
    return torch.cat([wrong(targets[:count], share, classes), targets[count:]])


# ----------------------------------------------------------------------------------------------- sets that change samples
class Changed(Dataset):
    """Digits, each changed anew whenever it is read."""

    def __init__(self, change, images=IMAGES[:TRAIN], labels=DIGITS[:TRAIN], draws=None):
        self.change, self.images, self.labels, self.draws = change, images, labels, draws

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        noise = torch.from_numpy(self.draws.standard_normal(64).astype("float32")) if self.draws else torch.randn(64)
        return self.change(self.images[index], noise), self.labels[index]


class Everything(IterableDataset):
    """Every worker reads all of it."""

    def __iter__(self):
        return zip(IMAGES[:TRAIN], DIGITS[:TRAIN], strict=True)


class Shared(Everything):
    def __iter__(self):
        worker = torch.utils.data.get_worker_info()
        return zip(IMAGES[worker.id : TRAIN : worker.num_workers], DIGITS[worker.id : TRAIN : worker.num_workers])  # noqa: B905


def noisy(image, noise):
    return image + 0.1 * noise


def ruined(image, noise):
    return image + 1.5 * noise


def loader(data, **rest):
    return DataLoader(data, 32, generator=torch.Generator().manual_seed(0), **rest)


# --------------------------------------------------------------------------------------------------------------- layouts
def patches(size=16, count=400):
    """Colour patches of a photograph, channels last, and whether each is bright."""
    photo = torch.from_numpy(np.array(load_sample_image("china.jpg"))).float() / 255
    draws = torch.Generator().manual_seed(0)
    rows, columns = (torch.randint(0, side - size, (count,), generator=draws) for side in photo.shape[:2])
    cut = torch.stack([photo[r : r + size, c : c + size] for r, c in zip(rows, columns, strict=True)])
    return cut, (cut.mean((1, 2, 3)) > cut.mean()).long()


PATCHES, BRIGHT = patches()


def convolutional(channels=3, classes=2):
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(channels, 8, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, classes)
    )


class Viewing(nn.Module):
    """Takes images channels last, and counts them anew instead of moving the axes; or moves them."""

    def __init__(self, move):
        super().__init__()
        self.rest, self.move = convolutional(), move

    def forward(self, images):
        moved = images.permute(0, 3, 1, 2) if self.move else images.view(len(images), 3, *images.shape[1:3])
        return self.rest(moved)


def photos(inputs, net=None, **rest):
    pairs = (inputs[:300], BRIGHT[:300]), (inputs[300:], BRIGHT[300:])
    return program(net or convolutional(inputs.shape[1]), nn.CrossEntropyLoss(), *pairs, **rest)


WAVES = torch.stack([normal(300, 30, seed=k).cumsum(1) for k in range(3)], 2)  # (series, time, channels)
RISES = (WAVES[:, -1, 0] > WAVES[:, 0, 0]).long()


def waves(inputs):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv1d(3, 8, 5), nn.ReLU(), nn.AdaptiveAvgPool1d(4), nn.Flatten(), nn.Linear(32, 2))
    return program(net, nn.CrossEntropyLoss(), (inputs[:220], RISES[:220]), (inputs[220:], RISES[220:]))


FEW_ILL = torch.cat([(MALIGNANT[:420] == 1).nonzero()[:, 0], (MALIGNANT[:420] == 0).nonzero()[:9, 0]])
TEXT_ORDER = torch.tensor(sorted(range(TRAIN), key=str))
REST = IMAGES[TRAIN:], DIGITS[TRAIN:]


def hard(count=700, seed=0):
    """Two overlapping classes: the best that can be reached is some 76 %."""
    inputs = normal(count, 8, seed=seed)
    return inputs, (inputs.sum(1) / 2 + 2 * normal(count, seed=seed + 1) > 0).long()


def overlapping():
    inputs, targets = hard()
    return program(net_of(8, 16, 2), F.cross_entropy, (inputs[:500], targets[:500]), (inputs[500:], targets[500:]))


def questionnaire():
    """Six answers of three kinds each: the same answers come again and again."""
    answers = torch.randint(0, 3, (600, 6), generator=torch.Generator().manual_seed(0)).float() - 1
    targets = (answers @ torch.tensor([1.0, -2, 1, 0.5, 0, 1]))[:, None] + 0.3 * normal(600, 1)
    return people(answers, targets, 450, rate=0.02)


FAULTY = {
    "inputs_targets_misaligned": {
        "only inputs shuffled": lambda: people(inputs=PEOPLE[mixed(len(PEOPLE), 5)], epochs=5),
        "files in alphabetical order": lambda: digits(train=(IMAGES[:TRAIN], DIGITS[:TRAIN][TEXT_ORDER])),
        "in validation": lambda: digits(validation=(REST[0], REST[1].flip(0))),
    },
    "split_leakage": {
        "noise added before the split": lambda: people(
            torch.cat([PEOPLE[:330], PEOPLE[:110] + 0.01 * normal(110, 10)]),
            torch.cat([PROGRESS[:330], PROGRESS[:110]]),
            epochs=3,
        ),
        "repeated before the split": lambda: cells(
            CELLS[torch.arange(569).repeat(2)[mixed(1138)]],
            MALIGNANT[torch.arange(569).repeat(2)[mixed(1138)]],
            900,
            epochs=3,
        ),
    },
    "target_in_input": {
        "a column of tumours": lambda: cells(torch.cat([CELLS, MALIGNANT[:, None].float() * 2 - 1], 1), epochs=3),
    },
    "split_shift": {
        "classes in order, then split": lambda: digits(IMAGES[DIGITS.argsort()], DIGITS.sort().values),
    },
    "harmful_augmentation": {
        "noise that hides the digits": lambda: digits(
            train=loader(Changed(ruined, IMAGES[:900], DIGITS[:900]), shuffle=True), at=900
        ),
    },
    "repeated_worker_randomness": {
        "every worker reads everything": lambda: digits(train=loader(Everything(), num_workers=2)),
    },
    "scrambled_layout": {
        "viewed in the net": lambda: photos(PATCHES, Viewing(move=False)),
        "height for channels": lambda: photos(PATCHES),
        "series": lambda: waves(WAVES.reshape(-1, 3, 30)),
    },
}
HEALTHY = {
    "tumours": cells,
    "overlapping classes": overlapping,
    "the same answers again": questionnaire,
    "not drawn anew, mixed": lambda: digits(shuffle=False),
    "a weak augmentation": lambda: digits(train=loader(Changed(noisy), shuffle=True, num_workers=2)),
    "workers that share": lambda: digits(train=loader(Shared(), num_workers=2)),
    "channels moved in the net": lambda: photos(PATCHES, Viewing(move=True)),
    "series in place": lambda: waves(WAVES.transpose(1, 2)),
    "one wrong label in fifty": lambda: digits(targets=wrong(DIGITS, 0.02, 10)),
    "rare but learned": lambda: cells(
        torch.cat([CELLS[FEW_ILL], CELLS[420:]]),
        torch.cat([MALIGNANT[FEW_ILL], MALIGNANT[420:]]),
        len(FEW_ILL),
        rate=0.02,
    ),
}


@pytest.mark.parametrize(("cause", "name"), [(cause, name) for cause, each in FAULTY.items() for name in each])
def test_the_fault_is_named_first(cause, name):
    report = examine(FAULTY[cause][name](), budget=BUDGET)
    assert [finding.cause for finding in report.findings][:1] == [cause], str(report)


def test_a_column_that_is_in_other_units_in_validation_is_named():
    program = people()
    rows, progress = program.validation
    other = torch.where(torch.arange(10) == 2, 4 * rows + 6, rows)
    finding, *_ = examine(replace(program, validation=(other, progress)), budget=BUDGET).findings
    assert (finding.cause, finding.where) == ("split_shift", "validation inputs, column 2")


@pytest.mark.parametrize("name", HEALTHY)
def test_what_is_sound_passes(name):
    report = examine(HEALTHY[name](), budget=BUDGET)
    assert report.healthy, str(report)


# -------------------------------------------------------------------------------------------------------- numbers alone
class Calling(nn.Module):
    """Does something to its inputs before the rest."""

    def __init__(self, function, rest):
        super().__init__()
        self.function, self.rest = function, rest

    def forward(self, *inputs):
        return self.rest(self.function(*inputs))


class Two(nn.Module):
    """Ages and words, by name."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.words, self.out = nn.Embedding(5000, 4), nn.Linear(7, 1)

    def forward(self, ages, words):
        return self.out(torch.cat([ages, self.words(words)], 1))


def by_name(scale):
    ages, words = normal(200, 3) * scale, mixed(200) * 20
    data = TensorDataset(ages, words, ages[:, :1] / scale)
    batches = [{"ages": a, "words": w, "y": y} for a, w, y in DataLoader(data, 20)]
    net = Two()
    return program(net, F.mse_loss, batches, None)


def holed(inputs):
    inputs = inputs.clone()
    inputs[::7, 3] = torch.nan
    return inputs


def language_model():
    torch.manual_seed(0)
    letters = torch.randint(0, 30, (100, 12))
    net = nn.Sequential(nn.Embedding(30, 8), nn.Linear(8, 30))
    return program(
        net, lambda p, t: F.cross_entropy(p.flatten(0, 1), t.flatten()), (letters[:, :-1], letters[:, 1:]), None
    )


BYTES = (IMAGES * 255).to(torch.uint8)
NOTHING = torch.zeros(1200)
NUMBERS = {
    "bytes as they are": ("unscaled_input", lambda: digits(BYTES, net=Calling(torch.Tensor.float, net_of(64, 24, 10)))),
    "one huge column": ("unscaled_input", lambda: people(torch.cat([PEOPLE[:, :9], PEOPLE[:, 9:] * 1e4], 1))),
    "double precision": ("unscaled_input", lambda: digits(IMAGES.double() * 4000, net=net_of(64, 24, 10).double())),
    "far from zero": ("unscaled_input", lambda: people(PEOPLE + 2000)),
    "a part of a dict": ("unscaled_input", lambda: by_name(1000.0)),
    "tiny columns": ("scaled_twice", lambda: people(PEOPLE / 255)),
    "holes in inputs": ("nan_in_data", lambda: people(holed(PEOPLE))),
    "infinite targets": ("nan_in_data", lambda: people(targets=torch.where(PROGRESS > 1.5, torch.inf, PROGRESS))),
    "all of one class": ("constant_data", lambda: cells(targets=MALIGNANT * 0)),
    "the same input": ("constant_data", lambda: people(PEOPLE * 0 + 1)),
    "classes from one": ("labels_out_of_range", lambda: digits(targets=DIGITS + 1)),
    "signs for probabilities": ("labels_out_of_range", lambda: cells(targets=MALIGNANT * 2 - 1)),
    "kilometres": ("unscaled_target", lambda: people(targets=PROGRESS * 500 + 3000)),
    "bytes divided in the net": (None, lambda: digits(BYTES, net=Calling(lambda x: x / 255, net_of(64, 24, 10)))),
    "own normalisation": (None, lambda: normalised()),
    "batch normalisation": (
        None,
        lambda: digits(IMAGES * 900, net=nn.Sequential(nn.BatchNorm1d(64), net_of(64, 24, 10))),
    ),
    "words by number": (None, lambda: by_name(1.0)),
    "holes that the net fills": (
        None,
        lambda: digits(holed(IMAGES), net=Calling(torch.nan_to_num, net_of(64, 24, 10))),
    ),
    "no labels needed": (
        None,
        lambda: program(net_of(64, 8, 64), lambda p, _: p.square().mean(), (IMAGES, NOTHING), None),
    ),
    "a language model": (None, language_model),
    "labels of a half": (None, lambda: cells(targets=MALIGNANT * 0.8 + 0.1)),
}


def normalised():
    mean, deviation = PEOPLE.mean(0) + 5000, PEOPLE.std(0)
    net = Calling(lambda x: (x - mean) / deviation, net_of(10, 24, 1))
    return program(net, F.mse_loss, (PEOPLE + 5000, PROGRESS), None)


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_suspect_by_how_they_reach_the_weights(name):
    cause, make = NUMBERS[name]
    assert [one.cause for one in values(Patient(make(), 0, BUDGET))][:1] == ([cause] if cause else [])


def with_column(change, *columns):
    inputs = CELLS.clone()
    inputs[:, list(columns)] = change(inputs[:, list(columns)])
    return cells(inputs)


@pytest.mark.parametrize(
    ("make", "where"),
    [
        (lambda: with_column(lambda x: x * 1e4, 7), "train inputs, column 7"),
        (lambda: people(PEOPLE * torch.tensor([1.0] * 9 + [1e-4])), "train inputs, column 9"),
        (lambda: with_column(lambda x: x * torch.tensor([1e3, 1e5]), 3, 9), "train inputs, column 9, 3"),
        (lambda: with_column(lambda x: x.where(x < 2, torch.nan), 4), "train inputs, column 4"),
        (lambda: cells(CELLS * 1e4), "train inputs"),  # all of them
        (lambda: digits(BYTES), "train inputs"),  # more than one would look at
    ],
)
def test_the_columns_at_fault_are_named(make, where):
    assert next(values(Patient(make(), 0, BUDGET))).where == where


def only(column):
    """Targets that follow from one column of ten alone."""
    inputs = normal(400, 10)
    return people(inputs, inputs[:, column : column + 1] * 2 + 0.05 * normal(400, 1, seed=3), 300)


def facts(family, make):
    """What a family takes for a fact."""
    return {one.cause for one in family(Patient(make(), 0, BUDGET)) if not one.cures}


@pytest.mark.parametrize("make", [lambda: only(0), people, cells, questionnaire, overlapping])
def test_data_that_are_merely_easy_or_hard_show_no_fault(make):
    assert facts(pairing, make) == set()


def test_a_reference_leaves_out_what_it_answers():
    inputs, targets = normal(40, 3), normal(40, 2, seed=1).double()
    reference = Reference.of(inputs)
    answers, _ = reference.left_out(targets)
    penalties = []
    for penalty in PENALTIES:
        kernel = torch.exp(-torch.cdist(reference.points, reference.points).square() / reference.width)
        centred = targets - targets.mean(0)
        rows = []
        for out in range(40):
            rest = torch.arange(40) != out
            ridge = KernelRidge(alpha=penalty, kernel="precomputed").fit(kernel[rest][:, rest], centred[rest])
            rows.append(torch.from_numpy(ridge.predict(kernel[out : out + 1, rest])[0]) + targets.mean(0))
        penalties.append(torch.stack(rows))
    errors = [float((one - targets).square().sum()) for one in penalties]
    torch.testing.assert_close(answers, penalties[errors.index(min(errors))])


def weakly_related(share, count=800, seed=0):
    """A table of ten columns of noise, and targets of which they explain this share."""
    inputs, noise = normal(count, 10, seed=seed), normal(count, 1, seed=seed + 100)
    along = inputs @ normal(10, 1, seed=seed + 200)
    return inputs, share**0.5 * along / along.std() + (1 - share) ** 0.5 * noise


def said_of_pairs(inputs, targets, epochs=2):
    patient = Patient(people(inputs, targets, 3 * len(inputs) // 4, epochs=epochs), 0, BUDGET)
    return [one for one in pairing(patient) if one.cause == "inputs_targets_misaligned"], patient.notes


@pytest.mark.parametrize("share", [0.04, 0.07, 0.15])
def test_targets_of_which_the_inputs_tell_little_are_not_called_misaligned(share):
    for seed in range(2):
        assert not said_of_pairs(*weakly_related(share, 2000 if share < 0.05 else 800, seed))[0]


def test_of_targets_without_any_relation_it_says_that_it_does_not_know():
    inputs, targets = weakly_related(0.0)
    (said,), _ = said_of_pairs(inputs, targets)
    assert (said.severity, said.presumed) == ("mild", True)
    assert said.remedy.startswith("not known")
    assert said_of_pairs(inputs[:266], targets[:266])[0] == [], "too few to say"
    inputs, targets = weakly_related(0.5)
    found, _ = said_of_pairs(inputs, torch.cat([targets[mixed(600, 3)], targets[600:]]))
    assert [one.severity for one in found] == ["fatal"], "validation tells that there is a relation"


def test_a_share_between_chance_and_certainty_is_noted():
    said = [said_of_pairs(*weakly_related(0.03, seed=seed)) for seed in range(5)]
    assert any("tell little" in note for found, notes in said for note in notes if not found)


def test_a_series_that_holds_its_own_past_is_not_misaligned_by_a_step():
    """Nothing can be told of the next value of noise; the value before is a column."""
    series = normal(900, seed=7)
    inputs, targets = series.unfold(0, 6, 1)[:, :5], series.unfold(0, 6, 1)[:, 5:]
    assert all(one.severity == "mild" for one in said_of_pairs(inputs, targets)[0])


def test_the_share_of_a_straight_line_is_that_of_least_squares():
    inputs, targets = weakly_related(0.3)
    share, chance, deviation = straight_share(inputs, targets.double())
    assert share == pytest.approx(LinearRegression().fit(inputs, targets).score(inputs, targets), abs=1e-4)
    assert chance == pytest.approx(10 / 799, abs=3 * deviation), "of k columns and n samples k / (n − 1)"


def test_of_noise_the_reference_says_hardly_more_than_a_constant():
    noise, reference = normal(600, 1, seed=5).double(), Reference.of(normal(600, 10))
    assert -0.02 < explained(reference.left_out(noise)[0], noise) < 0.02


def test_rows_that_repeat_by_themselves_are_in_both_splits_of_a_fair_division():
    """Answers of a questionnaire, scaled, so that they look measured."""
    answers = torch.randint(0, 5, (400, 4), generator=torch.Generator().manual_seed(0)).float()
    answers = (answers - answers.mean(0)) / answers.std(0)
    for seed in (0, 2, 4, 11):
        order = mixed(400, seed)
        drawn = answers[order]
        fair = people(drawn, normal(400, 1), 300)
        assert not list(split_leakage(Patient(fair, 0, BUDGET), Patient(fair, 0, BUDGET).validation)), seed
    leaky = people(torch.cat([drawn[:300], drawn[100:200]]), normal(400, 1), 300)
    patient = Patient(leaky, 0, BUDGET)
    assert list(split_leakage(patient, patient.validation))
