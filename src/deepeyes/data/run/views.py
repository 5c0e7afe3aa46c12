"""A model whose way of seeing remembers, and pictures made ready before they are asked about: tries at one
question show the same picture again and again, and to decode and resize it each time, while a model waits,
would cost more than the rest of the episode.

What always holds: the views are those the model's own `VisionSpec` makes, and traces record that spec;
pictures are only made ready here, and whatever is wrong with one shows in its episode.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from PIL import Image
from pydantic import PrivateAttr

from deepeyes.core.images import ImageStore, VisionSpec
from deepeyes.core.sampling import Sampling
from deepeyes.core.task import Task
from deepeyes.data.run.recent import Recent
from deepeyes.models.base import ChatModel, Conversation

_ROOM = 64_000_000
"""Pixels of pictures and views to remember."""
_AHEAD = 16
"""Questions whose pictures are made ready before they are drawn; fewer if their pictures are large."""
_AHEAD_PIXELS = 16_000_000
_THREADS = 2

_Pair = tuple[Image.Image, Image.Image]
"""A picture and its view."""


class _Seen(VisionSpec):
    """The same spec. Pictures are told apart by identity, and held so that identities stay theirs."""

    _views: Recent[_Pair] = PrivateAttr(default_factory=lambda: Recent[_Pair](_ROOM))

    def view(self, image: Image.Image) -> Image.Image:
        render = super().view
        of, view = self._views.get(id(image), lambda: (image, render(image)), _pixels)
        return view if of is image else render(image)

    def has_view(self, image: Image.Image) -> bool:
        known = self._views.held(id(image))
        return known is not None and known[0] is image


class Remembering:
    """`model`, seeing through a memory."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model
        self.name = model.name
        self.vision: VisionSpec = _Seen(**model.vision.model_dump())
        self.dialect_name = model.dialect_name
        self.prompt = model.prompt

    def conversation(self, sampling: Sampling = Sampling()) -> Conversation:
        return self._model.conversation(sampling)

    async def aclose(self) -> None:
        await self._model.aclose()


def made_ready(tasks: Iterable[Task], images: ImageStore, vision: VisionSpec) -> Iterator[Task]:
    """The tasks in their order, a few kept back while their pictures are decoded and resized on threads.

    Of use where `images` and `vision` remember.
    """
    with ThreadPoolExecutor(_THREADS) as pool:
        waiting: deque[tuple[Task, int]] = deque()
        pixels = 0
        for task in tasks:
            size = sum(ref.width * ref.height for ref in task.images)
            for ref in task.images:
                pool.submit(lambda ref=ref: vision.view(images.get(ref)))
            waiting.append((task, size))
            pixels += size
            while len(waiting) > _AHEAD or (pixels > _AHEAD_PIXELS and waiting):
                ready, size = waiting.popleft()
                pixels -= size
                yield ready
        for ready, _ in waiting:
            yield ready


def _pixels(pair: _Pair) -> int:
    return sum(image.width * image.height for image in pair)
