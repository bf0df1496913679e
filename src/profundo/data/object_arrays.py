"""Trees of arrays, tensors and lists of things as inputs, targets and weights of one collection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from profundo.data.arrays import array_inputs, array_kind, array_targets, is_zero_one, without_one_hot
from profundo.data.dataset_names import Task
from profundo.data.grids.mask_codes import Coding
from profundo.data.images.pixels import fitted
from profundo.data.recognising import is_image, is_sparse
from profundo.data.splits.splits import Collection
from profundo.data.tables.reading import TRUTH
from profundo.records import PAD, Inputs, ProfundoError, Samples, Targets
from profundo.trees import leaves, mapped

__all__ = [
    "NO_TARGETS",
    "Raw",
    "Taker",
    "as_seen",
    "images_of",
    "of_arrays",
    "plain",
    "samples_in",
    "stacked",
    "targets_for",
    "tensor_inputs",
    "tensor_of",
    "weights_of",
]


NO_TARGETS = "no targets were given: the net learns to give back its inputs, in their own units; loss=… says otherwise"


@dataclass(frozen=True, slots=True)
class Taker:
    """The net that is to take the inputs. inputs: how many it wants; outputs: what it gives for two samples as they are, None
    where it does not take them; lengths: whether it also wants how long each sequence is; labels: whether its loss is one of
    labels, which PyTorch wants as 0.0 and 1.0."""

    inputs: int = 1
    outputs: Callable[[Any], Any] = lambda _: None
    lengths: bool = False
    labels: bool = False

    def takes(self, inputs: Any) -> bool:
        return self.outputs(inputs) is not None

    def places(self, inputs: Any, targets: np.ndarray) -> bool:
        """Whether targets (n, places) are a class for each place, such as the next character: of each sample the net gives
        a table, (classes, places) or the other way round."""
        if targets.ndim != 2 or targets.shape[1] < 2 or targets.dtype.kind not in "iub":
            return False
        outputs = self.outputs(mapped(lambda leaf: leaf[:2], inputs))
        main = outputs if isinstance(outputs, Tensor) else getattr(outputs, "logits", None)
        return isinstance(main, Tensor) and main.ndim == 3 and targets.shape[1] in main.shape[1:]


@dataclass(frozen=True, slots=True)
class Raw:
    """Samples as they came: trees of arrays, tensors or lists of things. classes, features: their names, if they have any; again:
    reads some of them again, by number, each drawn from a seed."""

    inputs: Any
    targets: Any = None
    weights: Any = None
    classes: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    again: Callable[[Sequence[int], Sequence[int]], Raw] | None = None


def of_arrays(parts: list[Raw], sizes: list[int], name: str, task: Task, taker: Taker) -> Collection:
    inputs, described = tensor_inputs([part.inputs for part in parts], name, taker)
    features = parts[0].features
    if features and described.kind == "features":
        described = replace(described, names=features)
    for part, size in zip(parts, sizes, strict=True):
        if part.targets is not None and samples_in(part.targets) != size:
            raise ProfundoError(f"{name}: {size:,} inputs and {samples_in(part.targets):,} targets; expected as many")
    notes = (*(note for part in parts for note in part.notes), *padding_notes(parts))
    if len({part.targets is None for part in parts}) > 1:
        raise ProfundoError(
            f"{name}: expected targets of all samples or of none, (X, y) for validation and test, too; got some"
        )
    if parts[0].targets is None:
        values = mapped(as_seen, inputs)
        return Collection(name, described, Targets("any"), Samples(inputs, values), notes=(*notes, NO_TARGETS))
    raw = [part.targets for part in parts]
    if isinstance(raw[0], tuple | Mapping):
        values = mapped(lambda *leaf: torch.cat([tensor_of(one, name) for one in leaf]), *raw)
        return Collection(name, described, Targets("any"), Samples(inputs, values), notes=notes)
    targets, values, more = tensor_targets(raw, name, task, taker, inputs)
    if parts[0].classes and targets.traits.one_class:
        targets, values = with_names(targets, values, parts[0].classes)
    return Collection(name, described, targets, Samples(inputs, values), notes=(*notes, *more))


def as_seen(leaf: Tensor) -> Tensor:
    """Inputs as targets: 8-bit images as intensities from 0 to 1, all others as they are."""
    if leaf.dtype == torch.uint8:
        return leaf.float() / 255
    return leaf.float() if leaf.is_floating_point() else leaf


def samples_in(tree: Any) -> int:
    """Samples of what may hold lists of things. Raises ProfundoError for parts of unequal length."""
    if isinstance(tree, tuple | Mapping):
        counts = {samples_in(part) for part in (tree.values() if isinstance(tree, Mapping) else tree)}
        if len(counts) != 1:
            raise ProfundoError(
                f"data: expected parts with as many samples each, got {', '.join(map(str, sorted(counts)))}"
            )
        return counts.pop()
    if not hasattr(tree, "__len__") and not hasattr(tree, "shape"):
        raise ProfundoError(f"data: expected several samples, got {tree!r}")
    if hasattr(tree, "shape") and not len(tree.shape):
        raise ProfundoError("data: expected several samples, got one number; of one sample give X[None] and y[None]")
    return int(tree.shape[0]) if hasattr(tree, "shape") else len(tree)


def tensor_inputs(parts: list[Any], name: str, taker: Taker | None = None) -> tuple[Any, Inputs]:
    """The inputs of all splits as one tensor, or a tuple or dict of them, and what they are."""
    taker = taker or Taker()
    if isinstance(parts[0], tuple | Mapping):
        tree = mapped(lambda *leaf: stacked(list(leaf), name), *parts)
    else:
        tree = stacked(parts, name, taker.lengths)
    as_ids = mapped(lambda leaf: leaf.long() if is_whole(leaf) else leaf.float(), tree)
    keep = any(map(is_whole, leaves(tree))) and taker.takes(mapped(lambda leaf: leaf[:2], as_ids))
    pairs = [described(leaf, name, keep) for leaf in leaves(tree)]
    if isinstance(tree, Tensor):
        return pairs[0]
    rest = iter([values for values, _ in pairs])
    about = tuple(one for _, one in pairs)
    total = sum(int(np.prod(one.shape)) for one in about)
    names = tuple(map(str, tree)) if isinstance(tree, Mapping) else ()
    return mapped(lambda _: next(rest), tree), Inputs((total,), "any", parts=about, names=names)


def is_whole(leaf: Tensor) -> bool:
    return not leaf.is_floating_point() and leaf.dtype not in (torch.uint8, torch.bool)


def described(leaf: Tensor, name: str, keep: bool) -> tuple[Tensor, Inputs]:
    """One input as it is kept, and what it is. keep: whole numbers and truth values stay what they are."""
    if keep and (is_whole(leaf) or leaf.dtype == torch.bool):
        whole = leaf.long() if is_whole(leaf) else leaf
        return whole, Inputs(tuple(leaf.shape[1:]), "any")
    if leaf.ndim == 1:
        leaf = leaf[:, None]
    if leaf.dtype == torch.uint8 and (
        leaf.ndim not in (3, 4) or (leaf.ndim == 4 and not {1, 3} & {leaf.shape[1], leaf.shape[3]})
    ):
        leaf = leaf.float()
    values = array_inputs(leaf.numpy(), name)[0]
    return values, Inputs(tuple(values.shape[1:]), array_kind(values))


def stacked(parts: list[Any], name: str, lengths: bool = False) -> Any:
    """The samples of all splits as one tensor; sequences of uneven length padded with 0 to the longest.

    lengths: also give how long each sequence is, int64 (samples,), as a second input.
    """
    uneven = [uneven_rows(part) for part in parts]
    uneven_inside = any(rows is not None for rows in uneven)
    if any(rows is None for rows in uneven):
        tensors = [tensor_of(part, name) for part in parts]
        if len({tensor.shape[1:] for tensor in tensors}) == 1:
            return torch.cat(tensors)
        uneven = [list(tensor) for tensor in tensors]
    rows = [row for some in uneven for row in some or ()]
    if len({row.shape[1:] for row in rows}) > 1 or not is_sequence(rows[0], uneven_inside):
        shapes = sorted({tuple(row.shape) for row in rows})
        wanted = "or sequences (steps, …)" if uneven_inside else "in training, validation and test"
        raise ProfundoError(f"{name}: expected inputs of one shape, {wanted}, got {shapes[0]} and {shapes[-1]}")
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PAD)
    return (padded, torch.tensor([len(row) for row in rows])) if lengths else padded


def is_sequence(row: Tensor, uneven_inside: bool) -> bool:
    """Whether samples like this one may be padded to one length: steps of several numbers, ids; numbers alone where samples of
    one split differ, while of two splits with other widths one has too few features; images never."""
    if row.ndim < 2:
        return row.ndim == 1 and (uneven_inside or not row.is_floating_point())
    return row.dtype != torch.uint8


def padding_notes(parts: list[Raw]) -> tuple[str, ...]:
    """What is to be known of samples of uneven length."""
    each = (
        {
            len(one)
            for leaf in same
            if isinstance(leaf, list)
            for one in leaf
            if isinstance(one, list | np.ndarray | Tensor) and np.ndim(one) > 0
        }
        for same in zip(*(leaves(part.inputs) for part in parts), strict=False)  # one of several inputs, in every split
    )
    sentence = "samples of {} to {} steps: the shorter are padded with 0"
    return tuple(sentence.format(min(lengths), max(lengths)) for lengths in each if len(lengths) > 1)


def uneven_rows(part: Any) -> list[Tensor] | None:
    """The samples of a list whose shapes differ; None where they do not."""
    if isinstance(part, np.ndarray) and part.dtype == object:
        part = list(part)
    if not isinstance(part, list) or not part or is_image(part[0]) or isinstance(part[0], str):
        return None
    if not hasattr(part[0], "__len__") or (isinstance(part[0], Tensor | np.ndarray) and part[0].ndim == 0):
        return None
    shapes = {np.shape(one) if isinstance(one, np.ndarray | Tensor) else (len(one),) for one in part}
    if len(shapes) == 1:
        return None
    return [torch.as_tensor(np.asarray(one)) for one in part]


def tensor_of(part: Any, name: str) -> Tensor:
    """Numbers, (samples, …). Raises ProfundoError for things that are no numbers."""
    if isinstance(part, list) and part and is_image(part[0]):
        return images_of(part)
    values = plain(part)
    if values.dtype == object and all(isinstance(one, int | float | np.number) for one in values.flat):
        values = values.astype(np.float64)  # as columns of several types give it
    text = next((one for one in values.flat if isinstance(one, str)), None) if values.dtype.kind in "USO" else None
    if text is not None:
        raise ProfundoError(
            f"{name}: expected inputs of numbers, got text such as {str(text)[:30]!r}; words become numbers by a "
            "tokenizer, columns of a table are read from a DataFrame with target=…"
        )
    if values.dtype.kind not in "fiub":
        what = "complex numbers" if values.dtype.kind == "c" else f"{values.dtype} of shape {values.shape}"
        raise ProfundoError(f"{name}: expected inputs of numbers, got {what}")
    if values.dtype.kind in "iu" and values.dtype != np.uint8:
        values = values.astype(np.int64)
    if values.dtype == np.float16:
        values = values.astype(np.float32)
    whole = np.ascontiguousarray(values)
    return torch.from_numpy(whole if whole.flags.writeable else whole.copy())


def plain(part: Any) -> np.ndarray:
    """As an array of NumPy. Raises ProfundoError for rows of unequal length."""
    if isinstance(part, Tensor):
        if part.layout is not torch.strided or part.is_meta or part.is_nested:
            raise ProfundoError(f"data: expected a dense tensor with values, got {in_a_word(part)}")
        return part.detach().cpu().resolve_conj().numpy() if part.dtype != torch.bfloat16 else part.float().numpy()
    if is_sparse(part):
        return np.asarray(part.toarray())
    try:
        if isinstance(part, list) and part and isinstance(part[0], Tensor):
            return np.stack([plain(one) for one in part])
        return np.asarray(part.to_numpy() if hasattr(part, "to_numpy") else part)
    except (ValueError, TypeError) as error:
        why = " ".join(str(error).split()).split(". The")[0][:150]
        raise ProfundoError(f"data: expected numbers in rows of equal length: {why}") from None


def in_a_word(tensor: Tensor) -> str:
    """What a tensor without dense values is, and what to do about it."""
    if tensor.is_meta:
        return "one of the meta device, which has none"
    return "a nested one; give a list of its tensors" if tensor.is_nested else "a sparse one; give x.to_dense()"


def images_of(images: list[Any], shape: tuple[int, int, int] | None = None) -> Tensor:
    """uint8 (n, channels, height, width) of images of PIL, of this shape; without, grey where all are, else colour, and of the
    size of the first."""
    grey = shape[0] == 1 if shape else all(image.mode in ("1", "L", "I", "I;16") for image in images)
    arrays = [np.asarray(image.convert("L" if grey else "RGB")) for image in images]
    height, width = shape[1:] if shape else arrays[0].shape[:2]
    shape = (1 if grey else 3, height, width)
    pixels = [array[..., None] if grey else array for array in arrays]
    cut = [one if one.shape[:2] == shape[1:] else fitted(one, shape) for one in pixels]
    return torch.from_numpy(np.stack(cut).transpose(0, 3, 1, 2).copy())


def tensor_targets(
    parts: list[Any], name: str, task: Task, taker: Taker, inputs: Any
) -> tuple[Targets, Tensor, tuple[str, ...]]:
    words = (isinstance(part, list) and any(isinstance(one, str) for one in part) for part in parts)
    arrays = [
        np.array(part, dtype=object) if mixed else plain(part)  # of words and NaN as well, which NumPy would call "nan"
        for part, mixed in zip(parts, words, strict=True)
    ]
    if len({array.shape[1:] for array in arrays}) > 1:
        raise ProfundoError(
            f"{name}: expected targets of one shape in all splits, got {sorted({a.shape[1:] for a in arrays})}"
        )
    whole = np.concatenate(arrays)
    if whole.dtype == object:
        if (
            missing := next((place for place, one in enumerate(whole.flat) if one is None or one != one), None)
        ) is not None:
            raise ProfundoError(
                f"{name}: target {missing + 1} of {len(whole):,} is missing ({whole.flat[missing]}); drop such samples"
            )
        whole = whole.astype(str)
    if whole.dtype.kind == "f" and not np.isfinite(whole).all():
        raise ProfundoError(f"{name}: targets hold NaN or infinite values; clean them")
    if whole.ndim > 2 or (task == "auto" and taker.places(inputs, whole)):
        return Targets("any"), tensor_of(whole, name), ()
    if task == "auto" and taker.labels and is_zero_one(whole):
        task = "labels"
    whole, notes = without_one_hot(whole, task)
    targets, values = array_targets(whole, task, name)
    return targets, values, notes


def with_names(targets: Targets, values: Tensor, names: tuple[str, ...]) -> tuple[Targets, Tensor]:
    """Classes that are numbers of names, under these names."""
    if not all(one.isdigit() and int(one) < len(names) for one in targets.classes):
        return targets, values
    numbers = torch.tensor([int(one) for one in targets.classes])
    return Targets("classes" if len(names) > 2 else "binary", names), numbers[values]


def targets_for(values: np.ndarray, targets: Targets, names: tuple[str, ...] = ()) -> Tensor:
    """Values as the targets of a net are: indices of classes, labels, numbers in their own units. names: of the classes, where
    the values are numbers of names."""
    if targets.kind == "real":
        try:
            return torch.from_numpy(values.astype(np.float64)).reshape(len(values), -1)
        except (ValueError, TypeError):
            raise ProfundoError(f"targets: expected numbers, got {values.dtype}") from None
    if targets.kind == "labels":
        return torch.from_numpy(values.astype(np.float32))
    if targets.kind == "map":
        return torch.from_numpy(values.astype(np.float32))
    if targets.kind == "mask":
        return torch.from_numpy(Coding(targets.codes, targets.classes).indices(values.astype(np.int64)))
    if values.ndim == 2:
        values = values.argmax(1) if values.shape[1] > 1 else values[:, 0]
    places = {name: place for place, name in enumerate(targets.classes)}
    texts = [str(value) if str(value) in places else text_of(value, places) for value in values.tolist()]
    if not any(text in places for text in texts):
        names = names or targets.classes
    if names and places.keys() >= set(names) and all(text.isdigit() and int(text) < len(names) for text in texts):
        texts = [names[int(text)] for text in texts]
    if unknown := next((text for text in texts if text not in places), None):
        raise ProfundoError(f"targets: expected the classes {', '.join(targets.classes[:10])}, got {unknown!r}")
    return torch.tensor([places[text] for text in texts])


def text_of(value: Any, known: Iterable[str] = ()) -> str:
    """As classes are called: whole numbers without a point; true as one of those known says it."""
    if isinstance(value, bool):
        return next((name for name in known if name.lower() in TRUTH[value]), str(value))
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def weights_of(weights: Any, samples: int, name: str) -> Tensor | None:
    """float32 (samples,) with mean 1."""
    if weights is None:
        return None
    values = tensor_of(weights, f"{name}: weights")
    if is_whole(values) and samples > 2 and len(set(values.flatten().tolist())) == len(values):
        raise ProfundoError(
            f"{name}: weights: expected how much each sample counts, got a different whole number for each, as of the samples' "
            "places; leave them out of (x, y)"
        )
    values = values.float().flatten()
    if (
        len(values) != samples
        or not bool((values >= 0).all())
        or not float(values.sum()) > 0
        or not bool(values.isfinite().all())
    ):
        got = f"{len(values):,}" if len(values) != samples else f"{float(values.min()):g} to {float(values.max()):g}"
        raise ProfundoError(
            f"{name}: weights: expected a number of at least 0 for each of {samples:,} samples, and one above; got {got}"
        )
    return values * (samples / values.sum())
