r"""Reads a bare answer as mathematics: values, pairs, sets, intervals, matrices, equations, and their units.

What always holds: the result is in canonical form and made of the digits and letters of the text alone,
size and depth are bounded, and text that is not mathematics ("January", "red", "n/a", "2024-05-06") is
refused rather than guessed at.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from deepeyes.grading.kinds.units import read_units
from deepeyes.grading.maths import expression as ex
from deepeyes.grading.maths.building import as_set, bounded, in_brackets, matrix_of, relation_of, together
from deepeyes.grading.maths.expression import Scalar
from deepeyes.grading.maths.formula import (
    CONSTANTS,
    FUNCTIONS,
    OF_ANGLES,
    SEPARATORS,
    Formula,
    scalar,
)
from deepeyes.grading.maths.structure import (
    WHOLE_LINE,
    Answer,
    Assigned,
    Interval,
    Items,
    Matrix,
    Quantity,
    Union,
)
from deepeyes.grading.maths.tokens import Token, Unreadable, tokens

_MOST_ITEMS = 30

_RELATIONS = frozenset("=<>≤≥≠≈≡∼∈")
_SIGNS_OF_FORMULAS = frozenset("^=<>≤≥√∛π∞∪∅")
_NAME_WITH_NUMBER = re.compile(r"a-?0")
_LETTERS_ALONE = re.compile(r"(?=.*\()(?=.*[-+*/^])(?:[-+*/^()]|a)+")
_NUMBER_AND_LETTER = "0-a"
_OPEN = re.compile(r"\d+[,·]\d+")
"""Two numbers, or one with a decimal comma."""
_NO_ARITHMETIC = re.compile(r"\d+(?: ?[-–—−‐‑] ?\d+)+")
"""A range, a score or a number in groups: nobody leaves 5 - 6 for an answer."""
_TERMS = re.compile(r"-?[a-z](?:[-+*/^][a-z])+")
_NO_FORMULAS = frozenset({"n/a", "w/o", "y/n", "c/o", "b/w"})
_SETS = frozenset({"ℝ", "{}", "⦃⦄"})
_NAME = re.compile(r"_(?:\w|\{\w{1,4}\})|\([a-z](?:,[a-z])*\)")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a text says as mathematics."""

    answer: Answer
    is_certain: bool
    """False where the notation can be read in two ways ("1/2π", "log x"): equal may still be equal, but
    different is no proof.
    """


def reading(text: str) -> Reading | None:
    """What `text` says, None if it is not mathematics."""
    plain = text.strip(" $\n.")
    if _NO_ARITHMETIC.fullmatch(plain):
        return None
    try:
        pieces, is_latex = tokens(text)
        if not _is_formula(pieces, is_latex):
            return None
        pieces, unit = _without_unit(pieces, is_latex)
        parser = _Answers(pieces, is_latex)
        answer = _both_signs(pieces, parser)
        if unit:
            answer = _in_unit(answer, unit)
        return Reading(answer, parser.is_certain and _OPEN.fullmatch(plain) is None)
    except (Unreadable, RecursionError, OverflowError, ZeroDivisionError):
        return None


def _is_formula(pieces: list[Token], is_latex: bool) -> bool:
    """Whether these are more than words, names ("B-52") and dates."""
    if any(piece.text in FUNCTIONS and piece.kind == "word" for piece in pieces[:-1]) or any(
        piece.text in CONSTANTS and piece.text not in ("i", "e") for piece in pieces
    ):
        return True
    said = "".join(piece.text for piece in pieces)
    if said in _SETS:
        return True
    if all(piece.kind in ("word", "text") for piece in pieces):
        return False
    if is_latex or any(piece.text in _SIGNS_OF_FORMULAS or piece.text in FUNCTIONS for piece in pieces):
        return True
    kinds = "".join({"number": "0", "word": "a", "text": "a"}.get(piece.kind, piece.text) for piece in pieces)
    if _TERMS.fullmatch(said):
        return said not in _NO_FORMULAS
    # "B-52", "H2O" and "3-D" are names, "3S + 2" is not.
    is_name = _NAME_WITH_NUMBER.search(kinds) is not None or kinds == _NUMBER_AND_LETTER
    is_name = is_name and any(piece.text.isupper() for piece in pieces)
    return ("0" in kinds and not is_name) or _LETTERS_ALONE.fullmatch(kinds) is not None


def _in_unit(answer: Answer, unit: str) -> Answer:
    if isinstance(answer, Assigned):
        return Assigned(answer.name, Quantity(answer.value, unit))
    return Quantity(answer, unit)


def _both_signs(pieces: list[Token], parser: _Answers) -> Answer:
    """What the pieces say; ``2 ± √3`` is a set of two."""
    if not any(piece.text in "±∓" for piece in pieces):
        return parser.everything()
    read: list[Answer] = []
    for signs in ({"±": "+", "∓": "-"}, {"±": "-", "∓": "+"}):
        one = _Answers(
            [piece._replace(text=signs.get(piece.text, piece.text)) for piece in pieces], parser.is_latex
        )
        read.append(one.everything())
        parser.is_certain = parser.is_certain and one.is_certain
    match read:
        case [Assigned(name, first), Assigned(other, second)] if name == other:
            return Assigned(name, Items("set", (first, second)))
        case [first, second] if isinstance(first, Scalar) and isinstance(second, Scalar):
            return Items("set", (first, second))
        case _:
            raise Unreadable


def _without_unit(pieces: list[Token], is_latex: bool) -> tuple[list[Token], str]:
    """The pieces before the unit at the end, and its name: ``°``, ``%``, "cm^2", "square inches", "km/h"."""
    last = pieces[-1].text
    if last in ("°", "%") and len(pieces) > 1:
        if any(piece.text in ("°", "%") or piece.text in OF_ANGLES for piece in pieces[:-1]):
            if last == "%":
                raise Unreadable
            return pieces, ""
        return pieces[:-1], _unit(last)
    for start in range(max(1, len(pieces) - 12), len(pieces)):
        first, before = pieces[start], pieces[start - 1]
        if first.kind not in ("word", "text") or before.text in (
            "^",
            "_",
            "/",
            "*",
            "-",
            "+",
            "{",
            "(",
            "=",
            "\\",
        ):
            continue
        if before.kind in ("word", "text") and before.text not in ("π", "pi"):
            continue
        words = "".join(
            (" " if piece.spaced or piece.kind == "text" else "") + piece.text for piece in pieces[start:]
        )
        unit = words.replace("{", "").replace("}", "").strip()
        if first.kind == "text" and unit.split(" ")[0] not in SEPARATORS and _is_words(pieces[start:]):
            return pieces[:start], _unit(unit) or unit.casefold()
        # In "s² - 2 s" and "π d" the last letter is a variable.
        is_unit_letter = first.text in ("m", "g") and first.spaced and not is_latex
        is_apart = len(first.text) > 1 or (is_unit_letter and not _has_variables(pieces[:start]))
        if is_apart and first.text not in FUNCTIONS | SEPARATORS and _unit(unit):
            return pieces[:start], _unit(unit)
    return pieces, ""


def _has_variables(pieces: list[Token]) -> bool:
    return any(
        piece.kind == "word" and piece.text not in CONSTANTS | dict.fromkeys(FUNCTIONS) for piece in pieces
    )


def _unit(text: str) -> str:
    """The likeliest unit that `text` stands for, by its one name; "" if it is none."""
    units = read_units(text)
    return units[0].name if units else ""


def _is_words(pieces: list[Token]) -> bool:
    """Whether these are words with at most exponents and strokes between them: ``cm^{2}``, ``km / h``."""
    return all(
        piece.kind in ("word", "text")
        or piece.text in ("^", "{", "}", "/", "*", ".")
        or piece.text in ("2", "3")
        for piece in pieces
    )


class _Answers(Formula):
    def everything(self) -> Answer:
        answer = self.several("")
        if self.at < len(self.pieces):
            raise Unreadable
        return answer

    def several(self, end: str) -> Answer:
        """Answers up to `end`, separated by commas or words."""
        items, words = self.items(end)
        if len(items) == 1:
            return items[0]
        return together(items, words)

    def items(self, end: str) -> tuple[list[Answer], set[str]]:
        items = [self.item()]
        words: set[str] = set()
        while self.peek() != end:
            separator = self.peek()
            if not (separator in SEPARATORS or separator == ";") or len(items) == _MOST_ITEMS:
                raise Unreadable
            self.at += 1
            words.add(separator)
            while self.peek() in SEPARATORS:
                words.add(self.peek())
                self.at += 1
            items.append(self.item())
        return items, words

    def item(self) -> Answer:
        start = self.at
        sides: list[Answer] = [self.sets()]
        relations: list[str] = []
        names = [self._called(start, self.at)]
        while self.peek() in _RELATIONS and self.peek():
            relations.append(self.peek())
            self.at += 1
            start = self.at
            sides.append(self.sets())
            names.append(self._called(start, self.at))
        if not relations:
            return sides[0]
        return self.related(sides, relations, names)

    def _called(self, start: int, end: int) -> str:
        """The name that pieces are, if they are a variable alone: ``x``, ``x_1``, ``f(x)``; else ""."""
        pieces = self.pieces[start:end]
        if not pieces or pieces[0].kind not in ("word", "text") or len(pieces[0].text) > 6:
            return ""
        if pieces[0].text in FUNCTIONS or pieces[0].text in ("π", "pi"):
            return ""
        rest = "".join(piece.text for piece in pieces[1:])
        if rest == "" or _NAME.fullmatch(rest):
            return pieces[0].text + rest.replace("{", "").replace("}", "")
        return ""

    def related(self, sides: list[Answer], relations: list[str], names: list[str]) -> Answer:
        kinds = set(relations)
        if kinds <= {"=", "≈", "≡", "∼"}:
            if "≈" in kinds or "∼" in kinds:
                self.is_certain = False
            # `x = 2·3 ≈ 6`: an approximation is not what is meant.
            last = next((at for at, sign in enumerate(relations) if sign in "≈∼"), len(relations))
            sides = sides[: last + 1]
            if names[0] and len(sides) > 1:
                if isinstance(sides[-1], Scalar) and names[0] in ex.symbols(sides[-1]):
                    return relation_of("=", sides)
                return Assigned(names[0], sides[-1])
            if names[-1] and len(sides) == 2:
                return Assigned(names[-1], sides[0])
            if all(isinstance(side, Scalar) and not ex.symbols(side) for side in sides):
                return sides[-1]
            return relation_of("=", sides)
        if kinds == {"∈"} and len(sides) == 2 and names[0]:
            return Assigned(names[0], as_set(sides[1]))
        if kinds <= set("<>≤≥"):
            if len(sides) == 2 and not any(names):
                return relation_of("<" if relations[0] in "<>" else "≤", sides, is_less=relations[0] in "<≤")
            return bounded(sides, relations, names)
        if relations == ["≠"] and names[0] and isinstance(sides[1], Scalar):
            below = Interval(WHOLE_LINE.left, sides[1], with_left=False, with_right=False)
            above = Interval(sides[1], WHOLE_LINE.right, with_left=False, with_right=False)
            return Assigned(names[0], Union((below, above)))
        raise Unreadable

    def sets(self) -> Answer:
        first = self.ratio()
        if self.peek() != "∪":
            return first
        parts = [first]
        while self.take("∪"):
            parts.append(self.ratio())
        return Union(tuple(as_set(part) for part in parts))

    def ratio(self) -> Answer:
        first = self.sum()
        if self.peek() != ":":
            return first
        parts = [scalar(first)]
        while self.take(":"):
            parts.append(scalar(self.sum()))
        return Items("ratio", tuple(parts))

    def bracketed(self, opening: str) -> Answer:
        """What stands in brackets, whose opening one has been taken."""
        closing = {"(": ")", "[": "]", "{": "}", "⦃": "⦄", "⟨": "⟩", "]": "["}[opening]
        if opening in ("{", "⦃") and self.take(closing):
            return Items("set", ())
        items = [self.item()]
        while self.peek() in (",", ";") and self.peek() and len(items) < _MOST_ITEMS:
            self.at += 1
            items.append(self.item())
        end = self.peek()
        self.at += 1
        return in_brackets(opening, end, closing, items)

    def matrix(self) -> Matrix:
        self.expect("{")
        if self.peek() not in ("pmatrix", "bmatrix", "matrix", "array", "Bmatrix", "smallmatrix"):
            raise Unreadable
        is_array = self.peek() == "array"
        self.at += 1
        self.expect("}")
        if is_array and self.take("{"):
            while self.peek() and not self.take("}"):
                self.at += 1
        rows: list[list[Scalar]] = [[]]
        while self.peek() != "end":
            rows[-1].append(scalar(self.sum()))
            if self.take("⏎"):
                if self.peek() != "end":
                    rows.append([])
            elif not self.take("&") and self.peek() != "end":
                raise Unreadable
        self.at += 1
        self.expect("{")
        self.at += 1
        self.expect("}")
        return matrix_of(rows)
