"""From sources to a Dataset: real and toy data, folders of images, splits, standardisation, augmentation.

    data = load("mnist")
    data.train.inputs, data.spec.inputs.mean

Modules load when first touched, so that `names()` costs no import of torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from profundo.data.dataset_names import AUGMENTATIONS, names

if TYPE_CHECKING:
    from profundo.data.augmenting.augment import augmentation
    from profundo.data.loading import load
    from profundo.data.sound.spoken import spoken_digits
    from profundo.data.standard import standardize, standardize_targets
    from profundo.data.text.characters import load_text

__all__ = [
    "AUGMENTATIONS",
    "augmentation",
    "load",
    "load_text",
    "names",
    "spoken_digits",
    "standardize",
    "standardize_targets",
]

_HOMES = {
    "augmentation": "augmenting.augment",
    "load": "loading",
    "load_text": "text.characters",
    "spoken_digits": "sound.spoken",
    "standardize": "standard",
    "standardize_targets": "standard",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"profundo.data.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'profundo.data' has no attribute {name!r}")
