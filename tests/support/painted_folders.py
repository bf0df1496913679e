"""Folders of small pictures with rectangles of two colours in them, and a table that says where."""

import csv

import numpy as np
from PIL import Image

COLOURS = {"red": 0, "blue": 2}
HEAD = ("filename", "class", "xmin", "ymin", "xmax", "ymax", "split")


def painted_folder(root, count=18, size=(48, 64), seed=0):
    """Images and boxes.csv in that folder; file → [(class, (left, top, right, bottom))]. The last third tests, a sixth validates."""
    draw, there, rows = np.random.default_rng(seed), {}, []
    root.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        pixels, own = draw.integers(0, 60, (*size, 3), dtype=np.uint8), []
        for _ in range(draw.integers(1, 4)):
            wide, high = draw.integers(9, 18, 2)
            left, top = draw.integers(0, size[1] - wide), draw.integers(0, size[0] - high)
            name = ("red", "blue")[draw.integers(2)]
            pixels[top : top + high, left : left + wide, COLOURS[name]] = 250
            own.append((name, tuple(map(int, (left, top, left + wide, top + high)))))
        file = f"picture {number}.png"
        Image.fromarray(pixels).save(root / file)
        there[file] = own
        split = "test" if number >= 2 * count // 3 else "val" if number >= count // 2 else "train"
        rows += [(file, name, *box, split) for name, box in own]
    with (root / "boxes.csv").open("w", newline="") as table:
        csv.writer(table).writerows([HEAD, *rows])
    return there
