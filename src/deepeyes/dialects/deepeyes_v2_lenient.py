"""The dialect `deepeyes_v2/lenient`: the words of `deepeyes_v2` for a model that may not keep to them.

It is for a model that must be told of its tools in words, because its server takes no tool calls. What
always holds: a reply that keeps to the tags means what it means in `deepeyes_v2`; any other is read as
`native` reads it, so plain words are an answer and calls in the way of the model's own template are made.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deepeyes.core.actions import Action, RawToolCall
from deepeyes.dialects.deepeyes_v2 import DeepEyesV2
from deepeyes.dialects.deepeyes_v2_parse import parse
from deepeyes.dialects.native import Native


@dataclass(frozen=True)
class DeepEyesV2Lenient(DeepEyesV2):
    @classmethod
    def with_prompt(cls, prompt: str) -> Self:
        return cls(Path(prompt)) if Path(prompt).is_file() else cls()

    @property
    def name(self) -> str:
        return "deepeyes_v2/lenient"

    def parse(self, text: str, tool_calls: Sequence[RawToolCall] = ()) -> Action:
        in_tags = parse(text)
        if in_tags.kind != "malformed" and not tool_calls:
            return in_tags
        action = Native().parse(text, tool_calls)
        return in_tags if action.kind == "malformed" and not tool_calls else action
