"""A session as a program for somebody else: plain PyTorch in one file that draws the same points, begins with the same weights and
ends with the same losses, to rounding.

The functions that draw points, first weights and the order of samples are copied from where they stand: what is written is what
ran. Every session can be written, with its edits in their places.
"""

from __future__ import annotations

import inspect
from itertools import pairwise
from textwrap import dedent, indent

from profundo.data.batches import mix, order
from profundo.data.sets import plane_points
from profundo.nets.activations import ACTIVATIONS
from profundo.nets.weight_schemes import WEIGHT_SCHEMES
from profundo.playground.playground_settings import OWN, PlaygroundSettings
from profundo.playground.queries import to_query
from profundo.playground.session import Edit, Session

__all__ = ["as_source"]

FORMULAS = {
    "x1": "x1",
    "x2": "x2",
    "x1_squared": "x1.square()",
    "x2_squared": "x2.square()",
    "x1_x2": "x1 * x2",
    "sin_x1": "torch.sin(x1)",
    "sin_x2": "torch.sin(x2)",
}
LOSSES = {
    "bernoulli": "F.binary_cross_entropy_with_logits(outputs[:, 0], targets.float())",
    "hinge": "(1 - (2 * targets - 1) * outputs[:, 0]).clamp_min(0).mean()",
    "categorical": "F.cross_entropy(outputs, targets)",
    "gaussian": "F.mse_loss(outputs, targets)",
    "laplace": "F.l1_loss(outputs, targets)",
    "huber": "F.huber_loss(outputs, targets)",
}
OPTIMIZERS = {
    "sgd": "torch.optim.SGD(groups, lr=RATE)",
    "momentum": "torch.optim.SGD(groups, lr=RATE, momentum=0.9)",
    "nesterov": "torch.optim.SGD(groups, lr=RATE, momentum=0.9, nesterov=True)",
    "adagrad": "torch.optim.Adagrad(groups, lr=RATE)",
    "adadelta": "torch.optim.Adadelta(groups, lr=RATE, rho=0.95)",
    "rmsprop": "torch.optim.RMSprop(groups, lr=RATE, alpha=0.9)",
    "adam": "torch.optim.Adam(groups, lr=RATE)",
    "adamw": "torch.optim.AdamW(groups, lr=RATE)",
}
LAYERS = {
    "linear": "nn.Identity()", "logistic": "nn.Sigmoid()", "tanh": "nn.Tanh()", "hardtanh": "nn.Hardtanh()",
    "relu": "nn.ReLU()", "leaky_relu": "nn.LeakyReLU(0.01)", "leaky_relu_0.1": "nn.LeakyReLU(0.1)", "elu": "nn.ELU()",
    "selu": "nn.SELU()", "softplus": "nn.Softplus()", "gelu": "nn.GELU()", "silu": "nn.SiLU()", "step": "Step()",
}  # fmt: skip
assert set(LAYERS) == {name for name, one in ACTIVATIONS.items() if not one.learns}
SCHEDULES = {
    "constant": "1.0",
    "step": "1.0 if share < 0.5 else 0.1 if share < 0.75 else 0.01",
    "exponential": "0.01**share",
    "cosine": "0.5 * (1 + math.cos(math.pi * share))",
    "cyclic": "0.25 + 0.75 * (1 - abs(2 * (share * 4 % 1) - 1))",
    "cyclic-exponential": "0.01**share * (0.25 + 0.75 * (1 - abs(2 * (share * 4 % 1) - 1)))",
    "one-cycle": "max(0.04, share / 0.2) if share < 0.2 else (1 - share) / 0.8",
}


def as_source(session: Session) -> str:
    """The program. It needs nothing but torch, trains as many steps as the session did, with its edits, and prints the losses."""
    asked = session.first_settings
    parts = [
        header(asked),
        points_of(asked),
        features_of(asked),
        net_of(asked, session.data.spec.outputs),
        loop_of(session),
    ]
    return "\n\n\n".join(part.strip("\n") for part in parts) + "\n"


def header(asked: PlaygroundSettings) -> str:
    about = f"A net over the plane, trained on {asked.data}: a session of Profundo's playground as plain PyTorch."
    return dedent(f'''\
        """{about}

        {to_query(asked)[:400]}
        """

        import math

        import torch
        from torch import nn
        from torch.nn import functional as F
        ''')


# ---------------------------------------------------------------------------------------------------------------- data
def points_of(asked: PlaygroundSettings) -> str:
    """Functions and two lines that give `points` and `targets` in their order, then the splits."""
    reals = "\ntargets = targets.float().unsqueeze(1)" if asked.is_regression else ""
    first = asked.train_count
    splits = f"train, test = slice(0, {first}), slice({first}, None)"
    return f"{own_rows(asked) if asked.data == OWN else drawing(asked)}{reals}\n{splits}"


def own_rows(asked: PlaygroundSettings) -> str:
    rows = "\n".join(f"    {row}," for row in asked.points)
    last = "" if asked.is_regression else ".long()"
    return (
        f"rows = torch.tensor([\n{rows}\n])\n"
        f"mixed = torch.randperm(len(rows), generator=torch.Generator().manual_seed({asked.data_seed}))\n"
        f"points, targets = rows[mixed, :2], rows[mixed, 2]{last}"
    )


def drawing(asked: PlaygroundSettings) -> str:
    draw = plane_points.PLANE_SETS[asked.data].draw
    needed = [*plane_points.NEEDS.get(asked.data, ()), draw, plane_points.moved]
    classes = f", {asked.classes}" if asked.data == "blobs" else ""
    return "\n\n\n".join([*map(plain, needed), dedent(f"""\
        generator = torch.Generator().manual_seed({asked.data_seed})
        points, targets = {draw.__name__}({asked.samples}, generator{classes})
        points, targets = moved(points, targets, {asked.noise!r}, generator)
        mixed = torch.randperm({asked.samples}, generator=generator)
        points, targets = points[mixed], targets[mixed]""")])  # fmt: skip


def plain(function: object) -> str:
    """A function's source with the types by the names that the program has."""
    text = inspect.getsource(function)  # type: ignore[arg-type]
    return text.replace("Tensor", "torch.Tensor").replace("Generator", "torch.Generator").replace(
        "torch.torch.", "torch."
    ).strip()  # fmt: skip


def features_of(asked: PlaygroundSettings) -> str:
    formulas = ", ".join(FORMULAS[name] for name in asked.features)
    return f"x1, x2 = points[:, 0], points[:, 1]\ninputs = torch.stack([{formulas}], 1)"


# ----------------------------------------------------------------------------------------------------------------- net
def net_of(asked: PlaygroundSettings, outputs: int) -> str:
    lines = []
    widths = (len(asked.features), *asked.hidden)
    for (before, after), activation in zip(pairwise(widths), asked.activations, strict=True):
        lines += [f"nn.Linear({before}, {after})", LAYERS[activation]]
        lines += [f"nn.Dropout({asked.dropout!r})"] if asked.dropout else []
    lines.append(f"nn.Linear({widths[-1]}, {outputs})")
    body = "\n".join(f"    {line}," for line in lines)
    scheme = WEIGHT_SCHEMES[asked.initialisation]
    begin = dedent(f"""\
        net = nn.Sequential(
        {{body}}
        )
        generator = torch.Generator().manual_seed({asked.seed})
        layers = [layer for layer in net if isinstance(layer, nn.Linear)]
        with torch.no_grad():
            for layer in layers:
                {scheme.__name__}(layer, generator)""").replace("{body}", body)
    own = [STEP] if "step" in asked.activations else []
    return "\n\n\n".join([*own, plain(scheme), begin])


STEP = """\
class Step(nn.Module):
    def forward(self, a):
        return 1 + a.floor().clamp(-1, 0)  # 1 where a >= 0, with the derivative 0"""


# ---------------------------------------------------------------------------------------------------------------- loop
def loop_of(session: Session) -> str:
    asked, name = session.first_settings, session.settings.optimizer
    size = min(asked.batch_size, len(session.train))
    seeded = f"torch.manual_seed({asked.seed})  # of dropout\n" if asked.dropout else ""
    settings = dedent(f"""\
        RATE, L1, L2, EPOCHS = {asked.learning_rate!r}, {asked.l1!r}, {asked.l2!r}, {asked.epochs}
        groups = [
            {{"params": [layer.weight for layer in layers], "weight_decay": L2}},
            {{"params": [layer.bias for layer in layers], "weight_decay": 0.0}},
        ]
        optimizer = {OPTIMIZERS[name]}
        count, size = {len(session.train)}, {size}
        in_epoch = count // size
        """)
    return "\n\n\n".join([
        plain(mix), plain(order),
        f"def loss_of(outputs, targets):\n    return {LOSSES[asked.objective]}",
        course_of(session),
        settings + seeded + training(session),
    ])  # fmt: skip


def course_of(session: Session) -> str:
    """The factor of the rate, of every schedule that the session had."""
    names = [session.first_settings.schedule]
    names += [one.value for one in session.edits if one.at == ("schedule",)]
    kept = "".join(
        f'    if schedule == "{name}":\n        return {SCHEDULES[name]}\n' for name in dict.fromkeys(names[1:])
    )
    first = f"    return {SCHEDULES[names[0]]}"
    if not kept:
        return f"def factor(share):\n{first}"
    if names[0] not in names[1:]:
        kept += f'    if schedule == "{names[0]}":\n        return {SCHEDULES[names[0]]}\n'
    return f'schedule = "{names[0]}"\n\n\ndef factor(share):\n{kept}    raise ValueError(schedule)'


def training(session: Session) -> str:
    edits = edits_of(session.edits)
    penalties = "" if not uses_l1(session) else PENALTY
    inner = "".join(
        f"    if step == {step}:\n{indent(lines, 8 * ' ')}\n" for step, lines in edits.items() if step < session.steps
    )
    after = "".join(f"{lines}\n" for step, lines in edits.items() if step >= session.steps)
    return f"""\
for step in range({session.steps}):
{inner}    epoch, index = divmod(step, in_epoch)
    for group in optimizer.param_groups:
        group["lr"] = RATE * factor(min(1.0, step / (EPOCHS * in_epoch)))
    chosen = order(count, {session.first_settings.seed}, epoch)[index * size : (index + 1) * size]
    optimizer.zero_grad()
    loss_of(net(inputs[train][chosen]), targets[train][chosen]).backward()
{penalties}    optimizer.step()
{after}
net.eval()
with torch.no_grad():
    print(f"train loss {{loss_of(net(inputs[train]), targets[train]):.6f}}")
    if len(targets[test]):
        print(f"test loss {{loss_of(net(inputs[test]), targets[test]):.6f}}")
"""


PENALTY = """\
    for layer in layers:
        layer.weight.grad += L1 * layer.weight.detach().sign()
"""


def uses_l1(session: Session) -> bool:
    return bool(session.first_settings.l1) or any(one.at == ("l1",) for one in session.edits)


def edits_of(edits: list[Edit]) -> dict[int, str]:
    """Lines by the step before which they stand."""
    found: dict[int, list[str]] = {}
    for one in edits:
        found.setdefault(one.step, []).append(line_of(one))
    return {step: "\n".join(lines) for step, lines in found.items()}


def line_of(edit: Edit) -> str:
    if edit.what == "setting":
        names = {"learning_rate": "RATE", "l1": "L1", "l2": "L2", "epochs": "EPOCHS", "schedule": "schedule"}
        name = names.get(edit.at[0])
        if name is None:
            return f"pass  # {edit.at[0]} is {edit.value}"
        more = '\noptimizer.param_groups[0]["weight_decay"] = L2' if name == "L2" else ""
        return f"{name} = {edit.value!r}{more}"
    layer, *place = edit.at
    inside = ", ".join(map(str, place))
    return dedent(f"""\
        parameter = layers[{layer}].{edit.what}
        parameter.data[{inside}] = {edit.value!r}
        for kept in optimizer.state.get(parameter, {{}}).values():
            if isinstance(kept, torch.Tensor) and kept.shape == parameter.shape:
                kept[{inside}] = 0""")
