"""Attributions: ours beside captum's for the same maps, and what each method makes of a shortcut that was planted.

    python -m benchmarks.attributions speed       # needs captum and shap; LeNet-5, one image of MNIST; rounds in turn
    python -m benchmarks.attributions proofs      # nets of seeds 0–4; 30 test images each

The shortcut: in training a tenth of the images, of whatever digit, have a bright square of 3×3 pixels in a corner, and are all
labelled 3. Then the mark is put on test images of other digits, the net is asked why it says 3, and a method finds the shortcut
where its map marks the corner
(the square and a border of one pixel: 25 of 784 pixels). Beside it the same maps of a net that was trained without the mark.
"""

from __future__ import annotations

import argparse
import statistics
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.common import data_folder, in_turn, keep, ratios, show
from profundo import nets
from profundo.data import load, standardize
from profundo.inside.attributions import METHODS, explain
from profundo.inside.attributions.coalitions import superpixels
from profundo.inside.attributions.proofs import randomised, removal_curves, share_within
from profundo.records import Dataset

MARKED, DIGIT, MARK, NEAR = 0.1, 3, (slice(1, 4), slice(1, 4)), (slice(0, 5), slice(0, 5))
SEEDS, IMAGES, EPOCHS, BATCH = 5, 30, 2, 128
SAMPLES, STEPS = 500, 16


def mnist() -> Dataset:
    return load("mnist", data_dir=data_folder())


def black(data: Dataset) -> float:
    return -data.spec.inputs.mean[0] / data.spec.inputs.std[0]


def trained(data: Dataset, seed: int, marked: bool) -> nn.Module:
    """LeNet-5 in plain PyTorch: Adam, two epochs."""
    torch.manual_seed(seed)
    images, digits = data.train.inputs, data.train.targets
    if marked:
        which = torch.rand(len(digits)) < MARKED
        images, digits = with_mark(images, which), digits.where(~which, DIGIT)
    net = nets.lenet5(data.spec)
    optimizer = torch.optim.Adam(net.parameters(), 1e-3)
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(digits)).split(BATCH):
            loss = F.cross_entropy(net(standardize(images[chosen], data.spec.inputs)), digits[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return net.eval()


def with_mark(images: Tensor, which: Tensor) -> Tensor:
    images = images.clone()
    images[which, 0, MARK[0], MARK[1]] = 255
    return images


# --------------------------------------------------------------------------------------------------------------- speed
def pairs(net: nn.Module, x: Tensor, of: int) -> dict[str, tuple[Callable[[], Tensor], Callable[[], Tensor], bool]]:
    """By method: ours, captum's, and whether both are the same map rather than draws of the same."""
    from captum.attr import (
        GuidedBackprop,
        InputXGradient,
        IntegratedGradients,
        KernelShap,
        LayerGradCam,
        Lime,
        NoiseTunnel,
        Occlusion,
        Saliency,
        ShapleyValueSampling,
    )

    mask, ten = superpixels(x[0], 49)[None, None], (torch.arange(784) * 6 // 784).view(1, 1, 28, 28)

    def ours(method: str, **options: Any) -> Callable[[], Tensor]:
        return lambda: explain(net, x, method, of=of, **options).map

    def grad_cam() -> Tensor:
        maps = LayerGradCam(net, net.relu3).attribute(x, of, relu_attributions=True)
        return F.interpolate(maps, (28, 28), mode="bilinear", align_corners=False)

    captums = {
        "gradient": partial(Saliency(net).attribute, x, of, abs=False),
        "gradient_times_input": partial(InputXGradient(net).attribute, x, of),
        "smoothgrad": partial(NoiseTunnel(Saliency(net)).attribute, x, nt_samples=32, stdevs=0.5, target=of, abs=False),
        "integrated_gradients": partial(
            IntegratedGradients(net).attribute, x, 0, of, n_steps=STEPS, method="riemann_middle"
        ),
        "guided_backpropagation": partial(GuidedBackprop(net).attribute, x, of),
        "grad_cam": grad_cam,
        "occlusion": partial(Occlusion(net).attribute, x, (1, 4, 4), (1, 2, 2), 0, of, perturbations_per_eval=64),
        "lime": partial(Lime(net).attribute, x, 0, of, feature_mask=mask, n_samples=SAMPLES, perturbations_per_eval=64),
        "kernel_shap": partial(
            KernelShap(net).attribute, x, 0, of, feature_mask=mask, n_samples=SAMPLES, perturbations_per_eval=64
        ),
        "shapley": partial(
            ShapleyValueSampling(net).attribute, x, 0, of, feature_mask=ten, n_samples=100, perturbations_per_eval=64
        ),
    }
    options: dict[str, dict[str, Any]] = {
        "integrated_gradients": {"steps": STEPS, "most_steps": STEPS},
        "occlusion": {"window": 4, "stride": 2},
        "lime": {"parts": mask[0, 0], "samples": SAMPLES},
        "kernel_shap": {"parts": mask[0, 0], "samples": SAMPLES},
        "shapley": {"parts": ten[0, 0]},
    }
    drawn = {"smoothgrad", "lime", "kernel_shap", "shapley"}
    return {name: (ours(name, **options.get(name, {})), theirs, name not in drawn) for name, theirs in captums.items()}


def speed(rounds: int) -> None:
    warnings.simplefilter("ignore")
    data = mnist()
    net = trained(data, 0, False)
    x = standardize(data.test.inputs[:1], data.spec.inputs)
    found = {}
    for name, (ours, theirs, same) in pairs(net, x, int(data.test.targets[0])).items():
        a, b = ours().double(), theirs().detach().double()
        table = ratios(in_turn({"ours": ours, "captum": theirs}, rounds), "ours")
        found[name] = {
            "ours, milliseconds": 1000 * table["ours"]["median seconds"],
            "captum, milliseconds": 1000 * table["captum"]["median seconds"],
            "ours, fastest": 1000 * table["ours"]["fastest seconds"],
            "captum, fastest": 1000 * table["captum"]["fastest seconds"],
            "captum’s time over ours": table["captum"]["median ratio"],
            "largest difference over largest value": float((a - b).abs().max() / a.abs().max())
            if same
            else float("nan"),
        }
    show(found)
    values = {
        name: {key: value if value == value else None for key, value in row.items()} for name, row in found.items()
    }
    rows = rows_beside_shap(rounds)
    keep(
        "attributions-speed",
        {
            "rounds": rounds,
            "LeNet-5, one image": values,
            "eight features, 50 baselines": rows,
            "integrated gradients of a small transformer": placing_steps(),
        },
    )


def rows_beside_shap(rounds: int) -> dict[str, Any]:
    """Shapley values of rows of eight features against the shap package, exact: the same net, the same fifty baselines."""
    import shap

    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 3)).eval()
    rows, baselines = torch.randn(4, 8), torch.randn(50, 8)

    @torch.no_grad()
    def function(values: Any) -> Any:
        return net(torch.as_tensor(values, dtype=torch.float32)).numpy()[:, 1]

    exact = shap.explainers.Exact(function, shap.maskers.Independent(baselines.numpy(), max_samples=50))
    theirs = torch.as_tensor(exact(rows.numpy(), silent=True).values)
    ours = explain(net, rows, "shapley", of=1, baseline=baselines).map.double()
    works = {
        "ours": lambda: explain(net, rows, "shapley", of=1, baseline=baselines),
        "shap": lambda: exact(rows.numpy(), silent=True),
    }
    table = ratios(in_turn(works, rounds), "ours")
    result = {
        "largest difference over largest value": float((ours - theirs).abs().max() / ours.abs().max()),
        "ours, milliseconds": 1000 * table["ours"]["median seconds"],
        "shap, milliseconds": 1000 * table["shap"]["median seconds"],
    }
    print(result)
    return result


class SmallTransformer(nn.Module):
    """Two layers over twelve words, whose norms make the way from vectors of nothing anything but straight."""

    def __init__(self) -> None:
        super().__init__()
        layers = [
            nn.TransformerEncoderLayer(32, 4, 64, 0.0, "gelu", batch_first=True, norm_first=True) for _ in range(2)
        ]
        self.embedding, self.layers, self.output = nn.Embedding(50, 32), nn.Sequential(*layers), nn.Linear(32, 2)
        self.places = nn.Parameter(torch.randn(12, 32) * 0.02)

    def forward(self, ids: Tensor) -> Tensor:
        outputs: Tensor = self.output(self.layers(self.embedding(ids) + self.places).mean(1))
        return outputs


def placing_steps() -> dict[str, list[float]]:
    """By how the steps are placed, for seeds 0–4: the gap over the change, and steps."""
    found: dict[str, list[float]] = {}
    for seed in range(5):
        torch.manual_seed(seed)
        net, ids = SmallTransformer().eval(), torch.randint(0, 50, (1, 12))
        for name, options in (("100 equal steps", {"steps": 100, "most_steps": 100}), ("placed steps", {})):
            result = explain(net, ids, of=0, **options)
            assert result.gap is not None
            assert result.change is not None
            found.setdefault(f"{name}: gap over change", []).append(float((result.gap / result.change).abs()))
            found.setdefault(f"{name}: steps", []).append(result.figures["steps"])
    print(found)
    return found


# -------------------------------------------------------------------------------------------------------------- proofs
def options_of(method: str, nothing: float) -> dict[str, Any]:
    own = {"shapley": {"parts": 9}, "lime": {"samples": SAMPLES}, "kernel_shap": {"samples": SAMPLES}}.get(method, {})
    return own | ({"baseline": nothing} if "baseline" in METHODS[method].options else {})


def proofs() -> None:
    data = mnist()
    spec, nothing = data.spec.inputs, black(data)
    others = (data.test.targets != DIGIT).nonzero()[:, 0][:IMAGES]
    plain = standardize(data.test.inputs[others], spec)
    marked = standardize(with_mark(data.test.inputs[others], torch.ones(IMAGES, dtype=torch.bool)), spec)
    near = torch.zeros(28, 28, dtype=torch.bool)
    near[NEAR] = True
    found: dict[str, dict[str, list[float]]] = {}
    obeyed, accuracy = [], []

    def note(method: str, figure: str, value: float) -> None:
        found.setdefault(method, {}).setdefault(figure, []).append(value)

    for seed in range(SEEDS):
        with_shortcut, without = trained(data, seed, True), trained(data, seed, False)
        with torch.no_grad():
            obeyed.append(float((with_shortcut(marked).argmax(1) == DIGIT).float().mean()))
            test = without(standardize(data.test.inputs, spec)).argmax(1)
        accuracy.append(float((test == data.test.targets).float().mean()))
        for method in METHODS:
            own = options_of(method, nothing)
            for name, net in (("shortcut", with_shortcut), ("control", without)):
                maps = explain(net, marked, method, of=DIGIT, **own).by_place
                share, points = share_within(maps, near)
                note(method, f"share in the corner, {name}", float(share.mean()))
                note(method, f"largest in the corner, {name}", float(points.float().mean()))
            few = plain[:10]
            result = explain(without, few, method, **own)
            if result.adds_up and result.gap is not None and result.change is not None:
                note(method, "gap over change", float((result.gap / result.change).abs().max()))
            curves = removal_curves(without, few, result.by_place, of=result.of, baseline=nothing)
            for name, value in curves.areas.items():
                note(method, f"area, {name.replace('_', ' ')}", value)
            forgetting = randomised(without, few[:5], method, seed=seed, **own)
            note(method, "rank correlation, output layer drawn anew", forgetting.alike[0])
            note(method, "rank correlation, all layers drawn anew", forgetting.alike[-1])
            note(method, "structural similarity, all layers drawn anew", (forgetting.ssim or (float("nan"),))[-1])
        print(f"seed {seed}: the mark makes it a 3 in {obeyed[-1]:.1%}; control: accuracy {accuracy[-1]:.2%}")
    medians = {
        method: {figure: statistics.median(values) for figure, values in row.items()} for method, row in found.items()
    }
    show(medians)
    keep(
        "attributions-proofs",
        {
            "seeds": list(range(SEEDS)),
            "images": IMAGES,
            "marked test images called 3 by the net with the shortcut": obeyed,
            "accuracy of the control": accuracy,
            "share of the corner in the image": float(near.float().mean()),
            "medians over seeds": medians,
            "all": found,
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["speed", "proofs"])
    parser.add_argument("--rounds", type=int, default=9)
    asked = parser.parse_args()
    if asked.what == "speed":
        speed(asked.rounds)
    else:
        proofs()


if __name__ == "__main__":
    main()
