"""A run on several processes: sums over all processes, and batch normalisation over the whole batch.

Every process computes the loss of the whole batch from sums over all processes. `sum_over_processes` also
sums the gradients, and DistributedDataParallel averages them, so an update equals that of one process with
the whole batch. This works with every backend, including gloo on CPUs, which torch's SyncBatchNorm does not
support.
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
from train.models.layers import PerSampleDropout

WAIT_LIMIT = timedelta(hours=1)
"""How long a process waits for another one. The first process may have to pack a large dataset."""


def start_accelerator(batch: int, accumulate: int, threads: int | None) -> Accelerator:
    """Join the processes that a launcher started, if any, and set the number of CPU threads.

    Raises `TrainError` when the processes cannot connect, or when the batch does not divide among them.
    """
    interface = interface_towards(os.environ.get("MASTER_ADDR", ""))
    if interface:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", interface)
    try:
        accelerator = Accelerator(
            cpu=not torch.accelerator.is_available(),
            mixed_precision="no",
            kwargs_handlers=[InitProcessGroupKwargs(timeout=WAIT_LIMIT)],
        )
    except dist.DistError as error:
        reason = str(error).splitlines()[0]
        raise TrainError(f"The processes of the run cannot connect to each other: {reason}") from error
    if not accelerator.is_main_process:
        logging.getLogger("train").setLevel(logging.WARNING)
    part = batch // accumulate
    if part % accelerator.num_processes:
        raise TrainError(
            f"{part} samples do not divide among {accelerator.num_processes} processes; change --batch."
        )
    if threads is None and "OMP_NUM_THREADS" in os.environ and not several_processes():
        # With several processes the variable is ignored: torchrun sets it to 1 where it is not set.
        threads = torch.get_num_threads()
    if threads is None:
        local_processes = int(os.environ.get("LOCAL_WORLD_SIZE", accelerator.num_processes))
        threads = max(1, len(os.sched_getaffinity(0)) // local_processes)
    torch.set_num_threads(threads)
    return accelerator


def interface_towards(host: str) -> str | None:
    """The name of the network interface through which a host is reached, or None where it is unknown.

    By default gloo uses the interface of the machine's own host name. On many machines that is the
    loopback interface, through which other nodes cannot connect.

    >>> interface_towards("127.0.0.1"), interface_towards("")
    ('lo', None)
    """
    if not host:
        return None
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind) as probe:
            probe.connect(address)  # a datagram socket sends nothing here
            own_address = probe.getsockname()[0]
    except OSError:
        return None
    for name, addresses in psutil.net_if_addrs().items():
        if own_address in {entry.address for entry in addresses}:
            return name
    return None


@contextlib.contextmanager
def refuse_lost_processes() -> Iterator[None]:
    """Convert the errors that follow the end of another process into a `TrainError`."""
    try:
        yield
    except RuntimeError as error:
        lost = several_processes() and (isinstance(error, dist.DistError) or "gloo" in str(error).lower())
        if lost or "DataLoader worker" in str(error):
            raise TrainError(
                "Another process of the run has ended; the same command resumes from the last save."
            ) from error
        raise


def several_processes() -> bool:
    """Whether the run has more than one process."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def sum_over_processes(values: Tensor) -> Tensor:
    """The sum of a tensor over all processes; gradients flow back to all of them."""
    return _AllReduceSum.apply(values) if several_processes() else values


def any_process(flag: bool, device: torch.device) -> bool:
    """Whether `flag` is true in at least one process."""
    if not several_processes():
        return flag
    total = torch.tensor(float(flag), device=device)
    dist.all_reduce(total)
    return bool(total)


class _AllReduceSum(torch.autograd.Function):
    @staticmethod
    def forward(_context, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_context, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


class PooledBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm2d with the statistics of the batches of all processes together."""

    def forward(self, grid: Tensor) -> Tensor:
        if not self.training:
            return super().forward(grid)
        wide = grid.float()
        pixels = torch.full((1,), wide.numel() / wide.shape[1], device=wide.device)
        sums = sum_over_processes(torch.cat([wide.sum((0, 2, 3)), pixels]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        centred = wide - mean[:, None, None]
        variance = sum_over_processes(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            self.num_batches_tracked += 1
            momentum = self.momentum if self.momentum is not None else 1 / float(self.num_batches_tracked)
            self.running_mean.lerp_(mean, momentum)
            self.running_var.lerp_(variance * count / (count - 1), momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(grid.dtype)


def distribute(network: nn.Module) -> None:
    """Prepare a network, in place, to compute one process's share of a batch.

    BatchNorm layers use the whole batch, and dropout layers draw what one process would draw.
    """
    # Gradients of depthwise convolutions have another memory layout than the buckets and are copied.
    warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
    pool_batch_norms(network)
    for module in network.modules():
        if isinstance(module, PerSampleDropout):
            module.process, module.processes = dist.get_rank(), dist.get_world_size()


def pool_batch_norms(network: nn.Module) -> None:
    """Replace every BatchNorm2d of a network, in place, by a `PooledBatchNorm2d` with the same state."""
    for name, module in network.named_children():
        if type(module) is nn.BatchNorm2d:
            pooled = PooledBatchNorm2d(module.num_features, module.eps, module.momentum)
            pooled.load_state_dict(module.state_dict())
            setattr(network, name, pooled.train(module.training))
        else:
            pool_batch_norms(module)
