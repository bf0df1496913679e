"""The recipes by name, in the order of the courses. Importable without torch, so that listing them is instant.

The registry is closed: a name from a file or a command line picks one of these modules and imports nothing else.
"""

from __future__ import annotations

from profundo.data.catalogue import nearest
from profundo.records import ProfundoError

__all__ = ["RECIPES", "check"]

RECIPES: dict[str, str] = {
    # Neurons
    # Classifiers
    # Transfer
    # Autoencoders
    "vae": "variational autoencoder on MNIST: ELBO, bits per dimension, samples, the plane of codes",
    # Adversarial
    # Metric
    "siamese": "contrastive loss on pairs of MNIST digits 0 to 6, then few-shot accuracy on 7, 8 and 9",
    "triplet": "triplet loss with mining on MNIST digits 0 to 6, then few-shot accuracy on 7, 8 and 9",
    # Sequences
    # Embeddings
    "category-embeddings": "a generated table of months, weekdays and cities: embeddings find the year's circle and the seasons",
    "word-embeddings": "skip-gram with negative sampling on tiny Shakespeare: neighbours of king, love and sword",
    # Generalisation
}


def check(name: str) -> None:
    """Raise ProfundoError when no recipe has that name."""
    if name not in RECIPES:
        raise ProfundoError(f"recipe {name!r} is unknown; {nearest(name, RECIPES)}")
