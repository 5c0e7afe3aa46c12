"""From traces to what trainers exchange: chunks of token ids and images, with what was recorded for each.

A `Record` is one episode as a learner needs it, whoever it is: our own loop, TRL, verl, or a service that
takes chunks (Tinker's `Datum` has this form). What always holds:
- ids, masks and log-probabilities are those recorded while sampling; nothing is tokenized again;
- the images of every message are counted against their tokens when the record is made, so an image that is
  missing, swapped for one of another size or shown twice is an error that names the episode, before any
  forward pass;
- a token that the model did not choose is never learned, and nothing that stands for an image was chosen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from PIL import Image

from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageRef, ImageStore
from deepeyes.core.messages import ImagePart
from deepeyes.core.sampling import Sampling
from deepeyes.core.trace import Trace, Turn

_AGAIN = "run the episode again with this version of deepeyes"


@dataclass(frozen=True)
class TextChunk:
    """Token ids in a row."""

    ids: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class ImageChunk:
    """An image at the size the model saw it, and how many tokens it is."""

    ref: ImageRef
    width: int
    height: int
    tokens: int

    def __len__(self) -> int:
        return self.tokens

    def view(self, images: ImageStore) -> Image.Image:
        """Its pixels at that size. Raises `InputError` if `images` lacks it."""
        full, size = images.get(self.ref), (self.width, self.height)
        return full if full.size == size else full.resize(size, Image.Resampling.BICUBIC)


Chunk = TextChunk | ImageChunk


@dataclass(frozen=True)
class Record:
    """One episode; lists of numbers are as long as all chunks together.

    In the form of a next-token target, place `i` of a service's `target_tokens`, `logprobs` and `weights` is
    place `i + 1` here.
    """

    name: str
    """The trace's id."""
    chunks: tuple[Chunk, ...]
    chosen: tuple[int, ...]
    """1 where the model chose the token and it may be learned."""
    logprobs: tuple[float, ...]
    """As recorded, under `sampling` without `banned`; 0 where nothing was chosen."""
    sampling: Sampling
    banned: tuple[int, ...]
    prompt: int
    """Tokens before the first reply."""
    policies: tuple[int, ...] = ()
    """The version of the weights that wrote each reply, where it was recorded."""

    def __len__(self) -> int:
        return len(self.chosen)

    @property
    def images(self) -> tuple[ImageChunk, ...]:
        return tuple(chunk for chunk in self.chunks if isinstance(chunk, ImageChunk))

    def ids(self, image_token: int) -> list[int]:
        """The flat sequence, an image as so many image tokens."""
        flat: list[int] = []
        for chunk in self.chunks:
            flat.extend(chunk.ids if isinstance(chunk, TextChunk) else [image_token] * chunk.tokens)
        return flat

    @property
    def same(self) -> tuple[object, ...]:
        """Equal for episodes that a learner cannot tell apart: the same tokens, images and choices."""
        return (self.chunks, self.chosen, self.sampling.seeded(0), self.banned)


def record_of(trace: Trace, *, image_token: int) -> Record:
    """The episode's record. Raises `InputError` for a trace whose tokens are missing or unlike its images."""
    turns = [turn for turn in trace.turns if turn.token_ids]
    if not turns:
        raise InputError(
            f"the episode {trace.id} has no recorded tokens", "sample with nano, hf: or an engine of train rl"
        )
    chunks: list[Chunk] = []
    chosen: list[int] = []
    logprobs: list[float] = []
    for turn in turns:
        chunks += _fed(turn, trace, image_token)
        fed = len(turn.prompt_ids or ())
        ids, mask, values = _spoken(turn, trace, image_token)
        chunks.append(TextChunk(ids))
        chosen += [0] * fed + mask
        logprobs += [0.0] * fed + [value if learn else 0.0 for value, learn in zip(values, mask, strict=True)]
    if trace.sampling.repetition_penalty != 1:
        raise InputError(
            f"the episode {trace.id} was sampled with a repetition penalty",
            "set sampling.repetition_penalty to 1: with another one the past decides each log-probability",
        )
    policies = tuple(turn.policy for turn in turns if turn.policy is not None)
    prompt = len(turns[0].prompt_ids or ())
    return Record(
        trace.id,
        tuple(_joined(chunks)),
        tuple(chosen),
        tuple(logprobs),
        trace.sampling,
        trace.banned,
        prompt,
        policies,
    )


def _fed(turn: Turn, trace: Trace, image_token: int) -> Iterator[Chunk]:
    """What was put to the model before a reply, its images in place of their tokens."""
    shown = [part for message in turn.sent for part in message.images]
    waiting = iter(shown)
    for is_image, run in groupby(turn.prompt_ids or (), lambda token: token == image_token):
        ids = tuple(run)
        if not is_image:
            yield TextChunk(ids)
            continue
        left = len(ids)
        while left > 0:
            part = next(waiting, None)
            if part is None:
                raise InputError(
                    f"the episode {trace.id} has {left} image tokens beyond its {len(shown)} images",
                    _AGAIN,
                )
            cells = _cells(part, trace)
            yield ImageChunk(part.ref, part.view_width, part.view_height, cells)
            left -= cells
        if left < 0:
            raise InputError(
                f"the episode {trace.id} has {-left} image tokens fewer than its images need", _AGAIN
            )
    if next(waiting, None) is not None:
        raise InputError(f"the episode {trace.id} shows an image that has no tokens", _AGAIN)


def _cells(part: ImagePart, trace: Trace) -> int:
    """Tokens of an image: cells of `vision.factor` pixels a side."""
    return part.view_width * part.view_height // trace.vision.factor**2


def _spoken(turn: Turn, trace: Trace, image_token: int) -> tuple[tuple[int, ...], list[int], Sequence[float]]:
    """(ids, mask, log-probabilities) of a reply, all of one length."""
    ids = turn.token_ids or ()
    values = turn.logprobs
    mask = list(turn.loss_mask or (1,) * len(ids))
    if values is None or not len(ids) == len(values) == len(mask):
        raise InputError(f"the episode {trace.id} lacks a log-probability for each token", _AGAIN)
    if image_token in ids:
        raise InputError(f"in the episode {trace.id} the model wrote an image token", _AGAIN)
    return ids, mask, values


def _joined(chunks: Iterable[Chunk]) -> Iterator[Chunk]:
    """Neighbouring texts as one."""
    for is_text, run in groupby(chunks, lambda chunk: isinstance(chunk, TextChunk)):
        if is_text:
            yield TextChunk(tuple(token for chunk in run for token in chunk.ids))  # pyright: ignore[reportAttributeAccessIssue]
        else:
            yield from run
