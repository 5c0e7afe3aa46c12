"""Pictures that tries share: read and rendered once, named once, and what the model sees stays the same."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from deepeyes.agent.agent import Agent
from deepeyes.core import images as core_images
from deepeyes.core.images import ImageStore, VisionSpec, image_ref
from deepeyes.core.task import Task
from deepeyes.data.run.image_cache import CachedImages, CachingModel, preloaded
from deepeyes.models.scripted import ScriptedModel
from deepeyes.tools.base import ToolSet

REPLY = "<think>clear</think><answer>red</answer>"


@pytest.fixture
def task(tmp_path: Path) -> Task:
    ref = ImageStore(tmp_path).put(Image.linear_gradient("L").resize((301, 203)).convert("RGB"))
    return Task(id="t", question="What colour?", images=(ref,), answer="red", source="t")


def test_held_is_what_get_gave_and_reads_nothing(tmp_path: Path, task: Task) -> None:
    store, (ref,) = CachedImages(tmp_path), task.images
    above = ImageStore(None, parent=store)
    assert above.held(ref) is None
    got = above.get(ref)
    assert above.held(ref) is got and image_ref(got) == ref


def test_a_view_is_had_once_it_is_rendered_or_if_there_is_nothing_to_render(tmp_path: Path) -> None:
    vision = CachingModel(ScriptedModel([REPLY])).vision
    image = Image.new("RGB", (301, 203))
    assert not vision.has_view(image) and not VisionSpec().has_view(image)
    view = vision.view(image)
    assert vision.has_view(image) and vision.view(image) is view and VisionSpec().has_view(view)


def test_an_image_made_ready_is_neither_hashed_nor_rendered_again(
    tmp_path: Path, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, model = CachedImages(tmp_path), CachingModel(ScriptedModel([REPLY]))
    ready = list(preloaded([task], store, model.vision))

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("done again")

    def episode(model: Any, images: ImageStore) -> Any:
        return asyncio.run(Agent(model, ToolSet([])).episode(ready[0], images=images))

    plain = episode(ScriptedModel([REPLY]), ImageStore(tmp_path))
    monkeypatch.setattr(core_images, "image_ref", never)
    monkeypatch.setattr(Image.Image, "resize", never)
    shared = episode(model, ImageStore(None, parent=store))
    assert shared.turns[0].sent == plain.turns[0].sent and shared.image_refs() == task.images
