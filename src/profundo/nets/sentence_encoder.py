"""A published encoder of sentences: the characters of a text → 384 numbers that stand for its meaning, beside its n-grams.

    minilm    all-MiniLM-L6-v2: six layers of BERT (Devlin et al. 2019), learned from a larger net (Wang et al. 2020), then
              trained on a billion pairs until sentences that belong together lie close (Reimers & Gurevych 2019)

A text is cut into words and signs, and a word that the vocabulary lacks into the longest pieces that it has, from the left
(WordPiece, Wu et al. 2016, section 4.1). The vocabulary is kept with the weights, so that a saved net reads texts by itself.
runs/pretrained.py finds the files.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from profundo.nets.text_nets import TextMean, Texts, mean_of_words
from profundo.records import ProfundoError, Spec

__all__ = ["SentenceNet", "as_ours", "minilm", "piece_ids"]

NONE, UNKNOWN, BEGIN, END = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
MOST_PIECES = 256  # of a text; the encoder was trained on no longer ones
TOGETHER = 32  # texts that go through the encoder at once
LONGEST_WORD = 100  # characters: longer ones are unknown, as in BERT
HEAD = 32  # numbers of a head of attention
SCALE = 3.0  # length of a meaning, beside 6 of what the n-grams of words weigh, and 6 of those of characters
ALONE = (
    *((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2A700, 0x2CEAF), (0x2F800, 0x2FA1F)),
    *((33, 47), (58, 64), (91, 96), (123, 126)),
)
"""Code points that are words by themselves, beside all punctuation: Chinese characters, and the signs of ASCII."""


# -------------------------------------------------------------------------------------------------------------- pieces
@lru_cache(2**16)
def spaced(sign: str) -> str:
    """What stands for a character: nothing for accents and controls, blanks around one that is a word by itself."""
    category = unicodedata.category(sign)
    if category == "Mn" or category[0] == "C":
        return ""
    is_alone = category[0] == "P" or any(low <= ord(sign) <= high for low, high in ALONE)
    return f" {sign} " if is_alone else sign


def piece_ids(text: str, places: Mapping[str, int]) -> list[int]:
    """The ids of a text's pieces, between those of its beginning and its end. places: of each piece in the vocabulary."""
    ids = [places[BEGIN]]
    for word in "".join(map(spaced, unicodedata.normalize("NFD", text.lower()))).split():
        ids += pieces_of(word, places)
    return [*ids[: MOST_PIECES - 1], places[END]]


def pieces_of(word: str, places: Mapping[str, int]) -> list[int]:
    """Of those inside a word the vocabulary writes ## before them."""
    ids: list[int] = []
    begin = 0
    while begin < len(word) <= LONGEST_WORD:
        ends = range(len(word), begin, -1)
        known = (end for end in ends if ("##" if begin else "") + word[begin:end] in places)
        end = next(known, 0)
        if not end:
            return [places[UNKNOWN]]
        ids.append(places[("##" if begin else "") + word[begin:end]])
        begin = end
    return ids or [places[UNKNOWN]]


@lru_cache(2)
def places_of(vocabulary: bytes) -> Mapping[str, int]:
    """Piece → id, of a file with a piece a line. Raises ProfundoError where it is none."""
    pieces = vocabulary.decode("utf-8", "replace").split("\n")
    if pieces[0] != NONE or not {UNKNOWN, BEGIN, END} <= set(pieces):
        raise ProfundoError(
            "minilm: expected the vocabulary that belongs to its published weights, got none; use --pretrained minilm"
        )
    return {piece: place for place, piece in enumerate(pieces)}


# ----------------------------------------------------------------------------------------------------------------- net
def minilm(
    spec: Spec, width: int = 384, layers: int = 6, pieces: int = 30_522, vocabulary: int = 231_508
) -> SentenceNet:
    """The n-grams of text_mean, and beside them the meaning of each text by the sentence encoder all-MiniLM-L6-v2.

    pieces: of the vocabulary; vocabulary: bytes of the file that lists them. Begins with --pretrained minilm.
    """
    if min(width, layers, pieces, vocabulary) < 1 or width % HEAD:
        raise ProfundoError(
            f"minilm: expected sizes of at least 1 and a width that {HEAD} divides, got width {width}, layers {layers}, "
            f"pieces {pieces}, vocabulary {vocabulary}"
        )
    return SentenceNet(spec, width, layers, pieces, vocabulary)


class SentenceNet(nn.Module):
    """Rows (batch, features) → outputs (batch, outputs): `readout` of the rows and the meanings of their texts."""

    vocabulary: Tensor

    def __init__(self, spec: Spec, width: int, layers: int, pieces: int, vocabulary: int) -> None:
        super().__init__()
        self.texts = Texts(spec)
        self.register_buffer("vocabulary", torch.zeros(vocabulary, dtype=torch.uint8))
        self.encoder = Encoder(width, layers, pieces)
        self.readout = GramsAndMeanings(spec, width)

    def forward(self, rows: Tensor) -> Tensor:
        meanings = [self.meanings(characters) for _, characters in self.texts(rows)[0]]
        outputs: Tensor = self.readout(torch.cat([rows, *meanings], 1))
        return outputs

    def meanings(self, characters: Tensor) -> Tensor:
        """Code points (batch, characters), 0 for none → (batch, width). Texts of like lengths go through the encoder together,
        for each is padded to the longest."""
        if characters.is_meta:  # shapes alone are asked for
            return self.encoder(characters[:, :MOST_PIECES])  # type: ignore[no-any-return]
        ids = self.pieces(characters)
        order = sorted(range(len(ids)), key=lambda number: len(ids[number]))
        parts = [[ids[number] for number in order[at : at + TOGETHER]] for at in range(0, len(order), TOGETHER)]
        padded = (nn.utils.rnn.pad_sequence(part, batch_first=True).to(characters.device) for part in parts)
        return torch.cat([self.encoder(part) for part in padded])[torch.tensor(order).argsort()]

    def pieces(self, characters: Tensor) -> list[Tensor]:
        """Code points (batch, characters), 0 for none → the ids of each text's pieces, int64 (pieces,)."""
        places = places_of(self.vocabulary.cpu().numpy().tobytes())
        texts = ("".join(map(chr, filter(None, row))) for row in characters.tolist())
        return [torch.tensor(piece_ids(text, places)) for text in texts]


class GramsAndMeanings(nn.Module):
    """Rows and the meanings of their texts (batch, features + width · texts) → outputs (batch, outputs): what text_mean makes
    of the rows, and a linear layer of the meanings. Linear, but for other columns, in what is known before training."""

    def __init__(self, spec: Spec, width: int) -> None:
        super().__init__()
        self.grams = TextMean(spec, dropout=0.0, has_form=False)
        self.sizes = [spec.inputs.shape[0], width * len(spec.inputs.texts)]
        self.meanings = nn.Parameter(torch.zeros(spec.outputs, self.sizes[1]))

    def forward(self, both: Tensor) -> Tensor:
        rows, meanings = torch.split(both, self.sizes, 1)
        outputs: Tensor = self.grams(rows) + F.linear(meanings, self.meanings)
        return outputs

    def measure_samples(self, both: Tensor, targets: Tensor) -> None:
        self.grams.measure_samples(both[:, : self.sizes[0]], targets)


class Encoder(nn.Module):
    """Ids of pieces (batch, longest), 0 for none → meanings (batch, width), of length 3.

    The layers are those of BERT: attention and two dense layers, each normalised after what it adds."""

    def __init__(self, width: int, layers: int, pieces: int) -> None:
        super().__init__()
        self.pieces, self.places = nn.Embedding(pieces, width), nn.Embedding(512, width)
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(width, width // HEAD, 4 * width, 0.0, "gelu", 1e-12, batch_first=True)
            for _ in range(layers)
        )

    def forward(self, ids: Tensor) -> Tensor:
        states = self.norm(self.pieces(ids) + self.places.weight[: ids.shape[1]])
        for layer in self.layers:
            states = layer(states, src_key_padding_mask=ids == 0)
        return SCALE * F.normalize(mean_of_words(states, ids))


# ------------------------------------------------------------------------------------------------------------- weights
BLOCK = {
    "self_attn.out_proj": "attention.output.dense",
    "norm1": "attention.output.LayerNorm",
    "linear1": "intermediate.dense",
    "linear2": "output.dense",
    "norm2": "output.LayerNorm",
}
"""PyTorch's names of the parts of a layer, and BERT's."""


def as_ours(published: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """BERT's weights under the names of `Encoder`. All texts are of the first of its two types, whose embedding goes to the
    places; its pooling layer is not used."""
    first = published["embeddings.token_type_embeddings.weight"][0]
    ours = {
        "pieces.weight": published["embeddings.word_embeddings.weight"],
        "places.weight": published["embeddings.position_embeddings.weight"] + first,
        "norm.weight": published["embeddings.LayerNorm.weight"],
        "norm.bias": published["embeddings.LayerNorm.bias"],
    }
    layers = 1 + max(int(name.split(".")[2]) for name in published if name.startswith("encoder.layer."))
    for part in ("weight", "bias"):
        for layer in range(layers):
            theirs, mine = f"encoder.layer.{layer}", f"layers.{layer}"
            attention = [published[f"{theirs}.attention.self.{role}.{part}"] for role in ("query", "key", "value")]
            ours[f"{mine}.self_attn.in_proj_{part}"] = torch.cat(attention)
            ours |= {f"{mine}.{name}.{part}": published[f"{theirs}.{old}.{part}"] for name, old in BLOCK.items()}
    return ours
