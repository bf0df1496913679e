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
    # Sequences
    # Embeddings
    # Generalisation
}


def check(name: str) -> None:
    """Raise ProfundoError when no recipe has that name."""
    if name not in RECIPES:
        raise ProfundoError(f"recipe {name!r} is unknown; {nearest(name, RECIPES)}")
