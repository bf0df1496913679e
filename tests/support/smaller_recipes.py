"""Settings smaller than the quick ones, for what asks whether a recipe goes through and not what it comes to."""

import json

__all__ = ["SMALLER", "smaller"]

SMALLER = {
    "adain": {"updates": 2, "epochs": 2, "compared": 2},
    "beta-vae": {"updates": 6, "draws": 10},
    "captions": {"scenes": 160, "test": 10},
    "category-embeddings": {"rows": 200, "epochs": 4},
    "cifar10": {"epochs": 1},
    "colourisation": {"updates": 4, "epochs": 2, "judged": 16},
    "compression": {"gone": (0.5,), "epochs": 1, "tune_epochs": 1, "calibrated": 20, "export": False},
    "connections": {"samples": 64, "depths": (8,), "widths": (2, 4, 4)},
    "cyclegan": {"width": 4, "updates": 4, "epochs": 2, "classifier_epochs": 1, "judged": 40},
    "dcgan": {"pictures": 256, "epochs": 2, "classifier_epochs": 1},
    "deep-or-shallow": {"samples": 400, "epochs": 2, "repeats": 1},
    "diffusion": {"classifier_epochs": 1, "epochs": 2, "steps": 2, "tried": 6, "described": 2, "draws": 1},
    "distillation": {"columns": ("plain",), "teacher_epochs": 1, "epochs": 1},
    "domain-adaptation": {"updates": 4, "epochs": 2, "rounds": 1, "sure": 0.2, "pictured": 12},
    "double-descent": {"widths": (1, 6), "epochs": 2, "features": (20, 100), "repeats": 1},
    "fast-style": {"updates": 2, "epochs": 2, "compared": 2},
    "gan": {"pictures": 256, "epochs": 2, "classifier_epochs": 1},
    "gmdh": {"splits": 1, "layers": 2},
    "gpt": {"layers": 1, "width": 16},
    "language-model": {"width": 8, "embedding": 4},
    "learning-by-trial": {"nets": 2, "watched": 1, "judged": 1, "q.updates": 20, "q.drawn": 8, "policy.updates": 2},
    "lenet5-1998": {"epochs": 1},
    "local-minima": {"widths": (2, 10), "nets": 2, "epochs": 3, "bend_steps": 10},
    "perceptron": {"epochs": 3},
    "pix2pix": {"updates": 4, "epochs": 2, "classifier_epochs": 1, "judged": 40},
    "reversal": {"steps": 6, "test": 20},
    "self-supervision": {"updates": 4, "few_updates": 4, "pictured": 12},
    "siamese": {"steps": 5, "episodes": 5, "pictured": 12},
    "speech-recognition": {"updates": 4, "judged": 6, "longest": 2},
    "super-resolution": {"width": 8, "updates": 10},
    "traffic-signs": {"epochs": 1},
    "transfer": {"samples": (5,), "source_epochs": 1},
    "translation": {"pairs": 100, "test": 8, "updates": 4, "width": 8},
    "triplet": {"steps": 5, "episodes": 5, "pictured": 12},
    "vae": {"classifier_epochs": 1, "draws": 2},
    "vanishing-gradients": {"batches": 6, "test": 20},
    "vq-vae": {"epochs": 2, "prior_epochs": 2, "judge_epochs": 1},
    "wavenet": {"channels": 4, "skip": 8, "depth": 2, "stacks": 1, "updates": 4, "judged": 4, "spoken": 2},
    "wgan-gp": {"pictures": 256, "epochs": 2, "classifier_epochs": 1},
    "word-embeddings": {"epochs": 1, "least": 100},
    "xor": {"epochs": 4},
}


def smaller(words: list[str]) -> list[str]:
    """A command; where it runs a recipe, with those of these settings that it does not give itself."""
    if words[0] != "recipe" or not {"--out", "--quick"} & set(words):
        return words
    given = [word.partition("=")[0] for word in words]
    return [
        *words,
        *(
            part
            for name, value in SMALLER.get(words[1], {}).items()
            if name not in given
            for part in ("--set", f"{name}={json.dumps(value)}")
        ),
    ]
