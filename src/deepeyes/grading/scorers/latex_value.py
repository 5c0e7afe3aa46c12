"""The number that a short expression in LaTeX or on one line stands for: arithmetic, without algebra or code.

MATH-V's published rule turns both sides into program text and runs it. This reads the same notations
(numbers, `\\frac`, `\\sqrt`, `\\pi`, powers, products, brackets) and calculates. What always holds: the work
is bounded by the text's length and by `_LONGEST`; what is not plain arithmetic has no value.
"""

from __future__ import annotations

import math
import re
from fractions import Fraction

_LONGEST = 200
_DEEPEST = 30
_LARGEST_POWER = 20_000
"""Binary digits of a power, about."""
_TOKEN = re.compile(r"[\s$]+|(\d+(?:,\d{3})+(?:\.\d+)?|\d*\.\d+|\d+|\\[A-Za-z]+|[-+*/:^(){}\[\]])", re.ASCII)
_TIMES = frozenset({"*", r"\cdot", r"\times"})
_OVER = frozenset({"/", ":", r"\div"})
_OPENING = {"(": ")", "{": "}", "[": "]"}
_STARTS = frozenset({r"\frac", r"\dfrac", r"\tfrac", r"\sqrt", r"\pi", *_OPENING})

Number = Fraction | float
"""Exact where only whole numbers went in, a float otherwise."""


class _NoValue(Exception):
    """The text is not plain arithmetic."""


def value(text: str) -> Number | None:
    """The number that `text` stands for; None if it is no arithmetic, too long, or no finite real number.

    What follows a closing bracket that nothing opened is not looked at.
    """
    text = _balanced(text[: _LONGEST + 1])
    if len(text) > _LONGEST:
        return None
    try:
        result = _Reader(_tokens(text)).everything()
        return result if math.isfinite(result) else None
    except (_NoValue, ZeroDivisionError, OverflowError):
        return None


def _balanced(text: str) -> str:
    """What stands before the first closing bracket that nothing opened."""
    opened = 0
    for position, character in enumerate(text):
        opened += (character in _OPENING) - (character in _OPENING.values())
        if opened < 0:
            return text[:position]
    return text


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            raise _NoValue
        if found[1]:
            tokens.append(found[1])
        position = found.end()
    return tokens


class _Reader:
    """Reads tokens from left to right: sums of products of signed powers."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._next = 0
        self._depth = 0

    def everything(self) -> Number:
        result = self._sum()
        if self._peek():
            raise _NoValue
        return result

    def _peek(self) -> str:
        return self._tokens[self._next] if self._next < len(self._tokens) else ""

    def _pop(self) -> str:
        token = self._peek()
        self._next += 1
        return token

    def _expect(self, token: str) -> None:
        if self._pop() != token:
            raise _NoValue

    def _sum(self) -> Number:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise _NoValue
        result = self._product()
        while self._peek() in ("+", "-"):
            result = result + self._product() if self._pop() == "+" else result - self._product()
        self._depth -= 1
        return result

    def _product(self) -> Number:
        result = self._signed()
        while True:
            if self._peek() in _TIMES:
                self._pop()
                result = result * self._signed()
            elif self._peek() in _OVER:
                self._pop()
                result = result / self._signed()
            elif self._peek() in _STARTS or self._peek()[:1].isdigit():
                result = result * self._power()
            else:
                return result

    def _signed(self) -> Number:
        sign = 1
        while self._peek() in ("+", "-"):
            sign = -sign if self._pop() == "-" else sign
        return sign * self._power()

    def _power(self) -> Number:
        base = self._atom()
        if self._peek() != "^":
            return base
        self._pop()
        exponent = self._group() if self._peek() == "{" else self._signed_atom()
        if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
            digits = max(base.numerator.bit_length(), base.denominator.bit_length())
            if digits * abs(exponent) > _LARGEST_POWER:
                raise _NoValue
            return base ** int(exponent)
        power = float(base) ** float(exponent)
        if isinstance(power, complex):
            raise _NoValue
        return power

    def _signed_atom(self) -> Number:
        if self._peek() == "-":
            self._pop()
            return -self._atom()
        return self._atom()

    def _atom(self) -> Number:
        token = self._peek()
        if token in _OPENING:
            return self._group()
        self._pop()
        if token in (r"\frac", r"\dfrac", r"\tfrac"):
            return self._argument() / self._argument()
        if token == r"\sqrt":
            return self._root()
        if token == r"\pi":
            return math.pi
        digits = token.replace(",", "")
        if digits.isdecimal():
            return Fraction(int(digits))
        if digits.replace(".", "", 1).isdecimal():
            return float(digits)
        raise _NoValue

    def _group(self) -> Number:
        closing = _OPENING[self._pop()]
        result = self._sum()
        self._expect(closing)
        return result

    def _argument(self) -> Number:
        """What follows a command: a group in braces, or the next thing."""
        return self._group() if self._peek() == "{" else self._atom()

    def _root(self) -> float:
        degree: Number = self._group() if self._peek() == "[" else 2
        radicand = self._argument()
        if radicand < 0 or degree == 0:
            raise _NoValue
        return math.sqrt(radicand) if degree == 2 else float(radicand) ** (1 / float(degree))
