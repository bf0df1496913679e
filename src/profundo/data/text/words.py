"""Text as words (or characters) with their neighbours, as the skip-gram model learns from them (Mikolov et al. 2013).

    tokens = tokenized(read_text(path), "words", least=5)
    batches = SkipGrams(tokens.train, tokens.counts, window=5, negatives=5, batch_size=1024)

Each epoch reads the text with some frequent words left out (section 2.3) and takes, for each word, the others within a
distance drawn from 1 … window, so that near ones come more often. Beside each true neighbour stand `negatives` words
of the noise distribution, unigram^¾ (section 2.2). All draws are functions of (seed, epoch, index).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from profundo.data.batches import mix, order
from profundo.records import Batch, ProfundoError

__all__ = [
    "SkipGrams",
    "Tokens",
    "keep_probability",
    "noise_distribution",
    "skip_grams",
    "subsampled",
    "tokenized",
]

WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")  # letters, with apostrophes and hyphens inside


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text as indices int64 (tokens,) into its vocabulary, whose words are ordered by their counts, most first.

    counts: int64 (vocabulary,), in the training part.
    """

    vocabulary: tuple[str, ...]
    counts: Tensor
    train: Tensor
    validation: Tensor
    test: Tensor


def tokenized(content: str, unit: str = "words", least: int = 5) -> Tokens:
    """Lower-case "words", or "characters" with all white space as blanks: the first nine tenths for training, then a
    twentieth each for validation and test.

    least: words that the training part has less often are left out of all parts, as word2vec does.
    Raises ProfundoError when fewer than two words remain.
    """
    content = content.lower()
    tokens = list(re.sub(r"\s", " ", content)) if unit == "characters" else WORD.findall(content)
    first, second = 9 * len(tokens) // 10, 19 * len(tokens) // 20
    counted = Counter(tokens[:first])
    vocabulary = sorted((word for word, n in counted.items() if n >= least), key=lambda word: (-counted[word], word))
    if len(vocabulary) < 2:
        raise ProfundoError(
            f"text of {len(tokens)} {unit}: expected at least two of them {least} times or more; give a longer text"
        )
    parts = [indices(part, vocabulary) for part in (tokens[:first], tokens[first:second], tokens[second:])]
    return Tokens(tuple(vocabulary), torch.tensor([counted[word] for word in vocabulary]), *parts)


def indices(tokens: Sequence[str], vocabulary: Sequence[str]) -> Tensor:
    """int64; words that the vocabulary lacks are left out."""
    places = {word: index for index, word in enumerate(vocabulary)}
    return torch.tensor([places[word] for word in tokens if word in places], dtype=torch.int64)


def keep_probability(counts: Tensor, threshold: float) -> Tensor:
    """Of each word, float64: min(1, √(t / f)) with its frequency f (Mikolov et al. 2013, eq. 5)."""
    return (threshold / (counts.double() / counts.sum())).sqrt().clamp_max(1)


def noise_distribution(counts: Tensor, power: float = 0.75) -> Tensor:
    """float64, of sum 1: unigram frequencies to that power; 0.75 favours rare words."""
    raised = counts.double() ** power
    return raised / raised.sum()


def subsampled(tokens: Tensor, keep: Tensor, draws: Generator) -> Tensor:
    """The tokens without those that were drawn to be left out; their neighbours move together."""
    return tokens[torch.rand(len(tokens), generator=draws, dtype=torch.float64) < keep[tokens]]


def skip_grams(tokens: Tensor, window: int, draws: Generator) -> tuple[Tensor, Tensor]:
    """Centres and contexts (pairs,), (pairs,): each token with all within a distance of its own, drawn from 1 … window."""
    reach = torch.randint(1, window + 1, (len(tokens),), generator=draws)
    centres, contexts = [], []
    for distance in range(1, min(window, len(tokens) - 1) + 1):
        left, right = tokens[:-distance], tokens[distance:]
        rightward, leftward = reach[:-distance] >= distance, reach[distance:] >= distance
        centres += [left[rightward], right[leftward]]
        contexts += [right[rightward], left[leftward]]
    none = tokens[:0]  # of fewer than two tokens
    return torch.cat([none, *centres]), torch.cat([none, *contexts])


class SkipGrams:
    """Batches: inputs (batch,) centres, targets (batch, 1 + negatives) the true context, then noise.

    counts: of the training text, by word. threshold: of `keep_probability`. most: batches of an epoch, at most; an epoch
    of a longer text is a random part of its pairs. As the pairs of an epoch are drawn, their number varies a little: an
    epoch has as many batches as the first has, and begins its pairs again if they do not suffice.
    """

    def __init__(
        self,
        tokens: Tensor,
        counts: Tensor,
        *,
        window: int = 5,
        negatives: int = 5,
        batch_size: int = 1024,
        threshold: float = 1e-3,
        most: int | None = None,
        seed: int = 0,
        device: torch.device | str = "cpu",
    ) -> None:
        self.tokens, self.window, self.negatives, self.batch_size = tokens, window, negatives, batch_size
        self.seed, self.device = seed, torch.device(device)
        self.keep = keep_probability(counts, threshold)
        self.noise = noise_distribution(counts).cumsum(0)
        self.noise /= self.noise[-1].clone()
        result = len(self.pairs(0)[0])
        if result < batch_size:
            raise ProfundoError(f"skip-grams: expected at least one batch of {batch_size} pairs, the text has {result}")
        self.steps = result // batch_size if most is None else min(most, result // batch_size)

    def __len__(self) -> int:
        return self.steps

    def pairs(self, epoch: int) -> tuple[Tensor, Tensor]:
        """All centres and contexts of an epoch, in the order of the text."""
        draws = torch.Generator().manual_seed(mix(self.seed ^ 0x5C1D, epoch))
        return skip_grams(subsampled(self.tokens, self.keep, draws), self.window, draws)

    def epoch(self, epoch: int, skip: int = 0) -> Iterator[Batch]:
        centres, contexts = self.pairs(epoch)
        places = order(len(centres), self.seed, epoch)
        for index in range(skip, self.steps):
            chosen = places[torch.arange(index * self.batch_size, (index + 1) * self.batch_size) % len(places)]
            noise = self.noise_words(epoch * self.steps + index)
            targets = torch.cat((contexts[chosen, None], noise), 1)
            yield Batch(centres[chosen].to(self.device), targets.to(self.device), self.batch_size)

    def noise_words(self, step: int) -> Tensor:
        """(batch, negatives) of one step, by inverting the cumulative distribution."""
        draws = torch.Generator().manual_seed(mix(self.seed ^ 0x2015E, step))
        uniform = torch.rand(self.batch_size, self.negatives, generator=draws, dtype=torch.float64)
        return torch.searchsorted(self.noise, uniform, right=True)
