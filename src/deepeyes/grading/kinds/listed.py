"""Lists: several things in one answer, compared one by one.

A list is written in a sentence ("red, blue and green"), in brackets, or with one item a line. Its items are
read as numbers, as dates, as lists, else as words. What always holds: how often an item occurs counts; round
brackets are a tuple, whose order counts; and lists of free words are never called different, since others may
mean the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.verdict import Decider
from deepeyes.grading.kinds.date import DATE
from deepeyes.grading.kinds.kind import Kind
from deepeyes.grading.kinds.number import NUMBER
from deepeyes.grading.notation import bare, canonical, folded


@dataclass(frozen=True, slots=True)
class Item:
    """One thing of a list, with what it says as each of the kinds that can read it."""

    text: str
    """In canonical notation."""
    readings: tuple[tuple[Kind, Any], ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class Listed:
    """The items in the order in which they were named, and whether this order counts."""

    items: tuple[Item, ...]
    ordered: bool = False
    is_set: bool = field(default=False, compare=False)
    """Whether it stands in braces, where order never counts."""


MAX_ITEMS = 100
"""Longer lists are no answers to a question about an image, and are not compared."""
_LONGEST = 20_000
_DEEPEST = 3
_LEAD = re.compile(r"\A(?:[a-z]\w{0,20} ?(?:=|∈|\\in) ?)(?=[\[({\\])", re.IGNORECASE)
_PAIRS = {"[": "]", "{": "}", "(": ")", "<": ">"}
_BULLET = re.compile(r"\A\s*(?:[-*•‣▪◦·–]|\(?[0-9]{1,3}[.)]|\(?[a-zA-Z][.)])\s+")
_AND = re.compile(r",? (?:and|und|et) |(?<=\w\w) [ye] (?=\w\w)|,? & |[和与及]", re.IGNORECASE)
_NUMBER = re.compile(r"-?[0-9][0-9.,/]*")
_THOUSANDS = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))")


class _Listed:
    name = AnswerKind.list
    by: Decider = "rule"

    def read(self, text: str, form: AnswerForm) -> Listed | None:
        return _read(text, form.decimal_comma) if len(text) <= _LONGEST else None

    def same(self, given: Listed, expected: Listed, form: AnswerForm) -> bool | None:
        if given == expected:
            return True
        known = form.closed or all(item.readings for item in (*given.items, *expected.items))
        if len(given.items) != len(expected.items):
            return False if known else None
        verdict = _in_any_order(given.items, expected.items, form)
        if form.ordered or expected.ordered:
            in_order = _in_order(given.items, expected.items, form)
            verdict = (
                None if verdict and in_order is False and not form.ordered and not given.ordered else in_order
            )
        elif verdict and _has_rows(expected) and _in_order(given.items, expected.items, form) is not True:
            return None
        return None if verdict is False and not known else verdict

    def show(self, value: Listed) -> str:
        opening, closing = "()" if value.ordered else "[]"
        return f"{opening}{', '.join(item.text for item in value.items)}{closing}"


@lru_cache(maxsize=2048)
def _read(text: str, decimal_comma: bool, depth: int = 0) -> Listed | None:
    lines = [line for line in folded(text).splitlines() if line.strip()]
    if 1 < len(lines) <= MAX_ITEMS and len({_BULLET.match(line) is None for line in lines}) == 1:
        items = [_item(_BULLET.sub("", line), decimal_comma, depth) for line in lines]
        return Listed(tuple(items))
    text = (
        bare(text).replace("\\{", "{").replace("\\}", "}").replace("\\langle", "<").replace("\\rangle", ">")
    )
    text = _LEAD.sub("", text)
    closing = _PAIRS.get(text[:1])
    bracketed = closing is not None and text.endswith(closing) and _closes_last(text)
    if not bracketed and _one(text, decimal_comma):
        return None
    parts = _parts(text[1:-1] if bracketed else text, decimal_comma)
    if not 1 <= len(parts) <= MAX_ITEMS or (len(parts) == 1 and not (bracketed and text[0] in "[{")):
        return None
    items = tuple(_item(part, decimal_comma, depth) for part in parts)
    return Listed(items, bracketed and text[0] in "(<", bracketed and text[0] == "{")


def _one(text: str, decimal_comma: bool) -> bool:
    """Whether a text with a comma or an "and" is one thing all the same: "1,234", "March 3, 2021"."""
    form = AnswerForm(decimal_comma=decimal_comma)
    return NUMBER.read(text, form) is not None or DATE.read(text, form) is not None


def _closes_last(text: str) -> bool:
    """Whether the bracket at the start is closed by the one at the end."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character in "[{(") - (character in "]})")
        if depth == 0 and text[0] != "<":
            return place == len(text) - 1
    return text[0] == "<"


def _parts(text: str, decimal_comma: bool) -> list[str]:
    """The items as they are written; one if nothing parts them."""
    text = text.replace("、", ",")
    if ", " in text or _AND.search(text):
        text = _THOUSANDS.sub("'", text)
    separator = ";" if ";" in text or decimal_comma else ","
    parts: list[str] = []
    depth, start = 0, 0
    for place, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if depth == 0 and character == separator:
            parts.append(text[start:place])
            start = place + 1
    last = f" {text[start:].strip()}"
    parts += _AND.split(last, MAX_ITEMS)
    return [part.strip() for part in parts if part.strip()]


def _item(text: str, decimal_comma: bool, depth: int) -> Item:
    form = AnswerForm(decimal_comma=decimal_comma)
    readings: list[tuple[Kind, Any]] = [
        (kind, value) for kind in (NUMBER, DATE) if (value := kind.read(text, form)) is not None
    ]
    if not readings and depth < _DEEPEST and text.strip()[:1] in _PAIRS:
        inner = _read(text, decimal_comma, depth + 1)
        if inner is not None:
            # The numbers of a row or a point have their places.
            readings.append((LISTED, replace(inner, ordered=inner.ordered or text.strip()[0] == "[")))
    return Item(canonical(text), tuple(readings))


def _same_item(given: Item, expected: Item, form: AnswerForm) -> bool | None:
    """Whether two items are the same; None for words that differ."""
    if given.text == expected.text:
        return True
    verdict: bool | None = None
    for kind, mine in given.readings:
        for other, theirs in expected.readings:
            if kind is other:
                same = kind.same(mine, theirs, form)
                if same:
                    return True
                verdict = same if verdict is None else verdict
    return False if form.closed else verdict


def _has_rows(listed: Listed) -> bool:
    """Whether these may be the rows of a matrix, whose order counts, or points, whose order does not."""
    return all(item.text.startswith("[") for item in listed.items)


def may_be_sequences(given: Listed, expected: Listed) -> bool:
    """Whether both are bare numbers in different orders, and no braces say that order does not count."""
    if expected.is_set or len(given.items) != len(expected.items):
        return False
    if not all(_NUMBER.fullmatch(item.text) for item in (*given.items, *expected.items)):
        return False
    return _in_order(given.items, expected.items, AnswerForm()) is not True


def _in_order(given: tuple[Item, ...], expected: tuple[Item, ...], form: AnswerForm) -> bool | None:
    verdicts = [_same_item(one, other, form) for one, other in zip(given, expected, strict=True)]
    return False if False in verdicts else None if None in verdicts else True


def _in_any_order(given: tuple[Item, ...], expected: tuple[Item, ...], form: AnswerForm) -> bool | None:
    """Each given item takes the first free expected one that is the same."""
    free = list(expected)
    open_ = False
    for item in given:
        verdicts = [_same_item(item, other, form) for other in free]
        if True in verdicts:
            del free[verdicts.index(True)]
        elif None in verdicts:
            open_ = True
        else:
            return False
    return None if open_ else True


LISTED: Kind = _Listed()
