"""A model that says what a script tells it to, for tests, documentation and trying an interface.

What always holds: replies come in order, with no state shared between conversations; a script that runs out
says so in plain text, which every dialect reports as a reply without an action or as an answer.

A script file is one of:
- text: replies separated by lines that hold only `---`;
- JSON or JSONL: a list of replies, or objects `{"task": ..., "replies": [...]}` chosen by the first one
  whose `task` occurs in the question ("" fits every question). A reply is a string or `{"text": ...,
  "tool_calls": [...]}`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from deepeyes.core.actions import RawToolCall, ToolSpec
from deepeyes.core.errors import ModelError, boundary
from deepeyes.core.images import VisionSpec
from deepeyes.core.json_files import read_json_file, read_json_lines
from deepeyes.core.messages import Message
from deepeyes.core.sampling import Sampling
from deepeyes.core.trace import Usage
from deepeyes.models.base import Completion, OnText

_EXHAUSTED = "(the script has no more replies)"
_SHAPE = "give a list of replies, or objects with task and replies"


class ScriptedModel:
    """Replies by question: `{"what colour": ["<think>..</think><answer>red</answer>"]}`; ""
    fits every question.
    """

    def __init__(
        self,
        replies: Sequence[str | Completion] | Mapping[str, Sequence[str | Completion]],
        *,
        name: str = "scripted",
        dialect_name: str = "deepeyes_v2",
        prompt: str = "full",
        vision: VisionSpec = VisionSpec(),
    ) -> None:
        scripts = replies if isinstance(replies, Mapping) else {"": replies}
        self._scripts = {
            key: tuple(_completion(reply) for reply in script) for key, script in scripts.items()
        }
        self.name = name
        self.dialect_name = dialect_name
        self.prompt = prompt
        self.vision = vision

    @classmethod
    def from_file(cls, path: str | os.PathLike[str], **options: Any) -> ScriptedModel:
        """The model of a script file; raises `ModelError` if it cannot be read."""
        file = Path(path)
        with boundary(
            ModelError,
            f"reading the script {file}",
            _SHAPE,
            expected=(OSError, ValueError, KeyError, TypeError),
        ):
            options.setdefault("name", f"scripted:{file.name}")
            return cls(_read(file), **options)

    def conversation(self, sampling: Sampling = Sampling()) -> ScriptedConversation:
        """A new conversation. A script is what it is: no `sampling` changes it."""
        return ScriptedConversation(self._scripts)

    async def aclose(self) -> None:
        return None


class ScriptedConversation:
    """Keeps what it was sent in `messages`, so that tests can look."""

    def __init__(self, scripts: Mapping[str, Sequence[Completion]]) -> None:
        self._scripts = scripts
        self._replies: Sequence[Completion] | None = None
        self._next = 0
        self.messages: list[Message] = []

    async def send(
        self,
        new_messages: Sequence[Message],
        *,
        max_tokens: int = 2048,
        tools: Sequence[ToolSpec] = (),
        on_text: OnText | None = None,
    ) -> Completion:
        self.messages.extend(new_messages)
        if self._replies is None:
            question = "".join(message.text for message in new_messages if message.role == "user")
            fitting = (script for task, script in self._scripts.items() if task in question)
            self._replies = next(fitting, ())
        reply = self._replies[self._next] if self._next < len(self._replies) else Completion(_EXHAUSTED)
        self._next += 1
        if on_text is not None:
            for piece in re.findall(r"\S*\s*", reply.text):
                on_text(piece)
        return reply

    async def close(self) -> None:
        return None


def _completion(reply: str | Completion) -> Completion:
    if isinstance(reply, Completion):
        return reply
    return Completion(reply, usage=Usage(completion_tokens=len(reply) // 4 + 1))


def _read(path: Path) -> dict[str, list[str | Completion]]:
    if path.suffix not in (".json", ".jsonl"):
        text = path.read_text("utf-8")
        return {"": [reply.strip("\n") for reply in re.split(r"(?m)^---\s*$", text)]}
    if path.suffix == ".jsonl":
        values: list[Any] = [value for _, value in read_json_lines(path, _SHAPE, ModelError)]
    else:
        values = [read_json_file(path, _SHAPE, ModelError)]
    entries = cast("list[Any]", values[0]) if len(values) == 1 and isinstance(values[0], list) else values
    scripts: dict[str, list[str | Completion]] = {}
    for entry in entries:
        if isinstance(entry, dict) and "replies" in entry:
            keyed = cast("dict[str, Any]", entry)
            scripts[str(keyed.get("task", ""))] = [_reply(reply) for reply in keyed["replies"]]
        else:
            scripts.setdefault("", []).append(_reply(entry))
    return scripts


def _reply(value: Any) -> str | Completion:
    if isinstance(value, str):
        return value
    if not isinstance(value, dict):
        raise TypeError("a reply is a string or an object with text and tool_calls")
    fields = cast("dict[str, Any]", value)
    calls = tuple(
        RawToolCall(
            id=f"call_{number}", name=str(call["name"]), arguments=json.dumps(call.get("arguments", {}))
        )
        for number, call in enumerate(fields.get("tool_calls", ()))
    )
    return Completion(str(fields.get("text", "")), tool_calls=calls)
