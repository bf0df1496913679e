"""Photographs of ten kinds of thing: residual net, AlexNet and VGG, trained small (He et al. 2015; Krizhevsky et al. 2012).

Data: CIFAR-10, 45,000 to train on, each seen mirrored in half of the cases and moved by up to four pixels. The default is
He et al.'s net for CIFAR-10 (section 4.2) with 20 layers; the others are those of ImageNet, narrower and with the
beginning for small images that their files describe, and learn as long as is reasonable on two cores.

Result: the default names 84.2 % of the test images right, in 5 minutes on two cores of an AMD EPYC, no GPU (one seed;
measured by `profundo train cifar10 --net resnet`, which has the same settings). At a quarter of their width and with ten
epochs, VGG-11 with batch normalisation (1.8 million parameters) gets to 80.3 % and AlexNet (2.3 million) to 72.7 % (seed 0
each), in about 3 minutes each on one core.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal

from pydantic import Field
from torch import nn

from profundo.nets import build
from profundo.recipes.classifying import classifier, judged, predict, spec_of, train, validation
from profundo.recipes.context import Context
from profundo.recipes.own_data import Takes, is_own
from profundo.recipes.recipe import Outcome, Recipe
from profundo.runs.settings.setting_values import Layers, Positive, Share, Whole

__all__ = ["RECIPE", "Settings", "networks", "run"]


@dataclass(frozen=True, slots=True)
class Settings:
    """depth: of "resnet", 6n + 2 layers; width: factor for the channels of the other nets.

    learning_rate: at the top of its cycle; 0 takes what suits the net.
    image_size: of images of one's own, the side in pixels that they are scaled and cut to.
    """

    net: Literal["resnet", "resnet18", "alexnet", "vgg11", "fast_cnn"] = "resnet"
    depth: Layers = 20
    width: Positive = 0.25
    epochs: Whole = 10
    batch_size: Whole = 128
    learning_rate: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    label_smoothing: Share = 0.0
    augment: tuple[str, ...] = ("mirror", "shift")
    data: str = "cifar10"
    image_size: Whole = 32


def networks(settings: Settings, known: Mapping[str, Any]) -> dict[str, nn.Module]:
    spec = spec_of(known)
    options: dict[str, dict[str, Any]] = {
        "resnet": {"depth": settings.depth},
        "resnet18": {"width": settings.width},
        "alexnet": {"width": settings.width},
        "vgg11": {"width": settings.width, "batch_norm": True},
        "fast_cnn": {},
    }
    return {"net": build(settings.net, spec, **options[settings.net])}


def run(context: Context, settings: Settings) -> Outcome:
    data = context.images(settings.data, settings.image_size)
    known = {"spec": asdict(data.spec)}
    net = networks(settings, known)["net"]
    # Batch normalisation bears steps that AlexNet, which has none, does not.
    name, rate, decay = ("adamw", 0.001, 0.01) if settings.net == "alexnet" else ("nesterov", 0.2, 5e-4)
    trained = train(
        context,
        net,
        data.train,
        data.spec,
        (name, settings.learning_rate or rate, decay),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        label_smoothing=settings.label_smoothing,
        augment=settings.augment,
        is_own=is_own(settings.data),
        validate=lambda: validation(context, net, data),
    )
    return judged(context, data, net, known, trained, settings.net)


RECIPE = Recipe(
    Settings,
    Settings(depth=8, epochs=2, batch_size=64, augment=("shift",), data="digits"),
    run,
    networks=networks,
    predict=predict,
    takes=Takes("images with classes", classes=2),
    subject=classifier("net"),
)
