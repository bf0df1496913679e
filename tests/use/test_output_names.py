"""What is predicted is never written over what it was predicted from, under whatever name that lies there."""

import base64
import os

import pytest

from profundo.records import ProfundoError
from profundo.use.grid_files import is_lost, with_files
from profundo.use.output_names import check_file_kept

MADE = base64.b64encode(b"made").decode()


def written(files, folder):
    return list(with_files([{"input": str(path), "image": MADE} for path in files], folder, files))


def in_one_folder(root):
    (root / "grey.png").write_bytes(b"own")
    return [root / "china.jpg", root / "grey.png"]


def by_a_link(root):
    (root / "away").mkdir()
    (root / "away" / "other.png").write_bytes(b"own")
    (root / "china.png").symlink_to(root / "away" / "other.png")
    return [root / "china.jpg", root / "away" / "other.png"]


def by_a_second_name(root):
    (root / "other.tif").write_bytes(b"own")
    os.link(root / "other.tif", root / "china.png")
    return [root / "china.jpg", root / "other.tif"]


@pytest.mark.parametrize("lie", [in_one_folder, by_a_link, by_a_second_name])
def test_where_an_input_would_be_overwritten_nothing_is_written(lie, tmp_path):
    files = lie(tmp_path)
    files[0].write_bytes(b"own")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ProfundoError, match="is an input, and would be overwritten") as error:
        written(files, tmp_path)
    assert "\n" not in str(error.value)
    assert sorted(tmp_path.rglob("*")) == before
    assert all(path.read_bytes() == b"own" for path in before if path.is_file())


def test_beside_inputs_of_other_names_predictions_are_written(tmp_path):
    (tmp_path / "china.jpg").write_bytes(b"own")
    (tmp_path / "my grey.png").write_bytes(b"own")
    told = written([tmp_path / "china.jpg", tmp_path / "my grey.png"], tmp_path)
    assert [one["file"] for one in told] == [str(tmp_path / "china.png"), str(tmp_path / "my_grey.png")]
    assert (tmp_path / "my grey.png").read_bytes() == b"own"


def test_files_that_a_folder_holds_and_that_a_table_names_are_inputs(tmp_path):
    (tmp_path / "rows").mkdir()
    for name in ("grey.png", "rows/list.csv"):
        (tmp_path / name).write_text("file\n../x.png\n")
    with pytest.raises(ProfundoError, match=r"grey\.png is an input"):
        list(with_files([{"input": "grey.png", "image": MADE}], tmp_path, [tmp_path]))
    for files in ([tmp_path / "rows" / "list.csv"], [tmp_path / "rows"]):
        with pytest.raises(ProfundoError, match=r"list\.csv is an input"):
            check_file_kept(files, tmp_path / "rows" / "list.csv")
        check_file_kept(files, tmp_path / "rows" / "new.csv")
        check_file_kept(files, tmp_path / "rows")


def test_images_are_lost_where_neither_a_folder_nor_json_takes_them():
    made = [{"input": "a.png", "prediction": "painted", "image": MADE}]
    assert [is_lost(made, style) for style in ("text", "csv", "json", "jsonl")] == [True, True, False, False]
    assert not is_lost([{"input": "a.png", "prediction": "a cat"}], "text")
    assert not is_lost(with_files(made, None), "text")
