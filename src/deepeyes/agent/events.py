"""What an episode tells while it runs, for terminals and pages that show it live.

Plain frozen data, in the order things happen: `Started`, then per turn any `TextDelta`s (raw pieces, as
they are generated), one of `Code`, `Call`, `Answer` or `Mistake` (with the thought before it), `Output`,
its `Image`s; at the end `Ended`. Nobody has to listen, and a listener cannot change the episode.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from deepeyes.core.limits import StopReason
from deepeyes.core.messages import ImagePart


@dataclass(frozen=True)
class Started:
    question: str
    images: tuple[ImagePart, ...]
    """The task's images, with the sizes at which the model sees them."""


@dataclass(frozen=True)
class TextDelta:
    text: str


@dataclass(frozen=True)
class Thought:
    text: str


@dataclass(frozen=True)
class Code:
    code: str


@dataclass(frozen=True)
class Call:
    name: str
    arguments: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True)
class Answer:
    text: str


@dataclass(frozen=True)
class Mistake:
    """A reply that could not be read."""

    reason: str


@dataclass(frozen=True)
class Output:
    tool: str
    status: str
    text: str
    """What came back, hits and pages included (`Observation.text`)."""
    stderr: str
    seconds: float


@dataclass(frozen=True)
class Image:
    """An image a tool returned: its name, full size and the size at which the model sees it."""

    name: str
    width: int
    height: int
    view_width: int
    view_height: int


@dataclass(frozen=True)
class Ended:
    stop_reason: StopReason
    answer: str | None


Event = Started | TextDelta | Thought | Code | Call | Answer | Mistake | Output | Image | Ended
OnEvent = Callable[[Event], None]
