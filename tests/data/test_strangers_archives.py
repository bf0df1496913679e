"""A stranger's .zip is refused by its directory alone: too many entries, too large, or pointing elsewhere."""

import stat
import struct
import zipfile

import pytest

from profundo.data.streams import archives
from profundo.data.streams.archives import check_archive
from profundo.records import ProfundoError


def made(path, *names, content=b"x"):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return path


def refused(path):
    with pytest.raises(ProfundoError) as error:
        check_archive(path, "mine.zip")
    assert str(path.parent) not in str(error.value)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_an_archive_of_files_in_folders_is_taken(tmp_path):
    check_archive(made(tmp_path / "a.zip", "cats/1.png", "dogs/..2.png", "dogs/3..png", "C.png"), "a.zip")


@pytest.mark.parametrize(
    "name", ["../up.png", "a/../../up.png", "/etc/passwd", "..", "a\\..\\up.png", "\\\\host\\x", "C:\\x.png"]
)
def test_a_name_that_points_out_of_the_archive_is_refused(tmp_path, name):
    assert "points out" in refused(made(tmp_path / "a.zip", "cats/1.png", name))


def test_a_link_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        link = zipfile.ZipInfo("cats/1.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    assert "is a link" in refused(tmp_path / "a.zip")


def test_an_encrypted_entry_is_refused(tmp_path):
    content = bytearray(made(tmp_path / "a.zip", "1.png").read_bytes())
    entry = content.index(b"PK\x01\x02")
    struct.pack_into("<H", content, entry + 8, 1)
    (tmp_path / "a.zip").write_bytes(content)
    assert "encrypted" in refused(tmp_path / "a.zip")


def test_a_bomb_is_refused_before_anything_is_unpacked(tmp_path, monkeypatch):
    """Entries that say they unpack to 60 MB each, of which nothing is read: the archive holds a byte of each."""
    content = bytearray(made(tmp_path / "a.zip", *(f"{place}.png" for place in range(20))).read_bytes())
    at = content.index(b"PK\x01\x02")
    while at >= 0:
        struct.pack_into("<I", content, at + 24, 60 << 20)
        at = content.find(b"PK\x01\x02", at + 4)
    (tmp_path / "a.zip").write_bytes(content)
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    assert f"says {20 * (60 << 20):,}" in refused(tmp_path / "a.zip")
    struct.pack_into("<I", content, content.index(b"PK\x01\x02") + 24, 65 << 20)
    (tmp_path / "a.zip").write_bytes(content)
    assert "more than 64 MB" in refused(tmp_path / "a.zip")


def test_a_directory_too_large_for_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    path = made(tmp_path / "a.zip", *(f"{place:0200}.png" for place in range(50)))
    monkeypatch.setattr(archives, "_LARGEST_DIRECTORY", 10_000)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    assert "entries" in refused(path)


def test_the_number_of_entries_has_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_MOST_ENTRIES", 5)
    check_archive(made(tmp_path / "a.zip", *"abcde"), "a.zip")
    assert "found 6" in refused(made(tmp_path / "b.zip", *"abcdef"))


def test_the_form_for_archives_of_more_than_4_gb_is_refused(tmp_path):
    """Its own record of the directory would overrule the one that was looked at."""
    content = made(tmp_path / "a.zip", "1.png").read_bytes()
    end = content.index(b"PK\x05\x06")
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, 0, 1)
    (tmp_path / "a.zip").write_bytes(content[:end] + locator + content[end:])
    assert "entries" in refused(tmp_path / "a.zip")


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip" * 1000, b"PK\x05\x06"])
def test_what_is_no_archive_is_refused(tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    assert "is not that of one" in refused(tmp_path / "a.zip")
