"""A nano model too small to learn anything, for tests that need the real classes and not what they know."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from transformers import PreTrainedTokenizerFast

from deepeyes.models.nano.build import build_model, build_processor, build_tokenizer, save_processor
from deepeyes.models.nano.size import NanoSize
from deepeyes.train.nano.corpus import corpus

SIZE = NanoSize(
    hidden=64,
    layers=2,
    heads=2,
    kv_heads=1,
    ffn=96,
    vision_hidden=32,
    vision_depth=2,
    vision_heads=1,
    vision_ffn=64,
)


@cache
def world_tokenizer() -> PreTrainedTokenizerFast:
    """The tokenizer of the world's wordings, made from a small part of them."""
    return build_tokenizer(corpus(rounds=300), vocab_size=1024)


def save_tiny(folder: Path, words: Iterable[str], vocab_size: int) -> Path:
    """A checkpoint of an untrained model with a tokenizer of `words`, in `folder`."""
    tokenizer = build_tokenizer(words, vocab_size=vocab_size)
    build_model(tokenizer, SIZE, 0).save_pretrained(folder)
    save_processor(build_processor(tokenizer, SIZE), folder)
    return folder
