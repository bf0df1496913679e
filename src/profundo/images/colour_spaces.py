"""The same colours in other numbers: RGB, HSV, HSL, Lab, YCbCr, CMYK and grey, forward and back.

Red, green and blue are sRGB from 0 to 1, (…, 3). Each space has an entry in `SPACES`, which says what its channels mean and
between which numbers they lie:

    lab = to_space(rgb, "lab")     # (…, 3)
    rgb = from_space(lab, "lab")

HSV and HSL: Smith 1978, Joblove & Greenberg 1978. Lab: CIE 1976 over sRGB (IEC 61966-2-1), white D65. YCbCr: JFIF, which is
ITU-R BT.601 over the full range. CMYK: without the profile of a printer, which true printing needs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from profundo.records import ProfundoError, nearest_names

__all__ = ["LUMA", "SPACES", "Channel", "Space", "from_space", "space_of", "to_space"]


@dataclass(frozen=True, slots=True)
class Channel:
    """letter: as in the space's name; meaning: in words. low, high: between which it lies."""

    letter: str
    meaning: str
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Space:
    """forward: from sRGB (…, 3) in 0 to 1; back: to it. meaning: what the space is for, in a sentence."""

    name: str
    meaning: str
    channels: tuple[Channel, ...]
    forward: Callable[[np.ndarray], np.ndarray]
    back: Callable[[np.ndarray], np.ndarray]


def to_space(rgb: Any, space: str) -> np.ndarray:
    """Colours (…, 3) in the numbers of a space, (…, channels). Fractions are from 0 to 1; whole numbers of 8 and 16 bits are
    divided by their greatest. Raises ProfundoError for another shape or name, and for other whole numbers."""
    colours = np.asarray(rgb)
    if not colours.ndim or colours.shape[-1] != 3:
        raise ProfundoError(f"colours: expected red, green and blue last, (…, 3), got {colours.shape}")
    if colours.dtype in (np.uint8, np.uint16):
        colours = colours / np.iinfo(colours.dtype).max
    elif colours.dtype.kind in "iu" and colours.size and (colours.max() > 1 or colours.min() < 0):
        raise ProfundoError(
            f"colours: expected fractions from 0 to 1, uint8 or uint16, got {colours.dtype} up to {colours.max()}; "
            "say what is white, such as by .astype('uint8')"
        )
    return space_of(space).forward(colours.astype(np.result_type(colours.dtype, np.float32), copy=False))


def from_space(values: Any, space: str) -> np.ndarray:
    """sRGB (…, 3) from 0 to 1. Numbers that no screen can show, as many of Lab are, come out cut to that range."""
    one, numbers = space_of(space), np.asarray(values)
    if not numbers.ndim or numbers.shape[-1] != len(one.channels):
        letters = ", ".join(channel.letter for channel in one.channels)
        raise ProfundoError(f"{one.name}: expected {letters} last, (…, {len(one.channels)}), got {numbers.shape}")
    rgb: np.ndarray = np.clip(one.back(numbers.astype(np.result_type(numbers.dtype, np.float32), copy=False)), 0, 1)
    return rgb


def space_of(name: str) -> Space:
    if name.lower() not in SPACES:
        hint = nearest_names(name.lower(), SPACES) or f"choose one of {', '.join(SPACES)}"
        raise ProfundoError(f"colour space: expected one of {len(SPACES)}; got {name!r}; {hint}")
    return SPACES[name.lower()]


# ---------------------------------------------------------------------------------------------------- hue and its pair
def _wheel(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hue, greatest and least of red, green and blue. Hue is degrees around the colour wheel: red 0, green 120, blue 240;
    grey has none, and gets 0."""
    red, green, blue = np.moveaxis(rgb, -1, 0)
    most, least = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
    chroma = most - least
    divisor = np.where(chroma > 0, chroma, 1)
    of_green, of_blue = 2 + (blue - red) / divisor, 4 + (red - green) / divisor
    sixths = np.where(most == red, (green - blue) / divisor, np.where(most == green, of_green, of_blue))
    return np.where(sixths < 0, 60 * sixths + 360, 60 * sixths), most, least


def rgb_to_hsv(rgb: np.ndarray) -> np.ndarray:
    hue, most, least = _wheel(rgb)
    return np.stack([hue, (most - least) / np.where(most > 0, most, 1), most], -1)


def hsv_to_rgb(hsv: np.ndarray) -> np.ndarray:
    """R, G, B = v − v·s·max(0, min(k, 4 − k, 1)) with k = (5, 3, 1 + h/60) mod 6."""
    hue, saturation, value = (hsv[..., at, None] for at in range(3))
    k = (np.array([5, 3, 1], hsv.dtype) + hue / 60) % 6
    rgb: np.ndarray = value - value * saturation * np.clip(np.minimum(k, 4 - k), 0, 1)
    return rgb


def rgb_to_hsl(rgb: np.ndarray) -> np.ndarray:
    hue, most, least = _wheel(rgb)
    lightness = (most + least) / 2
    room = 1 - np.abs(2 * lightness - 1)  # of the chroma, at this lightness
    return np.stack([hue, np.where(most > least, (most - least) / np.where(room > 0, room, 1), 0), lightness], -1)


def hsl_to_rgb(hsl: np.ndarray) -> np.ndarray:
    """R, G, B = l − s·min(l, 1 − l)·max(−1, min(k − 3, 9 − k, 1)) with k = (0, 8, 4 + h/30) mod 12."""
    hue, saturation, lightness = (hsl[..., at, None] for at in range(3))
    k = (np.array([0, 8, 4], hsl.dtype) + hue / 30) % 12
    rgb: np.ndarray = lightness - saturation * np.minimum(lightness, 1 - lightness) * np.clip(
        np.minimum(k - 3, 9 - k), -1, 1
    )
    return rgb


# ---------------------------------------------------------------------------------------------------------------- Lab
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = TO_XYZ.sum(1)  # D65, so that white has a = b = 0
BEND = 6 / 29  # below its cube the cube root becomes a line


def _linear(rgb: np.ndarray) -> np.ndarray:
    """Light from the numbers that files hold."""
    return np.where(rgb <= 0.04045, rgb / 12.92, (np.maximum(rgb, 0.04045) / 1.055 + 0.055 / 1.055) ** 2.4)


def _encoded(light: np.ndarray) -> np.ndarray:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055)


def rgb_to_lab(rgb: np.ndarray) -> np.ndarray:
    """L = 116 f(Y) − 16, a = 500 (f(X) − f(Y)), b = 200 (f(Y) − f(Z)), X, Y, Z by white and f the bent cube root."""
    share = (_linear(rgb) @ TO_XYZ.T.astype(rgb.dtype)) / WHITE.astype(rgb.dtype)
    x, y, z = np.moveaxis(np.where(share > BEND**3, np.cbrt(share), share / (3 * BEND**2) + 4 / 29), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def lab_to_rgb(lab: np.ndarray) -> np.ndarray:
    lightness, a, b = np.moveaxis(lab, -1, 0)
    y = (lightness + 16) / 116
    root = np.stack([y + a / 500, y, y - b / 200], -1)
    share = np.where(root > BEND, root**3, 3 * BEND**2 * (root - 4 / 29))
    return _encoded((share * WHITE.astype(lab.dtype)) @ np.linalg.inv(TO_XYZ).T.astype(lab.dtype))


# ------------------------------------------------------------------------------------------------- luma, inks and grey
LUMA = np.array([0.299, 0.587, 0.114])
TO_YCBCR = np.array(
    [LUMA, (np.array([0, 0, 1]) - LUMA) / (2 * (1 - 0.114)), (np.array([1, 0, 0]) - LUMA) / (2 * (1 - 0.299))]
)


def rgb_to_ycbcr(rgb: np.ndarray) -> np.ndarray:
    """Y = 0.299 R + 0.587 G + 0.114 B; Cb and Cr are how far blue and red are from it, between −0.5 and 0.5."""
    ycbcr: np.ndarray = rgb @ TO_YCBCR.T.astype(rgb.dtype)
    return ycbcr


def ycbcr_to_rgb(ycbcr: np.ndarray) -> np.ndarray:
    rgb: np.ndarray = ycbcr @ np.linalg.inv(TO_YCBCR).T.astype(ycbcr.dtype)
    return rgb


def rgb_to_cmyk(rgb: np.ndarray) -> np.ndarray:
    """K = 1 − max(R, G, B); each ink takes away what black leaves: C = (1 − R − K) / (1 − K)."""
    light = rgb.max(-1, keepdims=True)
    return np.concatenate([(light - rgb) / np.where(light > 0, light, 1), 1 - light], -1)


def cmyk_to_rgb(cmyk: np.ndarray) -> np.ndarray:
    rgb: np.ndarray = (1 - cmyk[..., :3]) * (1 - cmyk[..., 3:])
    return rgb


def rgb_to_grey(rgb: np.ndarray) -> np.ndarray:
    luma: np.ndarray = (rgb @ LUMA.astype(rgb.dtype))[..., None]
    return luma


def grey_to_rgb(grey: np.ndarray) -> np.ndarray:
    """Three times the same: of which colour it was is gone."""
    return np.repeat(grey, 3, -1)


HUE = Channel("H", "hue in degrees: red 0, green 120, blue 240", 0, 360)
ALL = (
    Space("RGB", "How much a screen's red, green and blue lamps shine.",
          (Channel("R", "red", 0, 1), Channel("G", "green", 0, 1), Channel("B", "blue", 0, 1)), np.copy, np.copy),
    Space("HSV", "Which colour, how pure, how bright: what a person picks one by.",
          (HUE, Channel("S", "saturation: 0 is grey, 1 pure", 0, 1), Channel("V", "value: the strongest lamp", 0, 1)),
          rgb_to_hsv, hsv_to_rgb),
    Space("HSL", "As HSV, but the lightest is always white, and pure colours lie halfway.",
          (HUE, Channel("S", "saturation", 0, 1), Channel("L", "lightness: 0 is black, 1 white", 0, 1)),
          rgb_to_hsl, hsl_to_rgb),
    Space("Lab", "Equal distances look about equally different: for comparing colours.",
          (Channel("L", "lightness as the eye has it", 0, 100), Channel("a", "from green (−) to red (+)", -110, 110),
           Channel("b", "from blue (−) to yellow (+)", -110, 110)), rgb_to_lab, lab_to_rgb),
    Space("YCbCr", "Brightness and colour apart: the eye sees colour coarsely, so JPEG stores less of it.",
          (Channel("Y", "luma: brightness", 0, 1), Channel("Cb", "blue beyond the luma", -0.5, 0.5),
           Channel("Cr", "red beyond the luma", -0.5, 0.5)), rgb_to_ycbcr, ycbcr_to_rgb),
    Space("CMYK", "How much ink takes light away from white paper; a printer's own profile is not in it.",
          (Channel("C", "cyan ink", 0, 1), Channel("M", "magenta ink", 0, 1), Channel("Y", "yellow ink", 0, 1),
           Channel("K", "black ink", 0, 1)), rgb_to_cmyk, cmyk_to_rgb),
    Space("grey", "One number, by how bright the eye finds each lamp; the way back gives grey, for the colour is gone.",
          (Channel("Y", "luma: 0.299 R + 0.587 G + 0.114 B", 0, 1),), rgb_to_grey, grey_to_rgb),
)  # fmt: skip
SPACES = {space.name.lower(): space for space in ALL}
