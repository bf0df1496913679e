"""What is suspicious about the images of a survey: copies, odd shapes, files that do not read or lie about what they are."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np

from profundo.languages import Said
from profundo.looks.copies import Copies, copies_of
from profundo.looks.findings import DataFinding, Level, in_splits, some
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
    yield DataFinding(
        "error",
        _things("undecoded", one, len(faults)),
        Said("looks.undecoded_do"),
        some(sorted(faults), lambda number: Said("looks.aside", name=name(number), what=faults[number])),
    )


def copy_findings(survey: Survey | Placed, copies: Copies, one: str = "image") -> Iterator[DataFinding]:
    """one: what a sample is called."""
    if copies.quarrels:
        pairs = _quarrelling(copies.quarrels, survey.label)
        named = partial(_told, survey)
        what, advice = _things("two_labels", one, len(pairs)), Said("looks.two_labels_do")
        yield _of_pairs("error", what, advice, named, pairs)
    if copies.leaked:
        what = _things("in_training_too", one, len(copies.leaked), splits=_held(survey, copies.leaked))
        yield _of_pairs("error", what, Said("looks.in_training_too_do"), survey.name, copies.leaked)
    reported = {number for pair in (*copies.leaked, *copies.quarrels) for number in pair}
    others = [group for group in copies.groups if not reported.intersection(group)]
    if others:
        yield _harmless(survey, others, one)


def _harmless(survey: Survey | Placed, groups: Sequence[Sequence[int]], one: str) -> DataFinding:
    """Copies within a split and under one label."""
    has_test = bool((survey.split > 0).any())
    extra = sum(len(group) - 1 for group in groups)
    what = _things(f"exact_copies{'' if has_test else '_both'}", one, extra)
    pairs = [(group[0], group[1]) for group in groups]
    return _of_pairs("note" if has_test else "warning", what, Said("looks.exact_copies_do"), survey.name, pairs)


def _of_pairs(
    level: Level,
    what: Said,
    advice: Said,
    name: Callable[[int], str],
    pairs: Sequence[tuple[int, int]],
    sign: str = "equal",
) -> DataFinding:
    """What pairs of samples show, side by side."""
    places = some(pairs, lambda pair: Said(f"looks.{sign}", first=name(pair[0]), second=name(pair[1])))
    return DataFinding(level, what, advice, places, _flat(pairs), pairs=True)


def _of_images(
    level: Level, key: str, numbers: np.ndarray, name: Callable[[int], str], advice: str = "", times: int | None = None
) -> DataFinding:
    """What some images are, with these. key: the text looks.KEY, in which `times` may stand, and looks.KEY_do, or of
    `advice`, of what to do."""
    listed: list[int] = numbers.tolist()
    what = Said(f"looks.{key}", count=len(listed), times=times)
    return DataFinding(level, what, Said(f"looks.{advice or key}_do"), some(listed, name), tuple(listed[:SHOWN]))


def _resembling(survey: Survey, reads: np.ndarray) -> Iterator[DataFinding]:
    """Near-duplicates, exact copies left aside."""
    usable = reads & (survey.split >= 0)
    if usable.sum() > MOST_COMPARED:
        yield DataFinding("note", Said("looks.too_many_alike", most=MOST_COMPARED), Said("looks.too_many_alike_do"))
        return
    pairs, _ = alike(survey.thumbnails, usable)
    kept = [(a, b) for a, b in pairs.tolist() if survey.digests[a] != survey.digests[b]]
    across = [(b, a) if survey.split[a] == 0 else (a, b) for a, b in kept if _crosses(survey, a, b)]
    others = [pair for pair in kept if not _crosses(survey, *pair)]
    if across:
        tested = len({a for a, _ in across})
        what = Said("looks.almost_across", count=tested, splits=_held(survey, across), least=ALIKE)
        yield _of_pairs("warning", what, Said("looks.almost_across_do"), survey.name, across, "alike")
    if others:
        what = Said("looks.almost_pairs", count=len(others), least=ALIKE)
        yield _of_pairs("note", what, Said("looks.almost_pairs_do"), survey.name, others, "alike")


def _plain(survey: Survey, reads: np.ndarray) -> Iterator[DataFinding]:
    plain = np.flatnonzero(reads & (survey.high.astype(int) - survey.low <= 2))
    if len(plain):
        yield _of_images("warning", "one_colour", plain, survey.name)


def _shapes(survey: Survey, reads: np.ndarray) -> Iterator[DataFinding]:
    """Sides and sizes far from the middle of the set."""
    numbers = np.flatnonzero(reads)
    sizes = survey.sizes[numbers].astype(float)
    ratio, area = np.log(sizes[:, 0] / sizes[:, 1]), np.log(sizes[:, 0] * sizes[:, 1])
    odd = numbers[np.abs(ratio - np.median(ratio)) > np.log(ODD_SHAPE) + 1e-9]
    far = area - np.median(area)
    fewer, more = numbers[far < -np.log(ODD_SIZE)], numbers[far > np.log(ODD_SIZE)]
    for key, them, times in (
        ("odd_shapes", odd, None),
        ("fewer_pixels", fewer, int(ODD_SIZE)),
        ("more_pixels", more, int(ODD_SIZE)),
    ):
        if 0 < len(them) <= 0.1 * len(numbers):
            yield _of_images("warning", key, them, partial(_sized, survey), times=times)


def _extensions(survey: Survey, reads: np.ndarray) -> Iterator[DataFinding]:
    lying = []
    for number in np.flatnonzero(reads) if any(survey.kind) else ():
        name, kind = survey.name(int(number)), survey.kind[number]
        outputs = KINDS.get(os.path.splitext(name)[1].lower(), kind)
        if kind not in (outputs, "MPO"):  # MPO: how some cameras write JPEG
            lying.append((name, kind))
    if lying:
        yield DataFinding(
            "note",
            Said("looks.other_format", count=len(lying)),
            Said("looks.other_format_do"),
            some(lying, lambda one: Said("looks.is_format", name=one[0], kind=one[1])),
        )


def _ranges(survey: Survey, reads: np.ndarray) -> Iterator[DataFinding]:
    high = int(survey.high[reads].max(initial=0))
    if 0 < high <= 64:
        yield DataFinding("warning", Said("looks.all_dark", high=high), Said("looks.all_dark_do", times=255 // high))
    modes = np.array(survey.mode)
    colour = reads & ~np.isin(modes, ("L", "1", "LA", "La")) & ~np.char.startswith(modes, "I")
    grey = reads & ~colour
    plain = colour & survey.colourless
    if colour.any() and plain.sum() == colour.sum():
        yield DataFinding("note", Said("looks.greys_only"), Said("looks.greys_only_do"))
    elif colour.any() and grey.any():
        key, fewer = ("some_grey", grey) if grey.sum() < colour.sum() else ("some_colour", colour)
        yield _of_images("note", key, np.flatnonzero(fewer), survey.name, "mixed_colour")


def _crosses(survey: Survey, a: int, b: int) -> bool:
    """Whether one is in training and the other is held out."""
    return bool((survey.split[a] == 0) != (survey.split[b] == 0))


def _held(survey: Survey | Placed, pairs: Sequence[tuple[int, int]]) -> Said:
    """The names of the splits that the first ones are in."""
    return in_splits([SPLITS[split] for split in sorted({int(survey.split[a]) for a, _ in pairs})])


def _quarrelling(groups: Sequence[Sequence[int]], label: np.ndarray) -> list[tuple[int, int]]:
    """Of each group two samples with different labels."""
    return [(group[0], next(other for other in group if label[other] != label[group[0]])) for group in groups]


def _told(survey: Survey | Placed, number: int) -> str:
    """A name that tells the class."""
    name, label = survey.name(number), survey.classes[survey.label[number]]
    return name if label in name.split("/") else Said("looks.aside", name=name, what=label)


def _sized(survey: Survey, number: int) -> Said:
    width, height = survey.sizes[number]
    return Said("looks.aside", name=survey.name(number), what=f"{width}×{height}")


def _flat(pairs: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    return tuple(number for pair in pairs[: SHOWN // 2] for number in pair)


def _things(key: str, one: str, count: int, **more: object) -> Said:
    """The text looks.KEY of so many images or sounds."""
    return Said(f"looks.{key}", things=Said(f"looks.things_{one}", count=count), count=count, **more)
