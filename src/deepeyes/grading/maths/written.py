r"""Expressions as LaTeX for the algebra process, with variables renamed.

Nothing of the text that was read gets into it but digits: names become x_{1}, x_{2}, ... What always holds:
the same names are renamed alike in all expressions written together.
"""

from __future__ import annotations

from collections.abc import Mapping

from deepeyes.grading.maths.expression import (
    Constant,
    Function,
    Number,
    Power,
    Product,
    Scalar,
    Sum,
    Symbol,
    symbols,
)

_CONSTANTS = {"π": r"\pi", "i": "I", "∞": r"\infty", "e": r"\exp(1)"}


def written(*expressions: Scalar) -> tuple[str, ...]:
    """Each expression in LaTeX."""
    names = sorted(frozenset[str]().union(*(symbols(one) for one in expressions)))
    renamed = {name: f"x_{{{place}}}" for place, name in enumerate(names, 1)}
    return tuple(_latex(one, renamed) for one in expressions)


def _latex(term: Scalar, names: Mapping[str, str]) -> str:
    match term:
        case Number(value):
            whole = value.denominator == 1
            text = (
                str(abs(value.numerator))
                if whole
                else rf"\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"
            )
            return f"(-{text})" if value < 0 else text
        case Symbol(name):
            return names[name]
        case Constant(name):
            return _CONSTANTS[name]
        case Sum(terms):
            return "(" + " + ".join(_latex(part, names) for part in terms) + ")"
        case Product(factors):
            return "(" + r" \cdot ".join(_latex(part, names) for part in factors) + ")"
        case Power(Constant("e"), exponent):
            return rf"\exp({_latex(exponent, names)})"
        case Power(base, exponent):
            return f"({_latex(base, names)})^{{{_latex(exponent, names)}}}"
        case Function("factorial", (of,)):
            return f"({_latex(of, names)})!"
        case Function("abs", (of,)):
            return f"|{_latex(of, names)}|"
        case Function("floor", (of,)):
            return rf"\lfloor {_latex(of, names)} \rfloor"
        case Function("ceiling", (of,)):
            return rf"\lceil {_latex(of, names)} \rceil"
        case Function("binomial", (above, below)):
            return rf"\binom{{{_latex(above, names)}}}{{{_latex(below, names)}}}"
        case Function("log", (of, base)):
            return rf"\log_{{{_latex(base, names)}}}({_latex(of, names)})"
        case Function(name, arguments):
            return rf"\{name}({', '.join(_latex(part, names) for part in arguments)})"
