"""What a script does to its nets, seen at PyTorch's own seams while it trains; nothing of it is changed.

The first step is taped: it says which net answers, how the cost follows from the answers, and which optimizer moves the net. A
copy of all three is taken before anything has moved. Then batches are copied, until they come again or fill 256 MB, and the order
of events is written down for a few steps. From there on `watch` looks at a step now and then, and a training step calls little else
of ours but a count: the net is heard again when gradients are switched off and none wait for their step, or when its mode changes;
its cost in the steps that are looked at.
"""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from weakref import ref

import torch
from torch import Tensor, nn
from torch.nn.modules import module as modules
from torch.optim import Optimizer
from torch.optim import optimizer as optimizers

from profundo.doctor.events import CLIPS, optimized
from profundo.doctor.programs import Program, copied
from profundo.doctor.scripts.keras_nets import KerasNet, is_keras, of_pytorch
from profundo.doctor.scripts.tape import Tape, Unplayable, parts, replayed, targets_of
from profundo.doctor.watching import Watch, watch
from profundo.records import ProfundoError

__all__ = ["Captured", "Observer", "plain_net"]

MOST_BYTES, MOST_TRAIN, MOST_HELD = 256 * 2**20, 50_000, 4000  # of copied batches, and of samples in them
ORDERED = 64  # events that are written down in their order
MOST_RATES = 100_000  # steps whose learning rate is remembered
AGAIN = 0.9  # share of a batch's rows that were there before: the epoch has begun anew


Act = Callable[..., Any]


def nothing(*_: Any, **__: Any) -> None:
    """What is done where nothing is."""


@dataclass
class Captured:
    """Copies of batches: what the net was given, and the target. full: no more are taken."""

    most: int
    batches: list[tuple[tuple[Any, ...], dict[str, Any], Any]] = field(default_factory=list)
    rows: set[int] = field(default_factory=set)
    samples: int = 0
    full: bool = False
    repeats: bool = False


class Observer:
    """Everything seen so far. why: what keeps the training from being tried again."""

    def __init__(self) -> None:
        self.optimizers: list[ref[Optimizer]] = []  # in the order in which they were made
        self.stepped: Counter[int] = Counter()  # steps by optimizer
        self.nets: dict[nn.Module, int] = {}  # calls for which gradients were wanted
        self.backward = 0
        self.order: list[tuple[str, Any]] = []
        self.rates: list[float] = []
        self.why = ""
        self.start: Program | None = None  # a copy of net, cost and optimizer before the first step
        self.net: nn.Module | None = None
        self.optimizer: Optimizer | None = None
        self.closures = False
        # the first cost, the generator before it, whether in autocast
        self.first: tuple[float, Tensor, bool] | None = None
        self.train, self.held = Captured(MOST_TRAIN), Captured(MOST_HELD)
        self.watcher: Watch | None = None
        self.bytes, self.judged_on_train = 0, 0
        self.inside: nn.Module | None = None
        self.given: tuple[tuple[Any, ...], dict[str, Any]] = ((), {})
        self.answers: Any = None
        self.tape, self.comparing = Tape(), False
        self.paths: list[tuple[Any, ...] | None] = [None]  # of the targets, in what the net is given
        self.hooked = ExitStack()
        self.scaled: dict[int, Tensor] = {}
        self.random = torch.empty(0)
        self.process = os.getpid()
        self.stack, self.early, self.costs = ExitStack(), ExitStack(), ExitStack()
        self.settled = False  # training batches and the order of events are known
        self.hearing, self.resting = True, False  # costs are heard; the net is not
        self.passes_a_step = 1
        self.least: Tensor | None = None  # the smallest parameter that has a gradient
        self.used: tuple[Tensor | None, int] = (None, 0)  # its gradient at the last step, how often that was written
        self.finding, self.finding_nets = ExitStack(), True  # hooks on every module, until the nets are known

    # --------------------------------------------------------------------------------------------------------- seams
    def install(self) -> None:
        """Listen. `close` puts everything back."""
        self.stack.callback(self.finding.close)
        self.stack.callback(self.early.close)
        self.stack.callback(self.costs.close)
        self.listen()
        self.stack.callback(optimizers.register_optimizer_step_post_hook(self.harmless(self.steps)).remove)
        self.wrap(Optimizer, "__init__", after=lambda _, made, *__, **___: self.optimizers.append(ref(made)))
        self.wrap(Optimizer, "zero_grad", before=lambda *_, **__: self.note("zero"), within=self.early)
        self.wrap(nn.Module, "zero_grad", before=lambda *_, **__: self.note("zero"), within=self.early)
        self.hears_costs()
        # it warns of hooks on every module
        self.wrap(torch, "compile", before=lambda *_, **__: self.finding.close(), after=lambda *_, **__: self.listen())
        for name in CLIPS:
            self.wrap(torch.nn.utils, name, before=functools.partial(self.clips, name), within=self.early)

    def listen(self) -> None:
        """To every module, for the first steps."""
        if self.finding_nets:
            self.finding.callback(modules.register_module_forward_pre_hook(self.harmless(self.any_enters)).remove)

    def hears_costs(self) -> None:
        self.wrap(Tensor, "backward", before=self.goes_back, within=self.costs)
        self.wrap(torch.amp.GradScaler, "scale", after=self.scales, within=self.costs)

    def wrap(
        self, owner: Any, name: str, *, before: Act = nothing, after: Act = nothing, within: ExitStack | None = None
    ) -> None:
        """before: of what it is given; after: of what it gave and was given. within: how long, to the end if None."""
        plain, before, after = getattr(owner, name), self.harmless(before), self.harmless(after)

        @functools.wraps(plain)
        def wrapper(*arguments: Any, **named: Any) -> Any:
            if torch.compiler.is_compiling() or os.getpid() != self.process:
                return plain(*arguments, **named)
            before(*arguments, **named)
            result = plain(*arguments, **named)
            after(result, *arguments, **named)
            return result

        setattr(owner, name, wrapper)
        (self.stack if within is None else within).callback(setattr, owner, name, plain)

    def harmless(self, act: Act) -> Act:
        """For whatever the script's own calls reach: it goes on, though we fail by something of a kind that nobody foresaw. A plain
        function, for hooks are copied with a net."""

        def acts(*arguments: Any, **named: Any) -> None:
            try:
                act(*arguments, **named)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is not the script's
                self.gives_up(error)

        return acts

    def gives_up(self, error: Exception) -> None:
        said = " ".join(str(error).split())[:200]
        self.why = (
            self.why
            or f"the doctor failed to follow the script, which is a fault of its own: {type(error).__name__}: {said}"
        )
        self.tape.end()
        self.tape, self.answers, self.given, self.inside, self.comparing = Tape(), None, ((), {}), None, False
        self.settles()

    def close(self) -> None:
        self.harmless(self.ends_comparison)()
        self.tape.end()
        self.hooked.close()
        self.stack.close()

    def note(self, what: str, about: Any = None) -> None:
        if len(self.order) < ORDERED:
            self.order.append((what, about))

    # ---------------------------------------------------------------------------------------------------------- nets
    def any_enters(self, module: nn.Module, *_: Any) -> None:
        """The outermost module with parameters is a net: from now on its own hooks are asked."""
        if torch.compiler.is_compiling() or (self.inside is not None and self.inside is not module):
            return
        if module in self.nets or not any(True for _ in module.parameters()):
            return
        self.nets[module] = 0
        self.hooked = self.stack.enter_context(self.hooks(module))
        self.enters(module)
        if hasattr(module, "_orig_mod"):  # a hook inside what is compiled would have it compiled again
            self.finding_nets = False
            self.finding.close()

    def hooks(self, net: nn.Module) -> ExitStack:
        stack = ExitStack()
        stack.callback(net.register_forward_pre_hook(self.harmless(self.enters), with_kwargs=True).remove)
        stack.callback(net.register_forward_hook(self.harmless(self.leaves), with_kwargs=True).remove)
        return stack

    def enters(self, net: nn.Module, *_: Any) -> None:
        if torch.compiler.is_compiling() or (self.settled and not self.comparing and torch.is_grad_enabled()):
            return
        if self.inside not in (None, net):
            return
        self.inside = net
        self.ends_comparison()
        if not torch.is_grad_enabled():
            return
        self.nets[net] += 1
        self.note("forward", id(net))
        if self.start is None and not self.why:
            self.tape.end()
            self.tape, self.random = Tape(), torch.get_rng_state()
            if not hasattr(net, "_orig_mod"):
                self.tape.begin()

    def leaves(self, net: nn.Module, args: tuple[Any, ...], named: dict[str, Any], answers: Any) -> None:
        """From the answers on, calls are taped until they have become a cost, or were compared with targets."""
        if torch.compiler.is_compiling() or self.inside is not net:
            return
        self.inside = None
        graded = torch.is_grad_enabled()
        if self.why or (self.start is None and not graded) or (self.start is not None and net is not self.net):
            return
        comparing = not graded or (self.start is not None and not net.training)  # unless backward() follows
        if (self.held if comparing else self.train).full:
            return
        if self.start is not None:
            self.tape.end()
            self.tape = Tape()
        self.tape.inside = len(self.tape.calls)
        if not self.tape.running and None in self.paths:
            self.tape.begin()
        self.comparing, self.given, self.answers = comparing, (args, named), answers

    # --------------------------------------------------------------------------------------------------------- steps
    def scales(self, result: Any, _scaler: Any, outputs: Any) -> None:
        """outputs: as PyTorch names it, for a script may do so."""
        if isinstance(result, Tensor) and result is not outputs:
            self.scaled = {id(result): outputs}

    def goes_back(self, cost: Tensor, *_: Any, **__: Any) -> None:
        self.backward += 1
        self.inside = None  # a forward pass that ended in an error has not left it
        cost = self.scaled.pop(id(cost), cost)
        watcher = self.watcher
        if watcher is not None and watcher.steps >= watcher.next and cost.numel() == 1:  # it looks
            watcher.losses[watcher.steps] = float(cost.detach())
            watcher.seen[-1].note("loss", value=watcher.losses[watcher.steps], attached=cost.requires_grad)
        if self.settled:
            return
        self.comparing = False
        if self.start is not None and len(self.order) < ORDERED and self.cleared():
            self.note("zero")  # by hand, such as parameter.grad = None
        self.note("backward")
        self.tape.end()
        if self.why or self.train.full or self.answers is None:
            self.settles()
            return
        self.inside = nn.Identity()  # what is called while a net is copied is not the script's
        try:
            self.takes(self.train, self.begins(cost) if self.start is None else self.target(cost))
        except (Unplayable, ProfundoError) as error:
            self.why = str(error)
        self.tape, self.answers, self.given, self.inside = Tape(), None, ((), {}), None
        self.settles()

    def settles(self) -> None:
        if self.settled or not (self.why or (self.train.full and len(self.order) >= ORDERED)):
            return
        self.settled = True
        self.early.close()
        self.passes_a_step = max(1, round(self.backward / max(1, self.stepped[id(self.optimizer)])))
        self.wrap(nn.Module, "train", before=self.wakes)
        self.wrap(torch.set_grad_enabled, "__init__", before=self.switches)  # torch.no_grad makes one, too
        self.wrap(torch.inference_mode, "__enter__", before=lambda *_: self.switches())

    def rests(self) -> None:
        """Until gradients are switched off, or the mode is, the net is not heard; the cost is in steps that are looked at."""
        if not self.resting:
            self.resting = True
            self.hooked.close()
        self.used = self.gradient()
        looks = self.watcher is not None and self.watcher.steps >= self.watcher.next
        if looks and not self.hearing:
            self.hears_costs()
        elif self.hearing and not looks:
            self.costs.close()
        self.hearing = looks

    def wakes(self, *_: Any, **__: Any) -> None:
        """Whoever switches gradients off, or the mode, may be about to judge the net on other samples."""
        if self.resting and not (self.held.full or self.why) and self.net is not None:
            self.resting = False
            self.hooked = self.hooks(self.net)

    def switches(self, _switch: Any = None, mode: bool = False) -> None:
        """Gradients on or off. Clipping and the optimizer switch them off as well, between backward() and the step's end."""
        if self.resting and not mode and not self.pending():
            self.wakes()

    def gradient(self) -> tuple[Tensor | None, int]:
        """A small one of those that the optimizer reads, and how often it has been written."""
        if self.least is None and self.optimizer is not None:
            with_gradient = (one for one in optimized(self.optimizer) if one.grad is not None)
            self.least = min(with_gradient, key=Tensor.numel, default=None)
        now = None if self.least is None else self.least.grad
        return now, 0 if now is None else now._version

    def pending(self) -> bool:
        """Whether a gradient came after the last step; one that was only cleared is none."""
        now, written = self.gradient()
        return now is not None and (now is not self.used[0] or written != self.used[1]) and bool(now.any())

    def cleared(self) -> bool:
        """Whether there is no gradient, although nothing was seen to clear it since the last step."""
        since = [what for what, _ in self.order]
        since = since[len(since) - since[::-1].index("step") :] if "step" in since else ["zero"]
        groups = self.optimizer.param_groups if self.optimizer is not None else []
        held = [one.grad for group in groups for one in group["params"] if one.grad is not None]
        return not {"zero", "backward"} & set(since) and not any(bool(one.any()) for one in held)

    def begins(self, cost: Tensor) -> Any:
        """The first target. Copies what the first step is about to change; raises Unplayable or ProfundoError where it cannot."""
        called = self.outermost()
        if len(called) != 1:
            names = ", ".join(type(plain_net(net)).__name__ for net in called)
            raise Unplayable(f"{len(called)} nets answer before the first backward() ({names}), and one can be tried")
        net = plain_net(called[0])
        own = {id(one) for one in net.parameters()}
        if any(one.device.type != "cpu" for one in net.parameters()):
            raise Unplayable("the net is not on the CPU, where experiments are done; hide the GPU to have them")
        made = [one for one in (each() for each in self.optimizers) if one is not None]
        moving = [one for one in made if own & {id(each) for each in optimized(one)}]
        optimizer, foreign = next(reversed(moving or made), None), is_keras(net) and hasattr(net, "optimizer")
        if foreign:
            optimizer = self.follows_keras(net)
        if optimizer is None:
            raise Unplayable("no optimizer of torch.optim was made")
        if cost.numel() != 1:
            raise Unplayable("backward() is called on what is no cost: a single number")
        replay, targets = replayed(self.tape, self.given, self.answers, cost, net)
        self.hooked.close()
        self.start = copied(Program(net=KerasNet(net) if foreign else net, loss=replay, optimizer=optimizer, train=[]))
        self.hooked = self.stack.enter_context(self.hooks(called[0]))
        self.net, self.optimizer = called[0], optimizer
        paths = {id(one): path for path, one in parts(self.given)}
        self.paths = [paths.get(id(one)) for one in targets]
        self.first = (float(cost.detach()), self.random, torch.is_autocast_enabled("cpu") or net is not called[0])
        self.watcher = None if foreign else self.stack.enter_context(watch(called[0], optimizer))
        return one_or_all(targets)

    def follows_keras(self, model: Any) -> Optimizer:
        """An optimizer of PyTorch that steps whenever Keras' own does."""
        optimizer = of_pytorch(model)

        def steps(*_: Any, **__: Any) -> None:
            optimizer.param_groups[0]["lr"] = float(model.optimizer.learning_rate)
            self.steps(optimizer)

        self.wrap(type(model.optimizer), "apply", after=steps)
        return optimizer

    def outermost(self) -> list[nn.Module]:
        """Nets that answered, without the parts of others among them, which a script may try alone before it trains."""
        called = {net: {id(one) for one in net.parameters()} for net, calls in self.nets.items() if calls}
        places = list(called)
        whole = [net for net in places if not any(called[net] < called[other] for other in places)]
        last = {frozenset(called[net]): net for net in whole}  # of several with the same parameters
        return [net for net in whole if last[frozenset(called[net])] is net]

    def target(self, cost: Tensor) -> Any:
        """Of a later batch: where it was in the first one among what the net is given, or what the answers met."""
        if None not in self.paths:
            given = dict(parts(self.given))
            return one_or_all([given[path] for path in self.paths if path is not None])
        targets = replayed(self.tape, self.given, self.answers, cost, plain_net(self.net))[1]  # type: ignore[arg-type]
        if len(targets) != len(self.paths):
            raise Unplayable("the cost is made of other parts in other steps")
        return one_or_all(targets)

    def ends_comparison(self) -> None:
        """Answers without gradients were compared with something: those are held-out samples."""
        if not self.comparing:
            return
        self.tape.end()
        like = self.train.batches[0][2] if self.train.batches else None
        given = dict(parts(self.given))
        if self.paths and None not in self.paths and all(path in given for path in self.paths):
            self.takes(self.held, one_or_all([given[path] for path in self.paths if path is not None]))
        elif isinstance(like, Tensor) and (target := targets_of(self.tape, self.answers, like)) is not None:
            self.takes(self.held, target)
        self.comparing, self.answers = False, None

    def clips(self, name: str, *given: Any, **named: Any) -> None:
        most = given[1] if len(given) > 1 else named["max_norm" if name == "clip_grad_norm_" else "clip_value"]
        self.note("clip", (name, float(most)))

    def steps(self, optimizer: Optimizer, *_: Any) -> None:
        if self.comparing:
            self.ends_comparison()
        self.stepped[id(optimizer)] += 1
        if optimizer is not self.optimizer:
            return
        if len(self.rates) < MOST_RATES:
            self.rates.append(float(optimizer.param_groups[0]["lr"]))
        if self.finding_nets and len(self.rates) == 2:
            self.finding_nets = False
            self.finding.close()
        if self.settled:
            self.backward += 0 if self.hearing else self.passes_a_step
            self.rests()
        else:
            self.note("step")

    # ------------------------------------------------------------------------------------------------------- samples
    def takes(self, captured: Captured, target: Any) -> None:
        """Copy a batch, unless its rows were there before or memory is full."""
        args, named = self.given
        tensors = [one for _, one in parts((args, named, target))]
        fresh = rows_of(tensors)
        if captured is self.held and self.train.rows.issuperset(fresh):
            self.judged_on_train += 1
            return
        captured.repeats = sum(row in captured.rows for row in fresh) >= AGAIN * len(fresh)
        size = sum(one.numel() * one.element_size() for one in tensors)
        captured.full = captured.repeats or self.bytes + size > MOST_BYTES or captured.samples >= captured.most
        if captured.full:
            return
        captured.rows.update(fresh)
        self.bytes, captured.samples = self.bytes + size, captured.samples + len(fresh)
        with torch.inference_mode(False):
            captured.batches.append((snapped(args), snapped(named), snapped(target)))


def one_or_all(targets: list[Tensor]) -> Any:
    """None where there are none."""
    return targets[0] if len(targets) == 1 else tuple(targets) or None


def plain_net(net: nn.Module) -> nn.Module:
    """What a compiled net, or one on several devices, was made of."""
    while (inner := getattr(net, "_orig_mod", None) or wrapped(net)) is not None:
        net = inner
    return net


def wrapped(net: nn.Module) -> Any:
    return net.module if isinstance(net, nn.DataParallel | nn.parallel.DistributedDataParallel) else None


def snapped(tree: Any) -> Any:
    if isinstance(tree, Tensor):
        return tree.detach().clone()
    if isinstance(tree, dict):
        return {name: snapped(part) for name, part in tree.items()}
    return tuple(snapped(part) for part in tree) if isinstance(tree, tuple | list) else tree


def rows_of(tensors: list[Tensor]) -> list[int]:
    """A number for each sample, equal for equal samples: of every so many bytes of its parts."""
    tensors = [one for one in tensors if one.ndim]
    if not tensors:
        return []
    count = len(tensors[0])
    tables = [one.detach().reshape(count, -1).contiguous() for one in tensors if len(one) == count and one.numel()]
    thin = [table[:, :: max(1, table.shape[1] // 256)].contiguous().view(torch.uint8) for table in tables]
    return [hash(row.tobytes()) for row in torch.cat(thin, 1).numpy()]
