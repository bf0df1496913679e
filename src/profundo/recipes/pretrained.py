"""Published networks by name: their files are fetched once and checked, then loaded (nets/published_weights.py).

net = published_net("resnet18", data.spec)      # 1,000 classes of ImageNet before, the data's own now
run = profundo.fit(net, data, …)                # fine-tune
"""

from __future__ import annotations

from pathlib import Path

from torch import nn

from profundo.data.streams.cache import cache_folder, data_folder
from profundo.data.streams.download import fetch
from profundo.nets.published_weights import load_published, published
from profundo.records import Spec

__all__ = ["published_net", "published_weights"]


def published_weights(name: str, folder: str | Path | None = None) -> Path:
    """The file of torchvision's published weights of that net: in `folder`, in weights/ of the folder of data sets that
    PROFUNDO_DATA names, or fetched into the user's cache. Raises ProfundoError when it cannot be had."""
    known = published(name)
    own = data_folder(None)
    for place in (Path(folder) if folder is not None else None, own / "weights" if own is not None else None):
        if place is not None and (place / known.file).is_file():
            return place / known.file
    place = Path(folder) if folder is not None else cache_folder() / "weights"
    return fetch(place / known.file, [known.url], known.sha256)


def published_net(name: str, spec: Spec | None = None, folder: str | Path | None = None) -> nn.Module:
    """The net of that name with its published weights, in evaluation mode; see `load_published` for other classes."""
    return load_published(name, published_weights(name, folder), spec)
