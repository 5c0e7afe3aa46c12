"""Records in the words of TRL 1.16: what its `rollout_func` returns, and what `GRPOTrainer._generate` does.

What always holds: ids, masks and log-probabilities are the record's own, cut in two where the first reply
begins; every image goes along, in the order of its tokens; a record that a form cannot hold is refused, never
shortened.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypedDict

from deepeyes.core.errors import InputError
from deepeyes.train.tokens import ImageChunk, Record

View = Callable[[ImageChunk], Any]
"""The pixels of an image at the size that the model saw."""


class Rollouts(TypedDict):
    """What TRL's `rollout_func` returns; a list an episode, the three of a reply as long as one another."""

    prompt_ids: list[list[int]]
    completion_ids: list[list[int]]
    """All that follows the first prompt, observations too."""
    logprobs: list[list[float]]
    env_mask: list[list[int]]
    """1 where the model chose the token."""


class Generated(NamedTuple):
    """What `GRPOTrainer._generate` returns, in its order."""

    prompt_ids: list[list[int]]
    completion_ids: list[list[int]]
    tool_mask: list[list[int]]
    completions: list[list[dict[str, str]]]
    logprobs: list[list[float]]
    extra_fields: dict[str, list[Any]]
    images: list[list[Any] | None] | None
    tool_images: list[list[Any]]


def rollouts(records: Sequence[Record], image_token: int) -> Rollouts:
    """The four lists, images as their tokens. A place for images this form has not: they travel beside it."""
    ids = [record.ids(image_token) for record in records]
    pairs = list(zip(records, ids, strict=True))
    return Rollouts(
        prompt_ids=[flat[: record.prompt] for record, flat in pairs],
        completion_ids=[flat[record.prompt :] for record, flat in pairs],
        logprobs=[list(record.logprobs[record.prompt :]) for record in records],
        env_mask=[list(record.chosen[record.prompt :]) for record in records],
    )


def rollout_dict(records: Sequence[Record], image_token: int) -> Rollouts:
    """For TRL's public `rollout_func`, which puts back the images of its data set and knows no others.

    Raises `InputError` for an episode in which a tool showed an image.
    """
    for record in records:
        if _shown_first(record) < len(record.images):
            raise InputError(
                f"in the episode {record.name} a tool showed an image, which TRL's rollout_func cannot take",
                'train with [backend] name = "trl", which can',
            )
    return rollouts(records, image_token)


def generated(
    records: Sequence[Record],
    image_token: int,
    view: View,
    texts: Sequence[str],
    extra: Mapping[str, list[Any]] | None = None,
) -> Generated:
    """For an override of the private `_generate`; `texts` are what TRL shows as completions.

    TRL builds pixels and token types from all of `images` where any of `tool_images` is not empty, so those
    of the prompt are in `images` and only those of tools in both.
    """
    four = rollouts(records, image_token)
    shown = [[view(image) for image in record.images] for record in records]
    return Generated(
        four["prompt_ids"],
        four["completion_ids"],
        four["env_mask"],
        [[{"role": "assistant", "content": text}] for text in texts],
        four["logprobs"],
        dict(extra or {}),
        [views or None for views in shown] if any(shown) else None,
        [views[_shown_first(record) :] for record, views in zip(records, shown, strict=True)],
    )


def _shown_first(record: Record) -> int:
    """Images before the first reply."""
    place, count = 0, 0
    for chunk in record.chunks:
        if place >= record.prompt:
            break
        count += isinstance(chunk, ImageChunk)
        place += len(chunk)
    return count
