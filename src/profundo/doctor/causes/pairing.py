"""What a simple model makes of inputs and targets: nothing, although they should belong together; too much; or all but some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from profundo.doctor.patient import Patient
from profundo.doctor.reference import Reference, columns_of, explained, straight_share, table_of
from profundo.doctor.skill import auc, class_scores, distinct
from profundo.doctor.suspicions import Suspicion
from profundo.doctor.trials import Cure, Variant, answers_of, unchanged

__all__ = ["pairing"]

SHIFTS = (1, -1, 2, -2, 3, -3)  # places, by which targets may have moved
FEWEST = 100  # samples, from which "no relation" can be said
NATURAL = 0.5  # of the share of contradicted labels in training, in validation
FAR = 0.5  # two readings of a sample, over different samples
SURE, DOUBT = 4.0, 2.0  # deviations from chance, beyond which there is a relation, or may be one
FAINT, NOTHING, CLEAR = 0.005, 0.02, 0.1  # shares of the targets explained
LEARNED = 0.15  # of skill
NOISE = 0.07  # share of labels that the reference contradicts where it is surest
STRONG = 0.5  # share that the simple model explains of labels that are all true
EXACT = 1 - 1e-6
MOST_WORDS = 50_000_000  # numbers of a table of samples and words
MOST_PARTED, PARTS = 2000, 0.999  # columns; of 2·AUC − 1
GIVES_AWAY = 0.95  # share of the targets that one column explains alone


def pairing(patient: Patient) -> Iterator[Suspicion]:
    inputs, targets = patient.train.inputs, patient.train.targets
    if not isinstance(targets, Tensor) or targets is inputs or patient.task.kind == "own" or len(targets) < 30:
        return
    table, reference = table_of(targets, patient.task), patient.reference
    if table is None or reference is None or len(table) != len(targets) or not bool((table != table[:1]).any()):
        return
    mine = table[reference.chosen]
    share = explained(reference.left_out(mine)[0], mine)
    yield from inputs_targets_misaligned(patient, reference, table, share)
    if share > CLEAR:
        yield from target_in_input(patient, table)
    if share > NOTHING:
        yield from label_noise(patient, reference, table)


# ---------------------------------------------------------------------------------------------------------- misaligned
def inputs_targets_misaligned(
    patient: Patient, reference: Reference, table: Tensor, share: float
) -> Iterator[Suspicion]:
    """Inputs and targets that have nothing to do with each other, and yet would, were they paired otherwise."""
    mine = table[reference.chosen]
    other = related(patient)
    if len(table) < FEWEST or is_clear(reference, mine, share):
        if other is not None and other < NOTHING and share > 3 * CLEAR and patient.course.held[-1] < LEARNED:
            yield misaligned("validation", {"explained in training": share, "in validation": other}, "")
        return
    for how, order in other_orders(len(table)):
        better = table[order][reference.chosen]
        gain = explained(reference.left_out(better)[0], better)
        if gain > share + CLEAR and is_clear(reference, better, gain):
            if holds_its_past(patient, table):
                break
            yield misaligned("train", {"explained as paired": share, f"explained {how}": gain}, how)
            return
    if other is not None and other > 2 * CLEAR:
        evidence = {"explained in training": share, "in validation": other}
        right, chance, deviation = told_by_validation(patient, table)
        if right > chance + SURE * deviation:
            evidence = {"labels that agree with what validation tells": right, "by chance": chance}
            words = "look at the labels; correct them or read them anew"
            yield Suspicion("label_noise", "train targets", evidence, words, presumed=True)
            return
        presumed = patient.train.again > FAR  # or augmentation hides what they show
        yield misaligned("train", evidence, "", presumed)
    elif len(table) >= 2 * FEWEST and patient.course.held[-1] < LEARNED and not patient.course.error:
        yield from unrelated(patient, reference, table, share)


def unrelated(patient: Patient, reference: Reference, table: Tensor, share: float) -> Iterator[Suspicion]:
    """Inputs that tell nothing of the targets, in whatever order these are: those of other samples do so, and so do those of
    one's own that lack what the targets depend on. Where they tell a little, or the samples are too few to say, a note says so."""
    chance, deviation = reference.by_chance(table[reference.chosen])
    straight, by_chance, spread = straight_share(patient.train.inputs, table)
    told = share > chance + max(FAINT, DOUBT * deviation) or straight > by_chance + max(FAINT, DOUBT * spread)
    if told or SURE * min(deviation, spread) > CLEAR:
        patient.notes.append(
            f"the inputs tell little of the targets: a simple model explains {max(share, 0):.1%} of them, a straight line "
            f"{straight:.1%}, and {by_chance:.1%} of permuted targets; what was tried does not say whether there is more to learn"
        )
        return
    evidence = {
        "explained by a simple model": share, "of permuted targets": chance, "deviation": deviation,
        "by a straight line": straight, "by it of permuted targets": by_chance,
    }  # fmt: skip
    yield Suspicion(
        "inputs_targets_misaligned", "train", evidence,
        "not known: the inputs tell nothing of the targets, nor of targets moved by a few places or reversed. Either the pairs are "
        "wrong: look where inputs and targets are sorted, shuffled, filtered or read apart; or the inputs lack what they depend on",
        "mild", presumed=True,
    )  # fmt: skip


def holds_its_past(patient: Patient, table: Tensor) -> bool:
    """Whether columns hold targets of other samples, one these before and one those before them, as of a series that is to go on."""
    columns = telling_columns(patient.train.inputs)
    if columns is None:
        return False
    classes = patient.task.kind in {"classes", "binary"}
    told = [float(alone(columns, table.roll(shift, 0), classes).max()) > GIVES_AWAY for shift in SHIFTS]
    return sum(told) > 1


def misaligned(where: str, evidence: Mapping[str, float], how: str, presumed: bool = False) -> Suspicion:
    remedy = (
        f"pair inputs and targets {how}" if how else
        "pair each input with its own target again: look where they are sorted, shuffled, filtered or read apart"
    )  # fmt: skip
    return Suspicion("inputs_targets_misaligned", where, evidence, remedy, "fatal", presumed=presumed)


def is_clear(reference: Reference, table: Tensor, share: float) -> bool:
    """Whether so much cannot be explained by chance."""
    if share > CLEAR:
        return True
    chance, deviation = reference.by_chance(table)
    return share > chance + SURE * deviation


def other_orders(count: int) -> Iterator[tuple[str, Tensor]]:
    whole = torch.arange(count)
    for shift in SHIFTS:
        yield f"with targets moved by {shift}", whole.roll(shift)
    yield "with targets reversed", whole.flip(0)
    as_text = torch.tensor(sorted(range(count), key=str))  # 0, 1, 10, 100, 101 …: file names in alphabetical order
    yield "in the order of numbers, not of text", as_text
    yield "in the order of text, not of numbers", as_text.argsort()


def related(patient: Patient) -> float | None:
    """The share of the validation targets that a simple model of these explains."""
    samples = patient.validation
    if samples is None or len(samples) < FEWEST:
        return None
    table, reference = table_of(samples.targets, patient.task), patient.validation_reference
    if table is None or reference is None or not bool((table != table[:1]).any()):
        return None
    mine = table[reference.chosen]
    share = explained(reference.left_out(mine)[0], mine)
    return share if is_clear(reference, mine, share) else min(share, 0.0)


def told_by_validation(patient: Patient, table: Tensor) -> tuple[float, float, float]:
    """How many training labels are those that a simple model of the validation samples gives, how many would be by chance, and
    its deviation: labels that belong to other samples agree by chance, wrong ones among right ones do more often."""
    validation = patient.validation
    if validation is None or table.shape[1] < 2:
        return 0.0, 1.0, 0.0
    theirs, reference = table_of(validation.targets, patient.task), patient.validation_reference
    columns = columns_of(patient.train.inputs, like=validation.inputs)
    if theirs is None or reference is None or columns is None or theirs.shape[1] != table.shape[1]:
        return 0.0, 1.0, 0.0
    answers, labels = reference.answers(columns, theirs[reference.chosen]).argmax(1), table.argmax(1)
    shares = [torch.bincount(one, minlength=table.shape[1]).double() / len(one) for one in (answers, labels)]
    chance = float((shares[0] * shares[1]).sum())
    return float((answers == labels).double().mean()), chance, (chance * (1 - chance) / len(labels)) ** 0.5


# --------------------------------------------------------------------------------------------------------- label noise
def label_noise(patient: Patient, reference: Reference, table: Tensor) -> Iterator[Suspicion]:
    """Labels contradicted as often where a simple model is surest as elsewhere: classes that overlap are so at their
    borders, wrong labels lie anywhere (Northcutt, Jiang and Chuang, "Confident learning", JAIR 2021)."""
    plain = patient.task.kind in {"classes", "binary"} and patient.train.targets.numel() == len(patient.train)
    if not plain or table.shape[1] < 2 or not patient.train.whole:
        return
    mine = table[reference.chosen]
    answers, _ = reference.left_out(mine)
    wrong, margin = disagreement(answers, mine)
    surest = margin >= margin.quantile(0.75)
    noise, overall = float(wrong[surest].double().mean()), float(wrong.double().mean())
    by_chance = 1 - 1 / mine.shape[1]  # of guesses, how many are wrong
    if not NOISE < noise < 0.5 * by_chance or noise < 0.4 * overall or knows_better(patient, noise):
        return
    left = 1 - noise / by_chance  # of the relation, under so many labels drawn at random
    if explained(answers, mine) < STRONG * left**2:
        return  # true labels are not explained either: it is the simple model that errs
    held = held_noise(patient, reference, mine)
    if held is not None and held[0] > NATURAL * noise:
        return  # as many are contradicted there: what is to be learned is a matter of chance by its nature
    view = judged_without(patient, held[1]) if held is not None and held[0] >= NOISE else None
    even = noise > max(2 * NOISE, 0.6 * overall) and float(margin.mean()) > 1.4 * float(margin.std())
    columns = columns_of(patient.train.inputs)
    assert columns is not None  # the reference is made of them
    everywhere = reference.answers(columns, mine)
    everywhere[reference.chosen] = answers
    wrong, margin = disagreement(everywhere, table)
    suspects = (wrong & (margin > 0.1)).nonzero().flatten()
    evidence = {"share of wrong labels, about": noise, "suspects": len(suspects), "the first": suspects[:5].tolist()}
    remedy = "look at the labels of the suspects; correct them or leave them out"
    if even and not patient.train.again and patient.cost.kind != "other":  # a cost of one's own may be made for them
        yield Suspicion("label_noise", "train targets", evidence, remedy, presumed=True)
    yield Suspicion(
        "label_noise", "train targets", evidence, remedy, weight=0.65, gain=0.02, share=0.1, steps=patient.whole_steps,
        cures={"without the suspects": partial(without, suspects)}, view=view,
    )  # fmt: skip


def knows_better(patient: Patient, noise: float) -> bool:
    """Whether the trained net answers training and held-out samples as their labels say more often than it could, were so
    many wrong; then it is the simple model that errs."""
    if patient.validation is None or patient.course.error or not patient.course.losses:
        return False
    right = []
    for samples in (patient.train.first(2000), patient.held):
        scores, classes = class_scores(answers_of(patient.grown, samples.inputs), samples.targets, patient.task)
        right.append(float((scores.argmax(1) == classes).double().mean()))
    return min(right) > 1 - 0.5 * noise


def disagreement(answers: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
    """Of each sample, whether the class with most votes is not its label, and by how much it leads."""
    best = answers.topk(2, 1).values
    return answers.argmax(1) != table.argmax(1), best[:, 0] - best[:, 1]


def held_noise(patient: Patient, reference: Reference, mine: Tensor) -> tuple[float, Tensor] | None:
    """How often held-out labels are contradicted where the simple model is surest, and which are suspect."""
    held, labels = patient.held, distinct(patient.train.targets.flatten())
    columns = columns_of(held.inputs, like=patient.train.inputs)
    if columns is None or patient.validation is None:
        return None
    wrong, margin = disagreement(reference.answers(columns, mine), (held.targets.reshape(-1, 1) == labels).double())
    return float(wrong[margin >= margin.quantile(0.75)].double().mean()), wrong & (margin > 0.1)


def judged_without(patient: Patient, suspects: Tensor) -> Cure:
    """On those held-out samples whose labels are not suspect themselves."""
    rest = patient.held.rows((~suspects).nonzero().flatten())
    return lambda variant: replace(variant, held=rest, truth=rest.targets)


def without(suspects: Tensor, variant: Variant) -> Variant:
    rest = torch.ones(len(variant.train), dtype=torch.bool)
    rest[suspects] = False
    return replace(variant, train=variant.train.rows(rest.nonzero().flatten()))


# -------------------------------------------------------------------------------------------------- target in the input
def target_in_input(patient: Patient, table: Tensor) -> Iterator[Suspicion]:
    """A column that gives the target away, where the others tell something of it, too, and far less."""
    inputs = patient.train.inputs
    columns = telling_columns(inputs)
    if columns is None:
        return
    classes = patient.task.kind in {"classes", "binary"}
    shares = alone(columns, table, classes)
    if classes and inputs.is_floating_point():
        shares = torch.maximum(shares, in_blocks(columns, table))
    telling = shares > GIVES_AWAY
    if not bool(telling.any()) or int(telling.sum()) > max(table.shape[1], 2):
        return
    which = telling.nonzero().flatten()
    if inputs.is_floating_point():
        rest, kind = inputs.detach().flatten(1)[:, ~telling], "column"
    else:
        rest, kind = inputs.masked_fill(torch.isin(inputs, which), 0), "number"
    reference = Reference.of(rest)
    if reference is None:
        return
    mine = table[reference.chosen]
    others = explained(reference.left_out(mine)[0], mine)
    same = (
        float(shares.max()) > EXACT and others < 0.99
    )  # the very numbers; not of targets that follow from all columns
    if NOTHING < others < float(shares.max()) - 0.1 or same:
        yield Suspicion(
            "target_in_input", f"train inputs, {kind} {', '.join(map(str, which.tolist()))}",
            {"explained by it alone": float(shares.max()), "by all others": others},
            "remove it: it holds what is to be predicted, and will not be there when predictions are needed", mend=unchanged,
        )  # fmt: skip


def telling_columns(inputs: object) -> Tensor | None:
    """Columns of mean 0: those of a table or of images, or for rows of words whether a word is among them."""
    if not isinstance(inputs, Tensor) or inputs.ndim not in {2, 4}:
        return None
    if inputs.is_floating_point():
        columns = columns_of(inputs)
        if columns is None or columns.shape[1] < 3 or columns.shape[1] != inputs[0].numel():
            return None
        steady = columns.std(0) > 0.5  # what is constant is rounding error once it is standardised
        return torch.where(steady, columns, 0.0).double()
    words = int(inputs.max()) + 1
    if inputs.ndim != 2 or inputs.shape[1] < 3 or int(inputs.min()) < 0 or words * len(inputs) > MOST_WORDS:
        return None
    present = torch.zeros(len(inputs), words, dtype=torch.double).scatter_(1, inputs.long(), 1.0)
    return present - present.mean(0)


def in_blocks(columns: Tensor, table: Tensor) -> Tensor:
    """Of each column with hardly a value twice, how far its order is that of the classes: 1 where each is one stretch, such as
    the numbers of rows of a sorted file, 0 where they come by chance."""
    labels = table.argmax(1)[columns.argsort(0)]
    same = (labels[1:] == labels[:-1]).double().mean(0)
    chance = float(table.mean(0).square().sum())
    each = torch.tensor([len(distinct(column)) > 0.9 * len(column) for column in columns.T])
    return torch.where(each, (same - chance) / (1 - chance), 0.0)


def alone(columns: Tensor, table: Tensor, classes: bool) -> Tensor:
    """Of each column, the share that it has in common with the target: η² with classes (1 where it parts two of them by its
    order alone), r² with numbers."""
    if classes:
        counts = table.sum(0).clamp_min(1)
        between = ((table.T @ columns) / counts[:, None]).square() * counts[:, None]
        shares = between.sum(0) / columns.square().sum(0).clamp_min(1e-12)
        if table.shape[1] == 2 and columns.shape[1] <= MOST_PARTED and int(counts.min()) >= 30:
            which = table.argmax(1) == 1
            parted = (2 * auc(columns, which[:, None]) - 1).abs()
            shares = torch.where(parted > PARTS, parted, shares)
        return shares
    if table.shape[1] > 1:
        return columns.new_zeros(columns.shape[1])
    return (table.T @ columns)[0].square() / (table.square().sum() * columns.square().sum(0)).clamp_min(1e-12)
