"""Several players that take turns at every batch (after Goodfellow et al. 2014, Algorithm 1), each lowering a cost of its own.

One function tells the game. It says whose turn it is and what that player lowers, and is gone on with once the player has moved:

    def turns(batch):
        made = generator(batch.inputs)
        yield "discriminator", {"discriminator": tells_apart(batch.targets, made.detach())}
        yield "generator", {"generator": passes_for_real(made)}  # judged by the discriminator as it is now

`Adversarial` is the game of one generator that makes images of noise; here what is made, of what, and by how many, is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from profundo.records import Batch
from profundo.train.averaging import averaged, follow
from profundo.train.optimizers import take_step
from profundo.train.updates import match_layout

__all__ = ["Game", "Turns"]

Turns = Callable[[Batch], Iterator[tuple[str, Mapping[str, Tensor]]]]
"""Of a batch: turn by turn a player's name, and scalars by name; the one of the player's name it lowers, the others are reported."""


class Game:
    """Each call: every turn of the batch, one step of the optimizer of whose turn it is.

    nets: all that play, by name. players: the optimizer of each player, which moves the nets that are its own; the others' gradients
    stay as they are. average: names of nets of which a moving average is kept, with this decay; they are in `averages`.
    """

    def __init__(
        self,
        nets: Mapping[str, nn.Module],
        players: Mapping[str, Optimizer],
        turns: Turns,
        *,
        average: Sequence[str] = (),
        decay: float = 0.99,
    ) -> None:
        self.nets, self.players, self.turns, self.decay = nets, players, turns, decay
        self.averages = {name: averaged(nets[name]) for name in average}

    @property
    def networks(self) -> Mapping[str, nn.Module]:
        return {**self.nets, **{f"{name}, averaged": net for name, net in self.averages.items()}}

    @property
    def optimizers(self) -> Iterable[Optimizer]:
        return self.players.values()

    def __call__(self, batch: Batch) -> Mapping[str, Tensor]:
        told: dict[str, Tensor] = {}
        for player, costs in self.turns(batch):
            self.move(self.players[player], costs[player])
            told |= {name: cost.detach() for name, cost in costs.items()}
        for name, average in self.averages.items():
            follow(average, self.nets[name], self.decay)
        return told

    def move(self, player: Optimizer, cost: Tensor) -> None:
        player.zero_grad()
        own = [parameter for group in player.param_groups for parameter in group["params"]]
        cost.backward(inputs=own)  # type: ignore[no-untyped-call]
        take_step(player)

    def state_dict(self) -> dict[str, Any]:
        return {
            "networks": {name: net.state_dict() for name, net in self.networks.items()},
            "players": {name: player.state_dict() for name, player in self.players.items()},
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for name, net in self.networks.items():
            net.load_state_dict(state["networks"][name])
        for name, player in self.players.items():
            player.load_state_dict(state["players"][name])
            match_layout(player)
