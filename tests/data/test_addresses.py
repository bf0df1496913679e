"""Addresses: what patterns stand for, and that bytes come as they are, in few requests."""

import shutil
import subprocess

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profundo.data.streams import addresses
from profundo.data.streams.addresses import expanded, files_at, read_spans
from profundo.records import ProfundoError


@pytest.fixture
def store():
    """An empty store in memory."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    yield system
    system.store.clear()


@pytest.mark.parametrize(
    "pattern",
    [
        "a-{0..3}.tar",
        "{08..11}",
        "{a,b}/{1..2}.tar",
        "x{007..010}y",
        "plain.tar",
        "s3://b/{1..12}",
        "{9..11}",
        "{0000..0003}.tar",
    ],
)
def test_braces_stand_for_what_a_shell_makes_of_them(pattern):
    bash = shutil.which("bash")
    assert bash, "these patterns are compared with those of bash"
    said = subprocess.run([bash, "-c", f"printf '%s\\n' {pattern}"], capture_output=True, text=True, check=True)
    assert expanded(pattern) == said.stdout.split()


@pytest.mark.parametrize("pattern", ["{5..2}", "{0..999999999}", "{0..999}{0..999}"])
def test_too_many_files_are_refused_before_they_are_counted(pattern):
    with pytest.raises(ProfundoError, match="expected"):
        expanded(pattern)


def test_folders_and_patterns_name_their_files_in_order(store, tmp_path):
    for name in ("b/x-1.tar", "b/x-0.tar", "b/notes.txt", "b/train/y.tar", "b/deep/er/z.tar", "c/x.tar"):
        store.pipe(f"/{name}", b"12345")
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"12345")
    for root in ("memory:/", str(tmp_path), f"file://{tmp_path}"):
        assert [one.name for one in files_at(f"{root}/b", [".tar"])] == ["y.tar", "x-0.tar", "x-1.tar"]
        assert [one.name for one in files_at(f"{root}/b/x-*.tar", [".tar"])] == ["x-0.tar", "x-1.tar"]
        assert [one.name for one in files_at(f"{root}/b/x-{{1,0}}.tar", [".tar"])] == ["x-1.tar", "x-0.tar"]
        assert all(one.size == 5 and one.mark for one in files_at(f"{root}/b", [".tar"]))
        with pytest.raises(ProfundoError, match="found nothing there"):
            files_at(f"{root}/b/x-2.tar", [".tar"])
    assert files_at(f"file://{tmp_path}/b", [".tar"]) == files_at(f"{tmp_path}/b", [".tar"])


def test_a_changed_file_has_another_key(store):
    store.pipe("/b/x.tar", b"12345")
    before = files_at("memory://b/x.tar", [".tar"])[0]
    assert files_at("memory://b/x.tar", [".tar"])[0].key == before.key
    store.pipe("/b/x.tar", b"54321")
    assert files_at("memory://b/x.tar", [".tar"])[0].key != before.key


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 100)), min_size=1, max_size=30).map(sorted))
def test_stretches_come_as_they_are_in_the_file(spans):
    content = bytes(range(250)) * 4
    fsspec.filesystem("memory").pipe("/spans", content)
    before, addresses.NEAR, addresses.LONGEST = (addresses.NEAR, addresses.LONGEST), 20, 200
    try:
        found = list(read_spans("memory://spans", spans))
    finally:
        addresses.NEAR, addresses.LONGEST = before
    assert found == [content[offset : offset + size] for offset, size in spans]


def test_neighbours_are_fetched_in_one_request(store, monkeypatch):
    store.pipe("/x", bytes(10**6))
    asked = []
    fetch = addresses._asked_of_store
    monkeypatch.setattr(addresses, "_asked_of_store", lambda *span: asked.append(span) or fetch(*span))
    assert len(list(read_spans("memory://x", [(place * 1000, 900) for place in range(1000)]))) == 1000
    assert len(asked) == 1


def test_a_store_that_fails_for_a_moment_is_asked_again(store, monkeypatch):
    store.pipe("/x", b"content")
    monkeypatch.setattr(addresses.time, "sleep", lambda _seconds: None)
    fetch, failures = store.cat_file, iter([ConnectionError("reset"), TimeoutError()])

    def fails(_self, *args, **options):
        for error in failures:
            raise error
        return fetch(*args, **options)

    monkeypatch.setattr(type(store), "cat_file", fails)
    assert list(read_spans("memory://x", [(0, 7)])) == [b"content"]


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("github://owner:repo@main/x.tar", "github:// is not read"),
        ("simplecache::s3://b/x.tar", "is not read"),
        ("reference://x.tar", "is not read"),
        ("s3://key:secret@bucket/x.tar", "without a password"),
        ("s3://key:secret@bucket/{1..9999999}.tar", "without a password"),
        ("nowhere://key:secret@bucket/x.tar", "nowhere:// is not read"),
        ("https://key:se/secret@example.invalid/x.tar", "without a password"),
        ("https://secret@example.invalid/x.tar", "without a password or token"),
        ("https://example.invalid/x.tar?X-Amz-Signature=secret", "without parameters"),
        ("https://example.invalid/{a,b}.parquet?sig=secret", "without parameters"),
        ("http://127.0.0.1:9/x.tar", "cannot be read: .*127.0.0.1:9"),
        ("http://[::1]:9/x.tar", "expected one address without ::"),
        ("{a}" * 2000 + ".tar", "at most 100 braces"),
        ("memory://none/x.tar", "found nothing there"),
        ("memory://none/", "found none there"),
    ],
)
@pytest.mark.usefixtures("store")
def test_addresses_that_are_not_read_are_refused_in_one_line(address, words):
    with pytest.raises(ProfundoError, match=words) as caught:
        files_at(address, [".tar"])
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_no_request_is_longer_than_its_limit(store, monkeypatch):
    content = bytes(range(256)) * 1000
    store.pipe("/x", content)
    asked = []
    fetch = addresses._asked_of_store
    monkeypatch.setattr(addresses, "LONGEST", 5000)
    monkeypatch.setattr(addresses, "_asked_of_store", lambda *span: asked.append(span[2] - span[1]) or fetch(*span))
    spans = [(place, 700) for place in range(0, 255_000, 700)]
    assert b"".join(read_spans("memory://x", spans)) == content[: 700 * len(spans)]
    assert max(asked) == 4900


@pytest.mark.parametrize(
    ("error", "fails"),
    [
        (FileNotFoundError("classes.txt"), False),
        (PermissionError("not yours"), False),
        (OSError("the line is down"), True),
        (TimeoutError("too slow"), True),
    ],
)
def test_a_list_that_cannot_be_read_for_the_moment_is_not_taken_for_none(monkeypatch, error, fails):
    class Store:
        def info(self, _path):
            raise error

    monkeypatch.setattr(addresses, "_system", lambda address, _process: (Store(), address))
    if fails:
        with pytest.raises(ProfundoError, match=f"classes.txt: cannot be read, if it is there: {error}"):
            addresses.beside("s3://bucket/a.tar", ["classes.txt"], 1000)
    else:
        assert addresses.beside("s3://bucket/a.tar", ["classes.txt"], 1000) is None
