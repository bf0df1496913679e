"""Text: vocabularies, splits by position, and windows as functions of seed and epoch."""

import pytest
import torch

from profundo.data.text.characters import UNKNOWN, Windows, decode, encode, load_text, split_text, vocabulary_of
from profundo.records import ProfundoError

VERSE = "So long as men can breathe or eyes can see,\nSo long lives this, and this gives life to thee.\n" * 40


def test_decoding_undoes_encoding():
    vocabulary = vocabulary_of(VERSE)
    assert list(vocabulary) == sorted(set(VERSE))
    assert decode(encode(VERSE, vocabulary), vocabulary) == VERSE


def test_the_rarest_characters_of_a_large_alphabet_become_one_sign():
    vocabulary = vocabulary_of("aaabbbccd", most=3)
    assert vocabulary == "ab" + UNKNOWN
    assert decode(encode("abcd", vocabulary), vocabulary) == "ab" + 2 * UNKNOWN


def test_a_character_that_the_model_does_not_know_is_refused():
    with pytest.raises(ProfundoError, match="got 'é'"):
        encode("café", "acf")


def test_the_splits_are_consecutive_parts_of_the_text():
    text = split_text(VERSE, "sonnet")
    parts = [decode(part, text.vocabulary) for part in (text.train, text.validation, text.test)]
    assert "".join(parts) == VERSE
    assert [round(len(part) / len(VERSE), 2) for part in parts] == [0.9, 0.05, 0.05]


def test_targets_are_inputs_moved_by_one_and_windows_of_an_epoch_do_not_overlap():
    windows = Windows(torch.arange(1000), length=7, batch_size=8, seed=3)
    seen = []
    for batch in windows.epoch(0):
        assert batch.inputs.shape == batch.targets.shape == (8, 7)
        assert batch.inputs.dtype == torch.int64
        assert torch.equal(batch.targets, batch.inputs + 1)
        assert torch.equal(batch.inputs, batch.inputs[:, :1] + torch.arange(7))
        seen += batch.inputs.flatten().tolist()
    assert len(windows) == len(seen) // 56
    assert len(seen) == len(set(seen))
    assert max(seen) < 999


def test_an_epoch_is_a_function_of_seed_and_number_and_can_be_entered_anywhere():
    def starts(seed, epoch, skip=0):
        return [b.inputs[:, 0].tolist() for b in Windows(torch.arange(500), 5, 4, seed=seed).epoch(epoch, skip)]

    assert starts(1, 2) == starts(1, 2)
    assert starts(1, 2)[3:] == starts(1, 2, 3)
    assert starts(1, 2) != starts(2, 2)
    assert {value % 5 for row in starts(1, 2) for value in row} != {value % 5 for row in starts(1, 3) for value in row}


def test_every_epoch_fits_in_the_shortest_text_that_is_taken():
    for epoch in range(20):
        for batch in Windows(torch.arange(15), length=5, batch_size=2).epoch(epoch):
            assert int(batch.targets.max()) < 15
    with pytest.raises(ProfundoError, match="expected at least 15"):
        Windows(torch.arange(14), length=5, batch_size=2)


def test_a_text_of_ones_own_is_read_from_its_path(tmp_path):
    path = tmp_path / "sonnet.txt"
    path.write_text("\ufeff" + VERSE, "utf-8")
    text = load_text(path)
    assert text.name == "sonnet"
    assert "\ufeff" not in text.vocabulary
    path.write_text(VERSE.replace("\n", "\r\n"), "utf-8", newline="")
    assert load_text(path).facts == text.facts


def test_texts_that_cannot_be_used_are_refused_in_one_line(tmp_path, monkeypatch):
    monkeypatch.delenv("PROFUNDO_DATA", raising=False)
    latin = tmp_path / "latin.txt"
    latin.write_bytes("é".encode("latin-1") * 300)
    short = tmp_path / "short.txt"
    short.write_text("too short")
    (tmp_path / "empty").mkdir()
    for arguments, words in [
        ((latin,), "expected UTF-8"),
        ((short,), "at least 200 characters"),
        ((tmp_path / "empty",), r"expected files of text \(.txt\) in it, found none"),
        ((tmp_path / "none",), "found nothing"),
        ((), "tiny-shakespeare.txt in the data folder"),
    ]:
        with pytest.raises(ProfundoError, match=words) as caught:
            load_text(*arguments)
        assert "\n" not in str(caught.value)
    with pytest.raises(ProfundoError, match=r"expected .*tiny-shakespeare\.txt, not found"):
        load_text(data_dir=tmp_path)


@pytest.mark.needs_data
def test_tiny_shakespeare_has_65_characters(real_data):
    text = load_text(data_dir=real_data)
    assert len(text.vocabulary) == 65
    assert sum(map(len, (text.train, text.validation, text.test))) == 1_115_394
    assert decode(text.train[:14], text.vocabulary) == "First Citizen:"
