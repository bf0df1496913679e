"""Image search against a product over all images at once, against bits that are counted one by one, and with folders that change,
break, or come from a stranger."""

import json
import os
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.linalg import orthogonal_procrustes

import profundo as pf
from profundo.records import ProfundoError
from profundo.use.image_search import encoders, image_index, index_images, search_images
from profundo.use.image_search.encoders import encoder_named
from profundo.use.image_search.exact_search import best
from profundo.use.image_search.hash_codes import differing_bits, learned_codes
from profundo.use.image_search.image_index import open_index
from profundo.use.image_search.search_page import search_page


def paint(path, colour, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(-40, 40, (20, 24, 3))
    Image.fromarray(np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)).save(path)


COLOURS = {"red": (200, 30, 30), "green": (30, 180, 40), "blue": (40, 40, 210)}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Twenty-four images in three folders, of which an index takes ten in a part."""
    for number in range(24):
        name = list(COLOURS)[number % 3]
        paint(tmp_path / "images" / name / f"{number}.png", COLOURS[name], number)
    monkeypatch.setattr(image_index, "PART", 10)
    monkeypatch.setattr(image_index, "BATCH", 5)
    return tmp_path / "images"


def contents(index):
    return {
        name: (mark, values.tobytes())
        for part in index.parts
        for (name, mark), values in zip(index.files(part), index.values(part), strict=True)
    }


def test_the_best_are_those_of_one_product_over_all(folder, tmp_path):
    index = index_images(folder, tmp_path / "index", "pixels").index
    assert [part.images for part in index.parts] == [10, 10, 4]
    every = torch.cat([torch.from_numpy(np.array(index.values(part))) for part in index.parts]).float()
    query = torch.nn.functional.normalize(
        torch.randn(every.shape[1], generator=torch.Generator().manual_seed(0)), dim=0
    )
    for count in (1, 7, 24, 90):
        likeness, places = best(index, query, count)
        expected = (every @ query).sort(descending=True, stable=True)
        assert torch.equal(places, expected.indices[:count])
        assert torch.allclose(likeness, expected.values[:count])


def test_an_image_finds_itself_and_then_its_like(folder, tmp_path):
    index_images(folder, tmp_path / "index", "pixels")
    found = search_images(tmp_path / "index", folder / "red" / "3.png", count=8)
    assert found[0].image == "red/3.png"
    assert found[0].likeness == pytest.approx(1, abs=1e-3)
    assert all(one.image.startswith("red/") for one in found)


def test_an_index_follows_its_folder_and_is_then_the_one_made_anew(folder, tmp_path):
    before = index_images(folder, tmp_path / "index", "pixels")
    assert (before.new, before.kept, before.forgotten) == (24, 0, 0)
    (folder / "red" / "0.png").unlink()
    paint(folder / "blue" / "2.png", (250, 250, 250), 99)
    os.utime(folder / "blue" / "2.png", ns=(1, 1))
    paint(folder / "new" / "one.jpg", (0, 0, 0), 7)
    (folder / "new" / "broken.jpg").write_bytes(b"\xff\xd8\xff nothing")
    after = index_images(folder, tmp_path / "index", "pixels")
    assert (after.new, after.kept, after.forgotten) == (2, 22, 2)
    assert len(after.faults) == 1
    assert "broken.jpg" in after.faults[0]
    assert contents(after.index) == contents(index_images(folder, tmp_path / "anew", "pixels").index)
    again = index_images(folder, tmp_path / "index", "pixels")
    assert (again.new, again.kept, again.forgotten) == (0, 24, 0)


def test_indexing_that_was_stopped_goes_on_where_it_was(folder, tmp_path, monkeypatch):
    seen = []
    whole = encoders.Encoder.__call__

    def stops_late(self, images):
        seen.append(len(images))
        if sum(seen) > 16:
            raise KeyboardInterrupt
        return whole(self, images)

    monkeypatch.setattr(encoders.Encoder, "__call__", stops_late)
    with pytest.raises(KeyboardInterrupt):
        index_images(folder, tmp_path / "index", "pixels")
    monkeypatch.setattr(encoders.Encoder, "__call__", whole)
    done = index_images(folder, tmp_path / "index", "pixels")
    assert (done.new, done.kept) == (14, 10)
    assert {name: one[1] for name, one in contents(done.index).items()} == {
        name: one[1] for name, one in contents(index_images(folder, tmp_path / "anew", "pixels").index).items()
    }


def test_codes_are_nearer_to_corners_than_plain_signs_and_find_candidates(folder, tmp_path):
    draws = torch.Generator().manual_seed(0)
    features = torch.randn(400, 4, generator=draws) @ torch.randn(4, 32, generator=draws) + 0.3 * torch.randn(
        400, 32, generator=draws
    )
    codes = learned_codes(features, 16)
    centred = features - features.mean(0)
    gram = codes.directions.T @ codes.directions
    assert torch.allclose(gram, torch.eye(16), atol=1e-5), "a rotation of principal components"
    plain = torch.linalg.svd(centred, full_matrices=False).Vh[:16].T

    def loss(directions):
        projected = centred @ directions
        return float((torch.where(projected > 0, 1.0, -1.0) - projected).square().sum())

    assert loss(codes.directions) < loss(plain)
    projected = (centred @ codes.directions).numpy()
    corners = np.where(projected > 0, 1.0, -1.0)
    turn, _ = orthogonal_procrustes(projected, corners)
    assert loss(codes.directions) < 1.01 * np.square(corners - projected @ turn).sum(), "no rotation brings it nearer"
    packed = codes(features)
    unpacked = (centred @ codes.directions > 0).numpy()
    assert (differing_bits(packed, packed[7]) == (unpacked != unpacked[7]).sum(1)).all()
    index_images(folder, tmp_path / "index", "pixels", bits=16)
    paint(folder / "green" / "later.png", COLOURS["green"], 200)
    index_images(folder, tmp_path / "index", "pixels", bits=16)
    found = search_images(tmp_path / "index", folder / "green" / "later.png", 2, by_codes=True)
    assert found[0].image == "green/later.png"
    assert found[0].bits == 0
    exact = search_images(tmp_path / "index", folder / "green" / "later.png", 2)
    assert [one.image for one in found] == [one.image for one in exact], "so many candidates are all"


@pytest.mark.parametrize("bits", [7, 24, -8, 4000])
def test_codes_that_cannot_be_are_refused_before_anything_is_written(folder, tmp_path, monkeypatch, bits):
    monkeypatch.setattr(image_index, "encoded", lambda *_: pytest.fail("images were encoded"))
    with pytest.raises(ProfundoError, match=f"bits: expected a multiple of 8, at most 16 of 24 images, got {bits}"):
        index_images(folder, tmp_path / "index", "pixels", bits=bits)
    assert not (tmp_path / "index").exists()


def test_an_index_without_codes_gets_them_later_and_keeps_to_them(folder, tmp_path):
    """Also where they could not be learned, for most of the images did not read."""
    for path in sorted(folder.rglob("*.png"))[5:]:
        path.write_bytes(b"none")
    with pytest.raises(ProfundoError, match="none, 0, for 5 images are too few"):
        index_images(folder, tmp_path / "index", "pixels", image_size=4, bits=8)
    assert index_images(folder, tmp_path / "index", "pixels", image_size=4).index.bits == 0
    for number in range(20):
        paint(folder / f"{number}.png", COLOURS["red"], 100 + number)
    assert index_images(folder, tmp_path / "index", "pixels", image_size=4, bits=8).index.bits == 8
    found = search_images(tmp_path / "index", folder / "3.png", 25, by_codes=True)
    assert (len(found), found[0].image, found[0].bits) == (25, "3.png", 0)
    with pytest.raises(ProfundoError, match="is an index with bits '8'"):
        index_images(folder, tmp_path / "index", "pixels", image_size=4, bits=16)


def test_an_encoder_is_the_one_of_the_index(folder, tmp_path):
    index = index_images(folder, tmp_path / "index", "pixels").index
    query, encoder = folder / "red" / "0.png", encoder_named("pixels")
    assert search_images(index, query, 3, encoder=encoder) == search_images(index, query, 3)
    for other, says in (
        (encoder_named("pixels", 16), "images of 32 pixels as the index, got 16"),
        (replace(encoder, digest="0" * 64), "got pixels with others"),
        (replace(encoder, name="other"), "expected pixels with the weights that made the index, got other"),
    ):
        with pytest.raises(ProfundoError, match=says):
            search_images(index, query, 3, encoder=other)


def test_a_run_of_ones_own_compares_and_its_weights_are_asked_for(folder, tmp_path):
    run = pf.fit("mlp", folder, epochs=1, out=tmp_path / "run", doctor=False)
    done = index_images(folder, tmp_path / "index", tmp_path / "run", bits=8)
    assert done.index.features == run.net[-1].in_features
    assert len(search_images(tmp_path / "index", folder / "red" / "0.png", 3, by_codes=True)) == 3
    described = json.loads((tmp_path / "index" / "index.json").read_text())
    (tmp_path / "index" / "index.json").write_text(json.dumps(described | {"digest": "0" * 64}))
    with pytest.raises(ProfundoError, match="of other weights"):
        search_images(tmp_path / "index", folder / "red" / "0.png")


def test_a_page_shows_the_query_and_what_was_found(folder, tmp_path):
    index_images(folder, tmp_path / "index", "pixels")
    index = open_index(tmp_path / "index")
    query = str(folder / "red" / "3.png")
    page = search_page(index, {query: search_images(index, query, 4)})
    assert page.count("<image ") == 5
    assert "red/3.png: 1.000" in page
    (folder / "red" / "3.png").rename(folder / "moved.png")
    with pytest.raises(ProfundoError, match="index the images again"):
        search_page(index, {str(folder / "moved.png"): search_images(index, folder / "moved.png", 4)})


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ({"parts": [{"name": "../../outside", "images": 10}]}, "other names"),
        ({"parts": [{"name": "part-00000", "images": 11}]}, "part-00000.npy.*expected float16"),
        ({"features": -1}, "index.json"),
        ({"parts": 3}, "index.json"),
        ({"encoder": "os.system"}, "encoder 'os.system'"),
    ],
)
def test_an_index_that_describes_itself_wrongly_ends_in_one_line(folder, tmp_path, described, expected):
    index = tmp_path / "index"
    index_images(folder, index, "pixels")
    before = json.loads((index / "index.json").read_text())
    (index / "index.json").write_text(json.dumps(before | described))
    with pytest.raises(ProfundoError, match=expected) as refused:
        search_images(index, folder / "red" / "0.png")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("part-00000.npy", b"\x93NUMPY garbage"),
        ("part-00001.json", b'{"files": [1]}'),
        ("part-00000.npy", pickle.dumps({"an": "object"})),
    ],
)
def test_a_damaged_part_is_named(folder, tmp_path, name, content):
    index_images(folder, tmp_path / "index", "pixels")
    (tmp_path / "index" / name).write_bytes(content)
    with pytest.raises(ProfundoError, match=name):
        search_images(tmp_path / "index", folder / "red" / "0.png")


def test_what_cannot_be_indexed_or_asked_is_said(folder, tmp_path):
    cases = [
        (lambda: index_images(tmp_path / "absent", tmp_path / "index", "pixels"), "expected a folder or a .zip"),
        (lambda: index_images(folder, folder / "index", "pixels"), "outside of"),
        (lambda: index_images(folder, tmp_path / "index", "minilm"), "expected pixels, alexnet"),
        (lambda: index_images(folder, tmp_path / "index", "pixels", image_size=0), "1 to 1024 pixels, got 0"),
        (lambda: index_images(folder, tmp_path / "other", "pixels", bits=12), "multiple of 8"),
        (lambda: index_images(folder, tmp_path, "pixels"), "outside of|other files"),
        (lambda: search_images(tmp_path / "index", folder), "expected an image|a folder"),
        (lambda: search_images(tmp_path / "index", b"text"), "does not read"),
        (lambda: search_images(tmp_path / "index", folder / "red" / "0.png", 0), "at least 1"),
        (lambda: search_images(tmp_path / "index", folder / "red" / "0.png", by_codes=True), "has no codes"),
        (lambda: index_images(folder, tmp_path / "index", "pixels", image_size=8), "choose another folder"),
    ]
    index_images(folder, tmp_path / "index", "pixels")
    for call, expected in cases:
        with pytest.raises(ProfundoError, match=expected):
            call()
