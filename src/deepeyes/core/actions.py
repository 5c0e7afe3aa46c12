"""What a model can do in one turn: run code, call a tool, answer; or write something that is none of these.

A dialect turns any text into exactly one of these, and traces keep it. Data only: how an action is written
in text is the dialect's business, what it does is the loop's.
"""

from __future__ import annotations

import ast
import warnings
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from deepeyes.core.text import Text


class ToolCall(BaseModel):
    """A named call with JSON arguments; `id` is the server's, for dialects that must quote it back."""

    model_config = ConfigDict(frozen=True)

    name: Text
    arguments: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Strings that UTF-8 can hold, nested no deeper than `encodable_json` lets through."""
    id: Text = ""


class _Action(BaseModel):
    model_config = ConfigDict(frozen=True)

    thought: Text = ""
    """What the model wrote before it acted, without tags."""


class CodeAction(_Action):
    kind: Literal["code"] = "code"
    code: Text
    """Exactly as the model wrote it."""


class CallAction(_Action):
    kind: Literal["call"] = "call"
    call: ToolCall

    @property
    def name(self) -> str:
        return self.call.name

    @property
    def arguments(self) -> dict[str, Any]:
        return self.call.arguments


class AnswerAction(_Action):
    kind: Literal["answer"] = "answer"
    text: Text


class Malformed(_Action):
    kind: Literal["malformed"] = "malformed"
    reason: Text
    """One sentence the model can act on."""
    call_ids: tuple[Text, ...] = ()
    """Server-side calls in the same reply that must still be answered."""


Action = Annotated[CodeAction | CallAction | AnswerAction | Malformed, Field(discriminator="kind")]


def code_of(action: Action | None) -> str | None:
    """The Python that an action runs, in tags of a dialect or in a call of the tool `python`, or None."""
    match action:
        case CodeAction(code=code):
            return code
        case CallAction(call=ToolCall(name="python", arguments={"code": str(code)})):
            return code
        case _:
            return None


def python_tree(code: str) -> ast.Module | None:
    """Code as its syntax tree, read and never run; None where it is not Python."""
    try:
        with warnings.catch_warnings(action="ignore"):  # what models write is not ours to warn of
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def call_of(action: CodeAction | CallAction) -> ToolCall:
    """The tool call that an action is: code is one of `python`."""
    return ToolCall(name="python", arguments={"code": action.code}) if action.kind == "code" else action.call


class RawToolCall(BaseModel):
    """A call as a server sent it: the arguments are text that may not even be JSON."""

    model_config = ConfigDict(frozen=True)

    id: Text = ""
    name: Text = ""
    arguments: Text = ""


class ToolSpec(BaseModel):
    """How a tool is described to a model: `parameters` is a JSON schema of type object."""

    model_config = ConfigDict(frozen=True)

    name: str
    description: str
    parameters: dict[str, Any] = Field(default_factory=dict[str, Any])
