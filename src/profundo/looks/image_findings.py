"""What is suspicious about the images of a survey: copies, odd shapes, files that do not read or lie about what they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from profundo.looks.copies import Copies, copies_of
from profundo.looks.findings import DataFinding, some
from profundo.looks.resemblance import ALIKE, alike
from profundo.looks.survey import SPLITS, Placed, Survey

__all__ = ["MOST_COMPARED", "copy_findings", "image_findings", "unreadable"]

MOST_COMPARED = 200_000  # images among which those that look alike are sought
ODD_SHAPE = 2.0  # a side ratio so many times that of the middle image is odd
ODD_SIZE = 16.0  # and a number of pixels so many times more or less
SHOWN = 24  # pictures of a finding
KINDS = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".png": "PNG", ".bmp": "BMP", ".gif": "GIF", ".ppm": "PPM", ".pgm": "PPM",
    ".pbm": "PPM", ".tif": "TIFF", ".tiff": "TIFF", ".webp": "WEBP",
}  # fmt: skip


def image_findings(survey: Survey) -> tuple[list[DataFinding], Copies]:
    """What is suspicious about the images themselves and their copies; nothing of how many each class has."""
    reads = survey.reads
    copies = copies_of(survey.digests, survey.split, survey.label, reads & (survey.split >= 0))
    checks = (_resembling, _plain, _shapes, _extensions, _ranges)
    results = [*unreadable(survey.faults, survey.name), *copy_findings(survey, copies)]
    return results + [finding for check in checks for finding in check(survey, reads)], copies


def unreadable(faults: Mapping[int, str], name: Callable[[int], str], one: str = "image") -> Iterator[DataFinding]:
    if not faults:
        return
    where = [f"{name(number)} ({reason})" for number, reason in sorted(faults.items())]
    yield DataFinding(
        "error",
        f"{_number(len(where), one, one + 's')} cannot be decoded; training stops at them.",
        "Mend or remove them; or leave them out with --skip-bad.",
        some(where),
    )


def copy_findings(survey: Survey | Placed, copies: Copies, one: str = "image") -> Iterator[DataFinding]:
    """one: what a sample is called."""
    if copies.quarrels:
        pairs = _quarrelling(copies.quarrels, survey.label)
        yield DataFinding(
            "error",
            f"{_number(len(copies.quarrels), f'{one} is', f'{one}s are')} there under different classes, byte for byte the same.",
            "At least one of the labels is wrong: decide which, and remove the other copies.",
            some([f"{_told(survey, a)} = {_told(survey, b)}" for a, b in pairs]),
            _flat(pairs),
            pairs=True,
        )
    if copies.leaked:
        yield DataFinding(
            "error",
            f"{_number(len(copies.leaked), one, one + 's')} of {_held(survey, copies.leaked)} "
            f"{'is' if len(copies.leaked) == 1 else 'are'} in training, too, byte for byte "
            "the same: scores on them show memory, not learning.",
            "Remove them from one side, best from training.",
            some([f"{survey.name(a)} = {survey.name(b)}" for a, b in copies.leaked]),
            _flat(copies.leaked),
            pairs=True,
        )
    reported = {number for pair in (*copies.leaked, *copies.quarrels) for number in pair}
    others = [group for group in copies.groups if not reported.intersection(group)]
    if others:
        yield _harmless(survey, others, one)


def _harmless(survey: Survey | Placed, groups: Sequence[Sequence[int]], one: str) -> DataFinding:
    """Copies within a split and under one label."""
    has_test = bool((survey.split > 0).any())
    extra = sum(len(group) - 1 for group in groups)
    pairs = [(group[0], group[1]) for group in groups]
    return DataFinding(
        "note" if has_test else "warning",
        f"{_number(extra, f'{one} is an exact copy of another', f'{one}s are exact copies of others')}"
        + ("." if has_test else f": splits made by chance will hold the same {one} on both sides."),
        "Remove the copies, unless they are meant to count more.",
        some([f"{survey.name(a)} = {survey.name(b)}" for a, b in pairs]),
        _flat(pairs),
        pairs=True,
    )


def _resembling(survey: Survey, reads: np.ndarray) -> Iterator[DataFinding]:
    """Near-duplicates, exact copies left aside."""
    usable = reads & (survey.split >= 0)
    if usable.sum() > MOST_COMPARED:
        what = f"Images that look alike were not sought: there are more than {MOST_COMPARED:,}."
        yield DataFinding("note", what, "Look at a part of the set to find them.")
        return
    pairs, _ = alike(survey.thumbnails, usable)
    kept = [(a, b) for a, b in pairs.tolist() if survey.digests[a] != survey.digests[b]]
    across = [(b, a) if survey.split[a] == 0 else (a, b) for a, b in kept if _crosses(survey, a, b)]
    others = [pair for pair in kept if not _crosses(survey, *pair)]
    told = f"(correlation of their grey 16×16 thumbnails {ALIKE} or more)"
    if across:
        tested = len({a for a, _ in across})
        yield DataFinding(
            "warning",
            f"{_number(tested, 'image', 'images')} of {_held(survey, across)} "
            f"{'looks' if tested == 1 else 'look'} almost like one in training {told}.",
            "Look at the pairs; if they show the same thing, remove one of each from training.",
            some([f"{survey.name(a)} ≈ {survey.name(b)}" for a, b in across]),
            _flat(across),
            pairs=True,
        )
    if others:
        yield DataFinding(
            "note",
            f"{_number(len(others), 'pair of images looks', 'pairs of images look')} almost alike {told}.",
            "Look at the pairs: the same picture saved twice counts twice, and may fall on both sides of a split.",
            some([f"{survey.name(a)} ≈ {survey.name(b)}" for a, b in others]),
            _flat(others),
            pairs=True,
        )


def _plain(survey: Survey, reads: np.ndarray) -> Iterator[DataFinding]:
    plain = np.flatnonzero(reads & (survey.high.astype(int) - survey.low <= 2))
    if len(plain):
        yield DataFinding(
            "warning",
            f"{_number(len(plain), 'image shows', 'images show')} one colour only.",
            "Remove them, or find out how they were made: they teach that nothing means their class.",
            some([survey.name(int(number)) for number in plain]),
            tuple(map(int, plain[:SHOWN])),
        )


def _shapes(survey: Survey, reads: np.ndarray) -> Iterator[DataFinding]:
    """Sides and sizes far from the middle of the set."""
    numbers = np.flatnonzero(reads)
    sizes = survey.sizes[numbers].astype(float)
    ratio, area = np.log(sizes[:, 0] / sizes[:, 1]), np.log(sizes[:, 0] * sizes[:, 1])
    odd = numbers[np.abs(ratio - np.median(ratio)) > np.log(ODD_SHAPE) + 1e-9]
    if 0 < len(odd) <= 0.1 * len(numbers):
        yield DataFinding(
            "warning",
            f"{_number(len(odd), 'image is', 'images are')} far wider or taller than the rest; most of each will be cut off.",
            "Look at them; crop them to what matters, or remove them.",
            some([_sized(survey, int(number)) for number in odd]),
            tuple(map(int, odd[:SHOWN])),
        )
    far = area - np.median(area)
    for words, them in (("fewer", numbers[far < -np.log(ODD_SIZE)]), ("more", numbers[far > np.log(ODD_SIZE)])):
        if 0 < len(them) <= 0.1 * len(numbers):
            yield DataFinding(
                "warning",
                f"{_number(len(them), 'image has', 'images have')} over {ODD_SIZE:.0f} times {words} pixels than the middle one.",
                "Look whether they are thumbnails or placeholders."
                if words == "fewer"
                else "Scale them down: they cost time to read and are scaled down anyway.",
                some([_sized(survey, int(number)) for number in them]),
                tuple(map(int, them[:SHOWN])),
            )


def _extensions(survey: Survey, reads: np.ndarray) -> Iterator[DataFinding]:
    lying = []
    for number in np.flatnonzero(reads) if any(survey.kind) else ():
        name, kind = survey.name(int(number)), survey.kind[number]
        outputs = KINDS.get(os.path.splitext(name)[1].lower(), kind)
        if kind not in (outputs, "MPO"):  # MPO: how some cameras write JPEG
            lying.append(f"{name} is {kind}")
    if lying:
        yield DataFinding(
            "note",
            f"{_number(len(lying), 'file is', 'files are')} of another format than the name says.",
            "Profundo reads them by their content; rename them for programs that do not.",
            some(lying),
        )


def _ranges(survey: Survey, reads: np.ndarray) -> Iterator[DataFinding]:
    high = int(survey.high[reads].max(initial=0))
    if 0 < high <= 64:
        yield DataFinding(
            "warning",
            f"No value is above {high}, though a byte goes to 255: to the eye all images are black.",
            f"Standardising mends it for training; if it is a slip, multiply the values by {255 // high}.",
        )
    modes = np.array(survey.mode)
    colour = reads & ~np.isin(modes, ("L", "1", "LA", "La")) & ~np.char.startswith(modes, "I")
    grey = reads & ~colour
    plain = colour & survey.colourless
    if colour.any() and plain.sum() == colour.sum():
        yield DataFinding(
            "note",
            "All images in colour show greys only.",
            "Save them in grey: a third of the memory, and faster training.",
        )
    elif colour.any() and grey.any():
        fewer, word = (grey, "grey") if grey.sum() < colour.sum() else (colour, "in colour")
        yield DataFinding(
            "note",
            f"{_number(int(fewer.sum()), 'image is', 'images are')} {word}, the others are not; all become colour.",
            "Make sure that colour does not give the class away.",
            some([survey.name(int(number)) for number in np.flatnonzero(fewer)]),
            tuple(map(int, np.flatnonzero(fewer)[:SHOWN])),
        )


def _crosses(survey: Survey, a: int, b: int) -> bool:
    """Whether one is in training and the other is held out."""
    return bool((survey.split[a] == 0) != (survey.split[b] == 0))


def _held(survey: Survey | Placed, pairs: Sequence[tuple[int, int]]) -> str:
    """The names of the splits that the first ones are in."""
    return " and ".join(SPLITS[split] for split in sorted({int(survey.split[a]) for a, _ in pairs}))


def _quarrelling(groups: Sequence[Sequence[int]], label: np.ndarray) -> list[tuple[int, int]]:
    """Of each group two samples with different labels."""
    return [(group[0], next(other for other in group if label[other] != label[group[0]])) for group in groups]


def _told(survey: Survey | Placed, number: int) -> str:
    """A name that tells the class."""
    name, label = survey.name(number), survey.classes[survey.label[number]]
    return name if label in name.split("/") else f"{name} ({label})"


def _sized(survey: Survey, number: int) -> str:
    width, height = survey.sizes[number]
    return f"{survey.name(number)} ({width}×{height})"


def _flat(pairs: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    return tuple(number for pair in pairs[: SHOWN // 2] for number in pair)


def _number(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
