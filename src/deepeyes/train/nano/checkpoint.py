"""Checkpoints of the nano model: what a stage leaves, what the next one starts from, what ships.

What always holds: a stage's folder is an ordinary Transformers folder, and once `model.safetensors` is in it
the stage is done, with everything else there before.
"""

import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerFast, Qwen2_5_VLForConditionalGeneration, Qwen2VLImageProcessorPil

from deepeyes.core.errors import ConfigError
from deepeyes.core.files import replaced_folder, scratch_folder
from deepeyes.models.nano.build import build_processor, processor_of, save_processor
from deepeyes.models.nano.model import WEIGHTS
from deepeyes.models.nano.size import NanoSize

from .dense import DenseWarmup
from .joint_loss import JointLoss

HEADS = Path("heads") / "vision.safetensors"
"""Below a stage's checkpoint: the maps of the vision labels, so that training can go on from it.

Not beside it: servers load every `.safetensors` of the folder they are given.
"""


def load(folder: Path, dense_weight: float) -> tuple[JointLoss, PreTrainedTokenizerFast]:
    """A stage's checkpoint, with its vision heads, ready to be taught further.

    Those that ship have no heads; they can be taught without the vision labels (`dense_weight` 0), and get
    fresh ones, which nothing learns from. Raises `ConfigError` for one without heads that needs them.
    """
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
    model = Qwen2_5_VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    dense = DenseWarmup(model, tokenizer)
    if (folder / HEADS).exists():
        dense.load_state_dict(load_file(folder / HEADS), strict=False)
    elif dense_weight:
        raise ConfigError(f"{folder} has no vision heads to go on with", "set dense_weight to 0")
    return JointLoss(dense, dense_weight), tokenizer


def save(out: Path, dense: DenseWarmup, tokenizer: PreTrainedTokenizerFast, size: NanoSize) -> None:
    """Write a checkpoint that the Auto classes load, and the vision heads below it; the model's weights come
    last, and whole: they are what says that the stage is done.
    """
    heads = {name: value for name, value in dense.state_dict().items() if not name.startswith("model.")}
    with scratch_folder(out / "model") as part:
        (part / HEADS).parent.mkdir()
        save_file(heads, part / HEADS)
        save_processor(build_processor(tokenizer, size), part)
        dense.model.save_pretrained(part)
        (out / HEADS).parent.mkdir(exist_ok=True)
        files = [path for path in part.rglob("*") if path.is_file()]
        for path in sorted(files, key=lambda path: path.name == "model.safetensors"):
            path.replace(out / path.relative_to(part))


def install(recipe: Path, out: Path, weights: Path = WEIGHTS) -> None:
    """Put what the stages made where `nano` and `nano-base` are loaded from: bf16, with the recipe that made
    it. A recipe with a start of its own makes no base.
    """
    for stage in ("base", "cold") if (out / "base").exists() else ("cold",):
        tokenizer = PreTrainedTokenizerFast.from_pretrained(out / stage)
        model = Qwen2_5_VLForConditionalGeneration.from_pretrained(out / stage, dtype=torch.bfloat16)
        images = Qwen2VLImageProcessorPil.from_pretrained(out / stage)
        with replaced_folder(weights / stage) as part:
            model.save_pretrained(part)
            save_processor(processor_of(tokenizer, images), part)
            for file in (recipe, out / stage / "curves.jsonl"):
                shutil.copy(file, part / file.name)
