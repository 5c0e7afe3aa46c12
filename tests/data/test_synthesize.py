"""Cold-start traces: executed for real, kept only when right, showing the sign that was asked about."""

from pathlib import Path

import torch

from deepeyes.core.images import ImageStore, VisionSpec
from deepeyes.core.trace import Trace
from deepeyes.data.synthesize import is_sound, teach, write_shard
from deepeyes.eval.crops import find_crop
from deepeyes.sandbox import Sandbox
from deepeyes.world.families import make_example

VISION = VisionSpec(factor=28, min_pixels=4 * 784, max_pixels=48 * 784)


async def test_the_teacher_crops_the_sign_it_is_asked_about() -> None:
    async with Sandbox.start() as sandbox:
        for index in range(4):
            images = ImageStore(None)
            example = make_example("tiny", "validation", 0, index)
            trace = await teach(example, sandbox, VISION, images)
            assert is_sound(trace)
            (turn,) = trace.tool_turns
            assert turn.observation is not None
            crop = images.get(turn.observation.images[0].ref)
            box = find_crop(example.scene.image, crop)
            assert box is not None and example.target is not None
            left, top, right, bottom = example.target.box
            assert box[0] <= left + 2 and box[1] <= top + 2 and box[2] >= right - 2 and box[3] >= bottom - 2


async def test_shards_hold_what_training_reads(tmp_path: Path) -> None:
    async with Sandbox.start() as sandbox:
        kept, tried = await write_shard(tmp_path / "tiny.pt", "tiny", "train", 0, range(2), sandbox, VISION)
        await write_shard(tmp_path / "direct.pt", "direct", "train", 0, range(2), sandbox, VISION)
    assert (kept, tried) == (2, 2)
    conversations = torch.load(tmp_path / "tiny.pt", weights_only=True)
    assert [role for role, _ in conversations[0]] == ["system", "user", "assistant", "user", "assistant"]
    picture = conversations[0][1][1][0]
    assert picture.dtype == torch.uint8 and picture.shape[0] % 28 == 0 and picture.shape[2] == 3
    traces = [Trace.model_validate_json(line) for line in (tmp_path / "tiny.jsonl").read_text().splitlines()]
    assert all(trace.verdict is not None and trace.verdict.score == 1 for trace in traces)
    direct = torch.load(tmp_path / "direct.pt", weights_only=True)
    assert [role for role, _ in direct[0]] == ["system", "user", "assistant"]
