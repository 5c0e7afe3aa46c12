"""The strings that stand on signs, dealt to the splits by a checksum, so that no string is in two splits."""

import random
import zlib

ALPHABET = "0123456789ACEHKP"
"""Sixteen glyphs that stay apart at 20 pixels: of O/0, I/1, T/1, B/8, S/5, Z/2, F/E, R/P and X/K only one is
here.
"""

SPLITS = ("train", "validation", "test", "rl")
"""What `rl` shows, which reinforcement learning asks about, no cold start has seen."""


def split_of(text: str) -> str:
    """The one split that may show `text`: seven tenths train, a tenth each of the others."""
    return {0: "test", 1: "validation", 2: "rl"}.get(zlib.crc32(text.encode()) % 10, "train")


def draw_string(rng: random.Random, split: str) -> str:
    """A string of two or three glyphs from `split`."""
    while True:
        text = "".join(rng.choice(ALPHABET) for _ in range(rng.choice((2, 3, 3))))
        if split_of(text) == split:
            return text
