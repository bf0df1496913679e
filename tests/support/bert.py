"""A small BERT as if somebody published it: its vocabulary, and tensors under the names of its files."""

import torch

VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "cafe", "a", "##b", "!", "天", "'", "s"]


def published(width=64, layers=2, words=14):
    """Tensors as BERT's files name them."""
    draw = torch.Generator().manual_seed(0)
    sizes = {"embeddings.word_embeddings.weight": (words, width), "embeddings.position_embeddings.weight": (512, width)}
    sizes |= {"embeddings.token_type_embeddings.weight": (2, width)}
    sizes |= {f"embeddings.LayerNorm.{part}": (width,) for part in ("weight", "bias")}
    for layer in range(layers):
        at = f"encoder.layer.{layer}"
        dense = {f"{at}.attention.self.{role}": (width, width) for role in ("query", "key", "value")}
        dense |= {f"{at}.attention.output.dense": (width, width), f"{at}.intermediate.dense": (4 * width, width)}
        dense |= {f"{at}.output.dense": (width, 4 * width)}
        sizes |= {f"{name}.weight": shape for name, shape in dense.items()}
        sizes |= {f"{name}.bias": shape[:1] for name, shape in dense.items()}
        norms = (f"{at}.attention.output.LayerNorm", f"{at}.output.LayerNorm")
        sizes |= {f"{name}.{part}": (width,) for name in norms for part in ("weight", "bias")}
    return {name: torch.randn(shape, generator=draw) / 4 for name, shape in sizes.items()}
