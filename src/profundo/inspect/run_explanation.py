"""Why an answer, of a run or of any net: `profundo.explain`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from profundo.data.batches import prepared_inputs
from profundo.data.tables.columns import column_slices
from profundo.data.text.text_ids import FIRST_WORD, UNKNOWN
from profundo.inside.attributions import METHODS, Explanation
from profundo.inside.attributions import explain as explain_net
from profundo.inside.attributions.explaining import method_named, split_choice
from profundo.inside.observing import device_of
from profundo.records import Column, Inputs, ProfundoError, Spec, at_the_door
from profundo.runs.given.asking import inputs_for
from profundo.runs.opening import open_run
from profundo.runs.run import Run
from profundo.runs.word_effects import with_words, words_at

__all__ = ["Text", "explain"]


@at_the_door
def explain(
    net: nn.Module | Run | str | Path,
    inputs: Any,
    method: str = "integrated_gradients",
    *,
    of: Any = None,
    **options: Any,
) -> Explanation:
    """What in each input the answer is due to, as a map of its shape: `profundo.inside.attributions` lists methods and options.

    net: a module, with inputs (batch, …) as it takes them; or a run, or its folder, with raw inputs as `run.predict` takes them.
    of: the output that is explained, by index; of a run's classes also by name. Of a run a baseline of 0 is the mean of training.
    Of a run of texts the places are the words of one column of text, part= its name, else the first: by gradients at the words'
    vectors, against those of unknown words; else by leaving words out. Other columns stay as they are.
    """
    if isinstance(net, nn.Module):
        return explain_net(net, inputs, method, of=of, **options)
    run = net if isinstance(net, Run) else open_run(net, evaluate=False)
    if run.data.spec.targets.traits.per == "object":
        raise ProfundoError(
            f"explain: {type(run.net).__name__} has as many answers as it finds, and a map is due to one; `profundo inside` shows "
            "what it sees, and `profundo report` what it found and missed"
        )
    raw, _ = inputs_for(inputs, run.data.spec.inputs)
    if isinstance(of, str):
        of = output_of(of, run.data.spec)
    if run.data.spec.inputs.texts and options.get("at") is None and not method.startswith("grad_cam"):
        return of_words(run, raw, method, of, **options)
    ready = prepared_inputs(raw, run.data.spec.inputs)
    return explain_net(run.net, ready, method, of=of, **options)


def output_of(name: str, spec: Spec) -> Any:
    """The index of a class or of a target. Of two classes with one output, its logit, from the side of that class."""
    names = spec.targets.classes or spec.targets.names
    if name not in names:
        raise ProfundoError(f"of {name!r}: expected an output from 0, or one of {', '.join(names[:20]) or 'no names'}")
    if spec.targets.kind != "binary":
        return names.index(name)
    sign = 1 if names.index(name) else -1

    def towards(outputs: Tensor) -> Tensor:
        return sign * outputs.reshape(len(outputs), -1)[:, 0]

    return towards


# --------------------------------------------------------------------------------------------------------------- words
@dataclass(frozen=True, slots=True)
class Text:
    """One column of text of a net's rows. at: its features."""

    net: nn.Module
    inputs: Inputs
    column: Column
    at: slice

    @classmethod
    def of(cls, net: nn.Module, inputs: Inputs, name: str | None = None) -> Text:
        """The column of that name, else the first."""
        slices = {column.name: (column, at) for column, at in column_slices(inputs) if column.kind == "text"}
        if name is not None and name not in slices:
            raise ProfundoError(f"part {name!r}: expected a column of text, one of {', '.join(slices)}")
        return cls(net, inputs, *slices[next(iter(slices)) if name is None else name])

    def ready(self, rows: Tensor) -> Tensor:
        ready: Tensor = prepared_inputs(rows, self.inputs).to(device_of(self.net))
        return ready

    @property
    def embedding(self) -> tuple[str, nn.Embedding] | None:
        """The module with a vector for each word of this column, and its name."""
        size = len(self.column.levels) + FIRST_WORD
        vectors = [(name, one) for name, one in self.net.named_modules() if isinstance(one, nn.Embedding)]
        tables = [(name, one) for name, one in vectors if one.num_embeddings == size]
        names = [one.name for one in self.inputs.texts if len(one.levels) + FIRST_WORD == size]
        place = names.index(self.column.name)
        return tables[place] if place < len(tables) else None

    def by_vectors(self, row: Tensor, method: str = "integrated_gradients", **options: Any) -> Explanation | None:
        """The places of one row's words, (1, words, width), against unknown words. None where the net has no vectors of words."""
        own = self.vector_options(row, method)
        return None if own is None else explain_net(self.net, self.ready(row[None]), method, **own | options)

    def vector_options(self, row: Tensor, method: str) -> dict[str, Any] | None:
        """With which a method explains the vectors of a row's words; None where the net has none."""
        if self.embedding is None:
            return None
        layer, table = self.embedding
        options: dict[str, Any] = {"at": layer, "places": (1,)}
        there = row[self.at.start : self.at.start + self.column.lengths[0], None] > 0
        if "baseline" in METHODS[method].options:  # training had unknown words in any place, made so by chance
            options["baseline"] = there.to(table.weight) * table.weight[UNKNOWN].detach()
        return options

    def by_leaving_out(self, row: Tensor, method: str, **options: Any) -> Explanation:
        """The same (1, words), each word there or not."""
        if "baseline" in options:
            raise ProfundoError("baseline: a word of a text that is away is left out; leave baseline= out as well")
        net, there, own = self.left_out(row, method)
        return explain_net(net, there, method, **own | options)

    def left_out(self, row: Tensor, method: str) -> tuple[nn.Module, Tensor, dict[str, Any]]:
        """What is explained where words are left out: a net, its input, and a method's options."""
        many = max(1, len(words_at(row, self.column, self.at)))
        return WithWords(self, row), torch.ones(1, many), {"window": 1} if method == "occlusion" else {}


class WithWords(nn.Module):
    """Which words of one text are there, (batch, words) of 1 and 0 → what the net answers."""

    def __init__(self, text: Text, row: Tensor) -> None:
        super().__init__()
        self.net, self.text, self.row = text.net, text, row

    def forward(self, there: Tensor) -> Any:
        return self.net(self.text.ready(with_words(self.row, self.text.column, self.text.at, there.cpu() > 0)))


def of_words(run: Run, rows: Tensor, method: str, of: Any, part: str | None = None, **options: Any) -> Explanation:
    text = Text.of(run.net, run.data.spec.inputs, part)
    known = method_named(method, {})
    each = []
    for row, own in zip(rows, split_choice(of, len(rows), 1), strict=False):
        by = text.by_leaving_out if known.one_by_one else text.by_vectors
        one = by(row, method, of=own, **options)
        if one is None:
            raise ProfundoError(
                f"{method}: expected a net with an nn.Embedding of words, {type(run.net).__name__} has none; use method='occlusion'"
            )
        each.append(one)
    names = [words_at(row, text.column, text.at) for row in rows]
    return together(each, names)


def together(each: Sequence[Explanation], words: Sequence[Sequence[str]]) -> Explanation:
    """Explanations of single texts as one of them all, with places of 0 after a text's last word."""
    most = max(1, *map(len, words))
    outputs = [one.of for one in each if one.of is not None]
    changes = [one.change for one in each if one.change is not None]
    means = {name: sum(one.figures[name] for one in each) / len(each) for name in each[0].figures}
    return replace(
        each[0], map=pad_sequence([one.map[0, :most] for one in each], batch_first=True), figures=means,
        of=torch.cat(outputs) if outputs else None, answer=torch.cat([one.answer for one in each]),
        change=torch.cat(changes) if changes else None, passes=sum(one.passes for one in each),
        seconds=sum(one.seconds for one in each), words=tuple((*own, *[""] * (most - len(own))) for own in words),
    )  # fmt: skip
