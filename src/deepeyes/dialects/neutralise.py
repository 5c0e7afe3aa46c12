"""Nothing from outside can act as protocol.

A page, a file name or a print statement can hold `<|im_end|>`, an image placeholder or `<answer>`. Left as
they are, the first would end a turn, the second would count as an image that has no pixels, the third
would fake an answer. `neutralise` swaps the characters that make them special for look-alikes, so a person
(and the model) can still read what was there, and no tokenizer or parser takes it for protocol. It is
idempotent and keeps everything else.
"""

from __future__ import annotations

import re
from functools import cache

DIALECT_TAGS = ("think", "code", "tool_call", "tool_response", "tools", "answer")
"""Tags with a meaning in a dialect or in the chat templates of common models."""

SPECIAL_TOKENS = (
    # Llama, Mistral, Gemma, LLaVA, InternVL, DeepSeek and friends; the <|...|> family needs no list.
    *("<s>", "</s>", "<unk>", "<pad>", "<bos>", "<eos>", "<mask>", "<sep>", "<cls>"),
    *("<image>", "</image>", "<video>", "</video>", "<audio>", "<img>", "</img>", "<IMG_CONTEXT>"),
    *("<ref>", "</ref>", "<box>", "</box>", "<quad>", "</quad>", "<point>", "</point>"),
    *("<start_of_turn>", "<end_of_turn>", "<start_of_image>", "<end_of_image>", "<image_soft_token>"),
    *("<fake_token_around_image>", "<end_of_utterance>", "<row_", "<global-img>"),
    *("[INST]", "[/INST]", "[IMG]", "[IMG_BREAK]", "[IMG_END]", "[TOOL_CALLS]", "[AVAILABLE_TOOLS]"),
    *("[/AVAILABLE_TOOLS]", "[TOOL_RESULTS]", "[/TOOL_RESULTS]", "<<SYS>>", "<</SYS>>"),
)
"""Literal special tokens outside the `<|...|>` family."""

# Every <|name|> token needs both of these, so breaking them breaks all, known or not, however they are
# nested. The full-width bar is DeepSeek's.
_PIPES = {"<|": "‹|", "|>": "|›", "<｜": "‹｜", "｜>": "｜›"}
_LOOKALIKE = str.maketrans("<>[]", "‹›⟦⟧")
_LITERALS = re.compile("|".join(re.escape(token) for token in SPECIAL_TOKENS), re.IGNORECASE)


def neutralise(text: str, tags: tuple[str, ...] = ()) -> str:
    """`text` with special tokens and dialect tags made inert, `tags` being further names of such. For
    everything a tool or a user wrote.
    """
    return _tag_pattern(tags).sub(_inert, neutralise_special(text))


def neutralise_special(text: str) -> str:
    """`text` with special tokens alone made inert. For a model's own words when they are tokenized again."""
    for pipe, harmless in _PIPES.items():
        text = text.replace(pipe, harmless)
    return _LITERALS.sub(_inert, text)


@cache
def _tag_pattern(tags: tuple[str, ...]) -> re.Pattern[str]:
    names = "|".join(map(re.escape, (*DIALECT_TAGS, *tags)))
    return re.compile(rf"<\s*/?\s*(?:{names})\b[^<>]{{0,200}}>?", re.IGNORECASE)


def _inert(match: re.Match[str]) -> str:
    return match.group().translate(_LOOKALIKE)
