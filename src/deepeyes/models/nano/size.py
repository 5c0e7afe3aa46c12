"""The sizes that make a Qwen2.5-VL a nano model; data alone, so that knowing them imports nothing heavy."""

from deepeyes.core.config import Config

PATCH, MERGE = 14, 2
CELL = PATCH * MERGE
"""Side of the square of image that one visual token stands for, in pixels of the view."""


class NanoSize(Config):
    """Widths and depths; `max_tokens` is the most visual tokens an image may cost."""

    vocabulary: int = 768
    hidden: int = 128
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    ffn: int = 384
    vision_hidden: int = 96
    vision_depth: int = 3
    vision_heads: int = 3
    vision_ffn: int = 256
    max_tokens: int = 48
    min_tokens: int = 4
