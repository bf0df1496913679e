"""Several processes that train one network, started by torchrun: who am I, what do we add up, what do we agree on.

Each process takes its slice of every batch; DistributedDataParallel averages the gradients; batch normalisation takes
its statistics over the whole batch. The losses are then those of one process with the same batch, to rounding.
Dropout draws differ from one process to the next, so with dropout only the distribution is the same.
"""

from __future__ import annotations

import datetime
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from profundo.records import ProfundoError, Step

__all__ = ["Group", "group", "share_normalization"]

T = TypeVar("T")


class Group:
    """The processes that share the batches; alone by default."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size

    @property
    def chief(self) -> bool:
        """Whether this process writes files and speaks."""
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        if self.size > 1:
            on_device = values.cuda() if dist.get_backend() == "nccl" else values
            dist.all_reduce(on_device)
            return on_device.to(values.device)
        return values

    def gather(self, value: T) -> list[T]:
        """One value of each process, in order of rank, on every process."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def from_chief(self, value: T) -> T:
        """The chief's value, on every process."""
        if self.size == 1:
            return value
        values: list[Any] = [value]
        dist.broadcast_object_list(values, src=0)
        received: T = values[0]
        return received

    def agree(self, step: Step, wish: int) -> int:
        """The largest wish of any process; asked at every 50th step only, since asking waits for everybody."""
        if self.size == 1:
            return wish
        if step.index % 50 != 49 and not step.last:
            return 0
        return max(self.gather(wish))

    def wrap(self, net: nn.Module, device: torch.device) -> nn.Module:
        """The net with its gradients averaged over the processes."""
        if self.size == 1:
            return net
        return nn.parallel.DistributedDataParallel(net, device_ids=[device.index] if device.type == "cuda" else None)


@contextmanager
def group(device: str) -> Iterator[Group]:
    """Join the processes that torchrun started; alone when it did not. Over NCCL on GPUs, gloo on CPUs."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield Group()
        return
    gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    if gpu:
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if local >= torch.cuda.device_count():
            raise ProfundoError(
                f"process {local}: expected a GPU of its own, this machine has {torch.cuda.device_count()}"
            )
        torch.cuda.set_device(local)
    if gpu and ":" in device:
        raise ProfundoError(f"device {device!r}: every process takes a GPU of its own; say --device cuda")
    # While one process validates, the others wait.
    dist.init_process_group("nccl" if gpu else "gloo", timeout=datetime.timedelta(hours=2))
    try:
        yield Group(dist.get_rank(), dist.get_world_size())
        dist.barrier()  # who leaves early takes away connections that others still use
    finally:
        gc.collect()  # wrapped nets refer to the group in cycles; its threads must end before the process does
        dist.destroy_process_group()


def share_normalization(net: nn.Module) -> nn.Module:
    """Replace every batch normalisation by one whose statistics are those of all processes together."""
    for name, child in net.named_children():
        if isinstance(child, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d):
            setattr(net, name, SharedBatchNorm.of(child))
        else:
            share_normalization(child)
    return net


class SharedBatchNorm(nn.modules.batchnorm._BatchNorm):
    """Batch normalisation over the batches of all processes (PyTorch's own does it on GPUs only).

    Its sums are added over the processes, differentiably, so the gradients are those of the whole batch.
    """

    @classmethod
    def of(cls, norm: nn.modules.batchnorm._BatchNorm) -> SharedBatchNorm:
        """With the very parameters and buffers of `norm`."""
        shared = cls(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
        shared.weight, shared.bias = norm.weight, norm.bias
        shared.running_mean, shared.running_var = norm.running_mean, norm.running_var
        shared.num_batches_tracked = norm.num_batches_tracked
        return shared.train(norm.training)

    def _check_input_dim(self, _input: Tensor) -> None:
        """Any number of dimensions; channels are the second."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training:
            return super().forward(input)
        x = input.float() if input.dtype in (torch.bfloat16, torch.float16) else input
        over, shape = [0, *range(2, x.ndim)], [1, -1, *[1] * (x.ndim - 2)]
        count = x.new_full((x.shape[1],), x.numel() / x.shape[1])
        total, n = AddOverProcesses.apply(torch.stack([x.sum(over), count]))  # type: ignore[no-untyped-call]
        mean = total / n
        # In two passes: the mean of squares minus the square of the mean loses all digits where the mean is large.
        squares = AddOverProcesses.apply((x - mean.view(shape)).square().sum(over))  # type: ignore[no-untyped-call]
        variance = squares / n
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            with torch.no_grad():
                self.num_batches_tracked += 1
                share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
                self.running_mean.lerp_(mean, share)
                self.running_var.lerp_(variance * n / (n - 1), share)
        y: Tensor = (x - mean.view(shape)) * (variance + self.eps).rsqrt().view(shape)
        if self.affine:
            y = y * self.weight.view(shape) + self.bias.view(shape)
        return y.to(input.dtype)


class AddOverProcesses(torch.autograd.Function):
    """y = Σ over processes of x; so ∂L/∂x = Σ over processes of ∂L/∂y."""

    @staticmethod
    def forward(_context: Any, x: Tensor) -> Tensor:
        y = x.clone()
        dist.all_reduce(y)
        return y

    @staticmethod
    def backward(_context: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total
