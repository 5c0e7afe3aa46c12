"""Structures from their parts: what several values in brackets, side by side or around a relation are.

What always holds: pure; `Unreadable` where the parts make nothing that is an answer.
"""

from __future__ import annotations

from deepeyes.grading.maths import expression as ex
from deepeyes.grading.maths.expression import Scalar
from deepeyes.grading.maths.formula import scalar
from deepeyes.grading.maths.structure import (
    WHOLE_LINE,
    Answer,
    Assigned,
    Interval,
    Items,
    Matrix,
    Relation,
    Union,
    as_interval,
)
from deepeyes.grading.maths.tokens import Unreadable


def matrix_of(rows: list[list[Scalar]]) -> Matrix:
    if not rows or not rows[0] or any(len(row) != len(rows[0]) for row in rows):
        raise Unreadable
    return Matrix(tuple(tuple(row) for row in rows))


def relation_of(sign: str, sides: list[Answer], *, is_less: bool = True) -> Relation:
    if len(sides) != 2:
        raise Unreadable
    left, right = (scalar(side) for side in (sides if is_less else sides[::-1]))
    return Relation(sign, ex.add([left, ex.negative(right)]))


def bounded(sides: list[Answer], relations: list[str], names: list[str]) -> Answer:
    """``x > 3`` and ``1 < x ≤ 2`` as intervals of the variable."""
    if len(sides) > 3 or not all(isinstance(side, Scalar) for side in sides):
        raise Unreadable
    if any(relation in ">≥" for relation in relations):
        if any(relation in "<≤" for relation in relations):
            raise Unreadable
        sides, names = sides[::-1], names[::-1]
        relations = [{">": "<", "≥": "≤"}[relation] for relation in relations[::-1]]
    closed = [relation == "≤" for relation in relations]
    scalars = [scalar(side) for side in sides]
    match scalars, names:
        case [left, _, right], [_, name, _] if name:
            return Assigned(name, Interval(left, right, closed[0], closed[1]))
        case [_, right], [name, ""] if name:
            return Assigned(name, Interval(WHOLE_LINE.left, right, with_left=False, with_right=closed[0]))
        case [left, _], ["", name] if name:
            return Assigned(name, Interval(left, ex.INFINITY, closed[0], with_right=False))
        case _:
            raise Unreadable


def together(items: list[Answer], words: set[str]) -> Answer:
    """Several answers side by side; conditions on one variable are one condition."""
    names = {item.name for item in items if isinstance(item, Assigned)}
    is_one_condition = len(names) == 1 and not any(isinstance(item, Relation) for item in items)
    if is_one_condition and isinstance(items[0], Assigned):
        values = [item.value if isinstance(item, Assigned) else item for item in items]
        name = names.pop()
        if all(isinstance(value, Interval | Union) for value in values):
            if "or" in words or "∨" in words:
                return Assigned(name, Union(tuple(values)))
            match values:
                case [Interval(left, ex.INFINITY, closed, _), Interval(low, right, _, end)] if (
                    low == WHOLE_LINE.left
                ):
                    return Assigned(name, Interval(left, right, closed, end))
                case [Interval(low, right, _, end), Interval(left, ex.INFINITY, closed, _)] if (
                    low == WHOLE_LINE.left
                ):
                    return Assigned(name, Interval(left, right, closed, end))
                case _:
                    raise Unreadable
        return Assigned(name, Items("set", tuple(values)))
    return Items("set" if words & {"and", "or", "∧", "∨"} else "list", tuple(items))


def as_set(part: Answer) -> Answer:
    if isinstance(part, Items) and part.kind == "set":
        return part
    interval = as_interval(part)
    if interval is None:
        raise Unreadable
    return interval


def in_brackets(opening: str, end: str, closing: str, items: list[Answer]) -> Answer:
    pair = [item for item in items if isinstance(item, Scalar)] if len(items) == 2 else []
    if end != closing or opening == "]":
        if len(pair) == 2 and opening in "([]" and end in ")][" and end:
            return Interval(pair[0], pair[1], opening == "[", end == "]")
        raise Unreadable
    if opening == "(" and len(items) == 1:
        return items[0]
    if len(pair) == 2 and opening in "([" and (pair[0] == WHOLE_LINE.left or pair[1] == ex.INFINITY):
        return Interval(pair[0], pair[1], opening == "[", with_right=False)
    if opening == "{" and len(items) == 1:
        return items[0]
    if opening == "[" and len(items) == 1 and isinstance(items[0], Scalar):
        return items[0]
    rows = [item.items for item in items if isinstance(item, Items) and item.kind == "bracket"]
    if opening == "[" and len(rows) == len(items):
        return matrix_of([[scalar(cell) for cell in row] for row in rows])
    kind = {"(": "tuple", "⟨": "tuple", "[": "bracket"}.get(opening, "set")
    return Items(kind, tuple(items))
