"""The shipped nano weights, in nano's own engine and in Transformers."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from deepeyes.models.base import ChatModel
from deepeyes.models.registry import resolve_model


@pytest.fixture(scope="session")
def hf() -> Any:
    pytest.importorskip("transformers")
    from deepeyes.models.nano.model import NAMES, WEIGHTS

    return resolve_model(f"hf:{WEIGHTS / NAMES['nano']}", device="cpu", dtype="float32", prompt="brief")


@pytest.fixture
async def nano() -> AsyncIterator[Any]:
    pytest.importorskip("transformers")
    model = resolve_model("nano")
    yield model
    await model.aclose()


@pytest.fixture(params=["nano", "hf"])
def model(request: pytest.FixtureRequest) -> ChatModel:
    return request.getfixturevalue(request.param)
