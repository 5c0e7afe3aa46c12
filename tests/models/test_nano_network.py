"""Nano's own forward pass equals that of the stock classes bit for bit, and imports none of them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from nano_fixtures import save_tiny
from transformers import DynamicCache, Qwen2_5_VLForConditionalGeneration

from deepeyes.core.errors import ModelError
from deepeyes.models.nano.model import NAMES, WEIGHTS, load_nano
from deepeyes.models.nano.network import Network
from deepeyes.models.nano.pixels import PATCH_VALUES

SHIPPED = sorted(folder for folder in set(NAMES.values()) if (WEIGHTS / folder).exists())
GRIDS = [(1, 8, 12), (1, 14, 2), (1, 2, 2), (1, 18, 20)]
"""Smaller and larger than a window of the tower, and not a multiple of one."""


@pytest.fixture(scope="module", params=["tiny", *SHIPPED])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    if request.param != "tiny":
        return WEIGHTS / request.param
    return save_tiny(tmp_path_factory.mktemp("tiny"), ["some words to read"] * 9, 300)


@pytest.fixture(scope="module")
def pair(folder: Path) -> tuple[Network, Qwen2_5_VLForConditionalGeneration]:
    torch.set_num_threads(1)
    stock = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    return Network.load(folder), stock


def patches(grids: list[tuple[int, int, int]], seed: int = 0) -> torch.Tensor:
    count = sum(frames * rows * columns for frames, rows, columns in grids)
    return torch.randn(count, PATCH_VALUES, generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def test_the_tower_sees_what_the_stock_tower_sees(pair) -> None:
    ours, stock = pair
    for grids in (GRIDS, GRIDS[:1], GRIDS[::-1]):
        x = patches(grids)
        seen = stock.model.visual(x, grid_thw=torch.tensor(grids)).pooler_output
        assert torch.equal(ours.see(x, grids), seen)


@torch.inference_mode()
def test_reading_and_every_step_after_equal_the_stock_decoder(pair) -> None:
    """Two conversations at once, their positions in three parts, a prompt and then token by token."""
    ours, stock = pair
    ids = torch.randint(0, 200, (2, 40), generator=torch.Generator().manual_seed(1))
    places = torch.stack([torch.arange(40), torch.arange(40) // 3, torch.arange(40) % 7])[:, None]
    places = places.expand(3, 2, 40)
    cache, theirs = ours.cache(2, 64), DynamicCache()
    for begin, end in ((0, 30), *((n, n + 1) for n in range(30, 40))):
        mask = (torch.arange(end)[None] <= torch.arange(begin, end)[:, None]).expand(2, 1, -1, -1)
        cache.begin([0, 1], [begin, begin], end - begin)
        hidden = ours.think(ours.embed(ids[:, begin:end]), places[..., begin:end], cache)
        expected = stock.model.language_model(
            inputs_embeds=stock.get_input_embeddings()(ids[:, begin:end]),
            position_ids=places[..., begin:end],
            attention_mask={"full_attention": mask},
            past_key_values=theirs,
            use_cache=True,
        ).last_hidden_state
        assert torch.equal(hidden, expected)
        assert torch.equal(ours.logits(hidden[:, -1]), stock.lm_head(expected[:, -1]))


def test_a_checkpoint_of_another_kind_is_sent_to_the_stock_classes(folder: Path, tmp_path: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    windowed = {**config, "vision_config": {**config["vision_config"], "fullatt_block_indexes": [1]}}
    scaled = {
        **config,
        "text_config": {**config["text_config"], "rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}},
    }
    for other in ({"model_type": "qwen3_vl"}, {}, {**config, "model_type": "llama"}, windowed, scaled):
        (tmp_path / "config.json").write_text(json.dumps(other))
        with pytest.raises(ModelError, match=f"--model hf:{tmp_path}"):
            load_nano(folder=tmp_path)


def test_a_torn_checkpoint_is_one_line_with_a_remedy(folder: Path, tmp_path: Path) -> None:
    for name in ("config.json", "model.safetensors", "tokenizer.json", "processor_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    assert load_nano(folder=tmp_path).vision.factor == 28
    for name in ("tokenizer.json", "processor_config.json"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ModelError, match="save the model and its processor into it again"):
            load_nano(folder=tmp_path)
        (tmp_path / name).write_bytes(whole)


def test_answering_imports_nothing_that_it_does_not_use() -> None:
    code = (
        "import asyncio, sys\n"
        "from deepeyes.core.messages import Message\n"
        "from deepeyes.models.registry import resolve_model\n"
        "talk = resolve_model('nano').conversation()\n"
        "asyncio.run(talk.send([Message.make('user', 'x')], max_tokens=4))\n"
        "print([n for n in ('transformers', 'torch._dynamo', 'sympy', 'scipy') if n in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
