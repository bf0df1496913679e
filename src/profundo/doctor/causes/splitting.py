"""Training and validation samples that are the same, or are of different kinds; and classes that are too rare to be learned."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from profundo.doctor.patient import Patient
from profundo.doctor.programs import Samples
from profundo.doctor.reference import Reference, columns_of
from profundo.doctor.skill import auc, class_scores, distinct, skill
from profundo.doctor.suspicions import Suspicion, with_columns
from profundo.doctor.trials import Cure, Variant, answers_of, unchanged
from profundo.trees import leaves, mapped

__all__ = ["splitting"]

LEAK, FEWEST = 0.03, 5  # share and number of validation samples
MANY = 0.15  # share of samples that repeat
SURE, DRAWS = 3.0, 30  # deviations from what a fair split brings; of them, drawn
NEAR = 0.2  # of the distance at which training samples have their nearest
TOLD_APART, ALWAYS = 0.85, 0.97  # area under the ROC curve
MOVED = 0.5  # of a column: twice the area, less 1
MUCH_WORSE, EXACTLY = 0.15, 1e-5  # of skill; of a deviation
LEARNED, KNOWN_BETTER = 0.3, 0.08  # of skill
GROSS = 5.0  # ratio of deviations that no two samples of the same things have
NEVER, SELDOM = 0.1, 0.3  # of the samples of a class recognised
SIBLINGS, MANY_COLUMNS = 20, 6  # samples of one origin; columns, with fewer of which samples are near by chance
SIBLINGS_ARE = ((0.56, 0.3), (0.4, 0.2))  # at so much of the distance, more accurate by so much
BY_CHANCE = 1e-6
FEW_TO_LEARN = 20  # samples, which a grid of validation may well go through
MOST_PAIRS = 2**31  # products of numbers, for distances


def splitting(patient: Patient) -> Iterator[Suspicion]:
    if patient.validation is not None and len(patient.validation) >= FEWEST and len(patient.train) >= FEWEST:
        if len(patient.train) >= FEW_TO_LEARN:
            yield from split_leakage(patient, patient.validation)
        yield from split_shift(patient, patient.validation)
    yield from class_imbalance(patient)


# -------------------------------------------------------------------------------------------------------------- leakage
def split_leakage(patient: Patient, validation: Samples) -> Iterator[Suspicion]:
    """Validation samples that are in training, too, more than samples are alike by themselves."""
    ours, theirs = contents(patient.train.inputs), contents(validation.inputs)
    seen = set(ours)
    copies = torch.tensor([content in seen for content in theirs])
    distinct_copies, different = len(set(theirs) & seen), len(set(theirs))
    again = sum(count for count in Counter(ours).values() if count > 1) / len(ours)  # as would across a fair split
    if again > MANY and measured(patient.train.inputs) and alike_by_chance(patient.train.inputs) < 1e-3:
        again = 0.0  # the same message is sent now and then, but so many equal rows are made by somebody
    share, how = float(copies.double().mean()), "equal"
    fair = again > 0 and by_fair_splits(ours, theirs, share)
    if distinct_copies < max(FEWEST, LEAK * different) or share < 1.2 * again + LEAK or fair:
        copies, share, how = *near_copies(patient.train.inputs, validation.inputs), "nearly equal"
        if share < LEAK or int(copies.sum()) < FEWEST:
            yield from of_one_origin(patient, validation)
            return
    evidence = {f"validation samples {how} to training samples": int(copies.sum()), "of": len(validation)}
    yield Suspicion(
        "split_leakage", "validation", evidence | scores_by(patient, validation, copies),
        "keep all copies of a sample in one split: split first, then repeat, oversample or augment the training samples",
        mend=unchanged,
    )  # fmt: skip


def by_fair_splits(ours: list[int], theirs: list[int], share: float) -> bool:
    """Whether so many validation samples may be in training by chance: samples that repeat by themselves, divided at random."""
    number = {content: place for place, content in enumerate({*ours, *theirs})}
    together, draws = torch.tensor([number[one] for one in (*ours, *theirs)]), torch.Generator().manual_seed(0)
    shares = []
    for _ in range(DRAWS):
        order = together[torch.randperm(len(together), generator=draws)]
        seen = torch.zeros(len(together), dtype=torch.bool).index_fill_(0, order[: len(ours)], True)
        shares.append(float(seen[order[len(ours) :]].double().mean()))
    drawn = torch.tensor(shares)
    return share < float(drawn.mean() + SURE * drawn.std())


def contents(inputs: object) -> list[int]:
    """A number for each sample, the same where the inputs are."""
    parts = [leaf.detach().cpu().contiguous().flatten(1) if leaf.ndim > 1 else leaf[:, None] for leaf in leaves(inputs)]
    rows = zip(*(part.numpy() if part.dtype != torch.bfloat16 else part.float().numpy() for part in parts), strict=True)
    return [hash(tuple(part.tobytes() for part in row)) for row in rows]


def measured(inputs: object) -> bool:
    """Whether there are fractions among the values: rows of ids or counts are alike by themselves, measurements are not."""
    parts = [leaf for leaf in leaves(inputs) if leaf.is_floating_point()]
    return any(bool((part != part.round()).double().mean() > 0.5) for part in parts)


def alike_by_chance(inputs: object, pairs: int = 2000) -> float:
    """How many training samples are expected to equal a given one though they come from elsewhere: the chance that two
    agree in every column, were columns half as independent as they are many."""
    flat = torch.cat([leaf.detach().cpu().double().reshape(len(leaf), -1) for leaf in leaves(inputs)], 1)
    draws = torch.Generator().manual_seed(0)
    one, other = (torch.randint(len(flat), (pairs,), generator=draws) for _ in range(2))
    equal = (flat[one[one != other]] == flat[other[one != other]]).double().mean(0).clamp_min(1 / pairs)
    return len(flat) * float(equal.log().sum().div(2).exp())


def near_copies(train: object, validation: object) -> tuple[Tensor, float]:
    """Which validation samples lie far nearer to a training sample than those to each other, and how much more often
    than among these."""
    ours, theirs = columns_of(train), columns_of(validation, like=train)
    none = torch.zeros(1, dtype=torch.bool), 0.0
    if ours is None or theirs is None or not len(theirs):
        return none
    if len(ours) * min(len(theirs), 500) * ours.shape[1] > MOST_PAIRS:
        return none
    some = torch.randperm(len(ours), generator=torch.Generator().manual_seed(0))[:500]
    among = torch.cdist(ours[some], ours)
    among[torch.arange(len(some)), some] = torch.inf
    nearest = among.min(1).values
    limit = NEAR * float(nearest.median())
    copies = torch.cat([torch.cdist(part, ours).min(1).values for part in torch.split(theirs, 500)]) <= limit
    own = max(float((nearest <= limit).double().mean()), NEAR ** ours.shape[1])  # of a curve, many lie near another
    by_chance = 1.5 * own + SURE * (own / len(theirs) + own / len(some)) ** 0.5  # both are counts
    return copies, float(copies.double().mean()) - by_chance if limit > 0 else 0.0


def of_one_origin(patient: Patient, validation: Samples) -> Iterator[Suspicion]:
    """Each validation sample has a few training samples far nearer than the others, and only these tell its class: windows
    that overlap, frames of one film, noisy copies of one sample, which were divided by chance."""
    ours, theirs = columns_of(patient.train.inputs), columns_of(validation.inputs, like=patient.train.inputs)
    labels, asked = patient.train.targets, validation.targets
    plain = patient.task.is_named and labels.numel() == len(labels) and measured(patient.train.inputs)
    if ours is None or theirs is None or not plain or ours.shape[1] < MANY_COLUMNS:
        return
    labels, asked, few = labels.flatten()[:4000], asked.flatten()[:300], theirs[:300]
    often = torch.stack([(labels == value).sum() for value in distinct(labels)]) >= 2 * SIBLINGS
    chosen = torch.isin(asked, distinct(labels)[often])
    if len(labels) < 10 * SIBLINGS or int(chosen.sum()) < 30:
        return
    distances, places = torch.cdist(few[chosen], ours[: len(labels)]).topk(SIBLINGS + 1, largest=False)
    apart = float((distances[:, 0] / distances[:, -1].clamp_min(1e-12)).median())
    nearest, later = (float((labels[places[:, k]] == asked[chosen]).double().mean()) for k in (0, SIBLINGS))
    if any(apart < near and nearest - later > tells for near, tells in SIBLINGS_ARE):
        yield Suspicion(
            "split_leakage", "validation",
            {"validation samples told by their nearest training sample": nearest, f"by the {SIBLINGS + 1}th nearest": later,
             "distance of the nearest, over that one's": apart},
            "split by origin (person, film, recording, original sample), so that all its samples are in one split", mend=unchanged,
        )  # fmt: skip


def scores_by(patient: Patient, validation: Samples, copies: Tensor) -> dict[str, float]:
    """How good the trained net is on the copies and on the other validation samples."""
    scores = {}
    for name, chosen in (("score on these", copies), ("on the others", ~copies)):
        samples = validation.rows(chosen.nonzero().flatten()[:2000])
        if len(samples) >= 20 and patient.course.losses and not patient.course.error:
            scores[name] = skill(answers_of(patient.grown, samples.inputs), samples.targets, patient.task)
    return scores


# ---------------------------------------------------------------------------------------------------------------- shift
def split_shift(patient: Patient, validation: Samples) -> Iterator[Suspicion]:
    """Splits that a simple model tells apart, until validation is prepared as training is."""
    ours, theirs = patient.train.targets, validation.targets
    if patient.task.kind == "classes" and not patient.task.one_hot and isinstance(theirs, Tensor):
        unknown = ~torch.isin(theirs, ours)
        if float(unknown.double().mean()) > 0.05:
            yield Suspicion(
                "split_shift", "validation targets",
                {"share of classes that training lacks": float(unknown.double().mean()),
                 "classes in training": len(distinct(ours)), "in validation": len(distinct(theirs))},
                "shuffle the samples before they are split, or split within each class",
            )  # fmt: skip
            return
        lacking = absent(ours, theirs) if theirs.numel() == len(theirs) else {}  # a class for each sample
        if lacking:
            yield Suspicion(
                "split_shift", "validation targets",
                {"classes that validation lacks": len(lacking), "their share of training": sum(lacking.values())},
                "shuffle the samples before they are split, or split within each class: now validation says nothing of these classes",
            )  # fmt: skip
            return
    inputs = patient.train.inputs
    if not isinstance(inputs, Tensor) or inputs.shape[1:] != validation.inputs.shape[1:] or inputs.ndim < 2:
        return
    course = patient.course
    worse = course.train and course.train[-1] - course.held[-1] > MUCH_WORSE
    if inputs.ndim == 2 and worse and exactly_scaled(inputs) and exactly_scaled(validation.inputs):
        yield Suspicion(
            "split_shift", "validation inputs", {"mean and deviation of every validation column": "0 and 1"},
            "scale validation by the mean and deviation of the training samples (transform, not fit_transform): now by its own",
        )  # fmt: skip
        return
    apart = told_apart(inputs, validation.inputs)
    if apart > ALWAYS and not inputs.is_floating_point() and inputs.ndim == 2 and not patient.train.again:
        words = "number the words of all splits by the vocabulary that was made of the training samples"
        yield Suspicion("split_shift", "validation inputs", {"splits told apart (1 is always)": apart}, words)
    if apart <= TOLD_APART and inputs.is_floating_point():
        yield from otherwise_prepared(patient, validation)
    if apart > TOLD_APART and inputs.is_floating_point():
        cures: dict[str, Cure] = {"validation with the mean and deviation of training": prepared(inputs)}
        if inputs.ndim == 4:
            cures["validation images inverted"] = prepared(inputs, -1)
            cures["channels of validation images reversed"] = prepared(inputs, 1, (1,))
        ratio = float(validation.inputs.double().std() / inputs.double().std().clamp_min(1e-12))
        yield Suspicion(
            "split_shift", with_columns("validation inputs", inputs, each_apart(inputs, validation.inputs)),
            {"splits told apart (1 is always)": apart, **moments("training", inputs), **moments("validation", validation.inputs)},
            "prepare validation as training, with the numbers learned from training: the same scaling, order of channels and columns",
            weight=0.85, share=0.1, cures=cures if 1 / GROSS < ratio < GROSS else {},
        )  # fmt: skip


def absent(ours: Tensor, theirs: Tensor) -> dict[float, float]:
    """Classes that no validation sample has, though so many would by chance not once in a million splits; with their share
    of the training targets."""
    values, counts = ours.flatten().unique(return_counts=True)  # type: ignore[no-untyped-call]
    shares = counts.double() / counts.sum()
    never = ~torch.isin(values, theirs) & (values >= 0) & ((1 - shares) ** theirs.numel() < BY_CHANCE)
    return dict(zip(values[never].tolist(), shares[never].tolist(), strict=True))


def exactly_scaled(inputs: Tensor) -> bool:
    """Whether every column has mean 0 and deviation 1 to more digits than samples of another set's numbers would."""
    values = inputs.detach().double()
    mean, deviations = values.mean(0).abs().max(), torch.stack([values.std(0, correction=k) for k in (0, 1)])
    return len(values) > 20 and float(mean) < EXACTLY and float((deviations - 1).abs().amax(1).min()) < 10 * EXACTLY


def otherwise_prepared(patient: Patient, validation: Samples) -> Iterator[Suspicion]:
    """Validation images that the trained net knows better once they are turned, although a simple model sees no difference."""
    inputs = validation.inputs[:2000]
    learned = not patient.course.error and patient.course.train[-1] > LEARNED
    if inputs.ndim != 4 or len(inputs) < 100 or patient.task.kind not in {"classes", "binary"} or not learned:
        return
    if validation.targets.numel() != len(validation):
        return  # a mask would have to be turned with its image
    ways = {"with their channels in reverse order": inputs.flip(1)} if inputs.shape[1] == 3 else {}
    if inputs.shape[2] == inputs.shape[3]:
        ways["with rows and columns exchanged"] = inputs.transpose(2, 3)
    targets = mapped(lambda part: part[: len(inputs)], validation.targets)
    now = skill(answers_of(patient.grown, inputs), targets, patient.task)
    for how, other in ways.items():
        then = skill(answers_of(patient.grown, other), targets, patient.task)
        if then - now > KNOWN_BETTER:
            words = f"read validation images as training images are read: the net knows them better {how}"
            yield Suspicion("split_shift", "validation inputs", {"skill on validation images": now, how: then}, words)
            return


def told_apart(one: Tensor, other: Tensor) -> float:
    """Area under the ROC curve of a simple model that tells which of the two a sample comes from."""
    draws = torch.Generator().manual_seed(0)
    parts = [part[torch.randperm(len(part), generator=draws)[:300]].double() for part in (one, other)]
    which = torch.cat([torch.full((len(part),), float(place)) for place, part in enumerate(parts)])
    reference = Reference.of(torch.cat(parts))
    if reference is None or len(parts[1]) < 20:
        return 0.5
    side = which[reference.chosen].double()
    return float(auc(reference.left_out(side[:, None])[0][:, 0], side == 1))


def each_apart(one: Tensor, other: Tensor) -> Tensor:
    """How well each column of a table alone tells which of the two a sample comes from, beyond what splits by chance do."""
    if one.ndim != 2:
        return one.new_zeros(0)
    which = torch.arange(len(one) + len(other)) < len(one)
    return ((2 * auc(torch.cat([one, other]), which[:, None]) - 1).abs() - MOVED).clamp_min(0)


def moments(name: str, inputs: Tensor) -> dict[str, float]:
    return {f"mean of {name}": float(inputs.double().mean()), f"deviation of {name}": float(inputs.double().std())}


def prepared(train: Tensor, sign: int = 1, turned: tuple[int, ...] = ()) -> Cure:
    """Validation inputs brought to the mean and deviation of the training inputs: of each column, or all together."""
    axes = 0 if train.ndim == 2 else tuple(range(train.ndim))

    def cure(variant: Variant) -> Variant:
        def one(part: Tensor) -> Tensor:
            part = sign * part.double().flip(turned)
            units = (part - part.mean(axes)) / part.std(axes).clamp_min(1e-12)
            alike: Tensor = (units * train.double().std(axes) + train.double().mean(axes)).to(train.dtype)
            return alike

        return replace(variant, held=replace(variant.held, inputs=one(variant.held.inputs)))

    return cure


# ------------------------------------------------------------------------------------------------------------ imbalance
def class_imbalance(patient: Patient) -> Iterator[Suspicion]:
    """A rare class that the trained net never answers, and does when it is drawn as often as the others."""
    task, targets = patient.task, patient.train.targets
    if not task.is_named or not patient.train.whole or targets.numel() != len(targets):
        return
    values, counts = targets.flatten().unique(return_counts=True)
    rare = counts.double() / len(targets) < 0.4 / len(values)
    if not bool(rare.any()) or len(values) > 100 or patient.course.error or patient.course.first_not_finite is not None:
        return
    view = decided(patient)
    judged = view(replace(patient.variant, program=replace(patient.program, net=patient.grown)))
    scores, classes = class_scores(judged.read(answers_of(patient.grown, judged.held.inputs)), judged.truth, task)
    places = range(2) if len(values) == 2 else values.long().tolist()
    recalls = {
        float(value): float((scores.argmax(1)[classes == place] == place).double().mean())
        for place, value in zip(places, values, strict=True)
        if int((classes == place).sum()) >= FEWEST
    }
    never = [value for value in values[rare].tolist() if recalls.get(value, 1.0) < SELDOM]
    if never:
        # a few of them are recognised, as of what is hard to tell
        hardly = min(recalls[value] for value in never) >= NEVER
        yield Suspicion(
            "class_imbalance", "train targets",
            {"rarest class": float(values[counts.argmin()]), "its share": float(counts.min() / len(targets)),
             "of it recognised": recalls.get(float(values[counts.argmin()]), 0.0), "classes hardly ever answered": len(never)},
            "draw rare classes more often (WeightedRandomSampler) or weigh them more in the cost (weight, pos_weight)",
            weight=0.6, gain=0.12 if hardly else 0.03, share=0.2 if hardly else 0.1, steps=patient.whole_steps, view=view,
            cures={"every class drawn as often": balanced},
        )  # fmt: skip


def decided(patient: Patient) -> Cure:
    """A single output read as scores of two classes that part where the cost parts them, for a skill that counts decisions."""
    targets = patient.train.targets.double()
    between = float(targets.min() + targets.max()) / 2
    middle = 0.0 if patient.cost.takes_logits or patient.cost.kind == "hinge" else between

    def read(outputs: Tensor) -> Tensor:
        yes = outputs.flatten() - middle
        return torch.stack([torch.zeros_like(yes), yes], 1) if yes.numel() == len(outputs) else outputs

    def view(variant: Variant) -> Variant:
        truth = (variant.truth.flatten() > between).long() if patient.task.kind == "binary" else variant.truth
        return replace(variant, read=read, truth=truth)

    return view


def balanced(variant: Variant) -> Variant:
    """As many samples as before, each class drawn as often."""
    targets = variant.train.targets.flatten()
    _, place, counts = targets.unique(return_inverse=True, return_counts=True)
    chosen = torch.multinomial(1 / counts.double()[place], len(targets), replacement=True)
    return replace(variant, train=variant.train.rows(chosen))
