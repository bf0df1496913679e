"""Phrases: every recording where it is said to be, noise as loud as asked, spectrograms those of each sound alone."""

import math

import pytest
import torch

from profundo.data.sound.mu_law import sound_of
from profundo.data.sound.phrases import (
    FIRST,
    NO_WORD,
    QUIETEST,
    SILENCE,
    Joining,
    Phrases,
    faster,
    heard,
    joined,
    together,
    with_noise,
)
from profundo.data.sound.silences import loud_stretches
from profundo.data.sound.spectrograms import RATE, log_mel
from profundo.data.sound.voices import Voices
from profundo.records import END, PAD


@pytest.fixture(scope="module")
def voices():
    """Words 0 to 3, each by two speakers: constant codes that tell which."""
    lengths = torch.tensor([1000, 1300, 1600, 1900] * 2)
    codes = torch.cat([torch.full((int(length),), 160 + 10 * at) for at, length in enumerate(lengths)]).to(torch.uint8)
    return Voices(codes, lengths.cumsum(0) - lengths, lengths, torch.arange(8) % 4, torch.arange(8) // 4)


def test_every_word_is_where_its_span_says_and_there_is_silence_elsewhere(voices):
    phrases = joined(voices, 50, Joining((1, 4), 0.2), torch.Generator().manual_seed(0))
    seen = set()
    for at in range(50):
        sound, rest = phrases[at], phrases[at].clone()
        kinds = set()
        for label, (begin, end) in zip(phrases.said(at), phrases.spans[at].tolist(), strict=False):
            which = [index for index in range(8) if torch.equal(sound[begin:end], sound_of(voices[index]))]
            assert len(which) == 1
            assert voices.classes[which[0]] == label
            kinds.add(int(voices.speakers[which[0]]))
            rest[begin:end] = 0
        assert not rest.any()
        assert len(kinds) == 1, "one speaker a phrase"
        seen |= kinds
        assert not phrases.sounds[at, phrases.lengths[at] :].any()
    assert seen == {0, 1}
    assert set(phrases.counts.tolist()) == {1, 2, 3, 4}
    gaps = torch.cat(
        [(phrases.spans[at, 1:n, 0] - phrases.spans[at, : n - 1, 1]) for at, n in enumerate(phrases.counts)]
    )
    assert (gaps == 0).float().mean() > 0.1
    assert gaps.max() <= 0.2 * RATE


def test_phrases_are_a_function_of_the_generator(voices):
    one, same, other = (joined(voices, 5, Joining(), torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(one.sounds, same.sounds)
    assert one.words.tolist() != other.words.tolist()


def test_a_faster_voice_is_shorter_and_higher_by_the_same_factor():
    times = torch.arange(8000) / RATE
    tone = torch.sin(2 * math.pi * 500 * times)
    quick = faster(tone, 1.25)
    assert len(quick) == 6400
    assert torch.fft.rfft(quick).abs().argmax().item() * RATE / 6400 == pytest.approx(625, abs=2)
    assert faster(tone, 1) is tone


@pytest.mark.parametrize("level", [20.0, 0.0])
def test_noise_is_as_far_below_what_is_said_as_was_asked(level, voices):
    own = torch.Generator().manual_seed(0)
    clean = joined(voices, 20, Joining((2, 4), 0.2), own)
    noisy = with_noise(clean, (level, level), own)
    for at in range(20):
        hiss = noisy[at] - clean[at]
        said = clean[at][clean[at] != 0].square().mean()
        assert (10 * (said / hiss.square().mean()).log10()).item() == pytest.approx(level, abs=0.8)
        assert not noisy.sounds[at, noisy.lengths[at] :].any()
    assert torch.equal(with_noise(clean, (math.inf, math.inf), own).sounds, clean.sounds)


def test_colours_of_noise_lie_between_white_and_pink():
    """Power per hertz falls by at most 3 dB for twice the frequency."""
    own = torch.Generator().manual_seed(0)
    sounds = torch.ones(40, 2**14)
    clean = Phrases(sounds, torch.full((40,), 2**14), torch.zeros(40, 1).long())
    power = torch.fft.rfft(with_noise(clean, (0.0, 0.0), own).sounds - sounds).abs().square()
    octaves = torch.stack([power[:, 2**k : 2 ** (k + 1)].mean(1).log10() * 10 for k in range(7, 13)], 1)
    slopes = (octaves[:, -1] - octaves[:, 0]) / 5
    assert -3.6 < slopes.min() < -2
    assert -1 < slopes.max() < 0.6


def test_a_net_hears_the_spectrogram_of_each_sound_alone_and_is_to_write_its_words(voices):
    phrases = joined(voices, 4, Joining((1, 4), 0.2), torch.Generator().manual_seed(0))
    batch = heard(phrases)
    for at in range(4):
        alone = log_mel(phrases[at])
        assert len(alone) == batch.lengths[at]
        torch.testing.assert_close(batch.inputs[at, : len(alone)], (alone.clamp(min=QUIETEST) + 25) / 12.5)
        assert (batch.inputs[at, len(alone) :] == SILENCE).all()
        words = phrases.said(at)
        row = [FIRST + word for word in words] + [END]
        assert batch.targets[at].tolist() == row + [PAD] * (batch.targets.shape[1] - len(row))
    assert phrases.chosen(torch.tensor([2])).said(0) == phrases.said(2)
    assert phrases.words.min() == NO_WORD


def test_parts_of_one_archive_come_together(voices):
    whole = together(voices.chosen(torch.tensor([7])), voices.chosen(torch.tensor([0, 3])))
    assert [torch.equal(whole[at], voices[index]) for at, index in enumerate((7, 0, 3))] == [True] * 3


def test_loud_stretches_are_found_above_the_background_and_clicks_are_not():
    own = torch.Generator().manual_seed(0)
    sound = 0.01 * torch.randn(16_000, generator=own)
    tone = torch.sin(torch.arange(3200) * 0.5)
    sound[2000:5200] += tone
    sound[9000:12200] += tone
    sound[14_000:14_050] += 1
    found = loud_stretches(sound, 0.5, 3)
    assert len(found) == 2
    for (begin, end), (first, last) in zip(found, [(2000, 5200), (9000, 12_200)], strict=True):
        assert abs(begin - first) <= 128
        assert abs(end - last) <= 128
    assert len(loud_stretches(sound, 0.5, 40)) == 1
    assert loud_stretches(torch.zeros(500), 0.5, 3) == []
