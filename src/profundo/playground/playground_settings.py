"""Every setting of the playground: one flat frozen record whose fields say all there is to know of them.

The command line's options, the address that holds a state (queries.py) and what a page offers are made from FIELDS.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, Literal

from profundo.data.dataset_names import nearest
from profundo.data.sets.plane_points import PLANE_SETS
from profundo.languages import Said
from profundo.nets.activations import ACTIVATIONS
from profundo.nets.plane_nets import PLANE_FEATURES
from profundo.nets.weight_schemes import WEIGHT_SCHEMES
from profundo.objectives.objective_names import OBJECTIVES
from profundo.playground.setting_kinds import Choice, Kind, Number, Pairs, Points, Several, Words
from profundo.records import ProfundoError
from profundo.train.optimizers import OPTIMIZERS
from profundo.train.schedules import SCHEDULES

__all__ = ["ALL", "FIELDS", "OWN", "Field", "PlaygroundSettings", "changed", "fitting_losses", "new_settings"]

Part = Literal["data", "net", "learning", "course"]
OWN = "points"
ALL = 1_000_000
"""Samples of a batch that holds them all."""
MOST_LAYERS, MOST_UNITS, MOST_CLASSES = 6, 64, 8


@dataclass(frozen=True, slots=True)
class Field:
    """What a setting says of itself. live: whether it can be changed while training goes on, without a new beginning."""

    part: Part
    help: str
    kind: Kind
    live: bool = False


def setting(default: Any, part: Part, help: str, kind: Kind, live: bool = False) -> Any:
    return field(default=default, metadata={"about": Field(part, help, kind, live)})


DATA = {name: one.about for name, one in PLANE_SETS.items()} | {OWN: "points of your own, or of a table"}
ACTIVATION_NAMES = {name: one.title for name, one in ACTIVATIONS.items() if not one.learns}
FEATURES = {
    "x1": "x₁", "x2": "x₂", "x1_squared": "x₁²", "x2_squared": "x₂²", "x1_x2": "x₁x₂", "sin_x1": "sin x₁", "sin_x2": "sin x₂",
}  # fmt: skip
assert list(FEATURES) == list(PLANE_FEATURES)
CURVE_FEATURES = {"x1", "x1_squared", "sin_x1"}
SCHEMES = {
    "glorot": "uniform within √(6 / (n_in + n_out))",
    "he": "normal, deviation √(2 / n_in), for ReLUs",
    "lecun": "normal, deviation 1 / √n_in, for SELU",
    "torch": "PyTorch's own: uniform within 1 / √n_in",
    "uniform": "uniform within 1/2, biases 0.1, as TensorFlow Playground",
    "large": "normal, deviation 3: too large",
    "small": "normal, deviation 0.001: too small",
    "zeros": "all 0: units stay alike",
}
assert list(SCHEMES) == list(WEIGHT_SCHEMES)
VALUE_LOSSES, TWO_CLASS_LOSSES, CLASS_LOSSES = (
    ("gaussian", "laplace", "huber"),
    ("bernoulli", "hinge"),
    ("categorical",),
)
LOSSES = {
    "auto": "what suits the targets",
    **{name: OBJECTIVES[name] for name in (*CLASS_LOSSES, *TWO_CLASS_LOSSES, *VALUE_LOSSES)},
}
OPTIMIZER_NAMES = {
    "sgd": "plain gradient descent",
    "momentum": "with momentum 0.9 (Polyak 1964)",
    "nesterov": "with Nesterov's momentum 0.9",
    "adagrad": "a rate for each weight, by all its gradients (Duchi et al. 2011)",
    "adadelta": "without a unit of its own (Zeiler 2012)",
    "rmsprop": "a rate for each weight, by its latest gradients (Tieleman & Hinton 2012)",
    "adam": "momentum and a rate for each weight (Kingma & Ba 2015)",
    "adamw": "Adam with weights that decay by themselves (Loshchilov & Hutter 2019)",
}
assert list(OPTIMIZER_NAMES) == list(OPTIMIZERS)
TASKS = {
    "auto": "what the data are for",
    "classification": "each point has a class",
    "regression": "each point has a value",
}


@dataclass(frozen=True, slots=True)
class PlaygroundSettings:
    """All that a session depends on. Raises ProfundoError, of one line, for what a setting cannot hold."""

    data: str = setting("circle", "data", "The problem.", Choice(DATA))
    task: str = setting("auto", "data", "Classes or values.", Choice(TASKS))
    samples: int = setting(500, "data", "Points that are drawn.", Number(4, 5000, whole=True))
    classes: int = setting(3, "data", "Classes of the data blobs.", Number(2, MOST_CLASSES, whole=True))
    noise: float = setting(0.0, "data", "In per cent of the problem's size.", Number(0, 50))
    train_share: float = setting(0.5, "data", "Share of the points to train on.", Number(0, 1, above=True))
    data_seed: int = setting(0, "data", "Another number draws other points.", Number(0, 2**31 - 1, whole=True))
    points: tuple[tuple[float, float, float], ...] = setting(
        (), "data", "Points of your own: x, y and class or value.", Points()
    )
    columns: tuple[str, ...] = setting((), "data", "Names of x, y and target of a table.", Words(3))
    labels: tuple[str, ...] = setting((), "data", "Names of the classes of a table.", Words(MOST_CLASSES))
    scale: tuple[tuple[float, float], ...] = setting(
        (), "data", "Mean and deviation of a table's columns, by which they came into the plane.", Pairs(3)
    )
    features: tuple[str, ...] = setting(
        ("x1", "x2"), "net", f"What goes into the net: {', '.join(FEATURES)}.",
        Several(Choice(FEATURES), least=1, most=len(FEATURES), distinct=True),
    )  # fmt: skip
    hidden: tuple[int, ...] = setting(
        (4, 2), "net", "Neurons of each hidden layer; none for none.",
        Several(Number(1, MOST_UNITS, whole=True), most=MOST_LAYERS),
    )  # fmt: skip
    activation: tuple[str, ...] = setting(
        ("tanh",), "net", f"Of all hidden layers, or one for each: {', '.join(ACTIVATION_NAMES)}.",
        Several(Choice(ACTIVATION_NAMES), least=1, most=MOST_LAYERS),
    )  # fmt: skip
    initialisation: str = setting("glorot", "net", "How first weights are drawn.", Choice(SCHEMES))
    dropout: float = setting(0.0, "net", "Share of hidden neurons silenced at each step.", Number(0, 0.9))
    seed: int = setting(
        0, "net", "Of first weights, the order of samples and dropout.", Number(0, 2**31 - 1, whole=True)
    )
    loss: str = setting("auto", "learning", "What training lowers.", Choice(LOSSES))
    optimizer: str = setting("sgd", "learning", "How a gradient moves the weights.", Choice(OPTIMIZER_NAMES))
    learning_rate: float = setting(
        0.03, "learning", "The largest of the schedule.", Number(0, 1e6, above=True), live=True
    )
    batch_size: int = setting(
        10, "learning", "Samples of one update: 1, some, or all.", Number(1, ALL, whole=True, words={"all": ALL})
    )
    l1: float = setting(0.0, "learning", "λ of the penalty λ‖W‖₁.", Number(0, 1e6), live=True)
    l2: float = setting(0.0, "learning", "λ of the penalty λ/2‖W‖².", Number(0, 1e6), live=True)
    epochs: int = setting(200, "course", "Passes over the points.", Number(1, 1_000_000, whole=True), live=True)
    schedule: str = setting(
        "constant", "course", "How the rate changes over the epochs.",
        Choice(dict.fromkeys(SCHEDULES, "")), live=True,
    )  # fmt: skip
    stop_loss: float | None = setting(
        None, "course", "Stop when the loss of the training points is below this.", Number(0, 1e6, optional=True), live=True
    )  # fmt: skip
    stop_accuracy: float | None = setting(
        None, "course", "Stop when this share of the training points is right.", Number(0, 1, optional=True), live=True
    )  # fmt: skip

    def __post_init__(self) -> None:
        for name, about in FIELDS.items():
            object.__setattr__(self, name, about.kind.check(name, getattr(self, name)))
        check_task(self)
        check_together(self)

    @property
    def is_regression(self) -> bool:
        if self.data == OWN and self.task == "auto":
            return not all(are_classes(target) for _, _, target in self.points)
        return self.task == "regression" if self.data == OWN else PLANE_SETS[self.data].task == "regression"

    @property
    def is_curve(self) -> bool:
        """Whether values are told by x₁ alone: the net is a curve then, and not a surface."""
        return self.is_regression and set(self.features) <= CURVE_FEATURES

    @property
    def class_count(self) -> int:
        """0 of a regression."""
        if self.is_regression:
            return 0
        if self.data == OWN:
            return max(2, len(self.labels), 1 + int(max(target for *_, target in self.points)))
        return self.classes if self.data == "blobs" else PLANE_SETS[self.data].classes

    @property
    def activations(self) -> tuple[str, ...]:
        """One for each hidden layer."""
        return self.activation * len(self.hidden) if len(self.activation) == 1 else self.activation

    @property
    def sample_count(self) -> int:
        return len(self.points) if self.data == OWN else self.samples

    @property
    def train_count(self) -> int:
        return max(1, round(self.sample_count * self.train_share))

    @property
    def objective(self) -> str:
        """The loss, with the choice made."""
        if self.loss != "auto":
            return self.loss
        return "gaussian" if self.is_regression else "bernoulli" if self.class_count == 2 else "categorical"

    def given(self) -> dict[str, Any]:
        """The settings that are not the usual ones, in their order."""
        return {name: value for name, value in asdict(self).items() if value != getattr(USUAL, name)}

    def __repr__(self) -> str:
        return f"PlaygroundSettings({', '.join(f'{name}={value!r}' for name, value in self.given().items())})"


FIELDS: dict[str, Field] = {one.name: one.metadata["about"] for one in fields(PlaygroundSettings)}


def are_classes(target: float) -> bool:
    return target == int(target) and 0 <= target < MOST_CLASSES


def _titled(data: str) -> Said:
    """A problem as the page calls it."""
    return Said(f"playground.data_{data}")


def check_task(asked: PlaygroundSettings) -> None:
    """Raises ProfundoError where data, task and loss do not go together."""
    if asked.data == OWN:
        if len(asked.points) < 2:
            raise ProfundoError(
                f"playground: points: expected two points or more of your own for data={OWN!r}, got {len(asked.points)}",
                told=Said("refusals.own_points_few", many=len(asked.points)),
            )
        if asked.task == "classification" and not all(are_classes(target) for _, _, target in asked.points):
            raise ProfundoError(
                f"playground: points: expected classes 0 to {MOST_CLASSES - 1} for a classification; "
                "take task='regression' for values",
                told=Said("refusals.own_points_classes", most=MOST_CLASSES - 1),
            )
    elif asked.task not in ("auto", PLANE_SETS[asked.data].task):
        others = ", ".join(name for name, one in PLANE_SETS.items() if one.task == asked.task)
        raise ProfundoError(
            f"playground: task: {asked.data} is no {asked.task}; take task='auto', or data of {others}",
            told=Said(
                "refusals.wrong_task",
                data=_titled(asked.data),
                task=Said(f"glossary.{asked.task}"),
                others=tuple(_titled(name) for name, one in PLANE_SETS.items() if one.task == asked.task),
            ),
        )
    fitting = fitting_losses(asked)
    if asked.objective not in fitting:
        what = "values" if asked.is_regression else f"{asked.class_count} classes"
        raise ProfundoError(
            f"playground: loss: expected auto, {' or '.join(fitting)} for {what}, got {asked.objective!r}",
            told=Said("refusals.wrong_loss", fitting=fitting, got=asked.objective),
        )


def fitting_losses(asked: PlaygroundSettings) -> tuple[str, ...]:
    """What can be lowered for these targets."""
    of_classes = TWO_CLASS_LOSSES if asked.class_count == 2 else CLASS_LOSSES
    return VALUE_LOSSES if asked.is_regression else of_classes


def check_together(asked: PlaygroundSettings) -> None:
    if len(asked.activation) not in (1, len(asked.hidden)):
        raise ProfundoError(
            f"playground: activation: expected one, or one for each of {len(asked.hidden)} hidden layers, "
            f"got {len(asked.activation)}",
            told=Said("refusals.wrong_activations", layers=len(asked.hidden), many=len(asked.activation)),
        )
    if asked.is_regression and asked.stop_accuracy is not None:
        raise ProfundoError(
            "playground: stop_accuracy: expected none for values, which have no accuracy; use stop_loss",
            told=Said("refusals.no_accuracy"),
        )
    if asked.scale and len(asked.scale) not in (2, 3):
        raise ProfundoError(
            f"playground: scale: expected pairs for x and y, or x, y and target, got {len(asked.scale)}"
        )


USUAL = PlaygroundSettings()


def new_settings(**given: Any) -> PlaygroundSettings:
    """The usual settings with these. Raises ProfundoError for a name that is none, or a value that cannot be."""
    return changed(USUAL, **given)


def changed(settings: PlaygroundSettings, **given: Any) -> PlaygroundSettings:
    """These settings with others in their places. Raises ProfundoError as `new_settings`."""
    for name in given:
        if name not in FIELDS:
            raise ProfundoError(f"playground: setting {name!r} is unknown; {nearest(name, FIELDS)}")
    return replace(settings, **given)
