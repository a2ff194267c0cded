"""One run on several processes: sums over all of them, and a BatchNorm that sees the whole batch.

Every process computes the loss of the whole batch from pooled sums. `pooled` adds gradients up too, and
DistributedDataParallel averages them, so the update is that of one process with the whole batch. Works
with any backend, gloo on CPUs included, which torch's own SyncBatchNorm does not.
"""

from __future__ import annotations

import os

import torch
import torch.distributed as dist
from accelerate import Accelerator
from torch import Tensor, nn

from train.errors import TrainError


def start(batch: int, accumulate: int, threads: int | None) -> Accelerator:
    """Join the processes that a launcher started, or be the only one; share out the processors.

    Raises `TrainError` when the batch does not divide among the processes.
    """
    accelerator = Accelerator(cpu=not torch.accelerator.is_available(), mixed_precision="no")
    part = batch // accumulate
    if part % accelerator.num_processes:
        raise TrainError(
            f"{part} samples do not divide among {accelerator.num_processes} processes; change --batch."
        )
    if threads is None:
        here = int(os.environ.get("LOCAL_WORLD_SIZE", accelerator.num_processes))
        threads = max(1, len(os.sched_getaffinity(0)) // here)
    torch.set_num_threads(threads)
    return accelerator


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


def pool_batch_norms(network: nn.Module) -> None:
    """Replace every BatchNorm2d inside a network, in place, by one over all processes."""
    for name, module in network.named_children():
        if type(module) is nn.BatchNorm2d:
            twin = PooledBatchNorm2d(module.num_features, module.eps, module.momentum)
            twin.load_state_dict(module.state_dict())
            setattr(network, name, twin.train(module.training))
        else:
            pool_batch_norms(module)
