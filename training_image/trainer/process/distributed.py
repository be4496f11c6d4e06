"""Data-parallel training of one adapter: one process for each GPU, joined by accelerate.

Every rank draws its own batches, and gradients are averaged by an all-reduce. The result equals
that of one process with ``world_size`` times as many gradient accumulation steps. An adapter is
small, so its gradients travel as one tensor and every rank keeps the whole optimizer.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from trainer.process.results import TrainingError


@dataclass(frozen=True)
class ProcessGroup:
    """The process group of one training, seen from this rank."""

    accelerator: Accelerator

    @classmethod
    def join(cls) -> "ProcessGroup":
        """Join the process group; without one, this process is rank 0 of 1.

        Raises:
            TrainingError: ``option_unavailable``; not all workers joined, or accelerate is
                configured for a way of training that is not supported.
        """
        expected = int(os.environ.get("WORLD_SIZE", "1"))
        if expected > 1 and not torch.cuda.is_available():
            os.environ["ACCELERATE_USE_CPU"] = (
                "true"  # otherwise accelerate starts no process group
            )
        accelerator = Accelerator()
        if accelerator.num_processes != expected:
            joined = accelerator.num_processes
            message = f"num_processes: only {joined} of {expected} workers joined the process group"
            raise TrainingError("option_unavailable", message)
        if accelerator.distributed_type not in {"NO", "MULTI_GPU", "MULTI_CPU"}:
            kind = accelerator.distributed_type.value
            raise TrainingError("option_unavailable", f"this trainer does not support {kind}")
        return cls(accelerator)

    @property
    def world_size(self) -> int:
        """Return the number of processes."""
        count: int = self.accelerator.num_processes
        return count

    @property
    def rank(self) -> int:
        """Return this process's rank; only the files of rank 0 are kept."""
        rank: int = self.accelerator.process_index
        return rank

    def all_reduce_mean(self, weights: Iterable[nn.Parameter], error: Tensor) -> Tensor:
        """Average every gradient over the ranks; return the average loss."""
        if self.world_size == 1:
            return error
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        flat = torch.cat([error.reshape(1), *(gradient.reshape(-1) for gradient in gradients)])
        shared: Tensor = self.accelerator.reduce(flat, reduction="mean")
        sizes = [1, *(gradient.numel() for gradient in gradients)]
        mean, *parts = shared.split(sizes)
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))
        return mean[0]

    def check_equal(self, weights: Iterable[nn.Parameter]) -> None:
        """Check that all ranks end with the same weights.

        Raises:
            TrainingError: ``training_failed``; the weights differ.
        """
        if self.world_size == 1:
            return
        own = torch.stack([weight.detach().double().sum() for weight in weights]).sum().reshape(1)
        sums: Tensor = self.accelerator.gather(own)
        if not bool((sums == sums[0]).all()):
            raise TrainingError(
                "training_failed", "the ranks of this training ended with different weights"
            )

    def any_rank(self, flag: bool) -> bool:
        """Return whether ``flag`` is true on any rank: all ranks must stop at the same step."""
        if self.world_size == 1:
            return flag
        flags = torch.tensor([float(flag)], device=self.accelerator.device)
        total: Tensor = self.accelerator.reduce(flags, reduction="sum")
        return bool(total.item())
