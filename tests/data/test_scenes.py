"""Scenes of two digits: what the sentence says is what the picture shows."""

import pytest
import torch

from profundo.data.images.scenes import SIDE, WORDS, caption, draw, places, scene_batches, sentence
from profundo.data.text.sequence_batches import END, PAD
from profundo.records import ProfundoError, Samples


def marked_digits(count=40):
    """Images with one bright pixel in the middle, whose value is 10 more than the class."""
    labels = torch.arange(count) % 10
    images = torch.zeros(count, 1, 28, 28, dtype=torch.uint8)
    images[:, 0, 14, 14] = (labels + 10).to(torch.uint8)
    return Samples(images, labels)


def test_the_sentence_tells_which_digit_is_where():
    (batch,) = scene_batches(marked_digits(), 200, 1, seed=5).epoch(0)
    assert batch.inputs.shape == (200, 1, SIDE, SIDE)
    relations = set()
    for scene, words in zip(batch.inputs, batch.targets, strict=True):
        found = (scene[0] > 0).nonzero()
        assert len(found) == 2
        digits = [round(float(scene[0, y, x]) * 255) - 10 for y, x in found.tolist()]
        apart = (found[1] - found[0]).tolist()  # the upper one comes first
        first, second = digits
        if abs(apart[1]) >= 20:
            first, second = digits if apart[1] > 0 else digits[::-1]
            told = f"a {first} left of a {second}"
        else:
            assert apart[0] >= 20
            told = f"a {first} above a {second}"
        assert sentence(words) == told
        relations.add(told.split()[2])
    assert relations == {"above", "left"}


def test_digits_stay_inside_and_the_brighter_ink_counts():
    for seed in range(20):
        own = torch.Generator().manual_seed(seed)
        first, second = places(torch.rand(50, generator=own) < 0.5, own)
        for corner in (first, second):
            assert int(corner.min()) >= 0
            assert int(corner.max()) <= SIDE - 28
    digits = torch.full((1, 2, 28, 28), 7, dtype=torch.uint8)
    digits[0, 1] = 9
    scene = draw(digits, torch.tensor([[0, 0]]), torch.tensor([[20, 0]]))
    assert scene[0, 0, :, 0].tolist() == [7] * 20 + [9] * 28 + [0] * 8


def test_sentences_end_and_are_filled_up():
    words = caption(torch.tensor([[3, 7], [5, 1]]), torch.tensor([False, True]))
    assert [sentence(row) for row in words] == ["a 3 above a 7", "a 5 left of a 1"]
    assert words[0, 5:].tolist() == [END, PAD]
    assert words[1, 6] == END
    assert len(set(WORDS)) == len(WORDS)


def test_other_images_are_refused():
    with pytest.raises(ProfundoError, match="uint8 \\(samples, 1, 28, 28\\)"):
        scene_batches(Samples(torch.zeros(4, 1, 8, 8, dtype=torch.uint8), torch.zeros(4, dtype=torch.int64)), 2, 1)
