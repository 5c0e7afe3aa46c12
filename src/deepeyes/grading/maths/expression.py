"""Expressions in a canonical form: equal notations of simple expressions become the same tree.

The builders (`add`, `multiply`, `power`) fold rational numbers exactly, gather like terms, take squares out
of roots and sort; √12/2, 3^(1/2) and √3 are one tree. What always holds: trees are immutable and hashable,
every step is valid for all complex values at which both sides are defined, and work is bounded: numbers
beyond `LARGEST_BITS` and products beyond `MOST_TERMS` terms stay unevaluated.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from math import isqrt

LARGEST_BITS = 4_000
MOST_TERMS = 24
_TRIALS = 1_000
"""Square factors of a radicand are looked for up to this root."""


@dataclass(frozen=True, slots=True)
class Number:
    """An exact rational number."""

    value: Fraction
    places: int | None = field(default=None, compare=False)
    """Decimal places, where it was written as a decimal fraction; None after arithmetic."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A variable; π, e, i and ∞ are `Constant`s."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    """ "π", "e", "i" or "∞"."""

    name: str


@dataclass(frozen=True, slots=True)
class Sum:
    """Two or more terms, sorted."""

    terms: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Product:
    """Two or more factors, sorted; a rational factor comes first."""

    factors: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Power:
    base: Scalar
    exponent: Scalar


@dataclass(frozen=True, slots=True)
class Function:
    """A function of one or two arguments: "sin", "log" (argument, base), "binomial", "abs", ..."""

    name: str
    arguments: tuple[Scalar, ...]


Scalar = Number | Symbol | Constant | Sum | Product | Power | Function

ZERO = Number(Fraction(0))
ONE = Number(Fraction(1))
MINUS_ONE = Number(Fraction(-1))
HALF = Number(Fraction(1, 2))
PI = Constant("π")
E = Constant("e")
IMAGINARY = Constant("i")
INFINITY = Constant("∞")


def number(value: int | Fraction, places: int | None = None) -> Number:
    return Number(Fraction(value), places)


def add(terms: Iterable[Scalar]) -> Scalar:
    """The sum, with like terms gathered."""
    rational = Fraction(0)
    shares: dict[Scalar, Fraction] = {}
    waiting = list(terms)
    while waiting:
        term = waiting.pop()
        match term:
            case Number(value):
                rational += value
            case Sum(inner):
                waiting.extend(inner)
            case _:
                share, rest = _split(term)
                shares[rest] = shares.get(rest, Fraction(0)) + share
    kept = [_scaled(share, rest) for rest, share in shares.items() if share]
    kept.sort(key=repr)
    if rational or not kept:
        kept.insert(0, Number(rational))
    return kept[0] if len(kept) == 1 else Sum(tuple(kept))


def multiply(factors: Iterable[Scalar]) -> Scalar:
    """The product, with powers of one base gathered and small sums multiplied out."""
    rational = Fraction(1)
    powers: dict[Scalar, list[Scalar]] = {}
    radicand = Fraction(1)
    sums: list[Sum] = []
    waiting = list(factors)
    while waiting:
        match waiting.pop():
            case Number(value):
                rational *= value
            case Product(inner):
                waiting.extend(inner)
            case Power(Number(value), Number(exponent)) if exponent == Fraction(1, 2) and value > 0:
                radicand *= value
            case Power(base, exponent):
                powers.setdefault(base, []).append(exponent)
            case Sum() as factor:
                sums.append(factor)
            case factor:
                powers.setdefault(factor, []).append(ONE)
    if rational == 0 and INFINITY not in powers:
        return ZERO
    kept: list[Scalar] = []
    # A sum that is divided by itself must cancel before it is multiplied out.
    for factor in [factor for factor in sums if factor in powers]:
        powers[factor].append(ONE)
        sums.remove(factor)
    for base, exponents in powers.items():
        raised = power(base, add(exponents))
        match raised:
            case Number(value):
                rational *= value
            case Product(inner):
                for factor in inner:
                    if isinstance(factor, Number):
                        rational *= factor.value
                    else:
                        kept.append(factor)
            case Sum():
                sums.append(raised)
            case _:
                kept.append(raised)
    if radicand != 1:
        outside, root = _root_of(radicand)
        rational *= outside
        if root is not None:
            kept.append(root)
    if sums:
        count = 1
        for factor in sums:
            count *= len(factor.terms)
        if count <= MOST_TERMS:
            return _multiplied_out(_product(rational, kept), sums)
        kept.extend(sums)
    return _product(rational, kept)


def power(base: Scalar, exponent: Scalar) -> Scalar:
    """`base` to the power of `exponent`."""
    if exponent == ONE or base == ONE:
        return base
    if exponent == ZERO and base != ZERO and base != INFINITY:
        return ONE
    if not isinstance(exponent, Number):
        return Power(base, exponent)
    by = exponent.value
    match base:
        case Number(value):
            return _rational_power(value, by)
        case Power(inner, Number(first)) if by.denominator == 1:
            return power(inner, Number(first * by))
        case Power(inner, first) if by.denominator == 1:
            return power(inner, multiply([first, exponent]))
        case Product(factors) if by.denominator == 1:
            return multiply([power(factor, exponent) for factor in factors])
        case Product((Number(value), *rest)) if value > 0 and by == Fraction(1, 2):
            # The root of a positive factor may be taken alone, whatever the sign of the others.
            return multiply([_rational_power(value, by), Power(_product(Fraction(1), list(rest)), exponent)])
        case Constant("i") if by.denominator == 1:
            return [ONE, IMAGINARY, MINUS_ONE, Product((MINUS_ONE, IMAGINARY))][int(by) % 4]
        case Sum(terms) if by.denominator == 1 and 2 <= by <= 4 and len(terms) ** int(by) <= MOST_TERMS:
            return multiply([base] * int(by))
        case _:
            return Power(base, exponent)


def negative(term: Scalar) -> Scalar:
    return multiply([MINUS_ONE, term])


def divide(above: Scalar, below: Scalar) -> Scalar:
    return multiply([above, power(below, MINUS_ONE)])


def symbols(term: Scalar) -> frozenset[str]:
    """The names of the variables in it."""
    match term:
        case Symbol(name):
            return frozenset({name})
        case Sum(parts) | Product(parts) | Function(_, parts):
            return frozenset[str]().union(*(symbols(part) for part in parts))
        case Power(base, exponent):
            return symbols(base) | symbols(exponent)
        case _:
            return frozenset()


def _split(term: Scalar) -> tuple[Fraction, Scalar]:
    """A term as its rational share and the rest."""
    match term:
        case Product((Number(value), *rest)):
            return value, rest[0] if len(rest) == 1 else Product(tuple(rest))
        case _:
            return Fraction(1), term


def _scaled(share: Fraction, rest: Scalar) -> Scalar:
    if share == 1:
        return rest
    return Product((Number(share), *(rest.factors if isinstance(rest, Product) else (rest,))))


def _product(rational: Fraction, kept: list[Scalar]) -> Scalar:
    if not kept:
        return Number(rational)
    kept = sorted(kept, key=repr)
    if rational != 1:
        kept.insert(0, Number(rational))
    return kept[0] if len(kept) == 1 else Product(tuple(kept))


def _multiplied_out(factor: Scalar, sums: list[Sum]) -> Scalar:
    terms: list[Scalar] = [factor]
    for one in sums:
        terms = [multiply([left, right]) for left in terms for right in one.terms]
    return add(terms)


def _rational_power(value: Fraction, by: Fraction) -> Scalar:
    if value == 0:
        return ZERO if by > 0 else Power(ZERO, Number(by))
    whole, part = divmod(by, 1)
    if abs(whole) * max(value.numerator.bit_length(), value.denominator.bit_length()) > LARGEST_BITS:
        return Power(Number(value), Number(by))
    folded = value**whole
    if part == 0:
        return Number(folded)
    if value < 0:
        if part != Fraction(1, 2):
            return Power(Number(value), Number(by))
        outside, root = _root_of(-value)
        return _product(folded * outside, [IMAGINARY] if root is None else [IMAGINARY, root])
    if part == Fraction(1, 2):
        outside, root = _root_of(value)
        return _product(folded * outside, [] if root is None else [root])
    # q^(-part) is q^(1-part)/q: no root is left below the line.
    above = _exact_root(value.numerator, part)
    below = _exact_root(value.denominator, part)
    if above is not None and below is not None:
        return Number(folded * Fraction(above, below))
    return _product(folded, [Power(Number(value), Number(part))])


def _root_of(value: Fraction) -> tuple[Fraction, Power | None]:
    """The square root of a positive rational number: a rational factor, and the root of what is left."""
    whole = value.numerator * value.denominator
    if whole.bit_length() > LARGEST_BITS:
        return Fraction(1), Power(Number(value), HALF)
    outside = Fraction(1, value.denominator)
    root = isqrt(whole)
    if root * root == whole:
        return outside * root, None
    for trial in range(2, min(_TRIALS, root) + 1):
        square = trial * trial
        while whole % square == 0:
            whole //= square
            outside *= trial
        if square > whole:
            break
    return outside, Power(Number(Fraction(whole)), HALF)


def _exact_root(whole: int, part: Fraction) -> int | None:
    """`whole` to the power of `part` (between 0 and 1) where that is an integer."""
    if whole == 1:
        return 1
    if whole.bit_length() > 1_000:
        return None
    root = round(whole ** (1 / part.denominator))
    return root**part.numerator if root**part.denominator == whole else None
