"""The numerical value of an expression with a bound on its error, so that "different" is a proof.

What always holds: two values are called apart only where their distance is far beyond what rounding can
explain; whatever cannot be evaluated in double precision (9^9^9, 1/0, a function without a rule here) has
no value. Nothing here takes longer than the tree is large.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from deepeyes.grading.maths.expression import Constant, Function, Number, Power, Product, Scalar, Sum, Symbol

_ROUNDING = 4e-16
_SAFETY = 1_000.0
_LEAST_SHARE = 1e-9
"""Values nearer than this share of their size are never called apart."""
_TOO_LARGE = 1e280
_FACTORIAL_UP_TO = 170
_POINTS = (0.7318530, 1.9173142, 3.2917265, 5.4406113)
"""Values at which variables are tried: positive, and in no simple relation."""


@dataclass(frozen=True, slots=True)
class Value:
    """A complex number and how far off it may be."""

    number: complex
    error: float


class _NoValue(Exception):
    """Double precision cannot say what the expression is worth."""


def value(term: Scalar, at: Mapping[str, float] | None = None) -> Value | None:
    """What `term` is worth with its variables `at` these values; None where that cannot be said."""
    try:
        found = _value(term, at or {})
    except (_NoValue, OverflowError, ZeroDivisionError, ValueError, RecursionError):
        return None
    return found


def apart(one: Value, other: Value) -> bool:
    """Whether both are certainly different numbers."""
    distance = abs(one.number - other.number)
    size = max(abs(one.number), abs(other.number))
    return distance > max(_SAFETY * (one.error + other.error), _LEAST_SHARE * size, 1e-300)


def sampled(one: Scalar, other: Scalar, names: frozenset[str]) -> bool | None:
    """Whether both agree at all points tried; None if there was no point at which both have a value."""
    tried = False
    order = sorted(names)
    for turn in range(len(_POINTS) if order else 1):
        at = {name: _POINTS[(turn + place) % len(_POINTS)] + 0.1 * place for place, name in enumerate(order)}
        left, right = value(one, at), value(other, at)
        if left is None or right is None:
            continue
        if apart(left, right):
            return False
        tried = True
    return True if tried else None


def _value(term: Scalar, at: Mapping[str, float]) -> Value:
    match term:
        case Number(exact):
            # An integer that no float can hold raises OverflowError, which is "no value".
            return _checked(complex(exact.numerator / exact.denominator), 0.0)
        case Symbol(name):
            if name not in at:
                raise _NoValue
            return Value(complex(at[name]), 0.0)
        case Constant("π"):
            return Value(complex(math.pi), _ROUNDING)
        case Constant("e"):
            return Value(complex(math.e), _ROUNDING)
        case Constant("i"):
            return Value(1j, 0.0)
        case Constant():
            raise _NoValue
        case Sum(terms):
            total, error = 0j, 0.0
            for part in terms:
                found = _value(part, at)
                total += found.number
                error += found.error + _ROUNDING * abs(found.number)
            return _checked(total, error)
        case Product(factors):
            total, share = 1 + 0j, 0.0
            for part in factors:
                found = _value(part, at)
                if found.number == 0:
                    if found.error:
                        raise _NoValue
                    return Value(0j, 0.0)
                total *= found.number
                share += found.error / abs(found.number)
                _checked(total, 0.0)
            return _checked(total, share * abs(total))
        case Power(base, exponent):
            return _power(_value(base, at), _value(exponent, at))
        case Function(name, arguments):
            return _function(name, [_value(part, at) for part in arguments])


def _power(base: Value, exponent: Value) -> Value:
    if base.number == 0:
        if base.error or exponent.number.real <= 0:
            raise _NoValue
        return Value(0j, 0.0)
    total = base.number**exponent.number
    # On the cut of the principal branch a rounding error would turn the value round.
    if base.number.real < 0 and 0 < abs(base.number.imag) <= base.error and exponent.number.real % 1:
        raise _NoValue
    share = abs(exponent.number) * base.error / abs(base.number) + exponent.error * abs(
        cmath.log(base.number)
    )
    share += _ROUNDING * (1 + abs(exponent.number))
    return _checked(total, share * abs(total))


def _function(name: str, arguments: list[Value]) -> Value:
    match arguments:
        case [argument] if name in _OF_ONE:
            rule = _OF_ONE[name]
            return _moved(name, rule, argument)
        case [first, second] if name in _OF_TWO:
            of_two = _OF_TWO[name]
            left = _moved(name, lambda number: of_two(number, second.number), first)
            right = _moved(name, lambda number: of_two(first.number, number), second)
            return _checked(left.number, left.error + right.error)
        case _:
            raise _NoValue


def _moved(name: str, rule: Callable[[complex], complex], argument: Value) -> Value:
    """The value of a function, off by as much as it moves when its argument does."""
    total = rule(argument.number)
    error = _ROUNDING * (1 + abs(total)) * 4
    step = argument.error + _ROUNDING * abs(argument.number)
    if name not in _OF_INTEGERS:
        error += sum(abs(rule(argument.number + by) - total) for by in (step, -step))
    if error > 0.01 * (1 + abs(total)):
        # There is a jump or a pole nearby.
        raise _NoValue
    return _checked(total, error)


def _checked(number: complex, error: float) -> Value:
    if not (abs(number) < _TOO_LARGE and error < _TOO_LARGE):
        raise _NoValue
    return Value(number, error + _ROUNDING * abs(number))


def _natural(number: complex) -> int:
    if number.imag or number.real != int(number.real) or number.real < 0 or number.real > _FACTORIAL_UP_TO:
        raise ValueError("not a small natural number")
    return int(number.real)


def _real(number: complex) -> float:
    if abs(number.imag) > 1e-12 * (1 + abs(number.real)):
        raise ValueError("not a real number")
    return number.real


_OF_ONE: dict[str, Callable[[complex], complex]] = {
    "sin": cmath.sin,
    "cos": cmath.cos,
    "tan": cmath.tan,
    "cot": lambda x: 1 / cmath.tan(x),
    "sec": lambda x: 1 / cmath.cos(x),
    "csc": lambda x: 1 / cmath.sin(x),
    "arcsin": cmath.asin,
    "arccos": cmath.acos,
    "arctan": cmath.atan,
    "sinh": cmath.sinh,
    "cosh": cmath.cosh,
    "tanh": cmath.tanh,
    "ln": cmath.log,
    "abs": lambda x: complex(abs(x)),
    "floor": lambda x: complex(math.floor(_real(x))),
    "ceiling": lambda x: complex(math.ceil(_real(x))),
    "factorial": lambda x: complex(math.factorial(_natural(x))),
}
_OF_TWO: dict[str, Callable[[complex, complex], complex]] = {
    "log": lambda x, base: cmath.log(x) / cmath.log(base),
    "binomial": lambda n, k: complex(math.comb(_natural(n), _natural(k))),
}
_OF_INTEGERS = frozenset({"factorial", "binomial"})
