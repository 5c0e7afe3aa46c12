"""The model that learns, and its processor, as a recipe's `[model]` names them.

What always holds: both are what `hf:` would load; images are limited as the recipe says, and the limit is
saved with the processor.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForImageTextToText, AutoProcessor
from transformers.utils import logging

from deepeyes.core.errors import ConfigError, ModelError, boundary
from deepeyes.models.hub import located
from deepeyes.models.nano.build import save_processor
from deepeyes.models.nano.model import NAMES, embedded
from deepeyes.models.nano.size import PATCH
from deepeyes.models.transformers import do_without_torchvision
from deepeyes.train.sft.recipe import ModelConfig

_UNLOADABLE = (OSError, ValueError, ImportError, KeyError, RuntimeError)
_REMEDY = "give nano, a folder, or a Hub id of an image-text-to-text model"


def source(path: str) -> str:
    """What the Auto classes load for a recipe's `model.path`. Raises `ModelError`."""
    return str(embedded(path)) if path in NAMES else located(path)


def load_processor(settings: ModelConfig) -> Any:
    """The model's processor, its images limited as the recipe says. Raises `ModelError`."""
    do_without_torchvision()
    with boundary(ModelError, f"loading {settings.path}", _REMEDY, expected=_UNLOADABLE):
        processor: Any = AutoProcessor.from_pretrained(source(settings.path))
    images = getattr(processor, "image_processor", None)
    size = getattr(images, "size", None)
    if settings.max_pixels and images is not None and size:
        low, high = size["shortest_edge"], min(size["longest_edge"], settings.max_pixels)
        if low > high:
            raise ConfigError(
                f"model.max_pixels = {high} is below the processor's least, {low}", "give a larger one"
            )
        images.size = {"shortest_edge": low, "longest_edge": high}
    return processor


def load_model(settings: ModelConfig, dtype: torch.dtype) -> Any:
    """The weights in `dtype`, the vision tower frozen if the recipe says so. Raises `ModelError`."""
    logging.disable_progress_bar()
    with boundary(ModelError, f"loading {settings.path}", _REMEDY, expected=_UNLOADABLE):
        model: Any = AutoModelForImageTextToText.from_pretrained(
            source(settings.path),
            dtype=dtype,
            attn_implementation=settings.attention,
        )
    model.config.use_cache = False
    if settings.freeze_vision:
        tower = getattr(getattr(model, "model", None), "visual", None)
        if tower is None:
            raise ModelError(f"{type(model).__name__} has no vision tower model.visual", _REMEDY)
        tower.requires_grad_(False)
    return model


def write_processor(processor: Any, out: Path) -> None:
    """Save it so that it also loads where its video part, which torchvision alone can make, is wanted."""
    left_out = getattr(processor, "video_processor", None) is None
    if left_out and processor.image_processor.patch_size == PATCH:
        save_processor(processor, out)
    else:
        processor.save_pretrained(out)


def write_merged(settings: ModelConfig, adapter: Path, out: Path, dtype: torch.dtype) -> None:
    """The model of a recipe with the adapters of a folder merged in."""
    from peft import PeftModel

    base: Any = AutoModelForImageTextToText.from_pretrained(source(settings.path), dtype=dtype)
    merged: Any = PeftModel.from_pretrained(base, adapter).merge_and_unload()
    merged.save_pretrained(out)
