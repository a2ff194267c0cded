"""One run on several processes: sums over all of them, and a BatchNorm that sees the whole batch.

Every process computes the loss of the whole batch from pooled sums. `pooled` adds gradients up too, and
DistributedDataParallel averages them, so the update is that of one process with the whole batch. Works
with any backend, gloo on CPUs included, which torch's own SyncBatchNorm does not.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import warnings
from collections.abc import Iterator
from datetime import timedelta

import psutil
import torch
import torch.distributed as dist
from accelerate import Accelerator, InitProcessGroupKwargs
from torch import Tensor, nn

from train.errors import TrainError
from train.models.layers import DropsSamples

PATIENCE = timedelta(hours=1)
"""How long a process waits for another: the first one may be packing a large dataset."""


def start(batch: int, accumulate: int, threads: int | None) -> Accelerator:
    """Join the processes that a launcher started, or be the only one; share out the processors.

    Raises `TrainError` when they do not find each other, or the batch does not divide among them.
    """
    interface = interface_towards(os.environ.get("MASTER_ADDR", ""))
    if interface:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)
    try:
        accelerator = Accelerator(
            cpu=not torch.accelerator.is_available(),
            mixed_precision="no",
            kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)],
        )
    except dist.DistError as error:
        reason = str(error).splitlines()[0]
        raise TrainError(f"The processes of the run do not find each other: {reason}") from error
    if not accelerator.is_main_process:
        logging.getLogger("train").setLevel(logging.WARNING)
    part = batch // accumulate
    if part % accelerator.num_processes:
        raise TrainError(
            f"{part} samples do not divide among {accelerator.num_processes} processes; change --batch."
        )
    if threads is None and "OMP_NUM_THREADS" in os.environ and not several():
        threads = torch.get_num_threads()  # torchrun sets it to 1 where nobody has: it counts alone only
    if threads is None:
        here = int(os.environ.get("LOCAL_WORLD_SIZE", accelerator.num_processes))
        threads = max(1, len(os.sched_getaffinity(0)) // here)
    torch.set_num_threads(threads)
    return accelerator


def interface_towards(host: str) -> str | None:
    """The network interface through which a host is reached; None where that cannot be told.

    Left to itself gloo takes the interface that the machine's own name stands for, which on many
    machines is the loopback: two nodes would not find each other.

    >>> interface_towards("127.0.0.1"), interface_towards("")
    ('lo', None)
    """
    if not host:
        return None
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)  # sends nothing
            own = probe.getsockname()[0]
    except OSError:
        return None
    interfaces = psutil.net_if_addrs().items()
    return next((name for name, has in interfaces if own in {one.address for one in has}), None)


@contextlib.contextmanager
def lost_processes() -> Iterator[None]:
    """What the end of another process looks like from here, as a refusal that says what to do."""
    try:
        yield
    except RuntimeError as error:
        lost = several() and (isinstance(error, dist.DistError) or "gloo" in str(error).lower())
        if lost or "DataLoader worker" in str(error):
            raise TrainError(
                "Another process of the run has ended; the same command goes on from the last save."
            ) from error
        raise


def several() -> bool:
    """Whether the run has more than one process."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def pooled(values: Tensor) -> Tensor:
    """The sum of a tensor over all processes; gradients flow back to every one of them."""
    return _SumOverProcesses.apply(values) if several() else values


def any_process(flag: bool, device: torch.device) -> bool:
    """Whether the flag is up anywhere."""
    if not several():
        return flag
    raised = torch.tensor(float(flag), device=device)
    dist.all_reduce(raised)
    return bool(raised)


class _SumOverProcesses(torch.autograd.Function):
    @staticmethod
    def forward(_context, values: Tensor) -> Tensor:  # noqa: ANN001
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_context, gradient: Tensor) -> Tensor:  # noqa: ANN001
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


class PooledBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm over the batches of all processes together; parameters and buffers are BatchNorm2d's."""

    def forward(self, grid: Tensor) -> Tensor:
        if not self.training:
            return super().forward(grid)
        wide = grid.float()
        pixels = torch.full((1,), wide.numel() / wide.shape[1], device=wide.device)
        sums = pooled(torch.cat([wide.sum((0, 2, 3)), pixels]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        centred = wide - mean[:, None, None]
        variance = pooled(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            momentum = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(variance * count / (count - 1), momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(grid.dtype)


def share_out(network: nn.Module) -> None:
    """Make a network, in place, compute its part of a batch as one process computes the whole batch."""
    # Gradients of depthwise convolutions lie otherwise in memory than their buckets: they are copied.
    warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
    pool_batch_norms(network)
    for module in network.modules():
        if isinstance(module, DropsSamples):
            module.process, module.processes = dist.get_rank(), dist.get_world_size()


def pool_batch_norms(network: nn.Module) -> None:
    """Replace every BatchNorm2d inside a network, in place, by one over all processes."""
    for name, module in network.named_children():
        if type(module) is nn.BatchNorm2d:
            twin = PooledBatchNorm2d(module.num_features, module.eps, module.momentum)
            twin.load_state_dict(module.state_dict())
            setattr(network, name, twin.train(module.training))
        else:
            pool_batch_norms(module)
