"""Nets for texts, alone or beside other columns of a table: rows of ids (data/text/text_ids.py) → outputs.

    text_mean         Σ_t w_t E[g_t], g_t the n-grams of words and characters, w_t what they tell of the target, ‖w‖ = 1
                      (Joulin et al. 2017; character n-grams: Bojanowski et al. 2017; weights: Wang & Manning 2012),
                      and V f, f the form of the text: how long it is, what its characters are, whether it has links
    text_cnn          the largest answer of each filter over 3, 4 and 5 words             (Kim 2014)
    text_gru          the mean over the words of the states of a GRU from both ends       (Cho et al. 2014)
    text_transformer  the mean over the words after layers of self-attention              (Vaswani et al. 2017)

N-grams are not listed but hashed (Weinberger et al. 2009): what training never had has a number too, and weight 0. All other
columns are squashed and stand beside what was made of the texts. Padding, id 0, never counts.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.nets.init import SMALL_OUTPUT, initialize_
from profundo.nets.net_names import of_a_spec
from profundo.nets.recurrent import BothWays
from profundo.records import Column, ProfundoError, Spec
from profundo.units import squashed

__all__ = ["TextMean", "TextNet", "hashed_ngrams", "text_cnn", "text_gru", "text_mean", "text_transformer"]

SPECIAL = 2  # ids before those of the vocabulary: none, unknown
MOST_BUCKETS = 2**18
WORD_GRAMS, CHARACTER_GRAMS = (1, 2), (2, 3, 4, 5)
SCALE = 6.0  # of a mean of embeddings, so that rates that suit other layers suit them too
WORD_DROPOUT = 0.1
OTHERS = 32  # numbers made of all columns that are no texts
FORM, MOST_POINTS = 8, 0x3100
DIGIT, CAPITAL, MONEY, SIGN = range(1, 5)
MULTIPLIER, PRIME = 1_000_003, 2**31 - 1
"""Of the polynomial hash n · 1,000,003ⁿ + Σ_k g_k · 1,000,003^(n−k) mod 2³¹ − 1: products stay below 2⁶³, on whatever machine."""


def hashed_ngrams(ids: Tensor, lengths: Sequence[int], buckets: int) -> Tensor:
    """int64 ids (batch, places), 0 for none → the buckets 1 … of all runs of n ids, of each n, (batch, runs); 0 where a run
    ends beyond the text."""
    return torch.cat([ids[:, :0], *(_hashed(ids, n, buckets) for n in lengths if n <= ids.shape[1])], 1)


def _hashed(ids: Tensor, n: int, buckets: int) -> Tensor:
    count = ids.shape[1] - n + 1
    value = torch.full_like(ids[:, :count], n)
    for place in range(n):
        value = (value * MULTIPLIER + ids[:, place : place + count]) % PRIME
    value = (value ^ (value >> 15)) * MULTIPLIER % PRIME  # else small numbers would meet more often than by chance
    return ((value ^ (value >> 13)) % (buckets - 1) + 1) * (ids[:, n - 1 :] > 0)


def digits_alike(points: Tensor) -> Tensor:
    """Code points with every digit 0 to 9 taken for 0: of a number its length tells more than which one it is."""
    return torch.where((points >= ord("0")) & (points <= ord("9")), ord("0"), points)


@of_a_spec
def text_mean(spec: Spec, dropout: float = 0.0) -> TextMean:
    """Means of the embeddings of n-grams, a number for each output: a linear model, the quickest and hard to beat on few texts.

    dropout: probability that an n-gram is left out at a training step.
    """
    check_sizes("text_mean", dropout, outputs=spec.outputs)
    return TextMean(spec, dropout)


@of_a_spec
def text_cnn(
    spec: Spec, width: int = 64, filters: int = 64, windows: Sequence[int] = (3, 4, 5), dropout: float = 0.5
) -> TextNet:
    """One layer of convolutions over word vectors of the given width. dropout: of what they found (Kim 2014)."""
    check_sizes("text_cnn", dropout, width=width, filters=filters, windows=min(windows, default=0))
    return TextNet(
        spec,
        lambda column: FilterReader(column, width, filters, windows, WORD_DROPOUT),
        filters * len(windows),
        dropout,
    )


@of_a_spec
def text_gru(spec: Spec, width: int = 64, states: int = 64, dropout: float = 0.5) -> TextNet:
    """A GRU from both ends over word vectors of the given width."""
    check_sizes("text_gru", dropout, width=width, states=states)
    return TextNet(spec, lambda column: RecurrentReader(column, width, states, WORD_DROPOUT), 2 * states, dropout)


@of_a_spec
def text_transformer(spec: Spec, width: int = 64, heads: int = 4, layers: int = 2, dropout: float = 0.2) -> TextNet:
    """Layers of self-attention over word vectors of the given width and learned places (pre-norm, Xiong et al. 2020)."""
    check_sizes("text_transformer", dropout, width=width, heads=heads, layers=layers)
    if width % heads:
        raise ProfundoError(f"text_transformer: expected a width that {heads} heads divide, got {width}")
    return TextNet(spec, lambda column: AttentionReader(column, width, heads, layers, dropout), width, dropout)


def check_sizes(name: str, dropout: float, **sizes: int) -> None:
    """Raises ProfundoError for a size below 1 and a dropout that is no probability below 1."""
    if min(sizes.values()) < 1 or not 0 <= dropout < 1:
        told = ", ".join(f"{size} {value}" for size, value in sizes.items())
        raise ProfundoError(
            f"{name}: expected sizes of at least 1 and dropout in [0, 1), got {told}, dropout {dropout}"
        )


# ------------------------------------------------------------------------------------------------------------ the parts
class Texts(nn.Module):
    """Rows (batch, features) → of each column of text the ids of its words and its characters, and the other features."""

    places: Tensor

    def __init__(self, spec: Spec) -> None:
        super().__init__()
        self.columns = spec.inputs.texts
        if not self.columns:
            raise ProfundoError(
                f"text nets: expected a column of text, the data have {spec.inputs.kind} of shape {spec.inputs.shape}; "
                "use table_net or mlp"
            )
        self.starts = [spec.inputs.names.index(f"{column.name}, word 1") for column in self.columns]
        taken = {
            place
            for start, column in zip(self.starts, self.columns, strict=True)
            for place in range(start, start + sum(column.lengths))
        }
        others = [place for place in range(spec.inputs.shape[0]) if place not in taken]
        self.register_buffer("places", torch.tensor(others, device="cpu", dtype=torch.int64), persistent=False)
        self.width = len(others)

    def forward(self, rows: Tensor) -> tuple[list[tuple[Tensor, Tensor]], Tensor]:
        """[(words, characters) int64 (batch, length) …], float (batch, others)."""
        ids = [
            torch.split(rows[:, start : start + sum(column.lengths)].long(), list(column.lengths), 1)
            for start, column in zip(self.starts, self.columns, strict=True)
        ]
        return [(words, characters) for words, characters in ids], squashed(rows.index_select(1, self.places))


class GramBag(nn.Module):
    """Ids (batch, places) → (batch, width): the embeddings of hashed n-grams, summed by their weights, of length 1 together.

    A weight is the largest |log-count ratio| of a class to all others, see `log_count_ratios`; 0 of what training never had.
    """

    weights: Tensor

    def __init__(self, lengths: Sequence[int], buckets: int, width: int, dropout: float) -> None:
        super().__init__()
        self.lengths, self.dropout = tuple(lengths), dropout
        self.embedding = nn.Parameter(torch.zeros(buckets, width))
        self.register_buffer("weights", torch.ones(buckets))

    def forward(self, ids: Tensor) -> Tensor:
        grams = hashed_ngrams(ids, self.lengths, len(self.weights))
        weights = self.weights[grams] * (grams > 0)
        weights = weights * weights.square().sum(1, keepdim=True).clamp_min(1e-6).rsqrt()
        weights = F.dropout(weights, self.dropout, self.training)
        vectors = F.embedding(
            grams, self.embedding, padding_idx=0
        )  # its gradient takes half the time of embedding_bag's
        return SCALE * torch.einsum("bt,btd->bd", weights.to(vectors.dtype), vectors)

    def measure(self, ids: Tensor, classes: Tensor) -> None:
        """classes: bool (texts, classes)."""
        buckets = len(self.weights)
        counts = torch.zeros(classes.shape[1], buckets, device=ids.device)
        for part, own in zip(torch.split(ids, 1000), torch.split(classes, 1000), strict=True):
            grams = hashed_ngrams(part, self.lengths, buckets).sort(1).values
            is_first = F.pad(grams[:, 1:] != grams[:, :-1], (1, 0), value=True) & (grams > 0)
            for label, mine in enumerate(own.T):
                counts[label] += torch.bincount(grams[mine][is_first[mine]], minlength=buckets)
        self.weights.copy_(log_count_ratios(counts, classes.double().mean(0)).abs().amax(0))


def log_count_ratios(counts: Tensor, shares: Tensor) -> Tensor:
    """log (c_k + 2 p_k) / p_k − log (c − c_k + 2 (1 − p_k)) / (1 − p_k) of each class k and n-gram, (classes, n-grams).

    counts: c_k, in how many texts of the class an n-gram is; shares: p_k, of the texts that are of the class. One that is
    nowhere has 0, and so has one that is in every class as often as chance has it.
    """
    total, p = counts.sum(0), shares.clamp(1e-6, 1 - 1e-6).to(counts.dtype)[:, None]
    return ((counts + 2 * p) / p).log() - ((total - counts + 2 * (1 - p)) / (1 - p)).log()


def as_classes(targets: Tensor, kind: str) -> Tensor:
    """bool (texts, classes) of classes, labels, or numbers: whether they are above the median or not."""
    if kind == "labels":
        return torch.cat([targets >= 0.5, targets < 0.5], 1)
    if kind == "real":
        above = targets > targets.median(0).values
        return torch.cat([above, ~above], 1)
    return targets[:, None] == torch.arange(int(targets.max()) + 1, device=targets.device)


class TextForm(nn.Module):
    """Words and characters (batch, places) → (batch, outputs), linear in the form of the text, which n-grams lose."""

    kinds: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.register_buffer("kinds", kinds_of_characters())
        self.register_buffer("mean", torch.zeros(FORM))
        self.register_buffer("std", torch.ones(FORM))
        self.output = nn.Linear(FORM, outputs, bias=False)
        nn.init.zeros_(self.output.weight)

    def forward(self, words: Tensor, characters: Tensor) -> Tensor:
        outputs: Tensor = self.output(squashed((self.form(words, characters) - self.mean) / self.std))
        return outputs

    def form(self, words: Tensor, characters: Tensor) -> Tensor:
        """float32 (batch, FORM): √ of the shares of digits, capitals and signs, log(1 + n) of the numbers n of characters, words,
        digits, signs of money, and links."""
        kinds = self.kinds[characters.clamp_max(len(self.kinds) - 1)]
        digits, capitals, money, signs = ((kinds == kind).sum(1) for kind in (DIGIT, CAPITAL, MONEY, SIGN))
        length, links = (characters > 0).sum(1), runs_of(characters, "://") + runs_of(characters, "www")
        shares = torch.stack([digits, capitals, signs + money], 1) / length.clamp_min(1).unsqueeze(1)
        counts = torch.stack([length, (words > 0).sum(1), digits, money, links], 1)
        return torch.cat([shares.sqrt(), counts.to(shares.dtype).log1p()], 1)

    def measure(self, words: Tensor, characters: Tensor) -> None:
        """Learn the mean and the deviation of each from the training texts."""
        values = torch.cat(
            [self.form(*some) for some in zip(torch.split(words, 1000), torch.split(characters, 1000), strict=True)]
        )
        self.mean.copy_(values.mean(0))
        self.std.copy_(values.std(0, correction=0).clamp_min(1e-3))


def kinds_of_characters() -> Tensor:
    """uint8 (MOST_POINTS,): of each code point DIGIT, CAPITAL, MONEY, SIGN or 0; of scripts beyond all are 0."""
    known = {"Nd": DIGIT, "Lu": CAPITAL, "Sc": MONEY, "P": SIGN, "S": SIGN}
    of_points = [unicodedata.category(chr(point)) for point in range(MOST_POINTS)]
    return torch.tensor([known.get(one, known.get(one[0], 0)) for one in of_points], dtype=torch.uint8, device="cpu")


def runs_of(points: Tensor, word: str) -> Tensor:
    """int64 (batch,): how often these characters follow each other in points (batch, places)."""
    later = F.pad(points, (0, len(word)))
    places = [later[:, place : place + points.shape[1]] == ord(sign) for place, sign in enumerate(word)]
    return torch.stack(places).all(0).sum(1)


class WordVectors(nn.Module):
    """Words (batch, places) → (batch, places, width), 0 for padding. In training each word is unknown with a probability of
    `dropout`, so that what is unknown has a meaning of its own (Iyyer et al. 2015)."""

    def __init__(self, column: Column, width: int, dropout: float) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(column.levels) + SPECIAL, width, padding_idx=0)
        self.dropout = dropout

    def forward(self, words: Tensor) -> Tensor:
        if self.training and self.dropout:
            is_kept = torch.rand(words.shape, device=words.device) >= self.dropout
            words = torch.where(is_kept, words, words.clamp_max(1))
        vectors: Tensor = self.embedding(words)
        return vectors


class TextNet(nn.Module):
    """Rows (batch, features) → outputs (batch, outputs): each text by its own reader, and all other columns, through a linear
    layer. reader: of a column of text, a module from words to (batch, width); dropout: before that layer."""

    def __init__(self, spec: Spec, reader: Callable[[Column], nn.Module], width: int, dropout: float) -> None:
        super().__init__()
        self.texts = Texts(spec)
        self.readers = nn.ModuleList(map(reader, self.texts.columns))
        self.others = initialize_(beside(self.texts.width), "silu")
        joined = width * len(self.readers) + (OTHERS if self.texts.width else 0)
        self.dropout = nn.Dropout(dropout)
        self.output = initialize_(nn.Sequential(nn.Linear(joined, spec.outputs)), output_gain=SMALL_OUTPUT)

    def forward(self, rows: Tensor) -> Tensor:
        ids, others = self.texts(rows)
        parts = [reader(words) for reader, (words, _) in zip(self.readers, ids, strict=True)]
        outputs: Tensor = self.output(self.dropout(torch.cat([*parts, self.others(others)], 1)))
        return outputs


class TextMean(nn.Module):
    """Rows (batch, features) → outputs (batch, outputs): the sum of what each text says and what the other columns say.

    Nothing stands behind the embeddings: a layer there would grow with them, and texts be learned by heart the sooner.
    """

    def __init__(self, spec: Spec, dropout: float, has_form: bool = True) -> None:
        super().__init__()
        self.texts, self.kind = Texts(spec), spec.targets.kind
        count = buckets_for(spec.outputs)
        self.forms = nn.ModuleList(TextForm(spec.outputs) for _ in self.texts.columns if has_form)
        self.words, self.characters = nn.ModuleList(), nn.ModuleList()
        for _ in self.texts.columns:
            self.words.append(GramBag(WORD_GRAMS, count, spec.outputs, dropout))
            self.characters.append(GramBag(CHARACTER_GRAMS, count, spec.outputs, dropout))
        many = self.texts.width
        self.bias = nn.Parameter(torch.zeros(spec.outputs))
        layers = nn.Sequential(*beside(many), nn.Linear(OTHERS, spec.outputs, bias=False))
        self.others = initialize_(layers, "silu", output_gain=SMALL_OUTPUT) if many else None

    def forward(self, rows: Tensor) -> Tensor:
        ids, others = self.texts(rows)
        outputs = self.bias.expand(rows.shape[0], -1) if self.others is None else self.bias + self.others(others)
        for place, (words, characters) in enumerate(ids):
            outputs = outputs + self.words[place](words) + self.characters[place](digits_alike(characters))
            if self.forms:
                outputs = outputs + self.forms[place](words, characters)
        return outputs

    @torch.no_grad()
    def measure_samples(self, rows: Tensor, targets: Tensor) -> None:
        """Learn from standardised training rows (samples, features) what each n-gram tells of the targets."""
        classes = as_classes(targets, self.kind)
        for place, (words, characters) in enumerate(self.texts(rows)[0]):
            for bags, ids in ((self.words, words), (self.characters, digits_alike(characters))):
                bag = bags[place]
                assert isinstance(bag, GramBag)
                bag.measure(ids, classes)
            if self.forms:
                form = self.forms[place]
                assert isinstance(form, TextForm)
                form.measure(words, characters)


def beside(others: int) -> nn.Sequential:
    """(batch, others) → (batch, 32), or (batch, 0) where there are none."""
    return nn.Sequential(nn.Linear(others, OTHERS), nn.SiLU()) if others else nn.Sequential()


def buckets_for(outputs: int) -> int:
    """2¹⁸ for up to four outputs, half as many for twice as many outputs, 2¹⁴ at least."""
    return max(2**14, MOST_BUCKETS >> max(0, (outputs - 1) // 4).bit_length())


# ------------------------------------------------------------------------------------------------------------- readers
class FilterReader(nn.Module):
    """max_t relu(filter ∗ vectors)_t of each filter, over windows of so many words."""

    def __init__(self, column: Column, width: int, filters: int, windows: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.vectors = WordVectors(column, width, dropout)
        self.filters = initialize_(nn.ModuleList(nn.Conv1d(width, filters, n, padding=n - 1) for n in windows), "relu")

    def forward(self, words: Tensor) -> Tensor:
        vectors = self.vectors(words).transpose(1, 2)
        return torch.cat([filters(vectors).relu().amax(2) for filters in self.filters], 1)


class RecurrentReader(nn.Module):
    def __init__(self, column: Column, width: int, states: int, dropout: float) -> None:
        super().__init__()
        self.vectors = WordVectors(column, width, dropout)
        self.recurrent = BothWays(width, states)

    def forward(self, words: Tensor) -> Tensor:
        lengths = (words > 0).sum(1).clamp_min(1)
        states = self.recurrent(self.vectors(words).transpose(0, 1), lengths).transpose(0, 1)
        return mean_of_words(states, words)


class AttentionReader(nn.Module):
    def __init__(self, column: Column, width: int, heads: int, layers: int, dropout: float) -> None:
        super().__init__()
        self.vectors = WordVectors(column, width, dropout)
        self.places = nn.Parameter(torch.randn(column.lengths[0], width) * 0.02)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, heads, 2 * width, dropout, "gelu", batch_first=True, norm_first=True)
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(self, words: Tensor) -> Tensor:
        is_padding = F.pad(words[:, 1:] == 0, (1, 0))  # never all: a softmax over nothing is no number
        vectors = self.vectors(words) + self.places
        for layer in self.layers:
            vectors = layer(vectors, src_key_padding_mask=is_padding)
        return mean_of_words(self.norm(vectors), words)


def mean_of_words(states: Tensor, words: Tensor) -> Tensor:
    """(batch, places, width) → (batch, width), over the places that hold a word; 0 of an empty text."""
    there = (words > 0).to(states.dtype).unsqueeze(2)
    return (states * there).sum(1) / there.sum(1).clamp_min(1)
