"""A net over the plane that is trained step by step, looked into and edited meanwhile.

    session = Session(new_settings(data="spiral", hidden=(8, 8)))
    session.step(25)                       # so many updates
    session.scores()                       # loss, accuracy, confusion of the training and of the test points
    session.set_weight(0, 3, 1, -0.5)      # an edit, which is remembered
    session.maps()                         # what every neuron says of the plane

All of it is a function of the settings, the number of steps and the edits: `replayed` gives the same bits again. PyTorch computes;
a step is recorded once and replayed (train/capture.py). A session belongs to one thread at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any, Final, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from profundo import objectives
from profundo.data.batches import batches
from profundo.nets.init import allocate_
from profundo.nets.plane_nets import PlaneFeatures, SeededDropout, plane_mlp
from profundo.nets.weight_schemes import begin_with_
from profundo.playground.plane_characters import plane_text
from profundo.playground.plane_maps import Curve, Maps, Warped, check_sides, curve_of, maps_of, warped_plane
from profundo.playground.plane_samples import PlaneSamples, plane_samples
from profundo.playground.playground_settings import FIELDS, PlaygroundSettings, changed, new_settings
from profundo.playground.session_figures import Figures, figures_of
from profundo.playground.setting_kinds import Number
from profundo.playground.unit_states import UnitStates, states_of
from profundo.records import Inputs, ProfundoError, Samples, Spec, Step, at_the_door
from profundo.train.capture import Captured
from profundo.train.loop import Plan, fit
from profundo.train.optimizers import optimizer, weights_of
from profundo.train.schedules import schedule
from profundo.train.updates import Supervised

__all__ = ["DIVERGED", "Edit", "Session", "Stop", "net_options", "replayed"]

Result = TypeVar("Result")
Stop = Literal["", "diverged", "loss", "accuracy", "epochs"]
ENDLESS = 10**9  # epochs: the session itself says when to stop
MOST_ROWS = 256  # of the history; then every second one goes


@dataclass(frozen=True, slots=True)
class Edit:
    """What was changed by hand after so many steps.

    what: "weight" (layer, unit, input), "bias" (layer, unit), or "setting" (its name): the place in `at`.
    """

    step: int
    what: Literal["weight", "bias", "setting"]
    at: tuple[Any, ...]
    value: Any


class Session:
    """One net in training. steps: updates done; stopped: why it goes on no more, "" while it does, in words `why_stopped()`; edits:
    by hand, in order.

    layers: the linear layers in their order, the last one gives the output. history: rows of (step, training loss, test loss,
    training score, test score) at ever longer distances; the score is the accuracy, or R².
    """

    def __init__(self, settings: PlaygroundSettings | None = None, **more: Any) -> None:
        self.settings = changed(checked(settings), **more) if settings is not None else new_settings(**more)
        self.data: PlaneSamples = plane_samples(self.settings)
        self.reset()

    # -------------------------------------------------------------------------------------------------------- beginning
    def reset(self) -> None:
        """Begin anew with the same first weights and points; settings that were changed stay as they are."""
        asked = self.first_settings = self.settings
        self.objective = objectives.build(asked.objective, self.data.spec.targets)
        self.net = net_of(asked, self.data.spec)
        self.body = nn.Sequential(*list(self.net)[1:])
        self.layers = [layer for layer in self.net if isinstance(layer, nn.Linear)]
        self.train, self.test = (featured(self.net[0], one) for one in (self.data.train, self.data.test))
        self.steps, self.edits = 0, list[Edit]()
        self.stopped: Stop = ""
        self.every, self.history = 1, list[tuple[int, float, float, float, float]]()
        self.update = Supervised(self.body, self.objective, self.new_optimizer(), l1=asked.l1)
        self.update.weights = weights_of(self.body)
        self.per_epoch = 1
        self.course = self.begun()
        self.note()
        self.first_loss = self.history[0][1]

    def regenerate(self, data_seed: int | None = None) -> None:
        """Other points of the same kind, and a new beginning. data_seed: the next one unless told."""
        following = (self.settings.data_seed + 1) % 2**31 if data_seed is None else data_seed
        self.begin(changed(self.settings, data_seed=following))

    def begin(self, settings: PlaygroundSettings) -> None:
        """Anew with other settings."""
        self.settings = checked(settings)
        self.data = plane_samples(self.settings)
        self.reset()

    @at_the_door
    def change(self, **given: Any) -> bool:
        """Other settings. Those that can be are changed while training goes on, and remembered as edits; with any other the
        session begins anew. Returns whether it did."""
        after = changed(self.settings, **given)
        different = [name for name in given if getattr(after, name) != getattr(self.settings, name)]
        if not all(FIELDS[name].live for name in different):
            self.begin(after)
            return True
        self.edits += [Edit(self.steps, "setting", (name,), getattr(after, name)) for name in different]
        self.settings = after
        if different:
            self.take_up()
        return False

    def take_up(self) -> None:
        """Let the update be as the settings are now; what the optimizer remembers stays."""
        before = self.update.optimizer
        self.update.l1 = self.settings.l1
        self.update.optimizer = self.new_optimizer()
        self.update.optimizer.state.update(before.state)
        self.stopped = self.reason_to_stop() if self.stopped != DIVERGED else DIVERGED

    def new_optimizer(self) -> torch.optim.Optimizer:
        asked = self.settings
        made = optimizer(asked.optimizer, self.body, asked.learning_rate, asked.l2)
        for group in made.param_groups:
            group["initial_lr"] = asked.learning_rate  # what the loop multiplies
        return made

    def begun(self) -> Iterator[Step]:
        """The training as the loop yields it, without an end."""
        asked = self.settings
        spec = Spec(Inputs((len(asked.features),), "features"), self.data.spec.targets)
        ordered = batches(self.train, spec, min(asked.batch_size, len(self.train)), seed=asked.seed)
        self.per_epoch = len(ordered)
        update = self.update if asked.dropout else Captured(self.update)
        return fit(update, ordered, Plan(ENDLESS, lambda _: self.rate()))

    def rate(self) -> float:
        """The factor of the learning rate at the next step, by the share of the epochs asked for that is done."""
        share = min(1.0, self.steps / (self.settings.epochs * self.per_epoch))
        return schedule(self.settings.schedule)(share)

    # --------------------------------------------------------------------------------------------------------- training
    @property
    def epoch(self) -> int:
        """Whole passes done."""
        return self.steps // self.per_epoch

    def step(self, batches: int = 1) -> int:
        """So many updates, fewer where a stop condition is met. Returns how many were done."""
        count = whole(batches, "step", "batches")
        done = 0
        while done < count and not self.stopped:
            latest = next(self.course)
            self.steps += 1
            done += 1
            if not math.isfinite(float(latest.losses["loss"])):
                self.stopped = DIVERGED
            elif latest.last:
                self.stopped = self.reason_to_stop()
            if self.steps % self.every == 0:
                self.note()
        return done

    def epochs(self, count: int = 1) -> int:
        """To the end of so many epochs. Returns the updates done."""
        count = whole(count, "epochs", "count")
        return self.step((self.epoch + count) * self.per_epoch - self.steps)

    def run(self) -> Session:
        """Until a stop condition is met: at the latest, the epochs of the settings are over."""
        self.epochs(max(0, self.settings.epochs - self.epoch))
        return self

    def reason_to_stop(self) -> Stop:
        """Looked at when an epoch ends."""
        asked = self.settings
        if asked.stop_loss is not None or asked.stop_accuracy is not None:
            figures = self.figures(self.train)
            if asked.stop_loss is not None and figures.loss < asked.stop_loss:
                return "loss"
            if asked.stop_accuracy is not None and (figures.accuracy or 0.0) >= asked.stop_accuracy:
                return "accuracy"
        return "epochs" if self.epoch >= asked.epochs else ""

    @property
    def by_hand(self) -> list[Edit]:
        """The edits that a session with these settings from its beginning lacks: no setting that was chosen before the first step,
        and not that more epochs were asked for, unless the learning rate goes by how many they are."""
        edits = [one for one in self.edits if one.what != "setting" or one.step > 0]
        if self.goes_by_epochs:
            return edits
        return [one for one in edits if one.at != ("epochs",) or one.value * self.per_epoch < one.step]

    @property
    def goes_by_epochs(self) -> bool:
        """Whether the learning rate went by how many epochs were asked for."""
        by_step = {0: self.first_settings.schedule} | {
            one.step: one.value for one in self.edits if one.at == ("schedule",)
        }
        return any(name != "constant" for name in by_step.values())  # what was chosen anew before a step had no effect

    @property
    def so_far(self) -> PlaygroundSettings:
        """The settings that end where it is now: its whole epochs, where the learning rate does not go by how many they are."""
        is_whole = self.steps > 0 and self.steps == self.epoch * self.per_epoch
        return replace(self.settings, epochs=self.epoch) if is_whole and not self.goes_by_epochs else self.settings

    def why_stopped(self) -> str:
        """In words; "" while it goes on."""
        return STOPPED[self.stopped](self.settings)

    # ------------------------------------------------------------------------------------------------------ what came out
    def outputs(self, features: Tensor) -> Tensor:
        """(batch, features) → (batch, outputs), as in use: without dropout."""
        result: Tensor = self.judging(lambda: self.body(features))
        return result

    def judging(self, act: Callable[[], Result]) -> Result:
        """With the net as it is in use, and no gradients."""
        with torch.no_grad():
            if not self.settings.dropout:
                return act()
            self.body.eval()
            try:
                return act()
            finally:
                self.body.train()

    def figures(self, samples: Samples) -> Figures:
        assert isinstance(samples.inputs, Tensor)
        return figures_of(self.objective, self.outputs(samples.inputs), samples.targets, self.settings.class_count)

    def scores(self) -> dict[str, Figures]:
        """Of "train" and "test"; the latter with 0 samples where there are none."""
        return {"train": self.figures(self.train), "test": self.figures(self.test)}

    def note(self) -> None:
        """A row of the history."""
        train, test = self.scores().values()
        self.history.append((self.steps, train.loss, test.loss, train.score, test.score))
        if len(self.history) > MOST_ROWS:
            self.every *= 2
            self.history = [row for row in self.history if row[0] % self.every == 0]

    def curves(self) -> dict[str, np.ndarray]:
        """The history by column, float64 (rows,): "step", "train loss", "test loss", "train score", "test score"; the last
        row is now."""
        train, test = self.scores().values()
        rows = [row for row in self.history if row[0] < self.steps]
        rows.append((self.steps, train.loss, test.loss, train.score, test.score))
        names = ("step", "train loss", "test loss", "train score", "test score")
        return dict(zip(names, np.array(rows, np.float64).T, strict=True))

    # ---------------------------------------------------------------------------------------------------- what is inside
    def weights(self) -> list[np.ndarray]:
        """Of each layer, float32 (units, inputs); the output layer last."""
        return [layer.weight.detach().numpy().copy() for layer in self.layers]

    def biases(self) -> list[np.ndarray]:
        """Of each layer, float32 (units,)."""
        return [layer.bias.detach().numpy().copy() for layer in self.layers]

    def gradients(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Of the mean cost of all training points, at the weights as they are: of weights and of biases, as these.

        Penalties and dropout are left out; the training is not touched."""
        assert isinstance(self.train.inputs, Tensor)
        self.body.eval()
        outputs = self.body(self.train.inputs)
        self.body.train()
        cost = self.objective.mean_cost(outputs, self.train.targets, len(self.train))
        parameters = [part for layer in self.layers for part in (layer.weight, layer.bias)]
        found = [one.numpy() for one in torch.autograd.grad(cost, parameters)]
        return found[::2], found[1::2]

    def gradient_sizes(self) -> list[float]:
        """The mean |∂ cost / ∂ w| over the weights of each layer, from the first one to the output's."""
        return [float(np.abs(one).mean()) for one in self.gradients()[0]]

    def set_weight(self, layer: int, unit: int, input: int, value: float) -> None:
        """Put a value on the link from an input to a unit. The optimizer forgets what it knew of this one weight."""
        self.put("weight", (layer, unit, input), value)

    def set_bias(self, layer: int, unit: int, value: float) -> None:
        self.put("bias", (layer, unit), value)

    def put(self, what: Literal["weight", "bias"], at: tuple[int, ...], value: float) -> None:
        number = SIZE.check("value", value)
        layer, *place = checked_place(self.layers, what, at)
        parameter = getattr(self.layers[layer], what)
        with torch.no_grad():
            parameter[tuple(place)] = number
        for kept in self.update.optimizer.state.get(parameter, {}).values():
            if isinstance(kept, Tensor) and kept.shape == parameter.shape:
                kept[tuple(place)] = 0
        self.edits.append(Edit(self.steps, what, (layer, *place), number))
        self.stopped = self.stopped if self.stopped != DIVERGED else ""

    # ---------------------------------------------------------------------------------------------------------- pictures
    def maps(self, output: int = 100, neurons: int = 20) -> Maps:
        """What the net and every neuron say of the plane, on grids of so many places a side, from one pass."""
        check_sides(output, neurons)
        return self.judging(lambda: maps_of(self.net, self.objective, output, neurons))

    def warped(self, layer: int = -1, lines: int = 13, places: int = 49) -> Warped:
        """The grid of the plane as a hidden layer carries it (plane_maps.py). Raises ProfundoError where there is none."""
        return self.judging(lambda: warped_plane(self.net, layer, lines, places, self.data.train.inputs))

    def curve(self, places: int = 241) -> Curve:
        """The net as a curve over x₁, and what each unit of its last hidden layer adds to it. Raises ProfundoError for data with
        classes, or for a net that sees x₂, too."""
        if not self.settings.is_curve:
            raise ProfundoError(
                "playground: curve: expected values and features of x₁ alone, "
                f"got {self.settings.data} with {', '.join(self.settings.features)}; take data='sine', features=('x1',)"
            )
        return self.judging(lambda: curve_of(self.net, places))

    def units(self) -> list[UnitStates]:
        """Of each hidden layer, which units are dead or saturated for all training points."""
        assert isinstance(self.train.inputs, Tensor)
        return states_of(self.body, self.train.inputs)

    # ------------------------------------------------------------------------------------------------------------- words
    def __repr__(self) -> str:
        train, test = self.scores().values()
        state = f"; stopped: {self.why_stopped()}" if self.stopped else ""
        beside = f", test {test}" if test.samples else ""
        return f"{self.settings.data}, epoch {self.epoch}, step {self.steps}: train {train}{beside}{state}"

    def _repr_html_(self) -> str:
        drawn = plane_text(self.maps(output=20).output)
        return f"<p>{escape(repr(self))}</p><pre style='line-height:1'>{escape(drawn)}</pre>"


SIZE = Number(-1e6, 1e6)
DIVERGED: Final = "diverged"
STOPPED: Mapping[Stop, Callable[[PlaygroundSettings], str]] = {
    "": lambda _: "",
    "diverged": lambda _: "the loss is no longer a finite number",
    "loss": lambda asked: f"the training loss is below {asked.stop_loss or 0:g}",
    "accuracy": lambda asked: f"the training accuracy is {100 * (asked.stop_accuracy or 0):g} %",
    "epochs": lambda asked: f"{asked.epochs} epochs are over",
}


def checked(settings: Any) -> PlaygroundSettings:
    if not isinstance(settings, PlaygroundSettings):
        raise ProfundoError(
            f"playground: expected PlaygroundSettings, as new_settings(data='spiral') makes them, got {type(settings).__name__}"
        )
    return settings


def whole(value: Any, of: str, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ProfundoError(f"playground: {of}: expected {name} to be a whole number of at least 0, got {value!r}")
    return value


def net_options(settings: PlaygroundSettings) -> dict[str, Any]:
    """Those of the net plane_mlp."""
    return {
        "features": ",".join(settings.features),
        "widths": list(settings.hidden),
        "activation": ",".join(settings.activations) or "tanh",
        "dropout": settings.dropout,
    }


def net_of(settings: PlaygroundSettings, spec: Spec) -> nn.Sequential:
    """With its first weights, in training mode."""
    with torch.device("meta"):  # where nothing is drawn: the generator of all threads is left alone
        net = plane_mlp(spec, **net_options(settings))
    allocate_(net, torch.device("cpu"))
    begin_with_(net, settings.initialisation, settings.seed)
    generator = torch.Generator().manual_seed(settings.seed)
    for layer in net:
        if isinstance(layer, SeededDropout):
            layer.generator = generator
    return net.train()


def featured(features: nn.Module, samples: Samples) -> Samples:
    assert isinstance(features, PlaneFeatures)
    assert isinstance(samples.inputs, Tensor)
    return Samples(features(samples.inputs), samples.targets)


def checked_place(layers: Sequence[nn.Linear], what: str, at: tuple[Any, ...]) -> tuple[int, ...]:
    """Raises ProfundoError for a link or unit that is not there."""
    names = ("layer", "unit", "input") if what == "weight" else ("layer", "unit")
    if len(at) != len(names):
        raise ProfundoError(f"playground: set_{what}: expected {', '.join(names)}, got {len(at)} numbers")
    if not isinstance(at[0], bool) and isinstance(at[0], int) and 0 <= at[0] < len(layers):
        sizes = (len(layers), *getattr(layers[at[0]], what).shape)
    else:
        sizes = (len(layers),)
    for name, place, size in zip(names, at, sizes, strict=False):
        if isinstance(place, bool) or not isinstance(place, int) or not 0 <= place < size:
            raise ProfundoError(f"playground: set_{what}: expected {name} from 0 to {size - 1}, got {place!r}")
    return at


def replayed(
    settings: PlaygroundSettings,
    steps: int,
    edits: Sequence[Edit | Mapping[str, Any]] = (),
    each_epoch: Callable[[Session], None] = lambda _: None,
) -> Session:
    """The session that has these settings at its beginning, so many steps and these edits behind it, bit for bit.

    each_epoch: is shown the session at every epoch's end on the way."""
    session = Session(settings)
    for edit in edits:
        one = edit if isinstance(edit, Edit) else Edit(**edit)
        advance(session, one.step, each_epoch)
        if one.what == "setting":
            session.change(**{one.at[0]: one.value})
        else:
            session.put(one.what, tuple(one.at), one.value)
    advance(session, steps, each_epoch)
    return session


def advance(session: Session, steps: int, each_epoch: Callable[[Session], None]) -> None:
    """Until so many steps are done in all, or a stop condition is met."""
    done = 1
    while session.steps < steps and done:
        ahead = min(steps - session.steps, session.per_epoch - session.steps % session.per_epoch)
        done = session.step(ahead)
        if done and session.steps % session.per_epoch == 0:
            each_epoch(session)
