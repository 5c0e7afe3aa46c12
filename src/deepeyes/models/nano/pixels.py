"""From an image to the patches that Qwen's vision tower eats, without the processor's overhead.

The result equals `Qwen2VLImageProcessorPil` on an image that already has the size the model sees (a test
compares them); it is twenty times faster, which matters when every training image is drawn once and thrown
away.
"""

import numpy as np
import torch
from PIL import Image

from deepeyes.core.images import view_size

from .size import CELL, MERGE, PATCH, NanoSize

FRAMES = 2
"""The tower takes images in pairs of video frames; an image is its own pair."""
PATCH_VALUES = 3 * FRAMES * PATCH**2
"""Numbers in one patch."""

_MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
_STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)


def to_view(image: Image.Image, size: NanoSize) -> Image.Image:
    """`image` as the model sees it: sides are multiples of a cell, at most `size.max_tokens` cells."""
    shown = view_size(
        image.width,
        image.height,
        factor=CELL,
        min_pixels=size.min_tokens * CELL**2,
        max_pixels=size.max_tokens * CELL**2,
    )
    return image if image.size == shown else image.resize(shown, Image.Resampling.BICUBIC)


def grid_of(view: Image.Image) -> tuple[int, int]:
    """(columns, rows) of cells of a view."""
    return view.width // CELL, view.height // CELL


def patchify(view: Image.Image) -> tuple[torch.Tensor, tuple[int, int, int]]:
    """Patches (patches, PATCH_VALUES) of an RGB view and its grid (1, rows, columns) in patches."""
    pixels = (np.asarray(view, np.float32) / 255 - _MEAN) / _STD
    rows, columns = view.height // PATCH, view.width // PATCH
    blocks = pixels.reshape(rows // MERGE, MERGE, PATCH, columns // MERGE, MERGE, PATCH, 3)
    blocks = blocks.transpose(0, 3, 1, 4, 6, 2, 5)  # block row, block column, row, column, channel, y, x
    twice = np.empty((*blocks.shape[:5], FRAMES, *blocks.shape[5:]), np.float32)
    twice[:] = blocks[:, :, :, :, :, None]
    return torch.from_numpy(twice.reshape(rows * columns, -1)), (1, rows, columns)
