"""Nets that translate, at work: texts in, texts out, and where a net looks meanwhile."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from profundo.data.text.number_words import LARGEST
from profundo.data.text.text_pairs import Pair
from profundo.data.text.text_pieces import Vocabulary, pieces
from profundo.evaluate.scores import evaluating
from profundo.nets.attention import Translator
from profundo.nets.decoding import beam, greedy
from profundo.nets.transformer_translator import TransformerTranslator
from profundo.pictures.charts import heat_svg
from profundo.pictures.exhibits import Chart
from profundo.recipes.net_outputs import device_of
from profundo.recipes.recipe import Model
from profundo.records import BEGIN

__all__ = ["NAMES", "answered", "doubts", "looking", "too_long", "translated", "vocabulary_in"]

NAMES = {"transformer": "Transformer", "attention": "LSTM with attention", "bottleneck": "LSTM"}
AT_ONCE = 500  # beginnings that go on together, each with what the net keeps of its text


def vocabulary_in(model: Model) -> Vocabulary:
    return Vocabulary(model.known["pieces"], model.asked.unit)


def net_of(model: Model, name: str) -> Translator | TransformerTranslator:
    net = model.networks[name]
    assert isinstance(net, Translator | TransformerTranslator)
    return net


def translated(model: Model, name: str, texts: Sequence[str], width: int) -> list[str]:
    """What the net of that name writes for each text. width: of the beam."""
    vocabulary, made = vocabulary_in(model), list[str]()
    at_once = max(1, AT_ONCE // width)
    for at in range(0, len(texts), at_once):
        sources = vocabulary.sources(texts[at : at + at_once])
        made += [vocabulary.text(one) for one in written(model, name, sources, width).cpu()]
    return made


def written(model: Model, name: str, sources: Tensor, width: int) -> Tensor:
    """int64 (sources, ≤ longest of training)."""
    net, longest = net_of(model, name), model.known["longest"]
    sources = sources.to(device_of(net))
    begun = torch.full((len(sources), 1), BEGIN, device=sources.device)
    with evaluating(net):
        if width == 1:
            return greedy(net.step, begun, net.begun(sources), longest=longest)
        return beam(net.step, begun, net.begun(sources), longest=longest, width=width).sequences[:, 0]


def answered(model: Model, name: str, pairs: Sequence[Pair], width: int) -> list[str]:
    return translated(model, name, [pair.source for pair in pairs], width)


def looking(model: Model, name: str, text: str) -> Chart:
    """Rows: what is written; columns: what is read; the weights of each row add up to 1."""
    net, vocabulary = net_of(model, name), vocabulary_in(model)
    sources = vocabulary.sources([text]).to(device_of(net))
    said = written(model, name, sources, 1)
    with evaluating(net):
        weights = net(sources, said)[1] if isinstance(net, Translator) else net.looks(sources, said)
    rows, columns = ([piece.strip() or "␣" for piece in vocabulary.names(one)] for one in (said[0], sources[0]))
    heads = ", the mean of its last block's heads" if name == "transformer" else ""
    return Chart(
        f"Where the {NAMES[name]} looks: {text[:60]}",
        f"In each row a piece is written; the darker a cell, the more the net looks at the piece above it meanwhile{heads}. Follow "
        "the dark cells downwards: which pieces are read twice, and which words need none of their own?",
        heat_svg(
            weights[0].tolist(),
            row_labels=[*rows, "end"][: said.shape[1]],
            column_labels=columns,
            x_label="read",
            y_label="written",
        ),
    )


def too_long(model: Model, name: str, text: str) -> str:
    """What is wrong with a text that the net has no places for; nothing of others."""
    net, unit = net_of(model, name), model.asked.unit
    number = len(pieces(text, unit))
    if isinstance(net, Translator) or number <= net.longest:
        return ""
    return f"expected at most {net.longest} {unit}, got {number:,}; cut it, or take --set net=attention"


def doubts(model: Model, text: str) -> list[str]:
    """What of the text is beyond what the net has learned."""
    known = set(model.known["pieces"])
    strange = [piece.strip() for piece in pieces(text, model.asked.unit) if piece not in known]
    told = [f"the net does not know {', '.join(map(repr, strange))}"] if strange else []
    number = text.rpartition(" ")[2].lstrip("0")
    if model.asked.data is None and number.isdecimal() and len(number) > len(str(LARGEST)):
        told.append(f"training had numbers up to {LARGEST:,}")
    return told
