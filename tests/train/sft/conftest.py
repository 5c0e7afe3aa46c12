"""An untrained model, an export and the model's encoder; each test file skips itself where TRL is missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from deepeyes.train.sft.encode import ConversationEncoder


@pytest.fixture(scope="package")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from nano_fixtures import save_tiny
    from train.sft.exports import conversation

    words = [str(message) for number in range(20) for message in conversation(number)]
    return save_tiny(tmp_path_factory.mktemp("start"), words * 5, 500)


@pytest.fixture(scope="package")
def export(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from train.sft.exports import row, write

    folder = tmp_path_factory.mktemp("export")
    write(folder / "sft" / "train.parquet", [row(number) for number in range(12)])
    write(folder / "sft" / "validation.parquet", [row(number) for number in range(20, 23)])
    return folder


@pytest.fixture
def encoder(start: Path) -> ConversationEncoder:
    from deepeyes.train.loading import load_processor
    from deepeyes.train.sft.encode import ConversationEncoder
    from deepeyes.train.sft.recipe import SftRecipe

    recipe = SftRecipe.load(None, [f'model.path="{start}"', 'data.train=["x"]'])
    return ConversationEncoder(load_processor(recipe.model))
