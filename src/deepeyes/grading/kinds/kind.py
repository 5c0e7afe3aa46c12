"""What a kind of answer must offer."""

from __future__ import annotations

from typing import Any, Protocol

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.verdict import Decider


class Kind(Protocol):
    """Reads bare answers of one kind and compares what it has read.

    What always holds: `read` and `same` are pure, end in bounded time on any text, and raise nothing.
    """

    name: AnswerKind
    by: Decider

    def read(self, text: str, form: AnswerForm) -> Any | None:
        """What a bare answer ("12 m", never a sentence) says; None if it is not of this kind."""
        ...

    def same(self, given: Any, expected: Any, form: AnswerForm) -> bool | None:
        """Whether both mean the same; None where a rule cannot tell."""
        ...

    def show(self, value: Any) -> str:
        """The value in one line, as it was compared."""
        ...
