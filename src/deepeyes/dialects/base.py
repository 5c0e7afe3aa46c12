"""What a dialect is: the words in which a model is told things and says what it does.

What always holds: `parse` is total (any text gives exactly one Action); text from outside, the user's
question as well as tool output, goes through `neutralise` here, in `Outside`, and nowhere else; pictures
travel as parts, so the number of placeholders a tokenizer writes is the number of pictures, by
construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from deepeyes.core.actions import Action, Malformed, RawToolCall, ToolSpec
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.trace import Observation
from deepeyes.dialects.neutralise import neutralise


class Dialect(Protocol):
    """Text in, Action out; observation in, messages out."""

    @property
    def name(self) -> str: ...
    @property
    def stop(self) -> tuple[str, ...]:
        """Strings after which a reply is complete; they belong to the reply."""
        ...

    @property
    def server_tools(self) -> bool:
        """Whether tools are given to the server as schemas instead of being told in text."""
        ...

    def system(self, tools: Sequence[ToolSpec]) -> str | None:
        """The system prompt, or None when there is none."""
        ...

    def first_message(self, question: str, images: Sequence[ImagePart]) -> Message:
        """The user turn that opens an episode."""
        ...

    def observation(self, action: Action, observation: Observation, turns_left: int) -> tuple[Message, ...]:
        """What the model is told after its action ran; `turns_left` counts its replies to come."""
        ...

    def correction(self, mistake: Malformed, turns_left: int) -> tuple[Message, ...]:
        """What the model is told after a reply that could not be read."""
        ...

    def parse(self, text: str, tool_calls: Sequence[RawToolCall] = ()) -> Action:
        """Exactly one action, for any text; never raises."""
        ...


class Outside:
    """Base of the dialects: lets text from outside in, made inert, and hands it to the
    dialect's own words.
    """

    def first_message(self, question: str, images: Sequence[ImagePart]) -> Message:
        return self._first(neutralise(question), images)

    def observation(self, action: Action, observation: Observation, turns_left: int) -> tuple[Message, ...]:
        inert = {"stdout": neutralise(observation.stdout), "stderr": neutralise(observation.stderr)}
        return self._observed(action, observation.model_copy(update=inert), turns_left)

    def _first(self, question: str, images: Sequence[ImagePart]) -> Message:
        raise NotImplementedError

    def _observed(self, action: Action, observation: Observation, turns_left: int) -> tuple[Message, ...]:
        raise NotImplementedError


def newline_ended(text: str) -> str:
    """`text` with a newline at its end, unless it is empty."""
    return text if not text or text.endswith("\n") else text + "\n"
