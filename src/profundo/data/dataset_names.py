"""What can be loaded by name, and where the large sets come from. Plain strings: imports nothing heavy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from profundo.languages import Said

__all__ = [
    "AUGMENTATIONS",
    "MNIST_FILES",
    "OF_TABLES",
    "PUBLISHED",
    "SUFFIXES",
    "Header",
    "Published",
    "Reading",
    "Stream",
    "TargetTransform",
    "Task",
    "names",
    "nearest",
]

Task = Literal["auto", "classes", "labels", "real"]
"""What a target is: recognised, one of several classes, several labels at once, or a number."""

Header = Literal["first", "none"]
"""Where the names of a table's columns are: in its first row, or nowhere."""

Stream = bool | Literal["auto"]
"""Whether to read while training: yes, no, or where the data would not fit in memory."""


TargetTransform = Literal["none", "log", "rank", "auto"]
"""How a real target is bent before it is standardised; see target_transforms.py."""


@dataclass(frozen=True, slots=True, repr=False)
class Reading:
    """How data are read, before they are divided into splits; see `load`.

    Of a table: drop, only: columns left out, or the only ones learned from; id_columns: those that say which row it is;
    columns: what some are and how they are written, such as {"when": "date:dmy"}; missing: words for nothing in place of
    the usual ones; encoding: of text that is no UTF-8; header: where the names of the columns are. horizon, lookback, series:
    of a forecast, see series/forecast_windows.py.
    """

    data_dir: str | Path | None = None
    stream: Stream = "auto"
    skip_bad: bool = False
    target: str | None = None
    task: Task = "auto"
    image_size: int | None = None
    drop: Sequence[str] = ()
    only: Sequence[str] = ()
    id_columns: Sequence[str] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    missing: Sequence[str] | None = None
    encoding: str | None = None
    header: Header = "first"
    split_by: str | None = None
    target_transform: TargetTransform = "none"
    sound_rate: int | None = None
    sound_seconds: float | None = None
    horizon: int | None = None
    lookback: int | None = None
    series: str | None = None

    def __post_init__(self) -> None:
        """One name stands for a list of it; of targets, a list for names with commas."""
        target: Any = self.target
        if target is not None and not isinstance(target, str):
            several = target if isinstance(target, list | tuple) else (target,)
            object.__setattr__(self, "target", ",".join(map(str, several)))
        for name in ("drop", "only", "id_columns", "missing"):
            if isinstance(value := getattr(self, name), str):
                object.__setattr__(self, name, (value,))

    def __repr__(self) -> str:
        """What differs from reading without a word."""
        usual = type(self)()
        given = ((one.name, getattr(self, one.name)) for one in fields(self))
        return f"Reading({', '.join(f'{name}={value!r}' for name, value in given if value != getattr(usual, name))})"

    @property
    def needs_all_rows(self) -> bool:
        """Whether rows become windows or series, for which they have to be together."""
        return not (self.horizon is None and self.lookback is None and self.series is None)

    def of_tables(self) -> list[str]:
        """The options given here that are for tables only."""
        usual = Reading()
        return [name for name in OF_TABLES if getattr(self, name) and getattr(self, name) != getattr(usual, name)]


OF_TABLES = (
    *("drop", "only", "id_columns", "columns", "missing", "encoding", "header"),
    *("horizon", "lookback", "series"),
)

SUFFIXES = (".csv", ".tsv", ".parquet", ".pq", ".jsonl", ".ndjson", ".json")
"""Of files that are read as tables."""

_NAMES = {
    "mnist": "70,000 handwritten digits, 28×28 grey, 10,000 of them the test set; LeCun, Cortes and Burges 1998",
    "fashion-mnist": "70,000 articles of clothing of 10 kinds, 28×28 grey, 10,000 of them the test set; Xiao et al. 2017",
    "kmnist": "70,000 cursive Japanese characters of 10 kinds, 28×28 grey, 10,000 to test; CODH, Clanuwat et al. 2018",
    "cifar10": "60,000 photographs of 10 kinds of thing, 32×32 colour, 10,000 of them the test set; Krizhevsky 2009",
    "cifar100": "60,000 photographs of 100 kinds of thing, 32×32 colour, 10,000 of them the test set; Krizhevsky 2009",
    "digits": "1,797 handwritten digits, 8×8 grey; scikit-learn, from UCI Optical Recognition (Alpaydin, Kaynak 1998)",
    "iris": "150 flowers of 3 species, 4 lengths in cm; scikit-learn, from Fisher 1936",
    "wine": "178 wines of 3 growers, 13 chemical measurements; scikit-learn, from UCI Wine (Forina 1988)",
    "breast-cancer": "569 tumours, malignant or benign, 30 measurements of cell nuclei; scikit-learn, from UCI 1995",
    "diabetes": "442 patients, 10 measurements, progress of the disease in a year; scikit-learn, from Efron 2004",
    "and": "toy: the 4 points of logical AND, the same 4 in every split",
    "or": "toy: the 4 points of logical OR, the same 4 in every split",
    "xor": "toy: the 4 points of exclusive OR, the same 4 in every split",
    "circles": "toy: 1,000 points on two rings, one inside the other, with noise",
    "moons": "toy: 1,000 points on two interleaved half circles, with noise",
    "spiral": "toy: 1,000 points on the two arms of a spiral, with noise",
    "apples": "toy: 50 apples and 50 oranges, weight and redness, generated",
    "fish": "toy: 50 trout and 50 salmon, length and lightness, generated",
    "blobs": "toy: 999 points of three Gaussian classes",
    "checkerboard": "toy: 1,000 points on the dark and light fields of a 4×4 board",
    "polynomial": "toy: 1,000 points of the cubic x³ − 3x with noise of deviation 0.5; predict y from x",
    "plane": "toy: 1,000 points of the plane 3a − 2b + 1 with noise of deviation 0.3; predict y from a and b",
    "digit-scenes": "3,000 scenes of 1 to 8 digits of MNIST, 128×128 grey, with boxes and masks, 500 to test; generated",
}

AUGMENTATIONS = {
    "shift": "move by up to an eighth of the side; colour reflects, grey continues its background; sounds earlier or later",
    "mirror": "left becomes right, in half of the images",
    "flip": "top becomes bottom, in half of the images",
    "rotation": "turn about the centre by up to 15°",
    "distortion": "move by up to 1/16 of the side, scale and squeeze by up to 10 %, shear horizontally by up to 0.15",
    "zoom": "larger or smaller about the centre, by a factor from 0.8 to 1.25",
    "crop": "a window of half to all of the area, stretched to the whole (Szegedy et al. 2015)",
    "perspective": "seen from aside: the corners come from up to a tenth of the side away",
    "elastic": "bent by a smooth random field (Simard et al. 2003)",
    "colour": "brightness, contrast and saturation by up to 30 %, hue by up to 18°; grey has no saturation and no hue",
    "noise": "add Gaussian noise of standard deviation 0.1, in units of the standardised values",
    "speed": "sounds faster and higher, or slower and lower, by a factor from 0.8 to 1.25 (Ko et al. 2015)",
    "gain": "sounds louder or softer by up to 6 dB",
    "mask": "silence a stretch of time and a band of frequencies of sounds, each up to a quarter (Park et al. 2019)",
    "cutout": "hide a square of half the side (DeVries and Taylor 2017)",
    "erase": "in half of the images, a rectangle of 2 to 33 % of the area becomes random (Zhong et al. 2020)",
    "mixup": "blend with another sample, inputs and targets alike (Zhang et al. 2018)",
    "cutmix": "a rectangle from another image, the target by area (Yun et al. 2019)",
    "ricap": "pieces of four images make one, the target by area (Takahashi et al. 2018)",
    "mosaic": "four images with objects round a point, each smaller, boxes and masks with them (Bochkovskiy et al. 2020)",
}

MNIST_FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
"""Of MNIST and of all sets made in its form."""


@dataclass(frozen=True, slots=True)
class Published:
    """A large set that is fetched when it is first asked for.

    form: how its files are read; classes: in the order of the labels; files: name → SHA-256 as distributed (a copy in a
    folder of one's own may be compressed in another way); mirrors: addresses before those names, each of which serves
    them byte for byte.
    """

    form: Literal["idx", "cifar"]
    classes: tuple[str, ...]
    files: dict[str, str]
    mirrors: tuple[str, ...]


def _mnist_files(*sha256: str) -> dict[str, str]:
    return dict(zip(MNIST_FILES, sha256, strict=True))


# fmt: off
_CIFAR100_CLASSES = (
    "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle", "bowl", "boy",
    "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle", "chair", "chimpanzee", "clock",
    "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur", "dolphin", "elephant", "flatfish",
    "forest", "fox", "girl", "hamster", "house", "kangaroo", "keyboard", "lamp", "lawn_mower", "leopard", "lion",
    "lizard", "lobster", "man", "maple_tree", "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange",
    "orchid", "otter", "palm_tree", "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine",
    "possum", "rabbit", "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk",
    "skyscraper", "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
    "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe", "whale",
    "willow_tree", "wolf", "woman", "worm",
)
# fmt: on

PUBLISHED = {
    "mnist": Published(
        "idx",
        tuple("0123456789"),
        _mnist_files(
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
    ),
    "fashion-mnist": Published(
        "idx",
        (
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
        _mnist_files(
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
        (
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        ),
    ),
    "kmnist": Published(
        "idx",
        ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
        _mnist_files(
            "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
            "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
            "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
            "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        ),
        ("https://codh.rois.ac.jp/kmnist/dataset/kmnist/", "http://codh.rois.ac.jp/kmnist/dataset/kmnist/"),
    ),
    "cifar10": Published(
        "cifar",
        ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
        {"cifar-10-binary.tar.gz": "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"},
        ("https://www.cs.toronto.edu/~kriz/",),
    ),
    "cifar100": Published(
        "cifar",
        _CIFAR100_CLASSES,
        {"cifar-100-binary.tar.gz": "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec"},
        ("https://www.cs.toronto.edu/~kriz/",),
    ),
}


def names() -> dict[str, str]:
    """Name → one sentence: what, how many, source."""
    return dict(_NAMES)


def nearest(name: str, known: Iterable[str]) -> str:
    """'nearest: a, b' when some known names resemble the given one, else 'known:' and all of them."""
    known = list(known)
    close = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.6)
    return Said("refusals.nearest", names=tuple(close)) if close else Said("refusals.known", names=tuple(known))
