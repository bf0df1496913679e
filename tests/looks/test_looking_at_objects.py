"""What a look finds of objects in images: doubtful boxes, leaks, and labels that somebody took away."""

import numpy as np
import pytest
import torch
from PIL import Image

import profundo as pf
from profundo.boxes import Objects
from profundo.languages import say
from profundo.looks.look_page import page_of
from profundo.looks.look_text import facts_of
from profundo.looks.objects.object_findings import alike_findings
from profundo.nets.detectors.suppression import PLACES

WIDTH, HEIGHT, SIDE = 120, 90, 20
HEAD = "filename,class,xmin,ymin,xmax,ymax,difficult,split\n"
COLOURS = {"berry": (170, 40, 60), "leaf": (60, 150, 70)}


def scenes(root, number=30, seed=0):
    """Noise with a berry and a leaf in each quarter or not; file → [(class, box)]."""
    draw = np.random.default_rng(seed)
    things = {}
    root.mkdir(exist_ok=True)
    for index in range(number):
        pixels = draw.normal(150, 12, (HEIGHT, WIDTH, 3))
        own = []
        for left in range(5, WIDTH - SIDE, 30):
            for top in range(5, HEIGHT - SIDE, 30):
                name = ("berry", "leaf", "")[draw.integers(3)]
                if name:
                    pixels[top : top + SIDE, left : left + SIDE] = draw.normal(COLOURS[name], 15, (SIDE, SIDE, 3))
                    own.append((name, (left, top, left + SIDE, top + SIDE)))
        things[f"{index:02}.png"] = own
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(root / f"{index:02}.png")
    return things


def write(root, things, without=(), more=()):
    rows = [HEAD]
    for number, (file, own) in enumerate(things.items()):
        split = "test" if number % 3 == 2 else "train"
        there = [one for one in own if (file, one[1]) not in without] or [("berry", ("",) * 4)]
        rows += [f"{file},{name},{','.join(map(str, box))},0,{split}\n" for name, box in there]
    (root / "boxes.csv").write_text("".join([*rows, *more]))


def findings(look, word):
    return [finding for finding in look.findings if word in finding.what]


def test_labels_that_were_taken_away_are_found_and_no_others(tmp_path):
    things = scenes(tmp_path)
    write(tmp_path, things)
    full = pf.look(tmp_path)
    assert findings(full, "no box") == []
    assert full.objects.objects == sum(map(len, things.values()))
    taken = [(file, own[0][1]) for file, own in list(things.items())[::4] if own]
    write(tmp_path, things, without=taken)
    look = pf.look(tmp_path)
    (finding,) = findings(look, "no box")
    assert look.objects.unlabelled == len(taken)
    assert {example.partition(" (")[0] for example in finding.examples} == {file for file, _ in taken}


def test_of_colours_that_are_everywhere_nothing_is_said(tmp_path):
    """Smooth colours by chance: those of an object itself would speak for it, those of the others do not."""
    things, draw = scenes(tmp_path), np.random.default_rng(0)
    for file in things:
        coarse = Image.fromarray(draw.integers(0, 256, (9, 12, 3), np.uint8))
        coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(tmp_path / file)
    write(tmp_path, things)
    assert findings(pf.look(tmp_path), "no box") == []


@pytest.mark.parametrize(
    ("row", "word", "level"),
    [
        ("00.png,berry,50,50,53,90,0,train\n", "hardly seen", "warning"),
        ("00.png,leaf,0,0,120,90,0,train\n", "as large as the image", "warning"),
        ("{file},{name},{box},0,train\n", "there twice", "warning"),
        ("{file},{other},{box},0,train\n", "another class at the same place", "warning"),
        ("00.png,berry,90,80,140,100,0,train\n", "stands out", "note"),
        ("00.png,berry,90,80,90,85,0,train\n", "of no size", "warning"),
        ("00.png,berry,nan,80,90,85,0,train\n", "cannot be meant", "error"),
        ("99.png,berry,80,80,90,85,0,train\n", "cannot be meant", "error"),
        ("02.png,root,5,5,25,25,0,test\n", "none to train on", "error"),
        ("00.png,root,35,5,55,25,0,train\n", "fewer than 10", "warning"),
    ],
)
def test_what_is_doubtful_is_said_with_its_place(row, word, level, tmp_path):
    things = scenes(tmp_path, 12)
    file, (name, box) = next((file, own[0]) for file, own in things.items() if own and int(file[:2]) % 3 == 0)
    other = {"berry": "leaf", "leaf": "berry"}[name]
    write(tmp_path, things, more=[row.format(file=file, name=name, other=other, box=",".join(map(str, box)))])
    (finding,) = findings(pf.look(tmp_path), word)
    assert finding.level == level
    assert any(place in " ".join(finding.examples) for place in ("0", "root"))
    write(tmp_path, things)
    assert findings(pf.look(tmp_path), word) == []


def test_corners_where_sides_are_meant_are_a_warning(tmp_path):
    things = scenes(tmp_path, 12)
    rows = [f"{file},{name},{','.join(map(str, box))}" for file, own in things.items() for name, box in own]
    for path in tmp_path.glob("*.csv"):
        path.unlink()
    (tmp_path / "boxes.csv").write_text("\n".join(["filename,class,x,y,w,h", *rows]))
    (finding,) = findings(pf.look(tmp_path), "look like corners")
    assert finding.level == "warning"
    assert "third number" in str(finding.advice)


def test_copies_across_splits_leak(tmp_path):
    things = scenes(tmp_path, 6)
    (tmp_path / "02.png").write_bytes((tmp_path / "00.png").read_bytes())
    write(tmp_path, things)
    (finding,) = findings(pf.look(tmp_path), "byte for byte")
    assert finding.level == "error"
    assert "test" in finding.what


def test_counts_sizes_and_crowds_are_told_and_drawn(tmp_path):
    things = scenes(tmp_path, 6)
    write(tmp_path, things, more=["00.png,berry,0,0,110,88,1,train\n"])
    look = pf.look(tmp_path)
    assert look.splits == {"train": 4, "test": 2}
    counts = {
        split: [sum(name == one for at, own in enumerate(things.values()) if (at % 3 == 2) == (split == "test") for one, _ in own)
                for name in look.classes]
        for split in ("train", "test")
    }  # fmt: skip
    counts["train"][0] += 1
    assert look.counts == counts
    facts = look.objects
    assert (facts.small, facts.medium, facts.large) == (facts.objects - 1, 0, 1)
    assert facts.crowds == 1
    assert "where objects of 2 classes are: berry, leaf" in repr(look)
    assert "crowds" in repr(look)
    assert look.page().count("<img") == len([one for one in look.findings if one.pictures]) + 1
    assert look.as_plain_data()["objects"]["objects"] == facts.objects


def test_images_with_more_objects_than_a_detector_tells_are_named(tmp_path):
    boxes = [(left, top, left + 8, top + 8) for left in range(0, WIDTH - 10, 10) for top in range(0, HEIGHT - 10, 10)]
    assert len(boxes) < PLACES
    things = {file: [("leaf", box) for box in boxes] for file in scenes(tmp_path)}
    write(tmp_path, things)
    assert findings(pf.look(tmp_path), "at most") == []
    things["07.png"] = [
        ("leaf", (left, top, left + 5, top + 5)) for left in range(0, 110, 6) for top in range(0, 78, 11)
    ]
    write(tmp_path, things)
    (finding,) = findings(pf.look(tmp_path), f"more than {PLACES} objects")
    assert finding.examples == (f"07.png ({len(things['07.png'])})",)


def test_what_is_the_same_for_all_is_told_once_and_the_legend_has_what_is_drawn(tmp_path):
    boxes = [(10, 10, 30, 30), (60, 60, 80, 80)]
    scenes(tmp_path)
    write(tmp_path, {f"{number:02}.png": [("berry", box) for box in boxes] for number in range(30)})
    look = pf.look(tmp_path)
    facts = dict(facts_of(look))
    assert (facts["in an image"], facts["sides"]) == ("2, middle 2", "20 pixels for nine of ten (√area), middle 20")
    assert look.objects.unlabelled == look.objects.crowds == 0
    page = page_of(look)
    assert "berry" in page
    assert say("objects.key_ignored") not in page
    assert say("objects.key_doubtful") not in page


def test_classes_that_differ_in_capitals_or_spaces_only_are_told():
    (finding,) = alike_findings(["RBC", "rbc ", "WBC", "traffic_light", "Traffic light", "traffic-lights"])
    assert finding.level == "warning"
    assert "2 classes may be written in several ways" in finding.what
    assert [str(one) for one in finding.examples] == ["'RBC', 'rbc '", "'traffic_light', 'Traffic light'"]
    assert not list(alike_findings(["a1", "a 1", "b"]))


def test_what_is_in_memory_is_looked_at_likewise(tmp_path):
    things = scenes(tmp_path, 12)
    images = torch.stack([torch.from_numpy(np.array(Image.open(tmp_path / file))).permute(2, 0, 1) for file in things])
    kinds = {"berry": 0, "leaf": 1}
    objects = [
        Objects(
            torch.tensor([box for _, box in own]).float().reshape(-1, 4),
            torch.tensor([kinds[name] for name, _ in own], dtype=torch.int64),
            torch.zeros(len(own), dtype=torch.bool),
        )
        for own in things.values()
    ]
    first = next(row for row, own in enumerate(objects) if len(own))
    objects[first] = Objects(
        *(torch.cat([leaf, leaf[:1]]) for leaf in (objects[first].boxes, objects[first].classes, objects[first].crowd))
    )
    look = pf.look((images, objects))
    assert look.objects.objects == sum(map(len, things.values())) + 1
    (finding,) = findings(look, "there twice")
    assert f"train {first + 1}" in finding.examples[0]
    assert "<img" in look.page()
    data = pf.load((images, objects))
    assert list(look.training.values()) == [len(data.train), len(data.validation), len(data.test)]
    assert look.shape == data.spec.inputs.shape
