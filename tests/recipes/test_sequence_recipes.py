"""The recipes for sequences: what they learn in seconds, what they write, what they hear."""

import wave
from math import log2

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional

from profundo.data.images.scenes import SIDE, scene_batches
from profundo.data.sound.recordings import decode
from profundo.data.sound.spectrograms import load_wav
from profundo.data.sound.spoken import SILENCE, padded, utterances
from profundo.pictures.exhibits import Passage, drawn
from profundo.recipes.recipe_folder import open_subject
from profundo.recipes.recipe_run import run_recipe
from profundo.recipes.zoo.captions import constant_sentence
from profundo.recipes.zoo.spoken_digits import blanked
from profundo.recipes.zoo.wavenet import some_untold
from profundo.records import Batch, ProfundoError
from smaller_recipes import SMALLER

SONG = "row row row your boat gently down the stream\nmerrily merrily merrily merrily life is but a dream\n"


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def singer(tmp_path_factory):
    """A language model that knows one song by heart."""
    path = tmp_path_factory.mktemp("song") / "song.txt"
    path.write_text(SONG * 30)
    given = {
        "data": str(path),
        "width": 64,
        "embedding": 32,
        "length": 25,
        "batch_size": 8,
        "epochs": 25,
        "dropout": 0.0,
    }
    return run_recipe("language-model", given | {"temperature": 0.3}, out=False)


def test_a_song_repeated_becomes_predictable_and_beats_what_frequencies_know(singer):
    counts = torch.tensor([SONG.count(character) for character in set(SONG)]) / len(SONG)
    entropy = -sum(share * log2(share) for share in counts.tolist())
    assert singer.outcome.scores["bits/char"] < 0.2 * entropy
    assert singer.trainings["training"].history["loss"][-1] < singer.trainings["training"].history["loss"][0]


def test_it_goes_on_from_a_prompt_and_draws_differ(singer):
    (passage,) = singer.generate(1, prompt="gently down ")
    assert isinstance(passage, Passage)
    assert passage.text.startswith("gently down the stream\nmerrily")
    assert len(passage.text) == 300 + len("gently down ")
    one, other = singer.generate(2, seed=1)
    assert one.text != other.text
    assert [p.text for p in singer.generate(2, seed=1)] == [one.text, other.text]


def test_a_prompt_with_an_unknown_character_is_refused(singer):
    with pytest.raises(ProfundoError, match="got 'Z'"):
        singer.generate(1, prompt="Zebra")


@pytest.mark.parametrize("cell", ["plain", "gru"])
def test_every_cell_can_be_the_language_models(cell, tmp_path):
    path = tmp_path / "song.txt"
    path.write_text(SONG * 10)
    given = {"data": str(path), "width": 32, "length": 20, "batch_size": 8, "epochs": 5, "cell": cell, "layers": 2}
    run = run_recipe("language-model", given, out=False)
    assert run.outcome.scores["bits/char"] < 3.5 < log2(len(set(SONG)))


def test_reversing_two_digits_is_learned_in_seconds_and_shows_where_it_looks():
    given = {"longest": 3, "width": 32, "epochs": 3, "steps": 80, "test": 200, "learning_rate": 0.01}
    run = run_recipe("reversal", given, quick=True, out=False)
    assert run.outcome.scores["accuracy"] > 0.8
    said, picture = run.generate(1, prompt="47")
    assert said.text == "74"
    assert "<svg" in picture.svg
    with pytest.raises(ProfundoError, match="string of digits"):
        run.generate(1, prompt="four")
    with pytest.raises(ProfundoError, match="at most 50 digits"):
        run.generate(1, prompt="1" * 51)


def test_gradients_vanish_in_the_plain_cell_before_they_do_in_an_lstm():
    run = run_recipe("vanishing-gradients", {"batches": 1, "lags": (40,), "distance": 40}, quick=True, out=False)
    (table,) = (exhibit for exhibit in run.outcome.exhibits if exhibit.title == "Gradient that is left")
    left = {row[0]: row[-1] for row in table.rows}  # after ten steps
    assert left["plain"] < left["LSTM"] < left["LSTM for long times"] < 1


@pytest.mark.slow
def test_only_some_cells_remember_over_twenty_symbols():
    run = run_recipe("vanishing-gradients", {"lags": (20,), "batches": 200}, out=False)
    scores = run.outcome.scores
    assert scores["accuracy, plain"] < 0.4
    assert scores["accuracy, LSTM for long times"] > 0.95
    assert scores["accuracy, GRU"] > 0.95


def write_tone(path, frequency, seconds=0.3, rate=8000):
    times = np.arange(int(seconds * rate)) / rate
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes((12000 * np.sin(2 * np.pi * frequency * times)).astype("<i2").tobytes())


def test_high_and_low_tones_of_ones_own_are_told_apart_and_new_files_too(tmp_path):
    own = np.random.default_rng(0)
    for label, low in (("high", 1500), ("low", 200)):
        (tmp_path / "tones" / label).mkdir(parents=True)
        for take in range(20):
            write_tone(tmp_path / "tones" / label / f"{take}.wav", low * (1 + own.random()), 0.1 + 0.4 * own.random())
    given = {"data": str(tmp_path / "tones"), "width": 16, "epochs": 15, "batch_size": 8}
    run = run_recipe("spoken-digits", given, out=tmp_path / "run")
    assert run.outcome.scores["accuracy"] == 1
    write_tone(tmp_path / "new.wav", 2000, rate=22050)
    (said,) = run.predict([tmp_path / "new.wav"])
    assert said["prediction"] == "high"
    assert said["probability"] == said["probabilities"]["high"]
    assert sum(said["probabilities"].values()) == pytest.approx(1)
    looked_into = open_subject(run.folder.path)[0]
    told = looked_into.predict(even(tmp_path / "new.wav", looked_into.data.spec.inputs.shape[1]))
    torch.testing.assert_close(
        told[0, 0], torch.tensor(said["probabilities"]["high"])
    )  # what follows the sound is not heard
    assert looked_into.evaluate("test").values["accuracy"] == 1


def even(path, frames):
    spoken = utterances([(path.name, load_wav(path))])
    return functional.pad(padded(spoken, torch.tensor([0])).inputs.mT, (0, frames - len(spoken[0])), value=SILENCE)


def test_blanking_hides_one_run_of_bands_and_one_of_moments():
    torch.manual_seed(0)
    hidden = blanked(torch.ones(200, 30, 20), 0.5) == 0
    for one in hidden:
        bands, frames = one.all(0), one.all(1)
        assert torch.equal(one, bands[None] | frames[:, None])
        for run in (bands, frames):
            assert (run.int().diff() != 0).sum() <= 2  # one run at most
            assert run.double().mean() <= 0.5
    assert 0.1 < hidden.float().mean() < 0.6
    assert torch.equal(blanked(torch.ones(2, 5, 4), 0.0), torch.ones(2, 5, 4))


@pytest.mark.needs_data
@pytest.mark.slow
def test_a_short_training_already_hears_most_digits(real_data):
    run = run_recipe("spoken-digits", {"epochs": 3, "width": 32}, out=False, data_dir=str(real_data))
    assert run.outcome.scores["accuracy"] > 0.7
    assert run.outcome.baseline["accuracy"] == 0.1


@pytest.mark.needs_data
def test_captions_of_files_whatever_their_ground(fewer_data, tmp_path):
    run = run_recipe("captions", SMALLER["captions"], quick=True, out=False, data_dir=str(fewer_data))
    from profundo.data import load

    data = load("mnist", data_dir=fewer_data)
    (batch,) = scene_batches(data.test, 1, 1).epoch(0)
    pixels = (255 * batch.inputs[0, 0]).byte().numpy()
    Image.fromarray(pixels).resize((4 * SIDE, 4 * SIDE)).save(tmp_path / "dark.png")
    Image.fromarray(255 - pixels).save(tmp_path / "light.png")
    Image.fromarray(pixels).save(tmp_path / "plain.png")
    _, light, plain = run.predict([tmp_path / name for name in ("dark.png", "light.png", "plain.png")])
    assert light["prediction"] == plain["prediction"]


def test_the_commonest_sentence_is_the_yardstick_of_captions():
    targets = torch.tensor([[3, 4, 2, 0], [3, 4, 2, 0], [3, 5, 6, 2]])
    assert constant_sentence(targets) == (pytest.approx(2 / 3), pytest.approx(7 / 10))


def test_wavenet_is_told_nothing_but_the_word_less_often():
    told = torch.zeros(8, 400), torch.full((400,), 3), torch.arange(400), torch.rand(2, 400)
    torch.manual_seed(0)
    left = some_untold(Batch(told, torch.zeros(1), 400), 0.25, untold=10).inputs
    assert set(left[1].tolist()) == {3, 10}
    assert abs((left[1] == 10).double().mean() - 0.25) < 0.07  # more than three standard deviations
    assert all(left[part] is told[part] for part in (0, 2, 3))


def test_words_of_ones_own_are_spoken_as_wav_files_by_name(tmp_path):
    for label, frequency in (("high", 1500), ("low", 200)):
        (tmp_path / label).mkdir()
        for take in range(10):
            write_tone(tmp_path / label / f"{take}.wav", frequency * (1 + take / 50), 0.2)
    given = SMALLER["wavenet"] | {"data": str(tmp_path), "spoken": 4, "listener_epochs": 1}
    run = run_recipe("wavenet", given, quick=True, out=False)
    assert run.outcome.known["speakers"] == [tmp_path.name]
    assert run.outcome.known["lengths"] == [[1600], [1600]]
    said = [drawn(one) for one in run.generate(3, prompt="low")]
    assert all("low" in one.title for one in said)
    rate_and_samples = [(r.samples.shape, r.rate) for r in (decode(one.content) for one in said)]
    assert rate_and_samples == [((1600, 1), 8000)] * 3
    assert [one.title.split()[-1] for one in run.generate(2)] == ["high", "low"]
    with pytest.raises(ProfundoError, match=r"prompt: expected a word of high, low.*got 'medium'"):
        run.generate(1, prompt="medium")
    (spectrograms,) = (one for one in run.outcome.exhibits if one.title == "Spectrograms")
    assert (spectrograms.rows, spectrograms.heads, len(spectrograms.images)) == (["drawn", "real"], ["high", "low"], 4)
    with pytest.raises(ProfundoError, match=r"expected a folder or a \.zip of sounds, found nothing"):
        run_recipe("wavenet", {"data": str(tmp_path / "none")}, quick=True, out=False)
