"""The nano model from nothing: Qwen2.5-VL's own classes, shrunk, with a small tokenizer and the stock image
processor.

A checkpoint is an ordinary Transformers folder: `AutoModelForImageTextToText` and `AutoProcessor` load it, so
do the servers that know Qwen2.5-VL. Only sizes differ from the 7B model; every name and tensor layout is
Qwen's.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessorPil,
)
from transformers.utils.import_utils import is_torchvision_available

from deepeyes.core.files import write_atomic

from .size import CELL, MERGE, PATCH, NanoSize

SPECIAL = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
TAGS = ("<tool_call>", "</tool_call>", "<think>", "</think>", "<code>", "</code>", "<answer>", "</answer>")
"""Added as whole tokens but not special, as Qwen does with its tool tags: they survive
`skip_special_tokens`.
"""

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.content is string %}{{ message.content }}{% else %}{% for part in message.content %}"
    "{% if part.type in ('image', 'image_url') %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part.text }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

_SPLIT = r" ?\p{Lu}?\p{Ll}+|\p{Lu}|\p{N}| ?[^\s\p{L}\p{N}]+|\s*[\r\n]+|\s+(?!\S)|\s+"
"""Words with their leading blank; capitals and digits one by one, so that a string on a sign is one token a
glyph.
"""


def allow_no_torchvision() -> None:
    """Let Qwen's processor work without a video processor, which alone needs torchvision."""
    if not is_torchvision_available():
        Qwen2_5_VLProcessor.get_attributes = classmethod(lambda cls: ["image_processor", "tokenizer"])  # type: ignore[assignment]


def build_tokenizer(corpus: Iterable[str], vocab_size: int = 768) -> PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer trained on `corpus`, with Qwen's chat tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - len(SPECIAL) - len(TAGS),
        min_frequency=2,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus, trainer)
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in TAGS])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<|endoftext|>",
        eos_token="<|im_end|>",
        padding_side="left",
        model_max_length=4096,
        clean_up_tokenization_spaces=False,
    )


def build_processor(tokenizer: PreTrainedTokenizerFast, size: NanoSize) -> Qwen2_5_VLProcessor:
    """Qwen's processor over `tokenizer`, its images limited to `size.max_tokens` visual tokens."""
    images = Qwen2VLImageProcessorPil(
        size={"shortest_edge": size.min_tokens * CELL**2, "longest_edge": size.max_tokens * CELL**2},
        patch_size=PATCH,
    )
    return processor_of(tokenizer, images)


def processor_of(tokenizer: PreTrainedTokenizerFast, images: Qwen2VLImageProcessorPil) -> Qwen2_5_VLProcessor:
    """Qwen's processor from its parts."""
    allow_no_torchvision()
    return Qwen2_5_VLProcessor(images, tokenizer, None, chat_template=CHAT_TEMPLATE)


def save_processor(processor: Qwen2_5_VLProcessor, folder: Path) -> None:
    """Write a processor that also loads where torchvision is installed and a video processor is wanted."""
    processor.save_pretrained(folder)
    images = processor.image_processor
    video = {
        "video_processor_type": "Qwen2VLVideoProcessor",
        "patch_size": PATCH,
        "temporal_patch_size": 2,
        "merge_size": MERGE,
        "size": {side: images.size[side] for side in ("shortest_edge", "longest_edge")},
    }
    write_atomic(folder / "video_preprocessor_config.json", json.dumps(video, indent=2).encode())


def build_model(
    tokenizer: PreTrainedTokenizerFast, size: NanoSize, seed: int
) -> Qwen2_5_VLForConditionalGeneration:
    """A freshly initialised model."""
    ids: dict[str, Any] = {
        name: tokenizer.convert_tokens_to_ids(token)
        for name, token in {
            "image_token_id": "<|image_pad|>",
            "video_token_id": "<|video_pad|>",
            "vision_start_token_id": "<|vision_start|>",
            "vision_end_token_id": "<|vision_end|>",
        }.items()
    }
    half = size.hidden // size.heads // 2
    height = width = 3 * half // 8
    text = {
        "vocab_size": -(-len(tokenizer) // 64) * 64,
        "hidden_size": size.hidden,
        "intermediate_size": size.ffn,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.kv_heads,
        "max_position_embeddings": 4096,
        "tie_word_embeddings": True,
        "bos_token_id": None,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": 1e4,
            "mrope_section": [half - height - width, height, width],
        },
    }
    vision = {
        "depth": size.vision_depth,
        "hidden_size": size.vision_hidden,
        "intermediate_size": size.vision_ffn,
        "num_heads": size.vision_heads,
        "out_hidden_size": size.hidden,
        "patch_size": PATCH,
        "spatial_merge_size": MERGE,
        "temporal_patch_size": 2,
        "window_size": 112,
        "fullatt_block_indexes": list(range(size.vision_depth)),
    }
    torch.manual_seed(seed)
    config = Qwen2_5_VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=True, **ids)
    model = Qwen2_5_VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model
