"""Several processes that learn one model: who this one is, waiting for the others, sharing gradients.

What always holds: outside `torchrun` there is one process, and nothing here touches `torch.distributed`.
"""

import os
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn

WAIT = timedelta(hours=2)
"""Longest wait for the other processes: one of them may still be making traces."""


def rank_and_world() -> tuple[int, int]:
    """This process's number and how many there are; (0, 1) outside `torchrun`."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def own_cores() -> int:
    """How many of the machine's cores are this process's share; at least one."""
    return max(1, len(os.sched_getaffinity(0)) // rank_and_world()[1])


def meet() -> None:
    """Wait until every process of the run is here; nothing to wait for outside `torchrun`."""
    if rank_and_world()[1] == 1:
        return
    if not dist.is_initialized():
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=WAIT)
    dist.barrier()


def share_gradients(module: nn.Module, world: int) -> None:
    """Replace every gradient by its mean over the `world` processes, in one message."""
    if world == 1:
        return
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in parameters]
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    flat /= world
    offset = 0
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = flat[offset : offset + gradient.numel()].view_as(gradient)
        offset += gradient.numel()
