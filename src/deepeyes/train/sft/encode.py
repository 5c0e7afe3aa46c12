"""From a conversation to token ids and the loss mask, exactly as the model meets it when it is asked.

What always holds: a conversation is rendered by the model's own chat template in the same pieces as in
`models/transformers.py` (what is put to the model, what it replies), and each piece is tokenized by itself;
so the mask is known from the construction, nothing is searched for in text. Learned are the words of a reply
and its end token, unless the turn is masked. An image is as many image tokens as its view has cells.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any

from deepeyes.core.errors import ModelError
from deepeyes.core.images import ImageRef
from deepeyes.core.messages import ImagePart, Message, TextPart
from deepeyes.dialects.neutralise import neutralise_special
from deepeyes.models.transformers import render, turn_end, vision_of

IGNORE = -100
Size = tuple[int, int]
_NOWHERE = ImageRef(sha256="0" * 64, width=1, height=1)


class UnusableConversation(Exception):
    """A conversation that cannot be learned from; the text is the reason, a few words to count it by."""


@dataclass
class Encoded:
    """Token ids and labels of one conversation (both (tokens,)), and how many of its images are in it."""

    input_ids: list[int] = field(default_factory=list[int])
    labels: list[int] = field(default_factory=list[int])
    pictures: int = 0


class ConversationEncoder:
    """Turns conversations into the tokens of one model, by its processor."""

    def __init__(self, processor: Any, max_pixels: int | None = None) -> None:
        images = getattr(processor, "image_processor", None)
        if not hasattr(images, "merge_size") or not getattr(processor, "image_token", None):
            raise ModelError(
                f"{type(processor).__name__} is not a processor of the Qwen-VL kind",
                "start from a Qwen2.5-VL or Qwen3-VL model, or from nano",
            )
        if not getattr(processor, "chat_template", None):
            raise ModelError("the model has no chat template", "start from an instruction-tuned checkpoint")
        self.processor = processor
        self.vision = vision_of(processor, max_pixels)
        closing = turn_end(processor)
        end = processor.tokenizer.eos_token or closing
        self.ended = end if closing.startswith(end) else closing
        """What a model writes to end its reply, such as `<|im_end|>`."""
        self.owed = closing[len(self.ended) :]
        """What the template writes after that, such as a newline: it comes before the next message."""

    @cached_property
    def image_token_id(self) -> int:
        return int(self.processor.tokenizer.convert_tokens_to_ids(self.processor.image_token))

    @cached_property
    def digest(self) -> str:
        """Changes with anything that changes tokens."""
        tokenizer = self.processor.tokenizer.backend_tokenizer.to_str()
        text = json.dumps([tokenizer, self.processor.chat_template, repr(self.vision)], sort_keys=True)
        return sha256(text.encode()).hexdigest()[:16]

    def encode(
        self,
        messages: Sequence[Mapping[str, Any]],
        sizes: Sequence[Size],
        masked: Sequence[int] = (),
        *,
        max_tokens: int,
        cut: bool = False,
    ) -> Encoded:
        """One conversation; `sizes` are its images' (width, height), `masked` the numbers of its
        replies that are not to be imitated.

        Raises:
            UnusableConversation: it has no reply to learn, or is too long, or its images do not match.
        """
        try:
            said = [_message(message) for message in messages]
        except (KeyError, TypeError, AttributeError, ValueError):
            raise UnusableConversation("messages of another shape") from None
        placeholders = sum(len(message.images) for message in said)
        if placeholders != len(sizes):
            raise UnusableConversation("pictures do not match their places")
        done, waiting = Encoded(), list[Message]()
        best: Encoded | None = None
        reply = 0
        for message in said:
            if message.role != "assistant":
                waiting.append(message)
                continue
            if message.images:
                raise UnusableConversation("a picture in a reply")
            self._ask(done, waiting, sizes, first=reply == 0)
            self._reply(done, message.text, learn=reply not in masked)
            if len(done.input_ids) > max_tokens:
                break
            best = Encoded(list(done.input_ids), list(done.labels), done.pictures)
            waiting, reply = [], reply + 1
        if len(done.input_ids) > max_tokens and not cut:
            raise UnusableConversation("too long")
        if best is None or all(label == IGNORE for label in best.labels):
            long = len(done.input_ids) > max_tokens
            raise UnusableConversation("too long" if long else "no reply to learn from")
        return best

    def _ask(self, done: Encoded, messages: Sequence[Message], sizes: Sequence[Size], *, first: bool) -> None:
        if first and not any(message.role == "user" for message in messages):
            raise UnusableConversation("it does not begin with a question")
        text = ("" if first else self.owed) + render(self.processor, messages, first=first)
        pieces = text.split(self.processor.image_token)
        shown = sum(len(message.images) for message in messages)
        if len(pieces) - 1 != shown:
            raise UnusableConversation("text spells out a picture token")
        whole = pieces[0]
        for piece, size in zip(pieces[1:], sizes[done.pictures : done.pictures + shown], strict=True):
            width, height = self.vision.view_size(*size)
            whole += self.processor.image_token * (width * height // self.vision.factor**2) + piece
        done.pictures += shown
        self._add(done, whole, learn=False)

    def _reply(self, done: Encoded, text: str, *, learn: bool) -> None:
        self._add(done, text, learn=learn)
        self._add(done, self.ended, learn=learn)

    def _add(self, done: Encoded, text: str, *, learn: bool) -> None:
        ids = self.processor.tokenizer(text, add_special_tokens=False).input_ids if text else []
        done.input_ids += ids
        done.labels += ids if learn else [IGNORE] * len(ids)


def _message(message: Mapping[str, Any]) -> Message:
    """A row's message as the template is given it; its images stand for places only."""
    role, content = message["role"], message["content"]
    if role not in ("system", "user", "assistant", "tool"):
        raise UnusableConversation(f"a message of the role {role!r}")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
    parts: list[TextPart | ImagePart] = []
    for block in blocks:
        if block["type"] == "image":
            parts.append(ImagePart(name="image", ref=_NOWHERE, view_width=1, view_height=1))
        elif block["type"] == "text":
            parts.append(TextPart(text=neutralise_special(block["text"] or "")))
        else:
            raise UnusableConversation(f"a block of the type {block['type']!r}")
    return Message(role=role, parts=tuple(parts))
