import math

import numpy as np
import pytest
import torch

from profundo.data.sound.mu_law import codes_of, companded, edges, expanded, sound_of
from profundo.data.sound.voices import NOTHING, Voices, voice_windows, window


@pytest.fixture
def voices():
    lengths = torch.tensor([300, 100])
    return Voices(
        torch.arange(400).to(torch.uint8), torch.tensor([0, 300]), lengths, torch.tensor([4, 7]), torch.tensor([1, 0])
    )


def test_mu_law_is_the_formula_and_its_inverse():
    x = torch.linspace(-1, 1, 1001, dtype=torch.float64)
    expected = [math.copysign(math.log(1 + 255 * abs(v)) / math.log(256), v) for v in x.tolist()]
    np.testing.assert_allclose(companded(x).numpy(), expected, atol=1e-12)
    torch.testing.assert_close(expanded(companded(x)), x)


def test_codes_are_kept_by_going_to_sound_and_back_and_lie_between_their_edges():
    codes = torch.arange(256).to(torch.uint8)
    assert torch.equal(codes_of(sound_of(codes)), codes)
    bounds = expanded(edges())
    assert ((sound_of(codes) > bounds[:-1]) & (sound_of(codes) < bounds[1:])).all()
    assert codes_of(torch.tensor([-9.0, 0.0, 9.0])).tolist() == [0, 128, 255]


def test_a_window_asks_for_each_sample_by_those_before_it_with_silence_around(voices):
    batch = window(voices, torch.tensor([0, 1]), torch.tensor([2, 0]), 128, 64, 32)
    previous, classes, speakers, progress = batch.inputs
    assert previous.shape == (192, 2)
    assert batch.targets.shape == (128, 2)
    assert batch.targets[:, 0].tolist() == list(range(64, 192))
    assert previous[1:, 0].tolist() == list(range(191))
    assert batch.targets[:, 1].tolist() == [code % 256 for code in range(300, 400)] + [NOTHING] * 28
    assert previous[:65, 1].tolist() == [128] * 65
    assert previous[65:165, 1].tolist() == [code % 256 for code in range(300, 400)]
    assert classes.tolist() == [4, 7]
    assert speakers.tolist() == [1, 0]
    torch.testing.assert_close(progress[:, 0], (torch.arange(6) + 0.5) * 32 / 300)
    assert progress[:2, 1].tolist() == [0, 0]


def test_windows_are_a_function_of_seed_and_number_and_stay_inside(voices):
    windows = voice_windows(voices, 16, 128, context=64, frame=32, in_epoch=3, seed=5)
    again = list(windows.epoch(1, 1))
    assert [torch.equal(a.targets, b.targets) for a, b in zip(list(windows.epoch(1))[1:], again, strict=True)] == [
        True,
        True,
    ]
    assert not torch.equal(again[0].targets, again[1].targets)
    counts = torch.stack([(batch.targets == NOTHING).sum(0) for batch in windows.epoch(0)])
    assert set(counts.flatten().tolist()) <= {
        0,
        28,
    }  # only the recording that is shorter than a window has an end in it
