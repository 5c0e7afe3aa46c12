"""Caches of decoded images and of their resized views, shared by all tries at a question.

Every question is asked many times, and each try shows the model the same image at the same size. To decode
and resize it anew each time, while a model waits, would cost more than the rest of the episode. What always
holds: what a cached image or view is, is what the `ImageStore` and the model's own `VisionSpec` make of it,
and traces record that spec; an image that cannot be read is no error here but in its episode.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image
from pydantic import PrivateAttr

from deepeyes.core.images import ImageRef, ImageStore, VisionSpec, to_rgb
from deepeyes.core.lru import LruCache
from deepeyes.core.sampling import Sampling
from deepeyes.core.task import Task
from deepeyes.models.base import ChatModel, Conversation

_ROOM = 64_000_000
"""Pixels of images and views to keep."""
_AHEAD = 16
"""Questions whose images are made ready before they are drawn; fewer if their images are large."""
_AHEAD_PIXELS = 16_000_000
_THREADS = 2

_Pair = tuple[Image.Image, Image.Image]
"""An image and its view."""


class CachedImages(ImageStore):
    """An `ImageStore` that keeps the images it read or got last; safe to read from threads."""

    def __init__(self, folder: str | Path, max_pixels: int = 48_000_000) -> None:
        super().__init__(folder)
        self._recent: LruCache[Image.Image] = LruCache(max_pixels)

    def put(self, image: Image.Image, ref: ImageRef | None = None) -> ImageRef:
        rgb = to_rgb(image)
        ref = super().put(rgb, ref)
        self._recent.get(ref.sha256, lambda: rgb, _area)
        return ref

    def get(self, ref: ImageRef) -> Image.Image:
        read = super().get
        return self._recent.get(ref.sha256, lambda: read(ref), _area)

    def held(self, ref: ImageRef) -> Image.Image | None:
        return self._recent.held(ref.sha256)


class _CachingVision(VisionSpec):
    """The same spec. Images are told apart by identity, and held so that identities stay theirs."""

    _views: LruCache[_Pair] = PrivateAttr(default_factory=lambda: LruCache[_Pair](_ROOM))

    def view(self, image: Image.Image) -> Image.Image:
        render = super().view
        of, view = self._views.get(id(image), lambda: (image, render(image)), _pixels)
        return view if of is image else render(image)

    def has_view(self, image: Image.Image) -> bool:
        known = self._views.held(id(image))
        return known is not None and known[0] is image


class CachingModel:
    """`model`, whose views of images are cached."""

    def __init__(self, model: ChatModel) -> None:
        self._model = model
        self.name = model.name
        self.vision: VisionSpec = _CachingVision(**model.vision.model_dump())
        self.dialect_name = model.dialect_name
        self.prompt = model.prompt

    def conversation(self, sampling: Sampling = Sampling()) -> Conversation:
        return self._model.conversation(sampling)

    async def aclose(self) -> None:
        await self._model.aclose()


def preloaded(tasks: Iterable[Task], images: ImageStore, vision: VisionSpec) -> Iterator[Task]:
    """The tasks in their order, a few kept back while their images are decoded and resized on threads.

    Of use where `images` and `vision` cache.
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


def _area(image: Image.Image) -> int:
    return image.width * image.height


def _pixels(pair: _Pair) -> int:
    return sum(image.width * image.height for image in pair)
