"""A film is right when Pillow reads the same frames back, in order, each for as long as was asked."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from profundo.pictures.film import film, sheet
from profundo.records import ProfundoError


def random_frames(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def frames_of(image: Image.Image) -> tuple[list[np.ndarray], list[float]]:
    pixels, times = [], []
    for index in range(getattr(image, "n_frames", 1)):
        image.seek(index)
        pixels.append(np.asarray(image.copy()))
        times.append(image.info.get("duration"))
    return pixels, times


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_every_frame_is_read_back_pixel_for_pixel(channels):
    frames = random_frames(6, channels, 5, 7)
    frames[3, :, 1:] = frames[2, :, 1:]  # a frame that differs in its upper row only, which APNG stores as a strip
    pixels, _ = frames_of(Image.open(io.BytesIO(film(frames))))
    assert len(pixels) == 6
    for got, sent in zip(pixels, frames.permute(0, 2, 3, 1).numpy(), strict=True):
        assert (got.reshape(sent.shape) == sent).all()


def test_a_film_loops_and_holds_its_last_frame_five_times_as_long():
    image = Image.open(io.BytesIO(film(random_frames(3, 1, 4, 4), seconds=0.2)))
    assert image.info["loop"] == 0
    assert frames_of(image)[1] == [200, 200, 1000]


def test_equal_neighbours_become_one_frame_shown_as_long_as_both():
    frames = random_frames(3, 1, 4, 4)
    frames[1] = frames[0]
    pixels, times = frames_of(Image.open(io.BytesIO(film(frames, seconds=0.2))))
    assert (len(pixels), times) == (2, [400, 1000])
    assert (pixels[1] == frames[2, 0].numpy()).all()


def test_frames_that_hardly_ever_change_last_as_long_as_the_format_can_say():
    frames = random_frames(2, 1, 4, 4)
    image = Image.open(io.BytesIO(film(torch.cat([frames[:1].expand(20, -1, -1, -1), frames[1:]]), seconds=10)))
    assert frames_of(image)[1] == [65_535, 50_000]


def test_any_other_number_of_channels_shows_the_first():
    frames = random_frames(2, 5, 4, 4)
    pixels, _ = frames_of(Image.open(io.BytesIO(film(frames))))
    assert (np.stack(pixels) == frames[:, 0].numpy()).all()


def test_a_single_frame_is_a_still_picture():
    frames = random_frames(1, 3, 4, 4)
    image = Image.open(io.BytesIO(film(frames)))
    assert not getattr(image, "is_animated", False)
    assert (np.asarray(image) == frames[0].permute(1, 2, 0).numpy()).all()


@pytest.mark.parametrize("frames", [torch.zeros(2, 1, 3, 3), torch.zeros(3, 3).byte(), torch.zeros(0, 1, 3, 3).byte()])
def test_what_are_no_raw_frames_is_refused(frames):
    with pytest.raises(ProfundoError, match="expected uint8 frames"):
        film(frames)


@pytest.mark.parametrize("seconds", [0.0, -1.0, 60.0, float("nan")])
def test_a_time_that_apng_cannot_say_is_refused(seconds):
    with pytest.raises(ProfundoError, match="seconds a frame"):
        film(random_frames(2, 1, 2, 2), seconds)


def test_a_sheet_holds_each_image_at_its_place_with_a_gap_between():
    images = random_frames(5, 3, 4, 2)
    whole = sheet(images, 3, background=9)
    assert whole.shape == (3, 2 * 4 + 1, 3 * 2 + 2)
    for index, image in enumerate(images):
        top, left = 5 * (index // 3), 3 * (index % 3)
        assert torch.equal(whole[:, top : top + 4, left : left + 2], image)
    assert (whole[:, 4] == 9).all()
    assert (whole[:, :, 2] == 9).all()
    assert (whole[:, 5:, 6:] == 9).all()


@pytest.mark.parametrize(("number", "columns"), [(1, 1), (4, 2), (5, 3), (10, 4)])
def test_without_columns_a_sheet_is_as_near_to_a_square_as_can_be(number, columns):
    assert sheet(random_frames(number, 1, 1, 1)).shape[2] == 2 * columns - 1
