"""The tags by which questions speak of their images: `<image>`, `<image 1>`, `<image2>`, `<|image_3|>`.

A tag inside a sentence is a word of it, so it becomes the name that the image has for the model and its code
(`image_1`); tags that only show where the images stood, before or behind the question, go. What always holds:
a name is never put for an image that is not there.
"""

from __future__ import annotations

import re

from deepeyes.data.item import Unusable

_TAG = re.compile(r"<\|?image[ _-]?([0-9]{0,3})\|?>|<img>", re.IGNORECASE)
_SPOKEN = re.compile(rf"{_TAG.pattern}|\bimage_[0-9]+\b", re.IGNORECASE)
_GOES_ON = re.compile(r"[ \t]*(?:['’,;]|[a-z])")
_ENDED = re.compile(r"(?:\A|[.?!:。？！：)\"”$]|\n)\s*\Z")


def has_tag(text: str) -> bool:
    """Whether `text` speaks of an image by a tag."""
    return _TAG.search(text) is not None


def without_tags(text: str) -> str:
    """`text` without tags and the names that `name_images` puts in their places, to compare questions."""
    return _SPOKEN.sub(" ", text).strip()


def split_tail(text: str) -> tuple[str, str]:
    """`text` without the tags that end it, and these; one that is nothing but tags is left whole."""
    end = len(text)
    for tag in reversed(list(_TAG.finditer(text))):
        if text[tag.end() : end].strip():
            break
        end = tag.start()
    return (text[:end].strip(), text[end:]) if text[:end].strip() else (text, "")


def name_images(question: str, images: int, *, composite: bool = False, after: int = 0) -> str:
    """`question` with the names of its `images` in place of tags, or without tags that are no part of it.

    Tags without numbers count on from `after`; numbers that begin at 0 are those of images from 1. Raises
    `Unusable` ("image_count") if there are more tags than images. With `composite` the one image of a row
    holds all that numbered tags before and behind its question stand for.
    """
    tags = list(_TAG.finditer(question))
    if not tags:
        return question.strip()
    start, end = _edges(question, tags)
    inside = [tag for tag in tags if start <= tag.start() < end]
    numbers = _numbers(tags, after)
    one = images == 1 and all(tag[1] for tag in tags)
    if (wanted := _highest(numbers, inside if one and composite else tags)) > images:
        hint = ": composite says that it holds them all" if one and _highest(numbers, inside) <= 1 else ""
        raise Unusable("image_count", f"the question speaks of image {wanted} and has {images}{hint}")
    if inside and images > 1:
        start, end = 0, len(question)
    return _TAG.sub(lambda tag: f"image_{numbers[tag.start() + start]}", question[start:end]).strip()


def _edges(question: str, tags: list[re.Match[str]]) -> tuple[int, int]:
    """Where the question begins and ends without the tags that stand before and behind it."""
    start, end = 0, len(question)
    for tag in tags:
        if question[start : tag.start()].strip():
            break
        start = tag.end()
    start = 0 if _GOES_ON.match(question, start) else start
    for tag in reversed(tags):
        if tag.start() < start or question[tag.end() : end].strip():
            break
        end = tag.start()
    return start, end if _ENDED.search(question[start:end][-100:]) else len(question)


def _numbers(tags: list[re.Match[str]], after: int) -> dict[int, int]:
    """The number of the image that the tag at each place stands for."""
    shift = 1 if any(tag[1] and int(tag[1]) == 0 for tag in tags) else 0
    numbers = dict[int, int]()
    for tag in tags:
        after += not tag[1]
        numbers[tag.start()] = int(tag[1]) + shift if tag[1] else after
    return numbers


def _highest(numbers: dict[int, int], tags: list[re.Match[str]]) -> int:
    return max((numbers[tag.start()] for tag in tags), default=0)
