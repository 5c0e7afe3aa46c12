"""The dialect `deepeyes_v2`: `<think>` and then one of `<code>`, `<tool_call>`, `<answer>`, in plain text.

Two sets of words for one syntax. `full` explains everything to a model that was never trained on it;
`brief` is a few tokens for a model that was (the nano model). Replies are read by `deepeyes_v2_parse`. The
exact strings of `brief` are what the nano model is trained on: changing one means training again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deepeyes.core.actions import Action, Malformed, RawToolCall, ToolSpec
from deepeyes.core.errors import ConfigError, boundary
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.trace import Observation
from deepeyes.dialects.base import Outside, newline_ended
from deepeyes.dialects.deepeyes_v2_parse import parse
from deepeyes.dialects.deepeyes_v2_prompt import LAST_TURN, full_system


@dataclass(frozen=True)
class DeepEyesV2(Outside):
    """`system_file` replaces the words of the system prompt (for checkpoints trained on other words)."""

    prompt: str = "full"
    system_file: Path | None = None

    @classmethod
    def with_prompt(cls, prompt: str) -> DeepEyesV2:
        if prompt in ("full", "brief"):
            return cls(prompt)
        if not Path(prompt).is_file():
            raise ConfigError(f"there is no prompt {prompt!r}", "use full, brief or the path of a text file")
        return cls("full", Path(prompt))

    @property
    def name(self) -> str:
        return "deepeyes_v2" if self.prompt == "full" else f"deepeyes_v2/{self.prompt}"

    @property
    def stop(self) -> tuple[str, ...]:
        return ("</code>", "</tool_call>", "</answer>")

    @property
    def server_tools(self) -> bool:
        return False

    def system(self, tools: Sequence[ToolSpec]) -> str | None:
        if self.system_file is not None:
            with boundary(
                ConfigError,
                f"reading {self.system_file}",
                "give a UTF-8 text file",
                expected=(OSError, UnicodeError),
            ):
                return self.system_file.read_text("utf-8")
        if self.prompt == "brief":
            return f"Tools: {', '.join(tool.name for tool in tools)}" if tools else None
        return full_system(tools)

    def parse(self, text: str, tool_calls: Sequence[RawToolCall] = ()) -> Action:
        return parse(text)

    def correction(self, mistake: Malformed, turns_left: int) -> tuple[Message, ...]:
        if self.prompt == "brief":
            return (Message.make("user", f"Output:\n{newline_ended(mistake.reason)}"),)
        return (Message.make("user", f"Your reply could not be used: {mistake.reason}", _hurry(turns_left)),)

    def _first(self, question: str, images: Sequence[ImagePart]) -> Message:
        parts: list[str | ImagePart] = []
        for image in images:
            parts += (
                [image, _brief_line(image)] if self.prompt == "brief" else [_full_line(image), image, "\n"]
            )
        return Message.make("user", *parts, question if self.prompt == "brief" else f"Question: {question}")

    def _observed(self, action: Action, observation: Observation, turns_left: int) -> tuple[Message, ...]:
        out, err = newline_ended(observation.stdout), newline_ended(observation.stderr)
        parts: list[str | ImagePart] = []
        if self.prompt == "brief":
            parts.append(f"Output:\n{out}{err}")
            for image in observation.images:
                parts += [image, _brief_line(image)]
            return (Message.make("user", *parts),)
        parts.append(f"Output of {observation.tool}:\n{out}")
        if err:
            parts.append(f"Errors:\n{err}")
        if not (out or err or observation.images):
            parts.append("(nothing was printed and no picture was shown)\n")
        for image in observation.images:
            parts += [_full_line(image), image, "\n"]
        if observation.dropped_images:
            parts.append(
                f"({observation.dropped_images} more pictures were left out: show fewer at a time)\n"
            )
        return (Message.make("user", *parts, _hurry(turns_left)),)


def _brief_line(image: ImagePart) -> str:
    return f"{image.name} {image.ref.width}x{image.ref.height} as {image.view_width}x{image.view_height}\n"


def _full_line(image: ImagePart) -> str:
    size, seen = f"{image.ref.width}x{image.ref.height}", f"{image.view_width}x{image.view_height}"
    return f"{image.name}: {size} pixels, shown to you at {seen}\n"


def _hurry(turns_left: int) -> str:
    return LAST_TURN if turns_left == 1 else ""
