"""The one artefact: everything that happened in an episode.

Agent, data, training, evaluation and viewer read and write nothing else. What always holds:
- JSON Lines with a `version`; images by content hash in an `ImageStore` beside the file, never inside it;
- token ids, loss mask and log-probs are those recorded while sampling. The episode's token sequence is
  `prompt_ids + token_ids` of all turns, joined; nothing is ever made again from text;
- a trace is written once, whole, when its episode ends, and flushed to disk: a killed run loses at most the
  episodes in flight, and a line torn by the kill is dropped by readers and by the next writer.
"""

from __future__ import annotations

import ast
import json
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol, cast

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from deepeyes.core.actions import Action, code_of, python_tree
from deepeyes.core.errors import InputError, StorageError, boundary
from deepeyes.core.files import append_line, cut_torn_tail
from deepeyes.core.images import ImageRef, ImageStore, VisionSpec
from deepeyes.core.limits import Limits, StopReason
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.results import Observation
from deepeyes.core.sampling import Sampling, with_sampling
from deepeyes.core.task import Task
from deepeyes.core.text import Text
from deepeyes.core.verdict import Verdict

TRACE_VERSION = 2
TRACES_FILE = "traces.jsonl"
IMAGES_FOLDER = "images"
_CLASS_NAME = re.compile(r"\b[A-Z]\w*(?:Error|Unavailable|Overflow): ")
"""Of an error of ours, as notes have it."""


class Usage(BaseModel):
    """Tokens as counted by the model or its server."""

    model_config = ConfigDict(frozen=True)

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
        )


class Turn(BaseModel):
    """One reply of the model, what it was sent before, and what its action brought back."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    sent: tuple[Message, ...] = ()
    """The messages new to the model in this turn: system and question first, an observation later."""
    text: Text = ""
    """The reply as sampled, tags included."""
    action: Action | None = None
    """None when the episode ended before the reply was complete."""
    observation: Observation | None = None
    finish_reason: Text = ""
    prompt_ids: tuple[int, ...] | None = None
    """Tokens fed since the last turn (images as their placeholder tokens)."""
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    loss_mask: tuple[int, ...] | None = None
    """As long as `token_ids`: 1 where the model chose the token."""
    policy: int | None = None
    """The version of the weights that wrote the reply, where they change while episodes run."""
    usage: Usage = Usage()
    model_seconds: float = 0.0

    @model_serializer(mode="wrap")
    def _compact(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """`policy` is left out where there is none."""
        values: dict[str, Any] = whole(self)
        return values if self.policy is not None else _without(values, "policy")

    @property
    def thought(self) -> str:
        return self.action.thought if self.action else ""

    @property
    def kind(self) -> Literal["code", "call", "answer", "malformed", "none"]:
        return self.action.kind if self.action else "none"

    @property
    def code(self) -> str | None:
        """Its Python, whichever way its dialect calls."""
        return code_of(self.action)

    @property
    def syntax_tree(self) -> ast.Module | None:
        """Its code, read and never run; None where there is none or it is not Python."""
        return None if self.code is None else python_tree(self.code)


class Trace(BaseModel):
    """One episode from question to end."""

    model_config = ConfigDict(frozen=True, ser_json_inf_nan="strings")

    version: int = TRACE_VERSION
    id: str
    """Unique in a run: the task's id and the sample's number."""
    task: Task
    sample: int = 0
    sampling: Sampling = Sampling()
    """How the replies were drawn, the episode's own seed and the dialect's stop strings included."""
    model: Text = ""
    dialect: str = ""
    tools: tuple[str, ...] = ()
    vision: VisionSpec = VisionSpec()
    limits: Limits = Limits()
    turns: tuple[Turn, ...] = ()
    pending: tuple[Message, ...] = ()
    """What the model was sent, or about to be, when the episode ended before it replied."""
    stop_reason: StopReason
    answer: Text | None = None
    verdict: Verdict | None = None
    rewards: dict[str, float] = Field(default_factory=dict[str, float])
    """What it earned in reinforcement learning: by part, `total`, and the `advantage` of what was learned."""
    banned: tuple[int, ...] = ()
    """Token ids that could not be drawn in any reply, whatever `sampling` says: `logprobs` were taken under
    the distribution without them.
    """
    usage: Usage = Usage()
    started: str = ""
    """UTC, ISO 8601."""
    seconds: float = 0.0
    model_seconds: float = 0.0
    tool_seconds: float = 0.0
    notes: tuple[Text, ...] = ()
    """Things its reader should know: an animated image, an error of ours."""

    @model_serializer(mode="wrap")
    def _compact(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Rewards and banned tokens are left out where there are none."""
        values: dict[str, Any] = whole(self)
        return _without(values, *(key for key in ("rewards", "banned") if not values.get(key)))

    @model_validator(mode="before")
    @classmethod
    def _of_today(cls, values: Any) -> Any:
        """Fields of version 1 under today's names."""
        values = with_sampling(values, "temperature", "seed")
        if isinstance(values, dict):
            fields = cast("dict[str, Any]", values)
            return {**fields, "version": TRACE_VERSION}
        return values

    @property
    def tool_turns(self) -> tuple[Turn, ...]:
        """The turns whose action went to a tool."""
        return tuple(turn for turn in self.turns if turn.observation is not None and turn.observation.tool)

    def image_parts(self) -> tuple[ImagePart, ...]:
        """Every image shown or returned, once each, in order of appearance."""
        seen: dict[str, ImagePart] = {}
        for turn in self.turns:
            back = turn.observation.images if turn.observation else ()
            for part in (*_images(turn.sent), *back):
                seen.setdefault(part.name, part)
        for part in _images(self.pending):
            seen.setdefault(part.name, part)
        return tuple(seen.values())

    @property
    def opening(self) -> tuple[Message, ...]:
        """System prompt and question, whether or not the model ever replied."""
        return self.turns[0].sent if self.turns else self.pending

    def image_refs(self) -> tuple[ImageRef, ...]:
        refs = dict.fromkeys([*self.task.images, *(part.ref for part in self.image_parts())])
        return tuple(refs)

    def messages(self) -> Iterator[Message]:
        """The whole conversation, replies included, as the model lived it."""
        for turn in self.turns:
            yield from turn.sent
            if turn.text or turn.action:
                calls = (turn.action.call,) if turn.action and turn.action.kind == "call" else ()
                message = Message.make("assistant", turn.text)
                yield message.model_copy(
                    update={
                        "tool_calls": tuple(call for call in calls if call.id),
                        "token_ids": turn.token_ids,
                        "logprobs": turn.logprobs,
                        "loss_mask": turn.loss_mask,
                    }
                )

    @property
    def failure(self) -> str:
        """What of ours ended it, in words; empty if it is a result."""
        if self.stop_reason.is_result:
            return ""
        return _CLASS_NAME.sub("", self.notes[-1], count=1) if self.notes else "something of ours failed"

    def graded(self, verdict: Verdict) -> Trace:
        return self.model_copy(update={"verdict": verdict})

    def ungraded(self, stop: StopReason, *notes: str) -> Trace:
        """A result whose verdict is missing, for the reason `stop`, which is ours or the user's: it does not
        count, and where it has an answer it can be graded later without asking again.
        """
        new = tuple(note for note in notes if note not in self.notes)
        return self.model_copy(update={"verdict": None, "stop_reason": stop, "notes": (*self.notes, *new)})

    @property
    def is_right(self) -> bool:
        return self.verdict is not None and self.verdict.is_right

    @property
    def is_unsure(self) -> bool:
        """Whether there is a verdict and it is that nobody can tell."""
        return self.verdict is not None and self.verdict.is_unsure

    @property
    def has_abstained(self) -> bool:
        """Whether there is a verdict and the answer is that one cannot tell."""
        return self.verdict is not None and self.verdict.abstained

    @property
    def awaits_verdict(self) -> bool:
        """Whether the model had answered and only the verdict is missing."""
        return self.answer is not None and not self.stop_reason.is_result

    def as_answered(self) -> Trace:
        """A trace that awaits its verdict as it was before: an answer, ready to be graded."""
        return self.model_copy(update={"stop_reason": StopReason.answered})


def _images(messages: Iterable[Message]) -> Iterator[ImagePart]:
    return (part for message in messages for part in message.images)


def _without(values: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key not in keys}


def trace_id(task_id: str, sample: int = 0) -> str:
    return f"{task_id}#{sample}"


class EpisodeWriter(Protocol):
    """Where finished episodes go."""

    @property
    def images(self) -> ImageStore:
        """Where the images of what is written are afterwards."""
        ...

    def write(self, trace: Trace, images: ImageStore | None = None) -> None:
        """Store one finished episode, its images (taken from `images`) first; raises `StorageError`."""
        ...

    def done_ids(self) -> set[str]:
        """Ids of episodes that need not run again: those that ended with a result of the model."""
        ...

    def awaiting_verdict(self) -> Mapping[str, Trace]:
        """By id, the episodes that need a verdict and nothing else (see `Trace.awaits_verdict`)."""
        ...


class TraceWriter:
    """Appends traces to `folder/traces.jsonl` and their images to `images` (`folder/images` if left out).

    Threads may share one, and processes may write to one folder. Without `sync` an episode is with the
    operating system when `write` returns, which a killed process survives, and on the disk after `sync()`.
    """

    def __init__(
        self, folder: str | os.PathLike[str], images: ImageStore | None = None, *, sync: bool = True
    ) -> None:
        self.folder = Path(folder)
        self.path = self.folder / TRACES_FILE
        self.images = images or ImageStore(self.folder / IMAGES_FOLDER)
        self._sync = sync
        self._unsynced = False
        self._lock = threading.Lock()
        with boundary(StorageError, f"opening {self.path}", "choose a folder you may write to"):
            self.folder.mkdir(parents=True, exist_ok=True)
            cut_torn_tail(self.path)

    def write(self, trace: Trace, images: ImageStore | None = None) -> None:
        """See `EpisodeWriter`."""
        if images is not None:
            self.images.copy_from(images, trace.image_refs())
        line = trace.model_dump_json().encode() + b"\n"
        with self._lock, boundary(StorageError, f"writing {self.path}", "check the folder's permissions"):
            append_line(self.path, line, sync=self._sync)
            self._unsynced = not self._sync

    def sync(self) -> None:
        """Force to the disk what was written since the last time; raises `StorageError`."""
        if self._unsynced:
            self._unsynced = False
            with boundary(StorageError, f"writing {self.path}", "check the disk"):
                with self.path.open("ab") as file:
                    os.fsync(file.fileno())

    def done_ids(self) -> set[str]:
        """See `EpisodeWriter`."""
        return {line.id for line in _index(self.path) if line.is_result}

    def awaiting_verdict(self) -> Mapping[str, Trace]:
        """See `EpisodeWriter`."""
        last = {line.id: line for line in _index(self.path)}
        waiting = [line.offset for line in last.values() if line.answered and not line.is_result]
        return {trace.id: trace for trace in _read_at(self.path, waiting)} if waiting else {}


def read_traces(folder: str | os.PathLike[str]) -> Iterator[Trace]:
    """The traces of a run, one per id (the last written wins), in order of their first appearance.

    Raises `InputError` for a missing file, a damaged line that is not the last one, or a newer version.
    """
    path = Path(folder)
    path = path / TRACES_FILE if path.is_dir() or not path.suffix else path
    if not path.exists():
        raise InputError(f"there are no traces at {path}", "give the folder that --trace wrote")
    offsets = {line.id: line.offset for line in _index(path)}
    yield from _read_at(path, offsets.values())


def _read_at(path: Path, offsets: Iterable[int]) -> Iterator[Trace]:
    with boundary(InputError, f"reading {path}", "check that you may read it"), path.open("rb") as file:
        for offset in offsets:
            file.seek(offset)
            yield _parse(file.readline(), path)


def _parse(line: bytes, path: Path) -> Trace:
    try:
        return Trace.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(key) for key in first["loc"])
        raise InputError(
            f"a line of {path} is not a trace of version {TRACE_VERSION} ({where}: {first['msg']})",
            "write it again with this version of deepeyes",
        ) from error


class _Line(NamedTuple):
    """What is known of a whole line without reading all of it."""

    id: str
    stop_reason: str
    answered: bool
    offset: int
    """In bytes."""

    @property
    def is_result(self) -> bool:
        return StopReason(self.stop_reason).is_result


def _index(path: Path) -> Iterator[_Line]:
    """Every whole line."""
    if not path.exists():
        return
    with boundary(InputError, f"reading {path}", "check that you may read it"), path.open("rb") as file:
        offset = 0
        for number, line in enumerate(_whole_lines(file), 1):
            record = _record(line)
            if record is None:
                raise InputError(f"line {number} of {path} is damaged", "delete that line")
            if int(record.get("version", 0)) > TRACE_VERSION:
                raise InputError(
                    f"{path} was written by a newer deepeyes", "read it with that one or a later one"
                )
            answered = record.get("answer") is not None
            yield _Line(str(record.get("id")), str(record.get("stop_reason")), answered, offset)
            offset += len(line)


def _whole_lines(file: Iterable[bytes]) -> Iterator[bytes]:
    """Lines that end in a newline; what a killed writer left after the last one is not a line."""
    return (line for line in file if line.endswith(b"\n"))


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record: Any = json.loads(line)
    except ValueError:
        return None
    return cast("dict[str, Any]", record) if isinstance(record, dict) and "id" in record else None
