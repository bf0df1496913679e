"""What is wrong with a session at a glance, by the doctor's names: cheap enough for every frame of a page.

These are signs, not proofs: `examined` (kept_run.py) asks the doctor, who tries a cure beside the training as it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from profundo.doctor import Finding
from profundo.doctor.verdicts import Severity
from profundo.languages import Said
from profundo.playground.session import DIVERGED, Session, net_of
from profundo.playground.unit_states import states_of

__all__ = ["early_signs"]

RISEN = 1.5  # times the loss of the beginning
FEW_EPOCHS, MANY_EPOCHS = 2, 40  # after which one may judge a rate, and a net
HALF = 0.5  # of a layer's units
FADED = 1e-2  # of the last layer's gradient, of the first's
WORSE, APART = 1.5, 0.2  # test loss over its own best; above the training loss, of a constant answer's cost
NOTHING = 1e-4  # of the first gradient, of a deep net that learned nothing: the last one is small by then, too
STAYED = 0.02  # of their size is how far the weights have moved
HARDLY, LITTLE = (
    0.1,
    0.25,
)  # of a constant answer's cost is what was learned: of any net, and of one that learns no more
STEADILY = 0.5  # of what the first half of the epochs gained, in the second half: the loss is still on its way
WHOLE_WAY = 0.5  # of their size is how far weights move in a training that learns


def early_signs(session: Session) -> list[Finding]:
    """The gravest first; empty where nothing shows. Of what explains the rest, the rest is not told."""
    blown = list(blown_up(session))
    if blown:
        return blown
    causes = [*no_curve(session), *alike(session), *flat_units(session), *faded(session)]
    return causes or [*learns_little(session)] or [*learned_by_heart(session)]


def sign(cause: str, where: str, remedy: str, severity: Severity = "serious", **evidence: Any) -> Finding:
    return Finding(cause, where, named(evidence), remedy, severity)


def named(evidence: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("_", " "): value for name, value in evidence.items()}


def blown_up(session: Session) -> Iterator[Finding]:
    """The loss is no number, or stands well above where it began."""
    asked, now = session.settings, session.scores()["train"].loss
    finite = math.isfinite(now) and session.stopped != DIVERGED
    if not finite or has_risen(session):
        yield sign(
            "learning_rate_too_high",
            "optimizer",
            Said("remedies.sign_rate_high", rate=float(f"{asked.learning_rate / 10:.2g}")),
            "fatal" if not finite else "serious",
            learning_rate=asked.learning_rate, loss_at_first=session.first_loss, **height(session, now),
        )  # fmt: skip


def height(session: Session, now: float) -> dict[str, float]:
    """How high the loss stands, or stood: between leaps it may look well."""
    highest = max((loss for step, loss, *_ in session.history if 2 * step >= session.steps), default=now)
    return {"highest_loss": highest} if highest > now else {"loss_now": now}


def has_risen(session: Session) -> bool:
    """Whether the loss stood well above where it began in the latter half of the epochs: between leaps it may look well."""
    by_hand = any(edit.what != "setting" for edit in session.edits)  # which may raise it, too
    if session.epoch < FEW_EPOCHS or by_hand:
        return False
    bound = RISEN * max(session.first_loss, constant_cost(session))
    return any(loss > bound for step, loss, *_ in session.history if 2 * step >= session.steps)


def no_curve(session: Session) -> Iterator[Finding]:
    """Linear layers in a row are one linear layer."""
    asked = session.settings
    if asked.hidden and set(asked.activations) == {"linear"}:
        yield sign(
            "missing_nonlinearity",
            Said("remedies.hidden_layers"),
            Said("remedies.sign_linear"),
            hidden_layers=len(asked.hidden),
        )


def alike(session: Session) -> Iterator[Finding]:
    """Units of a layer with the same weights get the same gradients, and stay alike."""
    for place, layer in enumerate(session.layers[:-1]):
        weight = layer.weight.detach()
        if len(weight) > 1 and bool((weight == weight[0]).all()):
            yield sign(
                "symmetric_init",
                Said("remedies.hidden_layer", number=place + 1),
                Said("remedies.sign_alike"),
                "fatal",
                units=len(weight),
            )
            return


def flat_units(session: Session) -> Iterator[Finding]:
    """Half of a layer or more has no slope at any training point."""
    for place, states in enumerate(session.units()):
        where, name = Said("remedies.hidden_layer", number=place + 1), session.settings.activations[place]
        dead, saturated = len(states.dead), len(states.saturated)
        if name == "step":
            yield sign(
                "dead_units", where, Said("remedies.sign_step"),
                "fatal", units=states.units, dead=states.units,
            )  # fmt: skip
        elif dead >= HALF * states.units and name not in ("logistic", "tanh"):
            yield sign("dead_units", where, awake(session, place), units=states.units, dead=dead)
        elif dead + saturated >= HALF * states.units:
            yield sign("saturated_units", where, awake(session, place), units=states.units, saturated=dead + saturated)


def awake(session: Session, layer: int) -> Said:
    """What keeps the units of a layer from being flat: of those that began so other weights, of those that became so shorter
    steps."""
    net, points = net_of(session.first_settings, session.data.spec), session.train.inputs
    assert isinstance(net, nn.Sequential)
    assert isinstance(points, torch.Tensor)
    first = states_of(nn.Sequential(*list(net.children())[1:]), points)[layer]
    if len(first.dead) + len(first.saturated) >= HALF * first.units:
        return Said("remedies.sign_asleep")
    dies = session.settings.activations[layer] in ("relu", "hardtanh")
    rate = float(f"{session.settings.learning_rate / 10:.2g}")
    return Said("remedies.sign_dying" if dies else "remedies.sign_rate_high", rate=rate)


def faded(session: Session) -> Iterator[Finding]:
    """The gradient of the first layer is next to nothing beside that of the last."""
    if len(session.layers) < 3 or has_learned(session):
        return
    sizes = [float(np.sqrt(np.mean(np.square(one)))) for one in session.gradients()[0]]
    if sizes[0] < FADED * sizes[-1] or (sizes[0] < NOTHING and len(sizes) > 3):
        yield sign(
            "vanishing_gradient",
            Said("remedies.hidden_layer", number=1),
            Said("remedies.sign_vanishing"),
            gradient_of_the_first_layer=sizes[0], gradient_of_the_last=sizes[-1],
        )  # fmt: skip


def learns_little(session: Session) -> Iterator[Finding]:
    """After many epochs hardly better than a constant answer, where the rate has done its part; or little better, and it stays so.

    The nets of the page that suit a problem come below 0.53 of a constant's cost at the most noise, those that do not stay above 0.8.
    """
    now = session.scores()["train"]
    if session.epoch < MANY_EPOCHS or has_learned(session, LITTLE):
        return
    if has_learned(session) and still_falls(session):
        return
    if not has_learned(session) and ((moved := way_of(session)) < STAYED or still_falls(session)):
        rate = session.settings.learning_rate
        higher = rate * min(100, max(3, WHOLE_WAY / max(moved, 1e-9)))
        yield sign(
            "learning_rate_too_low",
            "optimizer",
            Said("remedies.sign_rate_low", rate=float(f"{higher:.1g}")),
            learning_rate=rate, moved=moved,
        )  # fmt: skip
    else:
        yield sign(
            "underfit",
            "net",
            Said("remedies.sign_underfit"),
            loss=now.loss, loss_of_a_constant=constant_cost(session),
        )  # fmt: skip


def has_learned(session: Session, share: float = HARDLY) -> bool:
    """Whether the points that it is trained on are answered better than by a constant: else nothing was learned by heart, either,
    however badly the test points fare."""
    return session.scores()["train"].loss < (1 - share) * constant_cost(session)


def still_falls(session: Session) -> bool:
    """Whether the second half of the epochs gained nearly as much as the first one."""
    half = [loss for step, loss, *_ in session.history if 2 * step <= session.steps][-1]
    gained, now = session.first_loss - half, session.scores()["train"].loss
    return gained > 0 and half - now > STEADILY * gained


def way_of(session: Session) -> float:
    """How far the weights are from the first ones, over the size of those."""
    layers = net_of(session.first_settings, session.data.spec)
    first = [layer.weight for layer in layers if isinstance(layer, nn.Linear)]
    pairs = [(layer.weight - was).detach().norm() for layer, was in zip(session.layers, first, strict=True)]
    size = float(torch.stack([one.detach().norm() for one in first]).norm())
    return float(torch.stack(pairs).norm()) / size if size else math.inf


def learned_by_heart(session: Session) -> Iterator[Finding]:
    """The test loss rises from its best while the training loss is far below it."""
    train, test = session.scores().values()
    best = min(finite(row[2] for row in session.history), default=math.inf)
    far = test.loss - train.loss > APART * constant_cost(session)
    if test.samples and has_learned(session) and far and test.loss > WORSE * best and session.epoch >= FEW_EPOCHS:
        yield sign(
            "overfit",
            "net",
            Said("remedies.sign_overfit"),
            training_loss=train.loss, test_loss=test.loss, best_test_loss=best,
        )  # fmt: skip


def finite(values: Iterable[float]) -> Iterator[float]:
    return (value for value in values if math.isfinite(value))


def constant_cost(session: Session) -> float:
    """What the best constant answer costs on the training points, of likelihoods and squared errors; of others about that."""
    targets = session.data.train.targets
    if session.settings.is_regression:
        return float(targets.var(correction=0)) or 1.0
    shares = torch.bincount(targets).double() / len(targets)
    return max(float(-(shares * shares.clamp_min(1e-12).log()).sum()), 1e-12)
