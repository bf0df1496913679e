"""Word embeddings by skip-gram with negative sampling (Mikolov, Sutskever, Chen, Corrado & Dean 2013, eq. 4).

Each word gets two rows of numbers, one as the centre and one as context. Their product is to tell the true neighbours of a
word from words drawn at random (unigram^¾); frequent words are skipped now and then (section 2.3). Words that are used alike
come to lie near each other, though nobody said what any of them means. Data: tiny Shakespeare, 200,000 words, of which the
last twentieth is for the test; or its characters (--set unit=characters).

Held-out figures: the cost of a context word given the centre, in nats, by the distribution that the scores imply; and the
share of words of ten hand-made groups (kin, parts of the body, ranks …) whose nearest neighbour in them is of their group.

Result: a context word costs 6.66 to 6.68 nats (seeds 0–2), 6.71 to 6.72 by frequencies alone; 86 to 88 % of 76 words have one
of their group as the nearest of the others, 9 % would by chance. About 10 s on one core of an AMD EPYC, no GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.data.text.characters import decode
from profundo.data.text.words import (
    SkipGrams,
    Tokens,
    keep_probability,
    noise_distribution,
    skip_grams,
    subsampled,
    tokenized,
)
from profundo.evaluate import evaluating
from profundo.evaluate.retrieval import nearest, precision_at
from profundo.nets.embedding import WordPairs
from profundo.objectives.negative_sampling import context_log_probabilities, negative_sampling
from profundo.pictures.charts import heat_svg
from profundo.pictures.exhibits import Chart, Exhibit, Passage, Table
from profundo.recipes.context import Context
from profundo.recipes.own_data import OwnText, Takes
from profundo.recipes.recipe import Model, Outcome, Recipe
from profundo.recipes.recipe_charts import map_of_rows
from profundo.records import Batch, ProfundoError
from profundo.runs.settings.setting_values import Positive, Several, Whole
from profundo.train import Descent, Plan, optimizer, schedule

__all__ = ["RECIPE", "Settings", "context_cost", "generate", "group_share", "networks", "run"]

GROUPS: dict[str, dict[str, str]] = {
    "words": {
        "kin": "father mother son daughter brother sister wife husband cousin uncle",
        "body": "eyes eye heart hand hands tongue face head lips cheek",
        "rank": "king queen prince duke lord earl",
        "war": "sword war battle soldiers enemy army power crown",
        "time": "day night hour hours morrow year days",
        "speech": "speak say tell hear answer talk",
        "auxiliaries": "shall will must may can should would might",
        "persons": "he she they him them her his their",
        "thou": "thou thee thy thine art hast dost",
        "numbers": "two three four five ten twenty",
    },
    "characters": {"vowels": "a e i o u", "consonants": " ".join("bcdfghjklmnpqrstvwxyz"), "marks": ". , ; : ! ?"},
}
ASKED = {"words": "king queen father love sword blood night he she thou", "characters": "a e t s q , . !"}
COMMON = 20  # a neighbour that is shown has at least so many occurrences; of rarer words little was learnt


@dataclass(frozen=True, slots=True)
class Settings:
    """data: a text of one's own in place of tiny Shakespeare, a file or a folder or .zip of .txt files; encoding: of one that
    is no UTF-8. unit: what is embedded.

    least: occurrences of a word below which it is left out. window: the largest distance of a context. negatives: words
    of noise beside each true one. threshold: frequency above which words are skipped now and then. epochs: of at most
    `steps` batches.
    """

    data: OwnText = None
    encoding: str | None = None
    unit: Literal["words", "characters"] = "words"
    least: Whole = 5
    dimensions: Several = 64
    window: Whole = 5
    negatives: Whole = 5
    threshold: Positive = 0.003
    batch_size: Whole = 1024
    epochs: Whole = 5
    steps: Whole = 1000
    learning_rate: Positive = 0.005


def networks(settings: Settings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    return {"words": WordPairs(len(known["vocabulary"]), settings.dimensions)}


def run(context: Context, settings: Settings) -> Outcome:
    text = context.text(settings.data, settings.encoding)
    whole = decode(torch.cat((text.train, text.validation, text.test)), text.vocabulary)
    tokens = tokenized(whole, settings.unit, settings.least)
    known = {"vocabulary": list(tokens.vocabulary), "counts": tokens.counts.tolist()}
    net = networks(settings, known)["words"]
    assert isinstance(net, WordPairs)
    validation = held_out(context, settings, tokens, tokens.validation, "validation")
    test = held_out(context, settings, tokens, tokens.test, "test")
    noise = noise_distribution(tokens.counts)
    train(context, settings, tokens, net, lambda: {"validation log loss": context_cost(net, *validation, noise)})
    model = Model(settings, {"words": net}, known)
    costs = context_cost(net, *test, noise), unigram_cost(settings, tokens, test[1])
    rows, groups = grouped(model)
    shares = group_share(rows, torch.tensor(groups)) if len(set(groups)) > 1 else None
    figures = {"log loss (nats)": costs} | ({"share of nearest in group": shares} if shares else {})
    return Outcome(
        scores={name: own for name, (own, _) in figures.items()},
        baseline={name: other for name, (_, other) in figures.items()},
        against="frequencies alone",
        exhibits=[neighbour_table(model, 8), *group_pictures(context, model)],
        networks={"words": net},
        known=known,
        conclusion=conclusion(settings, costs, shares, groups),
    )


def train(
    context: Context, settings: Settings, tokens: Tokens, net: WordPairs, validate: Callable[[], Mapping[str, float]]
) -> None:
    """Tell true neighbours from words of noise (Mikolov et al. 2013, equation 4)."""

    def cost(batch: Batch) -> Mapping[str, Tensor]:
        return {"loss": negative_sampling(net(batch.inputs, batch.targets)).mean()}

    pairs = SkipGrams(
        tokens.train,
        tokens.counts,
        window=settings.window,
        negatives=settings.negatives,
        batch_size=settings.batch_size,
        threshold=settings.threshold,
        most=settings.steps,
        seed=context.seed,
        device=context.device,
    )
    update = Descent(net, cost, optimizer("adam", net, settings.learning_rate))
    context.train(update, pairs, Plan(settings.epochs, schedule("cosine")), validate=validate)


def conclusion(
    settings: Settings, costs: tuple[float, float], shares: tuple[float, float] | None, groups: Sequence[int]
) -> str:
    """costs, shares: the net's figure and that of frequencies, or of chance."""
    sentence = (
        f"Given a {settings.unit[:-1]}, a neighbour in held-out text costs {costs[0]:.3f} nats, {costs[1]:.3f} by frequencies "
        "alone."
    )
    if shares is None:
        return sentence
    return (
        f"{sentence} Of {len(groups)} {settings.unit} in {len(set(groups))} groups, {100 * shares[0]:.0f} % have one of their "
        f"group as the nearest of the others, {100 * shares[1]:.0f} % would by chance."
    )


def held_out(context: Context, settings: Settings, tokens: Tokens, part: Tensor, name: str) -> tuple[Tensor, Tensor]:
    """Centres and contexts (pairs,) of a part of the text, drawn as in training."""
    draws = context.generator(name)
    kept = subsampled(part, keep_probability(tokens.counts, settings.threshold), draws)
    centres, contexts = skip_grams(kept, settings.window, draws)
    if not len(centres):
        raise ProfundoError(
            f"{name} part of the text: expected some known {settings.unit}, found none; give a longer text"
        )
    return centres, contexts


def context_cost(net: WordPairs, centres: Tensor, contexts: Tensor, noise: Tensor) -> float:
    """Mean of −log p(context | centre) over pairs, in nats, normalised over the vocabulary."""
    device = net.centre.weight.device
    distinct, place = torch.unique(centres, return_inverse=True)
    total = torch.zeros((), dtype=torch.float64)
    with evaluating(net):
        for start in range(0, len(distinct), 1000):
            inside = (place >= start) & (place < start + 1000)
            scores = net.all_scores(distinct[start : start + 1000].to(device)).cpu()
            told = context_log_probabilities(scores, noise)
            total -= told[place[inside] - start, contexts[inside]].double().sum()
    return float(total / len(centres))


def unigram_cost(settings: Settings, tokens: Tokens, contexts: Tensor) -> float:
    """The same by the frequencies of what training sees, whatever the centre."""
    seen = tokens.counts * keep_probability(tokens.counts, settings.threshold)
    return -float((seen / seen.sum()).log()[contexts].mean())


def vectors(model: Model) -> Tensor:
    """The centres' rows (words, d), of length 1: their products are cosines."""
    net = model.networks["words"]
    assert isinstance(net, WordPairs)
    return F.normalize(net.centre.weight.detach().cpu(), dim=1)


def places(model: Model, words: Sequence[str]) -> list[int]:
    """Indices of those words that the vocabulary has."""
    known = {word: place for place, word in enumerate(model.known["vocabulary"])}
    return [known[word] for word in words if word in known]


def grouped(model: Model) -> tuple[Tensor, list[int]]:
    """Rows (n, d) of the words in the hand-made groups, and the group of each."""
    members = [places(model, members.split()) for members in GROUPS[model.asked.unit].values()]
    groups = [number for number, inside in enumerate(members) for _ in inside if len(inside) > 1]
    chosen = [place for inside in members for place in inside if len(inside) > 1]
    return vectors(model)[chosen], groups


def group_share(rows: Tensor, groups: Tensor) -> tuple[float, float]:
    """Share of rows whose nearest other row is of their group, and what it would be by chance."""
    share = precision_at(nearest(rows, rows, 1, skip_self=True), groups, groups)
    same = (groups[:, None] == groups).double().sum(1) - 1
    return share, float((same / (len(groups) - 1)).mean())


def neighbours(model: Model, word: int, count: int) -> str:
    """The nearest common words with their cosines, nearest first."""
    rows, vocabulary = vectors(model), model.known["vocabulary"]
    common = [at for at, times in enumerate(model.known["counts"]) if times >= COMMON and at != word]
    cosines = rows[common] @ rows[word]
    best = cosines.topk(min(count, len(common)))
    result = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return ", ".join(f"{shown(vocabulary[common[at]])} {value:.2f}" for at, value in result)


def neighbour_table(model: Model, count: int) -> Table:
    vocabulary = model.known["vocabulary"]
    chosen = places(model, ASKED[model.asked.unit].split()) or list(range(min(8, len(vocabulary))))
    rows: list[list[str | float]] = [
        [shown(vocabulary[place]), model.known["counts"][place], neighbours(model, place, count)] for place in chosen
    ]
    return Table(
        "Neighbours",
        f"The nearest by the cosine of their embeddings, among those that occur {COMMON} times or more in training.",
        [model.asked.unit[:-1], "times", "neighbours and cosines"],
        rows,
    )


def shown(word: str) -> str:
    return "blank" if word == " " else word


def group_pictures(context: Context, model: Model) -> list[Exhibit]:
    rows, groups = grouped(model)
    if len(set(groups)) < 2 or len(rows) < 8:
        return []
    by_name = GROUPS[model.asked.unit]
    few = [word for members in by_name.values() for word in members.split()[:3] if places(model, [word])]
    table = vectors(model)[places(model, few)]
    return [
        map_of_rows(
            "Groups in the plane",
            f"{len(rows)} embeddings, laid out by t-SNE (van der Maaten & Hinton 2008) on their cosines; training knew nothing "
            "of the groups that the colours show.",
            rows,
            groups,
            list(by_name),
            context.seed,
            perplexity=10.0,
            metric="cosine",
        ),
        Chart(
            "Cosines",
            f"How alike the embeddings of some {model.asked.unit} are, from −1 to 1; three of each group stand together.",
            heat_svg((table @ table.T).tolist(), row_labels=few, column_labels=few),
        ),
    ]


def generate(model: Model, count: int, _generator: torch.Generator, prompt: str) -> list[Exhibit]:
    """The `count` nearest neighbours of each word of the prompt.

    Raises ProfundoError for a word that the vocabulary lacks.
    """
    vocabulary = model.known["vocabulary"]
    words = prompt.lower().split() or [word for word in ASKED[model.asked.unit].split() if word in vocabulary][:4]
    lines = []
    for word in words or vocabulary[:4]:
        if word not in vocabulary:
            raise ProfundoError(
                f"word {word!r}: expected one of the {len(vocabulary):,} of the vocabulary; try another"
            )
        lines.append(f"{shown(word)}: {neighbours(model, vocabulary.index(word), count)}")
    caption = f"The {count} nearest neighbours of each, with the cosine of their embeddings."
    return [Passage("Neighbours", caption, "\n".join(lines))]


RECIPE = Recipe(
    Settings,
    Settings(dimensions=16, window=2, epochs=2, steps=60, least=20, learning_rate=0.02),
    run,
    networks=networks,
    generate=generate,
    takes=Takes("text"),
)
