"""Recordings of one's own with what is said in them: read from texts or a table, and refused in one line."""

import pytest
import torch

from profundo.data.sound.transcribed import transcribed_folder
from profundo.pictures.sounds.wav import wav
from profundo.records import ProfundoError

SAID = ["one two", "two", "Two, ONE!", "it's one", "one  one", "two two", "one", "two one", "one two one", "two"]


@pytest.fixture
def folder(tmp_path):
    own = torch.Generator().manual_seed(0)
    (tmp_path / "more").mkdir()
    for number, text in enumerate(SAID):
        place = tmp_path / ("more" if number > 7 else "") / f"{number}.wav"
        place.write_bytes(wav(torch.rand(6000 + 100 * number, generator=own) - 0.5, 8000))
        place.with_suffix(".txt").write_text(text, "utf-8")
    return tmp_path


def as_table(folder, rows, head="file;text;speaker"):
    for text in folder.rglob("*.txt"):
        text.unlink()
    (folder / "said.csv").write_text("\n".join([head, *rows]), "utf-8")


def rows_of(change=None):
    names = [f"{'more/' if number > 7 else ''}{number}.wav" for number in range(10)]
    rows = [f"{name};{text};{'ab'[number % 2]}" for number, (name, text) in enumerate(zip(names, SAID, strict=True))]
    return change(rows) if change else rows


def test_words_are_labels_whatever_their_capitals_and_signs(folder):
    data = transcribed_folder(folder)
    assert data.labels == ("it's", "one", "two")
    assert data.every.labels[:5] == ((1, 2), (2,), (2, 1), (0, 1), (1, 1))
    assert data.every.voices.lengths.tolist() == [6000 + 100 * number for number in range(10)]
    assert data.speakers == ()
    assert data.every.voices.speakers.tolist() == [-1] * 10
    phrases = data.every.phrases(torch.tensor([8, 1]), torch.tensor([1.0, 1.0]))
    assert [phrases.said(at) for at in range(2)] == [[1, 2, 1], [2]]
    assert phrases.lengths.tolist() == [6800, 6100]
    assert phrases.spans is None


def test_characters_may_be_labels(folder):
    data = transcribed_folder(folder, "characters")
    assert data.labels == tuple(sorted(set("one two it's")))
    assert "".join(data.labels[label] for label in data.every.labels[2]) == "two one"


def test_a_table_may_say_it_and_who_speaks(folder):
    as_table(folder, rows_of())
    data = transcribed_folder(folder)
    assert data.every.labels[8] == (1, 2, 1)
    assert data.speakers == ("a", "b")
    assert data.every.voices.speakers.tolist() == [0, 1] * 5
    as_table(folder, [row[:-1] + {"a": " a ", "b": " "}[row[-1]] for row in rows_of()])
    data = transcribed_folder(folder)
    assert data.speakers == ("a",)
    assert data.every.voices.speakers.tolist() == [0, -1] * 5


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda rows: rows[1:], "expected a line for each sound, found none for 0.wav"),
        (lambda rows: [*rows, rows[0]], "one line for each file, found two for 0.wav"),
        (lambda rows: ["../0.wav;one;a", *rows[1:]], r"names of sounds beside it, found '\.\./0.wav'"),
        (lambda rows: ["0.wav;!;a", *rows[1:]], "0.wav: expected words in its transcript, found '!'"),
        (
            lambda rows: [f"0.wav;{'one ' * 40};a", *rows[1:]],
            "expected at most 12 labels in so short a sound, found 79",
        ),
        (
            lambda _: [f"{number}.wav;one;a" for number in range(8)] + ["more/8.wav;one;a", "more/9.wav;one;a"],
            "found 1",
        ),
    ],
)
def test_tables_that_cannot_be_meant_are_refused_in_a_line(change, reason, folder):
    as_table(folder, rows_of(change))
    with pytest.raises(ProfundoError, match=reason) as caught:
        transcribed_folder(folder)
    assert "\n" not in str(caught.value)


def test_what_is_no_such_folder_is_refused_in_a_line(folder, tmp_path):
    (folder / "3.txt").unlink()
    with pytest.raises(ProfundoError, match=r"3.wav: expected 3.txt beside it"):
        transcribed_folder(folder)
    as_table(folder, ["0.wav,one"], "name,said")
    with pytest.raises(ProfundoError, match=r"expected the columns file and text.*found name, said"):
        transcribed_folder(folder)
    (folder / "other.csv").write_text("a")
    with pytest.raises(ProfundoError, match="found 10 sounds and 2 CSV files"):
        transcribed_folder(folder)
    with pytest.raises(ProfundoError, match="no such folder"):
        transcribed_folder(tmp_path / "nowhere")
    (folder / "other.csv").unlink()
    (folder / "said.csv").unlink()
    for wav_file in sorted(folder.rglob("*.wav")):
        wav_file.with_suffix(".txt").write_text("one two")
    (folder / "0.wav").unlink()
    with pytest.raises(ProfundoError, match=r"at least 10 recordings.*found 9"):
        transcribed_folder(folder)


def test_links_out_of_the_folder_are_left_and_suffixes_may_be_large(folder, tmp_path_factory):
    for path in list(folder.rglob("*.txt")):
        path.rename(path.with_suffix(".TXT"))
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.wav"
    secret.write_bytes((folder / "0.wav").read_bytes())
    (folder / "more" / "linked.wav").symlink_to(secret)
    data = transcribed_folder(folder)
    assert len(data.every.labels) == 10
    assert "link" in data.notes[0]
