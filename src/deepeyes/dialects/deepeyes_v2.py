"""The dialect `deepeyes_v2`: `<think>` and then one of `<code>`, `<tool_call>`, `<answer>`, in plain text.

These are the words for a model that was never trained on the dialect: they explain everything.
`deepeyes_v2_brief` has the few tokens for one that was; `deepeyes_v2_parse` reads the replies of both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from deepeyes.core.actions import Action, Malformed, RawToolCall, ToolSpec
from deepeyes.core.errors import ConfigError, boundary
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.results import Observation
from deepeyes.dialects.base import SafeDialect
from deepeyes.dialects.deepeyes_v2_parse import ENDS, parse
from deepeyes.dialects.deepeyes_v2_prompt import LAST_TURN, full_system
from deepeyes.dialects.words import newline_ended


@dataclass(frozen=True)
class DeepEyesV2(SafeDialect):
    """`system_file` replaces the words of the system prompt (for checkpoints trained on other words)."""

    system_file: Path | None = None

    @classmethod
    def with_prompt(cls, prompt: str) -> Self:
        if prompt == "full":
            return cls()
        if not Path(prompt).is_file():
            raise ConfigError(f"there is no prompt {prompt!r}", "use full, brief or the path of a text file")
        return cls(Path(prompt))

    @property
    def name(self) -> str:
        return "deepeyes_v2"

    @property
    def stop(self) -> tuple[str, ...]:
        return ENDS

    @property
    def server_tools(self) -> bool:
        return False

    def system(self, tools: Sequence[ToolSpec]) -> str | None:
        if self.system_file is None:
            return full_system(tools)
        with boundary(
            ConfigError,
            f"reading {self.system_file}",
            "give a UTF-8 text file",
            expected=(OSError, UnicodeError),
        ):
            return self.system_file.read_text("utf-8")

    def parse(self, text: str, tool_calls: Sequence[RawToolCall] = ()) -> Action:
        return parse(text)

    def correction(self, mistake: Malformed, turns_left: int) -> tuple[Message, ...]:
        return (Message.make("user", f"Your reply could not be used: {mistake.reason}", _hurry(turns_left)),)

    def _first(self, question: str, images: Sequence[ImagePart]) -> Message:
        return Message.make("user", *_shown(images), f"Question: {question}")

    def _observed(self, action: Action, said: str, seen: Observation, turns_left: int) -> tuple[Message, ...]:
        out, err = newline_ended(said), newline_ended(seen.stderr)
        parts: list[str | ImagePart] = [f"Output of {seen.tool}:\n{out}"]
        if err:
            parts.append(f"Errors:\n{err}")
        if not (out or err or seen.images):
            parts.append("(nothing was printed and no picture was shown)\n")
        parts += _shown(seen.images)
        if seen.dropped_images:
            parts.append(f"({seen.dropped_images} more pictures were left out: show fewer at a time)\n")
        return (Message.make("user", *parts, _hurry(turns_left)),)


def _shown(images: Sequence[ImagePart]) -> list[str | ImagePart]:
    parts: list[str | ImagePart] = []
    for image in images:
        size, seen = f"{image.ref.width}x{image.ref.height}", f"{image.view_width}x{image.view_height}"
        parts += [f"{image.name}: {size} pixels, shown to you at {seen}\n", image, "\n"]
    return parts


def _hurry(turns_left: int) -> str:
    return LAST_TURN if turns_left == 1 else ""
