"""The recipe speech-recognition: it learns to write, says where, takes recordings of one's own."""

import math

import pytest
import torch

from profundo.data.sound.phrases import Joining, Phrases
from profundo.pictures.sounds.wav import wav
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.speech.cut_words import Heard
from profundo.recipes.speech.speech_data import own_speech
from profundo.recipes.speech.speech_figures import evenly_put, exact, place_errors
from profundo.recipes.zoo.speech_recognition import moved, usual_offset
from profundo.records import ProfundoError

TONES = {"low": 300.0, "middle": 900.0, "high": 2200.0}


def tones(words):
    """A tone of 0.2 s a word, with pauses between."""
    times = torch.arange(1600) / 8000
    parts = [torch.zeros(800)]
    for word in words:
        parts += [0.5 * torch.sin(2 * math.pi * TONES[word] * times), torch.zeros(800)]
    return torch.cat(parts)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Sixty strings of one to three tones by three speakers, with what they mean in a table."""
    place, own = tmp_path_factory.mktemp("tones"), torch.Generator().manual_seed(0)
    lines = ["file,text,speaker"]
    for number in range(60):
        count = int(torch.randint(1, 4, (), generator=own))
        words = [list(TONES)[at] for at in torch.randint(3, (count,), generator=own).tolist()]
        (place / f"{number}.wav").write_bytes(wav(tones(words), 8000))
        lines.append(f"{number}.wav,{' '.join(words)},{'abc'[number % 3]}")
    (place / "said.csv").write_text("\n".join(lines))
    return place


def test_strings_of_tones_are_learned_in_seconds_without_being_told_when_each_begins(folder, tmp_path):
    given = {"data": str(folder), "width": 24, "updates": 160, "epochs": 1, "learning_rate": 0.01, "noise": (20, 40)}
    run = run_recipe("speech-recognition", given, quick=True, out=False)
    assert run.outcome.scores["label error rate"] < 0.1 < run.outcome.baseline["label error rate"]
    assert set(run.outcome.scores) == {"label error rate", "label error rate, unknown speaker"}
    titles = [exhibit.title for exhibit in run.outcome.exhibits]
    assert titles[0].startswith("CTC")
    assert "By length" not in titles  # recordings as they are have the lengths they have
    (tmp_path / "new.wav").write_bytes(wav(tones(["high", "high", "low"]), 8000))
    (told,) = run.predict([tmp_path / "new.wav"])
    assert told["prediction"] == "high high low"
    assert 0.2 < told["probability"] <= 1
    for at, middle in zip(told["seconds"], (0.2, 0.5, 0.8), strict=True):
        assert abs(at - middle) < 0.15


def test_one_of_three_speakers_is_left_out_and_fewer_have_none(folder):
    speech = own_speech(folder, "words", "b", 0)
    assert speech.left_out == "b"
    words = [
        draw(99, Joining(), torch.Generator()).counts
        for draw in (speech.train, speech.validation, speech.test["known"])
    ]
    assert [len(part) for part in words] == [29, 3, 8]
    assert len(speech.test["unknown"](99, Joining(), torch.Generator())) == 20
    with pytest.raises(ProfundoError, match="expected a speaker of a, b, c, got 'd'"):
        own_speech(folder, "words", "d", 0)


def spoken_by(place, who):
    """A recording by each, one of "" by nobody who is named."""
    lines = ["file,text,speaker"]
    for number, speaker in enumerate(who):
        (place / f"{number}.wav").write_bytes(wav(tones(["low"]), 8000))
        lines.append(f"{number}.wav,{'low' if number % 2 else 'high'},{speaker}")
    (place / "said.csv").write_text("\n".join(lines))
    return place


def test_a_table_in_place_of_its_folder_and_transcripts_in_another_encoding_are_told(tmp_path):
    place = spoken_by(tmp_path, "A" * 10)
    table = place / "said.csv"
    table.write_text(table.read_text().replace("low", "año"), "latin-1")
    with pytest.raises(ProfundoError, match="give the folder that it lies in") as refused:
        own_speech(table, "words", None, 0)
    assert "\n" not in str(refused.value)
    assert "Windows-1252" in own_speech(place, "words", None, 0).notes[0]
    told = own_speech(place, "words", None, 0, "latin-1")
    assert told.labels == ("año", "high")
    assert told.notes == ()


def counted(speech):
    draws = {"train": speech.train, "validation": speech.validation, **speech.test}
    return {name: len(draw(99, Joining(), torch.Generator())) for name, draw in draws.items()}


@pytest.mark.parametrize("seed", range(3))
def test_a_speaker_is_left_out_only_where_enough_recordings_remain(tmp_path, seed):
    few = spoken_by(tmp_path, "AAAAAAAABC")
    assert counted(own_speech(few, "words", None, seed)) == {"train": 7, "validation": 1, "known": 2}
    assert own_speech(few, "words", None, seed).left_out == ""
    with pytest.raises(ProfundoError, match=r"at least 10 recordings.*'A' speaks 8 of 10, which leaves 2") as refused:
        own_speech(few, "words", "A", seed)
    assert "\n" not in str(refused.value)
    more = spoken_by(tmp_path, "AAAAAAAABBC")
    assert own_speech(more, "words", None, seed).left_out == "C"


@pytest.mark.parametrize("seed", range(4))
def test_who_is_not_named_is_never_the_unknown_speaker(tmp_path, seed):
    named = spoken_by(tmp_path, ["", " ", *"AAABBBCCC", "", ""])
    speech = own_speech(named, "words", None, seed)
    assert speech.left_out == "ABC"[seed % 3]
    assert counted(speech) == {"train": 7, "validation": 1, "known": 2, "unknown": 3}
    nobody = own_speech(spoken_by(tmp_path, [""] * 4 + [*"AAABBBAAA"]), "words", None, seed)
    assert counted(nobody) == {"train": 10, "validation": 1, "known": 2}


def test_places_are_judged_by_the_middles_of_words_in_phrases_without_mistakes():
    spans = torch.tensor([[[800, 2400], [4000, 5600]], [[0, 1600], [0, 0]]])
    phrases = Phrases(torch.zeros(2, 8000), torch.tensor([8000, 8000]), torch.tensor([[1, 2], [0, -1]]), spans)
    right, wrong = Heard([1, 2], [0.25, 0.55]), Heard([1], [0.5])
    assert place_errors(phrases, [right, wrong]) == [pytest.approx(0.05), pytest.approx(-0.05)]
    assert usual_offset(phrases, [Heard([1, 2], [0.3, 0.5]), wrong]) == pytest.approx((0.1 - 0.1) / 2)
    (told, _) = moved(lambda _: [right, wrong], 0.1, phrases)
    assert told == Heard([1, 2], [pytest.approx(0.15), pytest.approx(0.45)])
    assert exact(phrases, [right, wrong]) == 0.5
    assert evenly_put(phrases, 0) == Heard([1, 2], [0.25, 0.75])


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"data": "nowhere"}, "expected a folder of sounds with a .txt.*there is no such folder"),
        ({"noise": (0, math.inf)}, "setting noise"),
        ({"unit": "letters"}, "setting unit"),
        ({"longest": 0}, "setting longest"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line_before_anything_is_trained(given, reason, tmp_path):
    with pytest.raises(ProfundoError, match=reason) as caught:
        run_recipe("speech-recognition", given, quick=True, out=tmp_path / "run")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


@pytest.mark.needs_data
def test_a_speaker_that_there_is_not_cannot_be_left_out(real_data):
    with pytest.raises(ProfundoError, match=r"unknown: expected a speaker of george, jackson.*got 'nobody'"):
        run_recipe("speech-recognition", {"unknown": "nobody"}, quick=True, out=False, data_dir=str(real_data))
