"""A grid is right when Pillow decodes the very pixels that went in, each at its place."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from profundo.pictures import image_grid
from profundo.pictures.image_grid import image_png, image_svg
from profundo.records import ProfundoError


def decoded(uri: str) -> np.ndarray:
    head, _, body = uri.partition(",")
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(body))))


def random_images(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_grid_decodes_to_the_same_pixels(channels):
    images = random_images(7, channels, 5, 4)
    images[:, 3:] = 255
    sheet = decoded(image_grid(images, 3))
    assert sheet.shape == (3 * 5 + 2, 3 * 4 + 2, 2 if channels == 1 else 4)
    for index in range(7):
        top, left = 6 * (index // 3), 5 * (index % 3)
        cell = sheet[top : top + 5, left : left + 4]
        assert (cell[..., :channels] == images[index].permute(1, 2, 0).numpy()).all()
        assert (cell[..., -1] == 255).all()


def test_a_drawing_of_a_grid_holds_it_in_its_size():
    images = random_images(6, 1, 5, 4)
    svg = image_svg(images, 3, 'a < b & "c"')
    assert f'href="{image_grid(images, 3)}"' in svg
    assert 'viewBox="0 0 14 11"' in svg
    assert 'aria-label="a &lt; b &amp; &quot;c&quot;"' in svg
    assert "pixelated" in svg
    assert "pixelated" not in image_svg(random_images(1, 3, 100, 4), 1, "large")


def test_what_is_between_and_after_the_images_is_transparent():
    sheet = decoded(image_grid(random_images(3, 1, 2, 2), 2))
    assert (sheet[2, :, 1] == 0).all()
    assert (sheet[:, 2, 1] == 0).all()
    assert (sheet[3:, 3:, 1] == 0).all()


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGB")])
def test_where_all_is_opaque_no_opacity_is_written(channels, mode):
    images = random_images(1, channels, 5, 4)
    images[:, 3:] = 255
    with Image.open(io.BytesIO(image_png(images, 1)[0])) as image:
        assert image.mode == mode
        assert (np.asarray(image).reshape(5, 4, -1) == images[0, :3].permute(1, 2, 0).numpy()).all()


def test_opacity_of_four_channels_is_kept():
    images = random_images(1, 4, 3, 3)
    assert (decoded(image_grid(images))[..., 3] == images[0, 3].numpy()).all()


def test_any_other_number_of_channels_shows_the_first():
    images = random_images(1, 5, 3, 3)
    assert (decoded(image_grid(images)) == images[0, 0].numpy()).all()


@pytest.mark.parametrize(("number", "columns"), [(1, 1), (4, 2), (5, 3), (9, 3), (10, 4)])
def test_without_columns_the_grid_is_as_near_to_a_square_as_can_be(number, columns):
    assert decoded(image_grid(random_images(number, 1, 1, 1))).shape[1] == 2 * columns - 1


def test_images_need_not_be_contiguous():
    images = random_images(2, 6, 6, 1).permute(0, 3, 1, 2)[:, :, ::2]
    assert (decoded(image_grid(images, 1))[:3, :, 0] == images[0, 0].numpy()).all()


@pytest.mark.parametrize(
    "images", [torch.zeros(2, 1, 3, 3), torch.zeros(3, 3, dtype=torch.uint8), torch.zeros(0, 1, 3, 3).byte()]
)
def test_what_is_no_stack_of_raw_images_is_refused(images):
    with pytest.raises(ProfundoError, match="expected uint8 images"):
        image_grid(images)
