"""What agent tests share: a picture task and a way to write replies."""

import pytest
from PIL import Image

from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task


@pytest.fixture
def store() -> ImageStore:
    return ImageStore()


@pytest.fixture
def task(store: ImageStore) -> Task:
    ref = store.put(Image.effect_noise((1344, 1008), 60).convert("RGB"))
    return Task(id="t1", question="What colour is the sign?", images=(ref,), answer="red")
