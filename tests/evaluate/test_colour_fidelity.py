"""How near made colours come, beside the area counted threshold by threshold and NumPy's moments."""

import numpy as np
import pytest
import torch

from profundo.evaluate.kinds.colour_fidelity import area_of_near, colour_rmse, colourfulness
from profundo.records import ProfundoError

DRAWS = torch.Generator().manual_seed(0)
MADE, TRUTH = (120 * torch.rand(3, 2, 5, 4, generator=DRAWS) - 60 for _ in range(2))


@pytest.mark.parametrize("weighted", [False, True])
def test_the_area_is_that_under_the_share_of_near_pixels(weighted):
    weights = torch.rand(3, 5, 4, generator=DRAWS) if weighted else None
    errors = np.linalg.norm(MADE.numpy() - TRUTH.numpy(), axis=1).ravel()
    counts = np.ones(errors.size) if weights is None else weights.numpy().ravel()
    thresholds = np.linspace(0, 150, 15_001)
    shares = [counts[errors <= t].sum() / counts.sum() for t in thresholds]
    assert area_of_near(MADE, TRUTH, weights).item() == pytest.approx(np.trapezoid(shares, thresholds) / 150, abs=1e-3)


def test_the_true_colours_have_no_error_and_the_farthest_no_area():
    assert colour_rmse(TRUTH, TRUTH) == 0
    assert area_of_near(TRUTH, TRUTH) == 1
    assert area_of_near(TRUTH + 200, TRUTH) == 0
    away = torch.zeros_like(TRUTH)
    away[:, 0], away[:, 1] = 3, 4
    assert colour_rmse(TRUTH + away, TRUTH).item() == pytest.approx(5, abs=1e-5)


def test_grey_has_no_colourfulness_and_two_halves_have_the_papers():
    grey = torch.randint(0, 256, (2, 1, 6, 6), generator=DRAWS, dtype=torch.uint8).expand(-1, 3, -1, -1)
    assert torch.equal(colourfulness(grey), torch.zeros(2, dtype=torch.float64))
    image = torch.randint(0, 256, (1, 3, 7, 5), generator=DRAWS, dtype=torch.uint8)
    red, green, blue = image[0].numpy().astype(float)
    one, other = red - green, 0.5 * (red + green) - blue
    expected = np.hypot(one.std(), other.std()) + 0.3 * np.hypot(one.mean(), other.mean())
    assert colourfulness(image).item() == pytest.approx(expected)


def test_other_shapes_are_refused():
    with pytest.raises(ProfundoError, match="of one shape, a and b, got"):
        colour_rmse(MADE, TRUTH[:1])
