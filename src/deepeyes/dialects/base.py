"""What a dialect is: the words in which a model is told things and says what it does.

What always holds: `parse` is total (any text gives exactly one Action); text from outside, the user's
question as well as everything that a tool brings back, goes through `neutralise` here, in `SafeDialect`, and
nowhere else; images travel as parts, so the number of placeholders a tokenizer writes is the number of
images, by construction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, Self, cast

from pydantic import BaseModel

from deepeyes.core.actions import Action, Malformed, RawToolCall, ToolSpec
from deepeyes.core.limits import Limits
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.results import Observation, ToolResult
from deepeyes.core.text import cut_middle
from deepeyes.dialects.neutralise import neutralise
from deepeyes.dialects.words import newline_ended, result_words

_MAX_CHARS = Limits().stdout_chars


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

    @property
    def snippet_chars(self) -> int:
        """How long a snippet of a search should be, in characters: it is chosen by its length."""
        ...

    def system(self, tools: Sequence[ToolSpec]) -> str | None:
        """The system prompt, or None when there is none."""
        ...

    def first_message(self, question: str, images: Sequence[ImagePart]) -> Message:
        """The user turn that opens an episode."""
        ...

    def shown(self, result: ToolResult) -> ToolResult:
        """What of a result a model is shown: which hits, which images at which size. Asked before images
        get their names, so what is left out has none.
        """
        ...

    def observation(
        self, action: Action, observation: Observation, turns_left: int, max_chars: int = _MAX_CHARS
    ) -> tuple[Message, ...]:
        """What the model is told after its action ran; `turns_left` counts its replies to come, `max_chars`
        bounds the words for hits or a page (stdout and stderr are within their limits already).
        """
        ...

    def correction(self, mistake: Malformed, turns_left: int) -> tuple[Message, ...]:
        """What the model is told after a reply that could not be read."""
        ...

    def parse(self, text: str, tool_calls: Sequence[RawToolCall] = ()) -> Action:
        """Exactly one action, for any text; never raises."""
        ...


class SafeDialect:
    """Base of the dialects: lets text from outside in, made inert, and hands it to the dialect's own words.

    A subclass writes `_first` and `_observed`, and `_result` if its hits and pages read differently.
    """

    @classmethod
    def with_prompt(cls, prompt: str) -> Self:
        """The dialect with the words that `prompt` names; one that has a single set of words ignores it."""
        return cls()

    @property
    def tags(self) -> tuple[str, ...]:
        """Names of tags that mean something in this dialect alone, beside those that `neutralise` knows."""
        return ()

    @property
    def snippet_chars(self) -> int:
        return 300

    def shown(self, result: ToolResult) -> ToolResult:
        return result

    def first_message(self, question: str, images: Sequence[ImagePart]) -> Message:
        return self._first(neutralise(question, self.tags), images)

    def observation(
        self, action: Action, observation: Observation, turns_left: int, max_chars: int = _MAX_CHARS
    ) -> tuple[Message, ...]:
        said = observation.stdout
        if observation.hits is not None or observation.page is not None:
            said = newline_ended(said) + cut_middle(self._result(observation), max_chars)
        return self._observed(action, neutralise(said, self.tags), _inert(observation, self.tags), turns_left)

    def _first(self, question: str, images: Sequence[ImagePart]) -> Message:
        raise NotImplementedError

    def _result(self, seen: Observation) -> str:
        """Hits or a page in words. All of it is made inert afterwards, so it cannot hold tags of a dialect:
        those belong into `_observed`.
        """
        return result_words(seen)

    def _observed(self, action: Action, said: str, seen: Observation, turns_left: int) -> tuple[Message, ...]:
        """The messages for a result: `said` is its text (stdout, hits, page), and every text in `seen` is
        inert.
        """
        raise NotImplementedError


def _inert(value: Any, tags: tuple[str, ...]) -> Any:
    """The same value with every text in it made inert, whatever its fields are called."""
    if isinstance(value, str):
        return neutralise(value, tags)
    if isinstance(value, tuple):
        return tuple(_inert(one, tags) for one in cast("tuple[Any, ...]", value))
    if isinstance(value, BaseModel):
        fields = {name: _inert(getattr(value, name), tags) for name in type(value).model_fields}
        return value.model_copy(update=fields)
    return value
