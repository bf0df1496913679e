"""A plane that is measured from coarse to fine: the same losses as at once, kept, gone on with, and read without the run."""

import json

import numpy as np
import pytest
import torch

import profundo as pf
from profundo.inside.surface import plane_losses, plane_survey, random_plane
from profundo.inspect.landscape import landscape, measured, solution_of_run
from profundo.inspect.landscape_view import POINTS, SurfaceQuestion, plane_views
from profundo.records import ProfundoError

SHORT = {"epochs": 3, "capture": False, "optimizer": "sgd", "learning_rate": 0.1}


@pytest.fixture
def path(tmp_path):
    return pf.fit("mlp", pf.load("iris"), out=tmp_path / "one", keep_epochs=True, **SHORT).folder.path


def views(path, keep=True, **asked):
    asked = SurfaceQuestion(**{"fineness": "coarse", "samples": 40, **asked})
    return plane_views(lambda: pf.open_run(path), path, asked, keep)


def closed():
    raise AssertionError("the run was opened")


def test_the_last_view_is_the_plane_as_measured_at_once(path):
    *_, last = views(path)
    solution = solution_of_run(path)
    loss, used = measured(solution, "train", 40, 0)
    one = last.heights
    rows = dict(plane_losses(loss, random_plane(loss, 0), one.across[::4], one.up[::4]))
    np.testing.assert_allclose(one.losses[::4, ::4], [rows[row] for row in range(13)], rtol=1e-5)
    middle = POINTS // 2
    assert one.losses[middle, middle] == pytest.approx(last.loss, rel=1e-5)
    assert (used, last.samples, last.measured) == (40, 40, 169)
    assert landscape(path, samples=40, planes=[], curvature=False).loss == pytest.approx(last.loss, rel=1e-6)


def test_the_way_of_training_lies_on_its_plane(path):
    *_, last = views(path, kind="path")
    assert last.epochs == (0, 1, 2, 3)
    assert len(last.heights.places) == 4
    assert last.heights.places[-1] == pytest.approx((0, 0), abs=1e-4)
    low, high = np.min(last.heights.places, 0), np.max(last.heights.places, 0)
    assert np.all(low > [last.heights.across[0], last.heights.up[0]])
    assert np.all(high < [last.heights.across[-1], last.heights.up[-1]])


def test_a_second_visit_does_not_open_the_run(path):
    *_, first = views(path, kind="path")
    asked = SurfaceQuestion("path", "coarse", 40)
    (again,) = plane_views(closed, path, asked)
    np.testing.assert_array_equal(again.heights.losses, first.heights.losses)
    assert again.heights.places == first.heights.places
    assert (again.loss, again.epochs, again.how) == (first.loss, first.epochs, first.how)
    with pytest.raises(AssertionError, match="opened"):
        list(plane_views(closed, path, SurfaceQuestion("path", "coarse", 41)))


def test_a_finer_plane_goes_on_from_a_coarser_one(path, monkeypatch):
    *_, coarse = views(path)
    counted = []
    whole = plane_survey.Surveyors.losses
    monkeypatch.setattr(
        plane_survey.Surveyors, "losses", lambda self, places: counted.extend(places) or whole(self, places)
    )
    *_, medium = views(path, fineness="medium")
    assert len(counted) == 25 * 25 - 13 * 13
    assert not np.isnan(medium.heights.losses[::2, ::2]).any()
    np.testing.assert_array_equal(medium.heights.losses[::4, ::4], coarse.heights.losses[::4, ::4])


def test_what_was_measured_before_it_was_left_is_kept(path, monkeypatch):
    monkeypatch.setattr(plane_survey, "LOOK", 0.0)  # a place a view
    some = views(path)
    for _ in range(5):
        view = next(some)
    some.close()
    (file,) = (path / "landscape").glob("random-view-*.npz")
    with np.load(file) as arrays:
        assert int((~np.isnan(arrays["losses"])).sum()) == view.measured == 5


def test_nothing_is_written_where_nothing_may_be(path, tmp_path):
    list(views(path, keep=False))
    assert not (path / "landscape").exists()
    (path / "landscape").symlink_to(tmp_path)
    with pytest.raises(ProfundoError, match="link"):
        list(views(path))
    assert not list(tmp_path.glob("*.npz"))


@pytest.mark.parametrize("damage", ["cut", "shape", "facts", "pickle"])
def test_a_damaged_file_is_measured_anew(path, damage):
    *_, first = views(path)
    (file,) = (path / "landscape").glob("*.npz")
    with np.load(file) as arrays:
        content = {name: arrays[name] for name in arrays}
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:200])
    else:
        wrong = {"shape": {"losses": content["losses"][:5]}, "facts": {"facts": np.array(json.dumps([1]))}}
        wrong["pickle"] = {"across": np.array([closed], object)}
        np.savez(file, **{**content, **wrong[damage]})
    *_, again = views(path)
    np.testing.assert_allclose(again.heights.losses, first.heights.losses, rtol=1e-6)


def test_a_question_is_checked():
    for wrong in ({"kind": "bowl"}, {"fineness": "finest"}, {"samples": 0}, {"span": 0.0}, {"span": float("nan")}):
        with pytest.raises(ProfundoError, match="expected"):
            SurfaceQuestion(**wrong)
    assert torch.tensor([SurfaceQuestion(fineness=one).wanted for one in ("coarse", "medium", "fine")]).tolist() == [
        169,
        625,
        2401,
    ]
