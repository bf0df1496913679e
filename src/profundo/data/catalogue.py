"""What can be loaded by name, and where the large sets come from. Plain strings: imports nothing heavy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Literal

__all__ = [
    "AUGMENTATIONS",
    "CIFAR10_ARCHIVE",
    "CIFAR10_CLASSES",
    "MNIST_FILES",
    "MNIST_MIRRORS",
    "SUFFIXES",
    "Task",
    "names",
    "nearest",
]

Task = Literal["auto", "classes", "real"]
"""What a target is: recognised, one of several classes, or a number."""

SUFFIXES = (".csv", ".tsv", ".parquet", ".pq")
"""Of files that are read as tables."""

_NAMES = {
    "mnist": "70,000 handwritten digits, 28×28 grey, 10,000 of them the test set; LeCun, Cortes and Burges 1998",
    "cifar10": "60,000 photographs of 10 kinds of thing, 32×32 colour, 10,000 of them the test set; Krizhevsky 2009",
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
}

AUGMENTATIONS = {
    "shift": "move by up to an eighth of the side; colour reflects at the border, grey continues its background",
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
    "cutout": "hide a square of half the side (DeVries and Taylor 2017)",
    "erase": "in half of the images, a rectangle of 2 to 33 % of the area becomes random (Zhong et al. 2020)",
    "mixup": "blend with another sample, inputs and targets alike (Zhang et al. 2018)",
    "cutmix": "a rectangle from another image, the target by area (Yun et al. 2019)",
    "ricap": "pieces of four images make one, the target by area (Takahashi et al. 2018)",
}

# Each mirror serves the four gzip files of the original distribution, byte for byte.
MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

# SHA-256 of the files as distributed. A copy in a folder of one's own may be compressed in another way.
MNIST_FILES = {
    "train-images-idx3-ubyte.gz": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte.gz": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte.gz": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte.gz": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}

CIFAR10_ARCHIVE = (
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def names() -> dict[str, str]:
    """Name → one sentence: what, how many, source."""
    return dict(_NAMES)


def nearest(name: str, known: Iterable[str]) -> str:
    """'; nearest: a, b' when some known names resemble the given one, else all of them."""
    known = list(known)
    close = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    return f"nearest: {', '.join(close)}" if close else f"known: {', '.join(known)}"
