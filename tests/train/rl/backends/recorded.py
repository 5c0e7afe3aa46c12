"""Groups of real episodes, played once by the embedded model, for what learns from them."""

import asyncio
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from deepeyes import Sampling, open_agent
from deepeyes.core.images import ImageStore
from deepeyes.core.trace import Trace
from deepeyes.grading.reward import Rewarded
from deepeyes.models.nano.model import NAMES, WEIGHTS
from deepeyes.models.transformers import do_without_torchvision
from deepeyes.train.batch import Collator
from deepeyes.train.rl.rollouts import Group
from deepeyes.world.tasks import world_tasks

FOLDER = WEIGHTS / NAMES["nano"]
FAMILIES = ["tiny", "direct", "search"]
"""Of questions that need an image of a tool, none, and several searches."""
SAMPLES = 3


@dataclass
class Played:
    """Ragged episodes, some without a call, some with several images and turns."""

    groups: list[Group]
    images: ImageStore


def model_and_collator() -> tuple[Any, Collator]:
    do_without_torchvision()
    model = AutoModelForImageTextToText.from_pretrained(FOLDER, dtype=torch.float32).eval()
    return model, Collator(model, AutoProcessor.from_pretrained(FOLDER))


@cache
def played() -> Played:
    async def play() -> tuple[list[Trace], ImageStore]:
        images = ImageStore()
        tasks = list(world_tasks(FAMILIES, "train", 23, len(FAMILIES), images))
        sampling = Sampling(temperature=1.5, top_k=200, seed=5)
        async with open_agent("nano", search="world", sampling=sampling) as agent:
            return await agent.run(tasks, images=images, samples=SAMPLES, concurrency=12), images

    traces, images = asyncio.run(play())
    by_task: dict[str, list[Trace]] = {}
    for trace in sorted(traces, key=lambda one: (one.task.id, one.sample)):
        by_task.setdefault(trace.task.id, []).append(trace)
    groups = [
        Group(some[0].task, some, [_earned((place * 7 + number * 3) % 5 / 4) for number in range(len(some))])
        for place, some in enumerate(by_task.values())
    ]
    return Played(groups, images)


def _earned(reward: float) -> Rewarded:
    return Rewarded(reward, {"accuracy": reward})
