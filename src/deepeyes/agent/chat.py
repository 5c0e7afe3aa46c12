"""A chat: one question after another to one agent, in one conversation.

What always holds: each question becomes a trace that is whole by itself (its first turn was sent all that
was said before), and with a writer it is kept however it ended, before the next is asked.
"""

from __future__ import annotations

from deepeyes.agent.events import OnEvent
from deepeyes.agent.keeping import Keeping
from deepeyes.agent.loop import Talk
from deepeyes.agent.question import Given, asked
from deepeyes.core.images import ImageStore
from deepeyes.core.trace import Trace, TraceWriter


class Chat:
    """Opened by `Agent.chat`."""

    def __init__(self, talk: Talk, images: ImageStore, id: str, writer: TraceWriter | None) -> None:
        self._talk = talk
        self._images = images
        self._id = id
        self._writer = writer
        self._asked = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing more can be asked: a reply was broken off, or the model's context is full."""
        return self._talk.is_over

    async def ask(self, question: str, image: Given = None, *, on_event: OnEvent | None = None) -> Trace:
        """The next question, about another image or several, or what was shown before.

        Raises `InputError` for an image or a question that cannot be used, and where the chat is over.
        """
        number = self._asked + 1
        limits = self._talk.agent.limits
        task, notes = asked(image, question, self._images, limits, id=f"{self._id}-{number:02}")
        self._asked = number
        keeping = Keeping(None, self._images, notes)
        async with keeping.written(self._writer, self._images):
            await self._talk.episode(task, on_event=on_event, keep=keeping.ended)
        return keeping.trace
