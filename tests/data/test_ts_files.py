"""Labelled series in files: what is read, filled, continued and refused."""

import numpy as np
import pytest
import torch

from profundo.data import load
from profundo.data.dataset_names import Reading
from profundo.data.loading import collect
from profundo.data.series.filling import filled_series
from profundo.data.series.ts_files import read_ts, ts_collection
from profundo.records import ProfundoError

HEAD = "# a comment\n@problemName x\n@timeStamps false\n@univariate false\n@classLabel true left right\n@data\n"


def saved(path, lines, head=HEAD):
    path.write_text(head + "\n".join(lines) + "\n", "utf-8")
    return path


def test_channels_labels_and_holes_are_read(tmp_path):
    path = saved(tmp_path / "a.ts", ["1,2,3:4,5,6:left", "1,?,5:0,0,NaN:right", "", "7,8:9,9:left"])
    found = ts_collection(path)
    expected = [[[1, 2, 3], [4, 5, 6]], [[1, 3, 5], [0, 0, 0]], [[7, 8, 8], [9, 9, 9]]]
    assert found.train.inputs.tolist() == expected
    assert found.targets.classes == ("left", "right")
    assert found.train.targets.tolist() == [0, 1, 0]
    assert found.inputs.shape == (2, 3)
    assert found.notes == (
        "1 shorter series was continued by its last value, to 3 steps",
        "2 missing values in 1 series were filled, by straight lines between their neighbours",
    )


def test_the_test_file_beside_is_the_test_split(tmp_path):
    train = [f"{at},{at + 1},{at + 2}:{'left' if at % 2 else 'right'}" for at in range(20)]
    path = saved(tmp_path / "A_TRAIN.ts", train)
    saved(tmp_path / "A_TEST.ts", ["1,2,3,4:left", "2,3,4,5:right"])
    data = load(path)
    assert (data.name, len(data.test), len(data.train) + len(data.validation)) == ("A", 2, 20)
    assert data.spec.inputs.shape == (1, 4)
    assert data.test.inputs[0].tolist() == [[1, 2, 3, 4]]


def test_numbers_as_targets(tmp_path):
    path = saved(
        tmp_path / "a.ts",
        [f"{at},{at}:{at / 2}" for at in range(30)],
        HEAD.replace("@classLabel true left right", "@targetLabel true"),
    )
    found = ts_collection(path)
    assert (found.targets.kind, found.train.targets[3].tolist()) == ("real", [1.5])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["1,2:left", "1,x:right"], "line 8: expected numbers with commas between them, got 'x'"),
        (["1,2:3,4:left", "1,2:right"], "line 8: expected 2 channels, got 1"),
        (["1,inf:left"], "line 7: expected finite numbers"),
        (["left"], "line 7: expected values before the label"),
        (["?,?:left", "1,2:right"], "series 1, channel 1: no value is there"),
        (["1,2:left", "3,4:left"], "two classes or more"),
        ([], "expected series after a line @data"),
    ],
)
def test_what_does_not_read_is_told_in_one_line(tmp_path, lines, message):
    with pytest.raises(ProfundoError, match=message) as error:
        ts_collection(saved(tmp_path / "a.ts", lines))
    assert "\n" not in str(error.value)


def test_other_files_are_refused(tmp_path):
    (tmp_path / "video.ts").write_bytes(b"G\x40\x00\xff" * 50)
    with pytest.raises(ProfundoError, match="expected text in UTF-8"):
        read_ts(tmp_path / "video.ts")
    (tmp_path / "script.ts").write_text("const a = 1;\n")
    with pytest.raises(ProfundoError, match="line 1: expected a line such as @data"):
        read_ts(tmp_path / "script.ts")
    with pytest.raises(ProfundoError, match="time stamps"):
        read_ts(saved(tmp_path / "t.ts", [], "@timeStamps true\n@data\n"))
    with pytest.raises(ProfundoError, match="expected a file of series"):
        read_ts(tmp_path)


def test_holes_in_arrays_of_series_are_filled_and_told(tmp_path):
    values = np.random.default_rng(0).normal(size=(30, 2, 9))
    values[4, 1, [0, 3, 8]] = np.nan
    np.savez(tmp_path / "a.npz", x=values, y=np.arange(30) % 2)
    found = collect(tmp_path / "a.npz", Reading())
    assert found.inputs.kind == "series"
    row = found.train.inputs[4, 1].numpy()
    np.testing.assert_allclose(
        row[[0, 3, 8]], [values[4, 1, 1], values[4, 1, [2, 4]].mean(), values[4, 1, 7]], rtol=1e-6
    )
    assert found.notes[0].startswith("3 missing values in 1 series")


def test_filling_agrees_with_pandas_like_interpolation():
    series = torch.tensor([[[float("nan"), 1, float("nan"), float("nan"), 4, float("nan")]]])
    whole, notes = filled_series(series, "x")
    assert whole.tolist() == [[[1, 1, 2, 3, 4, 4]]]
    assert notes
    with pytest.raises(ProfundoError, match="series 1, channel 1"):
        filled_series(torch.full((1, 1, 3), float("nan")), "x")
