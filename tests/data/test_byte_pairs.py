"""Byte pairs: against counting everything anew for each pair, and what must survive."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from profundo.data.text.byte_pairs import WORDS, BytePairs, learned_pairs
from profundo.records import ProfundoError

TEXTS = [
    "To be, or not to be, that is the question: whether 'tis nobler in the mind to suffer\nthe slings and arrows\n\n  of fortune",
    "En un lugar de la Mancha, de cuyo nombre no quiero acordarme, no ha mucho tiempo que vivía un hidalgo. 1605! ½ ²",
    "色不异空 空不异色 色即是空 空即是色 \u0928\u092e\u0938\u094d\u0924\u0947 👩‍🚀__a_b\t\r\x1b",
    "aaaaaaa aaa aa a",
    "",
]


@pytest.mark.parametrize("text", TEXTS)
def test_decoding_undoes_encoding_whatever_was_learned(text):
    assert "".join(WORDS.findall(text)) == text
    for source in TEXTS:
        pairs = BytePairs(learned_pairs(source, 30))
        symbols = pairs.encode(text)
        assert symbols.dtype == torch.int64
        assert pairs.decode(symbols) == text
        assert len(symbols) <= len(text.encode())


def counted_anew(text, count):
    """The same pairs, all counted before each join."""
    words, merges = [list(word.encode()) for word in WORDS.findall(text)], []
    for number in range(256, 256 + count):
        counts = Counter(pair for word in words for pair in pairwise(word))
        if not counts or max(counts.values()) < 2:
            break
        pair = min((-times, pair) for pair, times in counts.items())[1]
        merges.append(pair)
        for word in words:
            place = 0
            while place < len(word) - 1:
                if (word[place], word[place + 1]) == pair:
                    word[place : place + 2] = [number]
                place += 1
    return merges, [symbol for word in words for symbol in word]


@pytest.mark.parametrize("text", [text * 2 for text in TEXTS[:4]])
def test_pairs_are_the_commonest_each_time_and_text_is_joined_by_them_in_order(text):
    expected, symbols = counted_anew(text, 40)
    merges = learned_pairs(text, 40)
    assert merges == expected
    assert BytePairs(merges).encode(text).tolist() == symbols


def test_pieces_are_those_of_another_implementation():
    """tokenizers 0.23.3, byte-level, trained on the same text; pairs that come equally often it takes in another order."""
    fixture = json.loads((Path(__file__).parent / "byte_pairs.json").read_text("utf-8"))
    pairs = BytePairs(learned_pairs(fixture["text"], len(fixture["merges"])))
    assert {piece.decode() for piece in pairs.pieces[256:]} == set(fixture["merges"])
    told = [pairs.pieces[symbol].decode() for symbol in pairs.encode(fixture["other"]).tolist()]
    assert told == fixture["pieces"]


def test_text_comes_whole_characters_at_a_time():
    pairs = BytePairs([])
    told = list(pairs.told(pairs.encode("é!").tolist()))
    assert told == ["", "é", "!", ""]
    assert "".join(pairs.told([0xC3])) == "\ufffd"


def test_a_pair_of_pieces_that_there_are_not_is_refused():
    with pytest.raises(ProfundoError, match="pieces below 256, got 97 and 256"):
        BytePairs([(97, 256)])
    assert len(BytePairs([(97, 98), (256, 99)])) == 258
