"""A finished run's network for other programs, with a model card beside it.

    export("runs/digits-1")                          # exported/model.onnx: raw images in, probabilities out
    export("runs/digits-1", "safetensors")           # exported/model.safetensors, model.json, and model.py in plain PyTorch

An ONNX file is kept only if onnxruntime gives the same answers as Profundo: to 1e-4 in probabilities, or in standard
deviations of real targets, on test samples where the data are at hand.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from profundo.data.dataset_names import SUFFIXES
from profundo.data.streams.places import check_place
from profundo.data.tables.new_rows import features_of_rows, needed_names
from profundo.data.tables.table_files import read_rows_as_text
from profundo.files import open_place, read_object, reason, write_bytes, write_json, write_text
from profundo.nets.sentence_encoder import SentenceNet
from profundo.objectives import Objective
from profundo.records import Column, Dataset, Inputs, ProfundoError, Spec, at_the_door
from profundo.runs.choices import load_data
from profundo.runs.experiment import new_experiment
from profundo.runs.folder import Folder
from profundo.runs.manifest import check_data_facts
from profundo.runs.opening import finished_training
from profundo.runs.run import Run
from profundo.runs.saved_model import load_model, load_objective
from profundo.runs.settings.plain_yaml import read_experiment
from profundo.runs.whole_nets.end_to_end import Whole, answer_name, answers_of, example
from profundo.runs.whole_nets.onnx_graphs import check_packages, onnx_graph, run_graph, serialised, with_decision
from profundo.trees import leaves, length, mapped
from profundo.units import standard_units
from profundo.use.model_card import CARD, card
from profundo.use.model_card_text import TEXT, card_text
from profundo.use.onnx_columns import feeds_of, with_columns
from profundo.use.plain_python import plain_python

__all__ = ["FORMATS", "Exported", "export"]

FORMATS = ("onnx", "safetensors")
OTHER_FORMATS = (
    "tflite",
    "torchscript",
    "pt",
    "pth",
    "h5",
    "keras",
    "savedmodel",
    "coreml",
    "openvino",
    "pickle",
    "joblib",
)
TOLERANCE = 1e-4
OF_TEST = "test samples"
SAMPLES = 256
FEW = 8  # where each pixel has an answer
FEW_SCENES = 32  # where objects are to be found


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written. difference: the largest between the file's answers and ours, on so many samples of that kind;
    notes: what could not be done."""

    model: Path
    files: tuple[Path, ...]
    samples: int
    checked_on: str
    difference: float
    notes: tuple[str, ...] = ()

    def as_plain_data(self) -> dict[str, Any]:
        return {
            "model": str(self.model),
            "files": [str(path) for path in self.files],
            "check": {"samples": self.samples, "on": self.checked_on, "largest difference": self.difference},
            "notes": list(self.notes),
        }

    def __repr__(self) -> str:
        lines = [f"{path}" for path in self.files]
        outputs = f"the same answers as Profundo's on {self.samples} {self.checked_on}: largest difference {self.difference:.1e}"
        return "\n".join([*lines, outputs, *self.notes])


@dataclass(frozen=True, slots=True)
class Trained:
    """A saved net with what its outputs mean, and raw inputs to try it on."""

    folder: Folder
    net: nn.Module
    spec: Spec
    objective: Objective
    whole: Whole


@dataclass(frozen=True, slots=True)
class Samples:
    """Inputs to compare on: raw, as the net takes them; as rows of a table where it has columns; in words. notes: of data
    that are not those of the run."""

    raw: Any
    rows: Sequence[Mapping[str, Any]]
    words: str
    notes: tuple[str, ...] = ()


@at_the_door
def export(
    run: Run | str | Path,
    *to: str | Path,
    format: str | None = None,
    out: str | Path | None = None,
    net: nn.Module | None = None,
) -> Exported:
    """Write the network of a finished run. to: a format, a place, or both in any order, as `format` and `out` name them.

    format: "onnx" or "safetensors"; by the name of `out`, else "onnx". out: a folder (RUN/exported by default), or a file that
    ends with .onnx or .safetensors; the card goes beside it. run: its folder, or the Run itself; net: one of one's own,
    which the folder cannot name. Raises ProfundoError for a run that is not finished, a net that the format has no words
    for, and answers that differ; then nothing is written.
    """
    format, out = _destination(to, format, out)
    trained = _trained(run, net)
    about = card(trained.folder)
    place = _place(trained.folder, format, out)
    before = _card_there(place, about)
    samples = _samples(run, trained)
    if (spec := trained.spec).inputs.parts and format != "onnx":
        raise ProfundoError(
            "export: a net with several inputs is written as --format onnx; run.save('folder') keeps it, too"
        )
    if "any" in (spec.inputs.kind, *(part.kind for part in spec.inputs.parts)) and samples.words != OF_TEST:
        raise ProfundoError("export: such inputs cannot be made up to try the net on; give the Run itself, export(run)")
    if format == "onnx":
        check_packages()
        contents, difference, notes = _onnx(trained, samples, place.name, about)
    else:
        contents, difference, notes = _safetensors(trained, samples, place.name, about)
    notes += samples.notes
    files = [place.with_name(name) for name in contents]
    within = trained.folder.path if out is None else place.parent
    for path, content in zip(files, contents.values(), strict=True):
        write_bytes(path, content, within)
    about["files"] = _others(before, place) | {
        place.name: {
            "format": format,
            "exported": datetime.now(UTC).date().isoformat(),
            "use": _use(trained, format, place.name, has_source="model.py" in contents),
        }
    }
    about["license"] = before.get("license")
    written = _write_card(place, about, before, within)
    if len(written) < 2:
        notes += (f"{place.with_name(TEXT)} differs from what was exported, perhaps by hand, and is left as it is",)
    return Exported(place, (*files, *written), length(samples.raw), samples.words, difference, notes)


def _write_card(place: Path, about: Mapping[str, Any], before: Mapping[str, Any], within: Path) -> list[Path]:
    """The card as text and as plain data. A text that somebody has worked on since is left alone."""
    text, data = place.with_name(TEXT), place.with_name(CARD)
    written = [data]
    if not text.exists() or (before and holds(text, card_text(before).encode())):
        write_text(text, card_text(about), within)
        written.insert(0, text)
    write_json(data, about, within)
    return written


def holds(path: Path, content: bytes) -> bool:
    """Whether it is a file of just that; what is no file, such as a pipe that nobody writes to, is not read."""
    return path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content


def _others(before: Mapping[str, Any], place: Path) -> dict[str, Any]:
    """What the card says of other files of the same model that are still there."""
    files = before.get("files", {})
    return {
        name: one for name, one in files.items() if name != place.name and place.with_name(Path(name).name).is_file()
    }


def _destination(to: Sequence[str | Path], format: str | None, out: str | Path | None) -> tuple[str, str | Path | None]:
    """The format and the place."""
    known = (*FORMATS, *OTHER_FORMATS)
    formats = [*([format] if format is not None else []), *(str(one) for one in to if one in known)]
    places = [*([out] if out is not None else []), *(one for one in to if one not in known)]
    if len(formats) > 1 or len(places) > 1:
        raise ProfundoError(
            f"export: expected one format and one place, got {', '.join(map(str, (*formats, *places)))}"
        )
    place = places[0] if places else None
    ending = Path(place).suffix[1:] if place is not None else ""
    chosen = formats[0] if formats else ending if ending in FORMATS else FORMATS[0]
    if chosen not in FORMATS:
        raise ProfundoError(f"format {chosen!r} is unknown; known: {', '.join(FORMATS)}")
    return chosen, place


def _trained(run: Run | str | Path, own: nn.Module | None = None) -> Trained:
    """Raises ProfundoError for what is no finished run of a training, or keeps no folder."""
    kept = run.folder if isinstance(run, Run) else Folder(Path(run))
    if kept is None:
        raise ProfundoError("export: this run keeps no folder, which the model card is made of; train with out=…")
    folder = finished_training(kept.path)
    if isinstance(run, Run) and str(run.experiment.net).startswith("own:"):
        net, spec = run.net, run.data.spec
    else:
        net, spec = load_model(folder, own)
    if spec.targets.kind == "any":
        raise ProfundoError("export: a net with targets of any shape is for torch.onnx.export(run.net, …)")
    objective = load_objective(folder, spec)
    whole = Whole(net, spec, objective).eval()
    return Trained(folder, net, spec, objective, whole)


def _place(folder: Folder, format: str, out: str | Path | None) -> Path:
    """Where the model goes; its folder is made."""
    path = folder.path / "exported" if out is None else Path(out)
    ending = f".{format}"
    if path.suffix in {f".{name}" for name in FORMATS} and not path.is_dir():
        if path.suffix != ending:
            raise ProfundoError(f"{path}: expected a file that ends with {ending}, as the format is {format}")
    else:
        path = path / f"model{ending}"
    within = folder.path if out is None else path.parent
    try:
        within.mkdir(parents=True, exist_ok=True)
        with open_place(path.parent, within, make=True):
            pass
    except OSError as error:
        raise ProfundoError(f"{path.parent}: cannot be made: {reason(error)}") from None
    return path


def _card_there(place: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """The card of an earlier export of the same model, or {}. Raises ProfundoError for that of another: it would be lost."""
    other = place.with_name(CARD)
    before = read_object(other) if other.exists() else {}
    if before and before.get("weights_sha256") != about["weights_sha256"]:
        raise ProfundoError(f"{place.parent}: holds the card of another model; choose another --out")
    return before


# ------------------------------------------------------------------------------------------------------------ the check
def _samples(run: Run | str | Path, trained: Trained) -> Samples:
    """Of the test split where the data are there, else at random."""
    spec = trained.spec
    if spec.targets.traits.per == "pixel":
        return Samples(example(spec, FEW), (), "images at random")
    data, notes = _data(run, trained.folder)
    if spec.inputs.columns:
        return replace(_table_rows(trained), notes=notes)
    result = _test_inputs(data, trained) if data is not None and not notes else None
    many = FEW_SCENES if spec.targets.traits.per == "object" else SAMPLES
    if result is None:
        why = "not those of the run" if notes else "not at hand"
        return Samples(example(spec, many), (), f"inputs at random, for the data are {why}", notes)
    return Samples(mapped(lambda leaf: leaf[:many], result), (), OF_TEST)


def _data(run: Run | str | Path, folder: Folder) -> tuple[Dataset | None, tuple[str, ...]]:
    """What the run was trained on, where it is there; and a note where it is no longer the same."""
    if (
        isinstance(run, Run) and run.data.facts and not run.data.spec.inputs.columns
    ):  # of a table, the rows as they were are in the file alone
        return run.data, ()
    try:
        experiment = new_experiment(**read_experiment(folder.experiment))
        check_place(experiment.data, folder.experiment)
        data = load_data(experiment)
    except (ProfundoError, OSError):
        return None, ()
    try:
        check_data_facts(folder, data.facts)
    except ProfundoError as error:
        return data, (str(error),)
    return data, ()


def _test_inputs(data: Dataset, trained: Trained) -> Any:
    """Raw inputs, or None where they are not there, or others."""
    split: Any = data.test.inputs
    if isinstance(split, tuple | dict):
        return mapped(lambda leaf: leaf[:SAMPLES], split)
    try:
        result = split[:SAMPLES] if isinstance(split, Tensor) else _some_of(split)
    except (ProfundoError, OSError):
        return None
    return result if tuple(result.shape[1:]) == trained.spec.inputs.shape and len(result) else None


def _some_of(split: Any) -> Tensor:
    return torch.stack([split[index] for index in range(min(SAMPLES, len(split)))])


def _table_rows(trained: Trained) -> Samples:
    """Rows of the table as it is, or made of what each column knows."""
    inputs = trained.spec.inputs
    path = Path(str(read_experiment(trained.folder.experiment).get("data", "")))
    try:
        if path.suffix.lower() not in SUFFIXES:  # a folder of texts
            raise FileNotFoundError(path)
        rows = read_rows_as_text(path, inputs.form, needed_names(inputs)).head(SAMPLES).rows(named=True)
        return Samples(_encoded(rows, inputs), rows, "rows of the table")
    except Exception:  # noqa: BLE001 - moved, changed or damaged: it only was to try the net on
        rows = _random_rows(inputs.columns)
        return Samples(_encoded(rows, inputs), rows, "rows at random, for the table is not at hand")


def _encoded(rows: Sequence[Mapping[str, Any]], inputs: Inputs) -> Tensor:
    return features_of_rows(rows, inputs).values


def _random_rows(columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Categories seen and unseen, numbers and dates about the middle one, and holes."""
    draw = torch.Generator().manual_seed(0)

    def value(column: Column) -> Any:
        share = float(torch.rand((), generator=draw))
        if share < 0.1:
            return None
        if column.kind == "category":
            words = (*column.levels, "never seen before")
            return words[int(share * 1e6) % len(words)]
        if column.kind == "text":
            return " ".join([*column.levels[: 1 + int(share * 20)], "never", "seen"])
        if column.kind == "date":
            return datetime.fromtimestamp(column.fill + (share - 0.5) * 1e8, UTC)
        return column.fill + (share - 0.5) * (abs(column.fill) + 1)

    return [{column.name: value(column) for column in columns} for _ in range(SAMPLES)]


def _difference(trained: Trained, theirs: Tensor, raw: Tensor) -> float:
    """The largest, in probabilities or in standard deviations of the real target. Raises ProfundoError if it is too large."""
    ours = answers_of(trained.whole, trained.net, trained.spec, trained.objective, raw)
    if trained.spec.targets.traits.numeric:
        ours, theirs = (standard_units(values, trained.spec.targets) for values in (ours, theirs))
    apart = apart_in_any_order if trained.spec.targets.traits.per == "object" else apart_in_place
    largest = apart(ours, theirs, trained.spec)
    if not largest <= TOLERANCE:
        raise ProfundoError(
            f"the exported net gives other answers: they differ by up to {largest:.1e}, more than {TOLERANCE:.0e}; nothing "
            "was written"
        )
    return largest


def apart_in_place(ours: Tensor, theirs: Tensor, _spec: Spec) -> float:
    return float((ours - theirs).abs().max())


def apart_in_any_order(ours: Tensor, theirs: Tensor, spec: Spec) -> float:
    """Of what was found in images (samples, places, 6), the largest difference between one and the nearest of the other's, in
    shares of the image's longer side, classes and scores: those of nearly one score may come in another order."""
    unit = torch.tensor([float(max(spec.inputs.shape[1:]))] * 4 + [1.0] * 2)
    each = [(a[:, None] - b).abs().amax(2) for a, b in zip(ours / unit, theirs / unit, strict=True)]
    return max(float(apart.amin(dim).max()) for apart in each for dim in (0, 1))


# --------------------------------------------------------------------------------------------------------------- formats
Contents = tuple[dict[str, bytes], float, tuple[str, ...]]


def _onnx(trained: Trained, samples: Samples, name: str, about: Mapping[str, Any]) -> Contents:
    spec = trained.spec
    if isinstance(trained.net, SentenceNet):
        raise ProfundoError(
            "minilm cuts texts into pieces of words, which ONNX has no operations for; use --format safetensors, or "
            "`profundo serve`"
        )
    names, made_up = input_names(spec.inputs), spec.inputs.kind != "any"
    model = onnx_graph(trained.whole, example(spec) if made_up else mapped(lambda leaf: leaf[:3], samples.raw), *names)
    if spec.targets.threshold != 0.5 and spec.targets.traits.one_class:
        model = with_decision(model, spec.targets.threshold)
    as_given = spec.inputs.kind == "any" or spec.inputs.traits.is_media
    raw = [leaf if as_given else leaf.double() for leaf in leaves(samples.raw)]
    feeds: Mapping[str, Any] = {one: leaf.numpy() for one, leaf in zip(names, raw, strict=True)}
    if spec.inputs.columns and not spec.inputs.texts:  # texts are made rows of ids by code on the card
        model = with_columns(model, spec.inputs, names[0])
        feeds = feeds_of(samples.rows, spec.inputs)
    content = serialised(model, _facts(about))
    try:
        theirs = torch.from_numpy(run_graph(content, feeds))
    except Exception as error:  # noqa: BLE001 - onnxruntime has errors of its own
        said = " ".join(str(error).split())[:300]
        raise ProfundoError(f"onnxruntime cannot run the exported net: {said}; nothing was written") from None
    described = _described(trained) if spec.inputs.texts else {}
    return {name: content, **described}, _difference(trained, theirs, samples.raw), ()


def _described(trained: Trained) -> dict[str, bytes]:
    """The description that Profundo builds the net of, and makes rows of texts by."""
    return {"model.json": (json.dumps(read_object(trained.folder.model), indent=2, ensure_ascii=False) + "\n").encode()}


def input_names(inputs: Inputs) -> list[str]:
    """What the graph's inputs are called: by their names, their places, or, of one, by what they are."""
    if inputs.parts:
        return list(inputs.names or [f"input_{place + 1}" for place in range(len(inputs.parts))])
    return [inputs.things]


def _safetensors(trained: Trained, samples: Samples, name: str, about: Mapping[str, Any]) -> Contents:
    """The weights, the description that Profundo builds the net of, and the same in plain PyTorch."""
    weights = {key: value.detach().cpu().contiguous().clone() for key, value in trained.net.state_dict().items()}
    contents = {name: safetensors.torch.save(weights, {"format": "pt", **_facts(about)})}
    contents |= _described(trained)
    given = trained.spec.inputs.things
    shape = ", ".join(map(str, trained.spec.inputs.shape))
    signature = f"Raw {given} (batch, {shape}), {trained.spec.inputs.traits.numbers or 'float64'}"
    notes: tuple[str, ...] = ()
    try:
        like = samples.raw[:3] if trained.spec.inputs.kind == "any" else example(trained.spec)
        source = plain_python(trained.whole, like, given, str(about["name"]), name, signature)
        contents["model.py"] = source.encode()
    except ProfundoError as error:
        notes = (f"model.py was left out: {error}",)
    loaded = safetensors.torch.load(contents[name])
    trained.whole.load_state_dict({f"net.{key}": value for key, value in loaded.items()}, strict=False)
    with torch.no_grad():
        theirs = next(leaves(trained.whole(*leaves(samples.raw))))
    return contents, _difference(trained, theirs, samples.raw), notes


def _facts(about: Mapping[str, Any]) -> dict[str, str]:
    """What stands in a file's own metadata: texts only, JSON where it is more than a word."""
    from profundo import __version__

    plain = {
        "producer": f"profundo {__version__}",
        **{
            name: about[name]
            for name in ("name", "task", "answer", "classes", "threshold", "targets", "preprocessing", "net", "data")
        },
        "weights_sha256": about["weights_sha256"],
    }
    return {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in plain.items()
        if value not in (None, [], {})
    }


def _use(trained: Trained, format: str, name: str, has_source: bool) -> str:
    from profundo.use.usage_code import in_onnxruntime, in_pytorch

    if format == "onnx":
        return in_onnxruntime(trained.spec, answer_name(trained.whole), name)
    return in_pytorch(trained.spec, answer_name(trained.whole), name) if has_source else ""
