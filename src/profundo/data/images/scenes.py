"""Scenes of two handwritten digits and the sentence that describes them: "a 3 above a 7", "a 5 left of a 1".

    batches = scene_batches(split, batch_size=64, in_epoch=300)         # split: digits of MNIST, as `load("mnist").train`

Digits are real; places are drawn. Scene number i of an epoch is a function of (seed, epoch, i) and of the digits, so
training never sees a scene twice and still can be resumed; scenes made from the test digits hold no stroke of training.
Where both digits would do as the first, the sentence begins with the upper or the left one.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from profundo.data.batches import generator
from profundo.data.drawn_batches import DrawnBatches
from profundo.data.text.sequence_batches import BEGIN, END, PAD
from profundo.records import Batch, ProfundoError, Samples

__all__ = ["SIDE", "WORDS", "caption", "draw", "scene_batches", "sentence"]

SIDE = 56  # pixels of a scene, each way
DIGIT = 28  # pixels of a digit's image; the digit itself fills 20
NEAREST = 20  # pixels between the two digits' centres along the direction that the sentence names
ASTRAY = 8  # at most so many pixels across it
WORDS = ("", "<begin>", "<end>", "a", *"0123456789", "above", "left", "of")
_WORD = {word: index for index, word in enumerate(WORDS)}


def scene_batches(
    digits: Samples, batch_size: int, in_epoch: int, *, seed: int = 0, device: torch.device | str = "cpu"
) -> DrawnBatches:
    """Batches of scenes float32 in [0, 1] (batch, 1, 56, 56) and sentences int64 (batch, 7): word indices, END, PAD.

    digits: uint8 images (samples, 1, 28, 28) in memory and their classes. in_epoch: batches of one epoch.
    """
    images, labels = digits.inputs, digits.targets
    if not isinstance(images, Tensor) or images.shape[1:] != (1, DIGIT, DIGIT):
        raise ProfundoError("scenes: expected MNIST digits in memory, uint8 (samples, 1, 28, 28)")

    def drawn(number: int) -> Batch:
        own = generator(seed, number, torch.device("cpu"))
        chosen = torch.randint(len(labels), (batch_size, 2), generator=own)
        sideways = torch.rand(batch_size, generator=own) < 0.5
        pictures = draw(images[chosen, 0], *places(sideways, own)).float().div(255)
        return Batch(pictures.to(device), caption(labels[chosen], sideways).to(device), batch_size)

    return DrawnBatches(drawn, in_epoch)


def places(sideways: Tensor, own: torch.Generator) -> tuple[Tensor, Tensor]:
    """Upper left corners, int64 (scenes, 2 digits, 2: y and x), of first and second digit; `sideways`: left of."""
    count, room = len(sideways), SIDE - DIGIT
    distance = torch.randint(NEAREST, room + 1, (count,), generator=own)
    along = (torch.rand(count, generator=own) * (room - distance + 1)).long()
    across = torch.randint(ASTRAY, room - ASTRAY + 1, (count,), generator=own)
    astray = torch.randint(-ASTRAY, ASTRAY + 1, (count,), generator=own)
    first = torch.stack([along, across], 1)
    second = torch.stack([along + distance, across + astray], 1)
    turned = sideways[:, None]
    return torch.where(turned, first.flip(1), first), torch.where(turned, second.flip(1), second)


def draw(digits: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """uint8 (scenes, 1, 56, 56): two digits uint8 (scenes, 2, 28, 28) each, with their upper left corners (scenes, 2).

    Where two digits meet, the brighter ink counts.
    """
    count = len(digits)
    scenes = torch.zeros(count, SIDE, SIDE, dtype=torch.uint8)
    reach = torch.arange(DIGIT)
    which = torch.arange(count)[:, None, None]
    for number, corner in enumerate((first, second)):
        rows = corner[:, 0, None, None] + reach[:, None]
        columns = corner[:, 1, None, None] + reach
        scenes[which, rows, columns] = torch.maximum(scenes[which, rows, columns], digits[:, number])
    return scenes.unsqueeze(1)


def caption(classes: Tensor, sideways: Tensor) -> Tensor:
    """int64 (scenes, 7): "a 3 above a 7" or "a 5 left of a 1" for classes (scenes, 2), with END, filled up with PAD."""
    a, above, left, of = (_WORD[word] for word in ("a", "above", "left", "of"))
    first, second = (classes + _WORD["0"]).unbind(1)
    one = torch.ones_like(first)
    upright = torch.stack([a * one, first, above * one, a * one, second, END * one, PAD * one], 1)
    beside = torch.stack([a * one, first, left * one, of * one, a * one, second, END * one], 1)
    return torch.where(sideways[:, None], beside, upright)


def sentence(words: Tensor | Sequence[int]) -> str:
    """The words of the indices (length,), up to the first END."""
    told = []
    for index in map(int, words):
        if index == END:
            break
        if index not in (PAD, BEGIN):
            told.append(WORDS[index])
    return " ".join(told)
