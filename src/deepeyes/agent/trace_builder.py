"""The episode in flight: what has happened so far, ready to become a Trace at any moment.

What always holds: images get their names here and nowhere else, in order of appearance, so `image_3` is the
same image in the model's context, in the sandbox and in the trace; limits on images and on what a tool wrote
are applied here.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from PIL import Image

from deepeyes.core.actions import Action
from deepeyes.core.images import ImageRef, ImageStore, VisionSpec, to_rgb
from deepeyes.core.limits import Limits, StopReason
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.results import Hit, Observation, Page, SeenHit, ToolResult
from deepeyes.core.sampling import Sampling
from deepeyes.core.task import Task
from deepeyes.core.text import cut_middle
from deepeyes.core.trace import Trace, Turn, Usage, trace_id
from deepeyes.models.base import Completion
from deepeyes.tools.base import Episode

HITS, HIT_CHARS, PAGE_CHARS = 100, 4_000, 20_000
"""What a trace keeps of one result: hits, characters of each of their texts, characters of a page. Dialects
tell less; the limit on what is told is theirs to keep, since it counts their words.
"""


@dataclass
class TraceBuilder:
    """Mutable; owned by one `run_episode`."""

    task: Task
    sample: int
    vision: VisionSpec
    limits: Limits
    images: ImageStore
    episode: Episode
    before: tuple[Message, ...] = ()
    """What was said in the same talk before this question, replies included; its first turn was sent it."""
    ids_before: tuple[int, ...] = ()
    """The tokens of that."""
    turns: list[Turn] = field(default_factory=list[Turn])
    notes: list[str] = field(default_factory=list[str])
    answer: str | None = None
    mistakes: int = 0
    tool_images: int = 0
    pending: tuple[Message, ...] = ()
    """What the model was sent, or is about to be, and has not replied to."""
    heard: list[str] = field(default_factory=list[str])
    """Pieces of the reply that is being generated."""
    _clock: float = field(default_factory=time.perf_counter)
    _started: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    def show(self, image: Image.Image, ref: ImageRef | None = None) -> ImagePart:
        """Give `image` the next name, keep it for sandbox and trace, and render the model's view of it.

        `ref` is given for an image that `images` holds already: naming it again would cost a hash of it.
        """
        rgb = to_rgb(image)
        name = f"image_{len(self.episode.images) + 1}"
        self.episode.images[name] = rgb
        return ImagePart.of(name, rgb, ref or self.images.put(rgb), self.vision)

    def observe(self, tool: str, result: ToolResult) -> Observation:
        """A tool's result within the limits, its images named: its own first, then those of its hits."""
        room = max(0, min(self.limits.tool_images_per_turn, self.limits.tool_images - self.tool_images))
        images = result.all_images
        shown = tuple(self.show(image) for image in images[:room])
        self.tool_images += len(shown)
        return Observation(
            tool=tool,
            status=result.status,
            stdout=cut_middle(result.stdout, self.limits.stdout_chars),
            stderr=cut_middle(result.stderr, self.limits.stderr_chars),
            images=shown,
            dropped_images=result.dropped + len(images) - len(shown),
            seconds=result.seconds,
            hits=_seen(result.hits, [part.name for part in shown[len(result.images) :]]),
            query=result.query[:HIT_CHARS],
            searched_image=result.searched_image[:HIT_CHARS],
            page=None if result.page is None else _bounded(result.page),
        )

    def add_turn(self, completion: Completion, action: Action, seconds: float) -> None:
        """The model's reply to what was pending."""
        self.heard = []
        ids, usage, mask = completion.token_ids, completion.usage, completion.loss_mask
        if (
            usage.completion_tokens == 0
        ):  # Not reported: count the sampled tokens, or guess four characters each.
            written = len(ids) if ids is not None else len(completion.text) // 4 + 1
            usage = usage.model_copy(update={"completion_tokens": written})
        if mask is None and ids is not None:
            mask = (1,) * len(ids)
        first = not self.turns
        turn = Turn(
            sent=self._sent(),
            text=completion.text,
            action=action,
            finish_reason=completion.finish_reason,
            prompt_ids=(*self.ids_before, *completion.prompt_ids)
            if first and completion.prompt_ids is not None
            else completion.prompt_ids,
            token_ids=ids,
            logprobs=completion.logprobs,
            loss_mask=mask,
            usage=usage,
            model_seconds=seconds,
        )
        self.turns.append(turn)
        self.pending = ()

    def _sent(self) -> tuple[Message, ...]:
        """What is pending, and for the first reply what was said before."""
        return self.pending if self.turns else (*self.before, *self.pending)

    def add_observation(self, seen: Observation) -> None:
        """What the last turn's action brought back."""
        self.turns[-1] = self.turns[-1].model_copy(update={"observation": seen})

    @property
    def tokens(self) -> int:
        """Tokens the model has written."""
        return sum(turn.usage.completion_tokens for turn in self.turns)

    def trace(
        self,
        stop_reason: StopReason,
        *,
        model: str,
        dialect: str,
        tools: tuple[str, ...],
        sampling: Sampling,
    ) -> Trace:
        """Everything so far, without pixels (a trace names images, it does not hold them).

        A reply cut off in the middle is kept as a turn without an action.
        """
        if self.heard:
            self.turns.append(Turn(sent=self._sent(), text="".join(self.heard), finish_reason=stop_reason))
            self.heard, self.pending = [], ()
        return Trace(
            id=trace_id(self.task.id, self.sample),
            task=self.task,
            sample=self.sample,
            sampling=sampling,
            model=model,
            dialect=dialect,
            tools=tools,
            vision=self.vision,
            limits=self.limits,
            turns=tuple(_without_pixels(turn) for turn in self.turns),
            pending=_messages_without_pixels(self._sent()),
            stop_reason=stop_reason,
            answer=self.answer,
            usage=sum((turn.usage for turn in self.turns), Usage()),
            started=self._started,
            seconds=time.perf_counter() - self._clock,
            model_seconds=sum(turn.model_seconds for turn in self.turns),
            tool_seconds=sum(turn.observation.seconds for turn in self.turns if turn.observation),
            notes=tuple(self.notes),
        )


def _seen(hits: Sequence[Hit] | None, names: Sequence[str]) -> tuple[SeenHit, ...] | None:
    """The hits as a trace keeps them. `names` are those of their images, of which there may be more."""
    if hits is None:
        return None
    left = iter(names)
    return tuple(
        SeenHit(
            title=hit.title[:HIT_CHARS],
            url=hit.url[:HIT_CHARS],
            snippet=hit.snippet[:HIT_CHARS],
            date=hit.date[:HIT_CHARS],
            source=hit.source[:HIT_CHARS],
            score=float(hit.score),
            image=next(left, "") if hit.image is not None else "",
            flags=hit.flags,
        )
        for hit in hits[:HITS]
    )


def _bounded(page: Page) -> Page:
    about = {name: getattr(page, name)[:HIT_CHARS] for name in ("url", "title", "date")}
    return Page(**about, text=cut_middle(page.text, PAGE_CHARS))


def _without_pixels(turn: Turn) -> Turn:
    seen = turn.observation
    if seen is not None and seen.images:
        seen = seen.model_copy(update={"images": tuple(part.without_pixels() for part in seen.images)})
    return turn.model_copy(update={"sent": _messages_without_pixels(turn.sent), "observation": seen})


def _messages_without_pixels(messages: Iterable[Message]) -> tuple[Message, ...]:
    return tuple(_message_without_pixels(message) for message in messages)


def _message_without_pixels(message: Message) -> Message:
    parts = tuple(part.without_pixels() if isinstance(part, ImagePart) else part for part in message.parts)
    return message.model_copy(update={"parts": parts})
