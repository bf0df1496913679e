"""What a net has learned, on one page: `profundo inside RUN`, and `look_inside(net, data)` of any module.

seen = look_inside(run)               # or look_inside(net, data), look_inside("runs/digits-1", files=["7.png"])
seen["feature maps"].arrays           # what each section computed
seen.save("inside.html")

A section is a function from what is looked at to a Section, or to None where it says nothing of such a net.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from profundo.files import check_out, write_text
from profundo.inside.observing import members_of
from profundo.inspect.opened_net import Looked, of_net, of_run
from profundo.inspect.plain_nets import answering
from profundo.inspect.sections import (
    course_sections,
    depth_sections,
    explanation_sections,
    feature_sections,
    mistake_sections,
    word_and_column_sections,
)
from profundo.inspect.sections.inside_section import Section
from profundo.nets.summary import parameter_count
from profundo.pictures.sheet import Part, Sheet, sheet_html
from profundo.records import ProfundoError, at_the_door
from profundo.runs.run import Run

__all__ = ["SECTIONS", "Inside", "inside", "look_inside"]

SECTIONS: tuple[Callable[[Looked], Section | None], ...] = (
    feature_sections.inputs_section,
    feature_sections.filters_section,
    feature_sections.maps_section,
    feature_sections.units_section,
    feature_sections.dreams_section,
    explanation_sections.why_section,
    word_and_column_sections.columns_section,
    word_and_column_sections.words_section,
    word_and_column_sections.attention_section,
    depth_sections.orientation_section,
    depth_sections.depth_section,
    depth_sections.codes_section,
    depth_sections.similarity_section,
    course_sections.course_section,
    mistake_sections.mistakes_section,
    mistake_sections.attack_section,
)
"""In the order of the page."""


@dataclass(frozen=True, slots=True)
class Inside:
    """The sections by name; notes: why others are not there, and how the net was looked at."""

    title: str
    about: str
    sections: Mapping[str, Section]
    notes: Sequence[str] = field(default=())

    def __getitem__(self, name: str) -> Section:
        if name not in self.sections:
            raise ProfundoError(f"inside: there is no {name!r}; there are: {', '.join(self.sections)}")
        return self.sections[name]

    def __repr__(self) -> str:
        width = max(map(len, self.sections), default=0)
        return "\n".join([*(f"{name:{width}}  {one.finding}" for name, one in self.sections.items()), *self.notes])

    def html(self) -> str:
        """One page that needs nothing else."""
        lead = f"{self.about} Each part says what it shows and what it does not."
        parts = [one.part for one in self.sections.values()]
        parts += [Part("What to know", self.notes)] if self.notes else []
        return sheet_html(Sheet(f"Inside {self.title}", "What the net has learned", lead, parts))

    def as_plain_data(self) -> dict[str, Any]:
        """For JSON: the sentence and the figures of every section."""
        sections = {name: {"finding": one.finding, **one.values} for name, one in self.sections.items()}
        return {"of": self.title, "sections": sections, "notes": list(self.notes)}

    def save(self, path: str | Path) -> Path:
        """Write the page."""
        check_out(Path(path), ".html")
        write_text(Path(path), self.html())
        return Path(path)


def inside(looked: Looked) -> Inside:
    """Every section that says something of this net."""
    with nullcontext() if looked.ends_in is None else answering(looked.net, looked.ends_in):
        return _inside(looked)


def _inside(looked: Looked) -> Inside:
    sections: dict[str, Section] = {}
    notes = list(looked.remarks)
    if members := members_of(looked.net):
        notes.append(f"{members} members vote here; a layer that each of them has is that of the first.")
    for make in SECTIONS:
        try:
            section = make(looked)
        except ProfundoError as error:
            notes += [str(error)] * (str(error) not in notes)
            continue
        except Exception as error:  # noqa: BLE001 - what nobody foresaw costs its section, not the page
            reason = " ".join(str(error).split())[:200]
            notes.append(f"{make.__name__.replace('_', ' ')}: failed with {type(error).__name__}: {reason}")
            continue
        if section is not None:
            sections[section.name] = section
    what = f"{parameter_count(looked.net):,} parameters, on {looked.data.name}."
    return Inside(looked.title, f"{type(looked.net).__name__} of {what}", sections, notes)


@at_the_door
def look_inside(
    net: nn.Module | Run | str | Path,
    data: Any = None,
    files: Sequence[str | Path] = (),
    *,
    layer: str | None = None,
    unit: int | None = None,
    beside: nn.Module | Run | str | Path | None = None,
) -> Inside:
    """What a net has learned: of a run, of its folder, or of any module with its data.

    data: a Dataset, whose inputs are standardised as in training, or what `fit` takes; tensors (X, y) go in as they are.
    files: inputs to look at; by default one test sample of each class. layer, unit: which are shown. beside: another net,
    or a run, that takes the same inputs, to compare the layers with.
    """
    check_choice(layer, files)
    paths = [Path(file) for file in files]
    compared = None if isinstance(beside, nn.Module | None) else of_run(beside)
    other = beside if compared is None else compared.net
    choice = {"layer": layer, "unit": unit, "beside": other}
    if isinstance(net, nn.Module):
        if data is None:
            raise ProfundoError(
                "inside: expected the data of the net, look_inside(net, data), or a run, look_inside(run)"
            )
        looked = of_net(net, data, paths, **choice)
    else:
        looked = of_run(net, paths, **choice)
    if compared is not None:
        check_alike(looked, compared)
    return inside(looked)


def check_choice(layer: Any, files: Any) -> None:
    """Raises ProfundoError for what is no name of a layer, and no files."""
    if layer is not None and not isinstance(layer, str):
        raise ProfundoError(f"layer: expected a layer by its name, got {layer!r}")
    if isinstance(files, str | Path) or not isinstance(files, Iterable):
        raise ProfundoError(f"files: expected a list of files, got {files!r}; one file is [{str(files)!r}]")
    if wrong := [file for file in files if not isinstance(file, str | Path)]:
        raise ProfundoError(f"files: expected paths, got {wrong[0]!r}")


def check_alike(looked: Looked, other: Looked) -> None:
    """Raises ProfundoError for a run beside this one whose net read something else."""
    own, theirs = looked.spec.inputs, other.spec.inputs
    same = own.kind == theirs.kind and own.shape == theirs.shape and own.names == theirs.names
    if not same or [one.levels for one in own.texts] != [one.levels for one in theirs.texts]:
        raise ProfundoError(
            f"beside: expected a net that takes the same inputs, {own.things} {own.shape} of {looked.data.name}; {other.title} takes "
            f"{theirs.things} {theirs.shape} of {other.data.name}"
        )
