"""Augmentations against plain loops over numpy's own pad and flip, and their invariants."""

import numpy as np
import pytest
import torch

from profundo.boxes import NO_OBJECT
from profundo.data import AUGMENTATIONS, augmentation
from profundo.data.augmenting.augment import value_range
from profundo.data.augmenting.options import IMAGES, MIXING, OPTIONS, unfit_for
from profundo.data.batches import batches
from profundo.records import Inputs, ProfundoError, Samples, Spec, Targets

CLASSES = Targets("classes", ("a", "b", "c"))
OBJECTS = Targets("objects", ("a", "b"))
CONTRACTED = [(name, targets) for name in IMAGES for targets in (CLASSES, OBJECTS) if not unfit_for(name, targets)]

# What makes of each augmentation one that changes nothing.
NOTHING = {
    "shift": {"reach": 0},
    "rotation": {"degrees": 0},
    "distortion": {"move": 0, "scale": 0, "shear": 0},
    "zoom": {"factor": [1, 1]},
    "crop": {"scale": [1, 1], "ratio": [1, 1]},
    "perspective": {"strength": 0},
    "elastic": {"strength": 0},
    "colour": {"brightness": 0, "contrast": 0, "saturation": 0, "hue": 0},
    "noise": {"deviation": 0},
    "cutout": {"side": 0},
    "erase": {"scale": [0, 0]},
    "mixup": {"alpha": 0},
    "cutmix": {"alpha": 0},
}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def spec_of(channels, height, width, targets=CLASSES):
    mean, std = (120.0, 110.0, 100.0, 90.0)[:channels], (60.0, 65.0, 70.0, 75.0)[:channels]
    return Spec(Inputs((channels, height, width), "image", mean, std), targets)


def standardised(shape, of=CLASSES, seed=1):
    """Images of 8 bits, standardised as their spec says, and that spec."""
    spec = spec_of(*shape[1:], of)
    raw = torch.randint(0, 256, shape, generator=seeded(seed)).float()
    return (raw - torch.tensor(spec.inputs.mean)[:, None, None]) / torch.tensor(spec.inputs.std)[:, None, None], spec


def changed(asked, images, spec, seed=0):
    return augmentation(asked, spec).with_targets(images, targets_of(len(images), spec), seeded(seed))


def targets_of(count, spec):
    """A class of each image, or three objects in it and a place without one."""
    if spec.targets.kind == "classes":
        return torch.arange(count) % 3
    table = torch.zeros(count, 4, 6)
    table[:, :, :4] = torch.rand(count, 4, 2, 2, generator=seeded(7)).sort(2).values.flatten(2)
    table[:, :, :4] *= torch.tensor(spec.inputs.shape[:0:-1] * 2)
    table[:, :3, 4] = torch.arange(3) % 2
    table[:, 3] = torch.tensor([0.0, 0, 0, 0, NO_OBJECT, 0])
    return table


@pytest.fixture(params=[(64, 3, 32, 32), (64, 1, 28, 28), (16, 3, 24, 40), (5, 1, 8, 8), (8, 4, 9, 7)], ids=str)
def images(request):
    return torch.randn(request.param, generator=seeded(1))


@pytest.mark.parametrize(("name", "of"), CONTRACTED, ids=lambda one: one if isinstance(one, str) else one.kind)
class TestContract:
    def test_shape_stays_draws_differ_and_the_seed_decides(self, name, of, images):
        spec = spec_of(*images.shape[1:], of)
        before = images.clone()
        out, targets = changed([name], images, spec, 5)
        assert torch.equal(images, before), "inputs were changed in place"
        assert out.shape == images.shape
        assert out.dtype == torch.float32
        again, targets_again = changed([name], images, spec, 5)
        assert torch.equal(out, again)
        assert torch.equal(targets, targets_again)
        assert not torch.equal(out, changed([name], images, spec, 6)[0])

    @pytest.mark.parametrize(
        "shape", [(4, 1, 1, 1), (4, 3, 1, 1), (4, 3, 1, 5), (4, 4, 2, 3), (1, 3, 5, 5), (4, 2, 6, 6)]
    )
    def test_images_of_any_size_stay_finite_and_within_what_images_can_be(self, name, of, shape):
        images, spec = standardised(shape, of)
        out, _ = changed([name], images, spec)
        raw = out * torch.tensor(spec.inputs.std)[:, None, None] + torch.tensor(spec.inputs.mean)[:, None, None]
        assert out.shape == images.shape
        assert -1e-3 < raw.min() <= raw.max() < 255.001

    def test_channels_last_stays_and_changes_no_value(self, name, of):
        images, spec = standardised((6, 3, 8, 8), of)
        plain, _ = changed([name], images, spec)
        laid = images.contiguous(memory_format=torch.channels_last)
        out, _ = changed([name], laid, spec)
        assert out.is_contiguous(memory_format=torch.channels_last)
        torch.testing.assert_close(out, plain, rtol=1e-5, atol=1e-5)

    def test_half_precision_is_the_float32_result_rounded(self, name, of):
        images, spec = standardised((6, 3, 32, 32), of)
        half = images.bfloat16()
        out, _ = changed([name], half, spec)
        assert out.dtype == torch.bfloat16
        assert torch.equal(out, changed([name], half.float(), spec)[0].bfloat16())

    @pytest.mark.parametrize("lazy", [False, True])
    def test_the_rest_of_an_epoch_gets_the_bits_that_the_whole_epoch_gets(self, name, of, lazy):
        _, spec = standardised((1, 3, 8, 8), of)
        raw = torch.randint(0, 256, (22, 3, 8, 8), dtype=torch.uint8, generator=seeded(1))
        samples = Samples([*raw] if lazy else raw, targets_of(22, spec))
        whole = batches(Samples(raw, samples.targets), spec, 5, seed=1, augment=augmentation([name], spec))
        rest = batches(samples, spec, 5, seed=1, augment=augmentation([name], spec), workers=0)
        for a, b in zip(list(whole.epoch(3))[2:], rest.epoch(3, 2), strict=True):
            assert torch.equal(a.inputs, b.inputs)
            assert torch.equal(a.targets, b.targets)

    def test_no_share_and_no_strength_change_no_bit(self, name, of):
        images, spec = standardised((6, 3, 8, 8), of)
        targets = targets_of(6, spec)
        for options in ({"share": 0}, NOTHING.get(name, {"share": 0})):
            out, kept = changed([{name: options}], images, spec)
            assert torch.equal(out, images)
            assert torch.equal(kept.argmax(1) if kept.ndim == 2 else kept, targets)

    def test_a_share_of_a_quarter_leaves_three_of_four_samples_bit_for_bit(self, name, of):
        images, spec = standardised((400, 3, 8, 8), of)
        out, _ = changed([{name: {"share": 0.25}}], images, spec)
        kept = (out == images).flatten(1).all(1)
        assert 0.66 < kept.float().mean() < 0.9  # some change nothing by chance, such as a shift by no pixel

    def test_the_description_and_the_options_are_of_the_same_names(self, name, of):
        assert OPTIONS.keys() == AUGMENTATIONS.keys()
        assert "share" in OPTIONS[name]
        asked = {option: about.default for option, about in OPTIONS[name].items()}
        images, spec = standardised((6, 3, 8, 8), of)
        assert torch.equal(changed([name], images, spec)[0], changed([{name: asked}], images, spec)[0])


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("crp", "'crp' is no augmentation; nearest: crop"),
        ({"crop": {"scal": 1}}, "crop has no option 'scal'; nearest: scale"),
        ({"crop": {"scale": 0.5}}, r"crop scale: expected \[least, most\] within 0.01 to 1, got 0.5"),
        ({"crop": {"scale": [0.9, 0.5]}}, r"crop scale: .* got \[0.9, 0.5\]"),
        ({"crop": {"ratio": [0, 1]}}, r"crop ratio: .* got \[0, 1\]"),
        ({"noise": {"deviation": float("nan")}}, "noise deviation: expected a number from 0 to 10, got nan"),
        ({"noise": {"deviation": True}}, "got True"),
        ({"noise": {"deviation": "0.1"}}, "got '0.1'"),
        ({"mirror": {"share": 1.5}}, "mirror share: expected a number from 0 to 1, got 1.5"),
        ({"mirror": 3}, "expected a name or"),
        ({"mirror": {}, "flip": {}}, "expected a name or"),
        (7, "expected a name or"),
        (None, "expected a name or"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(asked, said):
    with pytest.raises(ProfundoError, match=said) as caught:
        augmentation([asked], spec_of(3, 8, 8))
    assert "\n" not in str(caught.value)


def test_changes_that_need_the_data_say_so_without_them():
    for name in ("colour", "erase", *MIXING):
        with pytest.raises(ProfundoError, match=f"'{name}' needs to know the data"):
            augmentation([name])


@pytest.mark.parametrize("name", MIXING)
def test_mixing_is_refused_where_targets_are_real_or_not_at_hand(name):
    with pytest.raises(ProfundoError, match=f"'{name}' mixes classes; these targets are real"):
        augmentation([name], spec_of(3, 8, 8, Targets("real", names=("age",))))
    with pytest.raises(ProfundoError, match=f"'{name}' mixes targets, which are not at hand"):
        augmentation([name], spec_of(3, 8, 8))(torch.zeros(2, 3, 8, 8), seeded())


def test_rows_of_numbers_take_noise_and_mixup_alone():
    spec = Spec(Inputs((4,), "features"), CLASSES)
    rows = torch.randn(30, 4, generator=seeded(1))
    for name in IMAGES:
        if name in ("noise", "mixup"):
            assert changed([name], rows, spec)[0].shape == rows.shape
        else:
            with pytest.raises(ProfundoError, match=f"'{name}' is for images"):
                augmentation([name], spec)


def test_the_range_of_values_is_that_of_bytes_of_intensities_or_what_there_is():
    targets = torch.zeros(2, dtype=torch.int64)
    assert value_range(Samples(torch.zeros(2, 1, 2, 2, dtype=torch.uint8), targets)) == (0, 255)
    assert value_range(Samples(torch.rand(2, 1, 2, 2), targets)) == (0, 1)
    assert value_range(Samples(torch.tensor([-2.0, 3.0]).reshape(2, 1, 1, 1), targets)) == (-2, 3)


def test_float_images_from_0_to_1_are_coloured_as_bytes_are():
    images = torch.rand(5, 3, 6, 6, generator=seeded(1))
    bytes_, floats = (
        Spec(Inputs((3, 6, 6), "image", (m,) * 3, (s,) * 3), CLASSES) for m, s in ((127.5, 51.0), (0.5, 0.2))
    )
    inputs = (images - 0.5) / 0.2
    one = augmentation(["colour", "erase", "noise"], bytes_)(inputs, seeded(3))
    two = augmentation(["colour", "erase", "noise"], floats, (0.0, 1.0))(inputs, seeded(3))
    torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_shift_is_a_window_of_the_padded_image(channels):
    images = torch.randn(200, channels, 16, 24, generator=seeded(1))
    out = augmentation(["shift"])(images, seeded()).numpy()
    seen = set()
    for image, moved in zip(images.numpy(), out, strict=True):
        border = np.concatenate((image[0, 0], image[0, -1], image[0, :, 0], image[0, :, -1]))
        ground = np.sort(border)[(len(border) - 1) // 2]
        pad = ((0, 0), (2, 2), (3, 3))
        wide = np.pad(image, pad, constant_values=ground) if channels == 1 else np.pad(image, pad, mode="reflect")
        places = [(r, c) for r in range(5) for c in range(7) if np.array_equal(wide[:, r : r + 16, c : c + 24], moved)]
        assert len(places) == 1
        seen.update(places)
    assert len(seen) == 35, "some shifts never occur in 200 draws"


def test_mirror_flips_about_half_of_the_images(images):
    images = images.repeat(1000 // len(images), 1, 1, 1)
    out = augmentation(["mirror"])(images, seeded())
    flipped = torch.tensor([torch.equal(a, b.flip(2)) for a, b in zip(out, images, strict=True)])
    kept = torch.tensor([torch.equal(a, b) for a, b in zip(out, images, strict=True)])
    assert torch.all(flipped ^ kept)
    assert 0.44 < flipped.float().mean() < 0.56


def test_rotation_keeps_the_centre_and_turns_by_at_most_fifteen_degrees():
    images = torch.zeros(400, 1, 41, 61)
    images[:, :, 20, 30] = 5.0
    images[:, :, 20, 50] = 1.0  # twenty pixels to the right of the centre
    out = augmentation(["rotation"])(images, seeded())
    torch.testing.assert_close(out[:, 0, 20, 30], torch.full((400,), 5.0), atol=0.05, rtol=0)
    dot = out.clone()
    dot[:, :, 17:24, 27:34] = 0
    weight = dot.sum((1, 2, 3))
    rows = (dot.sum((1, 3)) * torch.arange(41.0)).sum(1) / weight - 20
    columns = (dot.sum((1, 2)) * torch.arange(61.0)).sum(1) / weight - 30
    torch.testing.assert_close(torch.hypot(rows, columns), torch.full((400,), 20.0), atol=0.4, rtol=0)
    angles = torch.rad2deg(torch.atan2(rows, columns))
    assert -15.5 < angles.min() < -12
    assert 12 < angles.max() < 15.5


def place_of_dot(row, column):
    """Where 400 distortions of a dot, always the same ones, put it: (rows, columns) from the centre of 41×61 pixels."""
    images = torch.zeros(400, 1, 41, 61)
    images[:, :, 20 + row, 30 + column] = 1.0
    out = augmentation(["distortion"])(images, seeded(3))[:, 0]
    weight = out.sum((1, 2))
    rows, columns = torch.arange(41.0) - 20, torch.arange(61.0) - 30
    return (out.sum(2) * rows).sum(1) / weight, (out.sum(1) * columns).sum(1) / weight


def test_distortion_moves_scales_and_shears_within_its_bounds():
    """The centre only moves; what lies ten pixels below or beside it shows scale and shear."""
    centre, below, beside = place_of_dot(0, 0), place_of_dot(10, 0), place_of_dot(0, 10)
    for moved, side in zip(centre, (41, 61), strict=True):
        assert 0.9 * side / 16 < moved.abs().max() < side / 16 / 0.9
    high, wide = below[0] - centre[0], beside[1] - centre[1]
    for length in (high, wide):
        assert 10 / 1.1 - 0.4 < length.min() < 9.4
        assert 10.7 < length.max() < 10 / 0.9 + 0.4
    assert torch.corrcoef(torch.stack((high, wide)))[0, 1].abs() < 0.2
    shear = below[1] - centre[1]
    assert 1.2 < shear.abs().max() < 0.15 * 11.2 / 0.9 + 0.4
    assert (beside[0] - centre[0]).abs().max() < 0.4


def test_a_plain_ground_stays_plain():
    images = torch.full((8, 1, 28, 28), -0.42)
    out = augmentation(["shift", "mirror", "rotation", "distortion"])(images, seeded())
    torch.testing.assert_close(out, images)


def test_noise_is_gaussian_of_deviation_a_tenth():
    noise = augmentation(["noise"])(torch.zeros(100, 3, 32, 32), seeded()).double()
    assert abs(noise.mean().item()) < 1e-3
    assert abs(noise.std().item() - 0.1) < 1e-3
    assert abs((noise**4).mean().item() / noise.var().item() ** 2 - 3) < 0.05


def test_augmentations_compose_in_the_order_given(images):
    one, generator = augmentation(["shift", "noise"])(images, seeded()), seeded()
    two = augmentation(["noise"])(augmentation(["shift"])(images, generator), generator)
    assert torch.equal(one, two)
    assert augmentation([])(images, seeded()) is images


def test_unknown_augmentation_is_told_the_nearest():
    with pytest.raises(ProfundoError, match=r"'mirrors'.*nearest: mirror"):
        augmentation(["shift", "mirrors"])
