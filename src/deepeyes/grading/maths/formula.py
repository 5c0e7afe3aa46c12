r"""Arithmetic in one grammar, for LaTeX and for what people type: ``\frac{\sqrt3}{2}`` and "√3/2".

A parser by recursive descent over `tokens`; sums, products, powers, roots, functions. What always holds:
only digits and letters of the text reach the result, nothing is evaluated but our own arithmetic, and depth
and size are bounded.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from fractions import Fraction

from deepeyes.grading.maths import expression as ex
from deepeyes.grading.maths.expression import Function, Number, Scalar, Symbol
from deepeyes.grading.maths.structure import WHOLE_LINE, Answer, Items
from deepeyes.grading.maths.tokens import Token, Unreadable

DEEPEST = 40
SEPARATORS = frozenset({"and", "or", ",", "∧", "∨"})
_MOST_DIGITS = 400
_MOST_SIGNS = 4
"""Powers, factorials and degree signs after one value."""
_PADDED = re.compile(r"0\d")
"""A number never begins with a nought before other digits: 007 is a name, 05 a month."""
_REPEATED = re.compile(r"(\d*\.\d*)\((\d+)\)")

CONSTANTS = {
    "pi": ex.PI,
    "π": ex.PI,
    "e": ex.E,
    "i": ex.IMAGINARY,
    "infinity": ex.INFINITY,
    "inf": ex.INFINITY,
}
FUNCTIONS = frozenset({
    "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "asin", "acos", "atan", "sinh",
    "cosh", "tanh", "log", "ln", "lg", "exp", "sqrt", "cbrt", "abs", "floor", "ceil", "tg", "ctg", "arctg",
})  # fmt: skip
_SAME_FUNCTION = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "arctg": "arctan", "tg": "tan", "ctg": "cot",
    "ceil": "ceiling",
}  # fmt: skip
_INVERSES = {"sin": "arcsin", "cos": "arccos", "tan": "arctan"}
OF_ANGLES = frozenset({"sin", "cos", "tan", "tg", "cot", "ctg", "sec", "csc"})
"""Functions of an angle, in which 30° is π/6."""
_GREEK = frozenset(
    {"alpha", "beta", "gamma", "delta", "theta", "lambda", "sigma", "omega", "phi", "rho", "mu"}
)
_NO_PRODUCTS = frozenset({
    "am", "an", "as", "at", "be", "by", "do", "go", "he", "if", "in", "is", "it", "me", "my", "no", "of",
    "on", "or", "pm", "so", "st", "nd", "rd", "th", "to", "up", "us", "we",
})  # fmt: skip
"""Two letters that are a word rather than a product."""


class Formula(ABC):
    """Reads one value after another from pieces; what stands in brackets is for the subclass to read."""

    def __init__(self, pieces: list[Token], is_latex: bool) -> None:
        self.pieces = list(pieces)
        self.is_latex = is_latex
        self.at: int = 0
        self.depth = 0
        self.is_certain = True
        self.has_formula = is_latex or any(
            piece.kind == "number" or piece.text in ("^", "=", "√") for piece in pieces
        )

    def peek(self, ahead: int = 0) -> str:
        """The text of a piece, "" after the last."""
        at = self.at + ahead
        return self.pieces[at].text if at < len(self.pieces) else ""

    def kind(self, ahead: int = 0) -> str:
        at = self.at + ahead
        return self.pieces[at].kind if at < len(self.pieces) else ""

    def take(self, text: str) -> bool:
        if self.peek() == text and self.kind() != "text":
            self.at += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.take(text):
            raise Unreadable

    @abstractmethod
    def bracketed(self, opening: str) -> Answer:
        """What stands in brackets, whose opening one has been taken."""

    @abstractmethod
    def matrix(self) -> Answer:
        r"""A matrix, whose ``\begin`` has been taken."""

    def sum(self) -> Answer:
        first = self.term()
        if self.peek() not in ("+", "-"):
            return first
        terms = [scalar(first)]
        while self.peek() in ("+", "-") and self.peek():
            minus = self.peek() == "-"
            self.at += 1
            term = scalar(self.term())
            terms.append(ex.negative(term) if minus else term)
        return ex.add(terms)

    def term(self) -> Answer:
        first = self.signed()
        if not isinstance(first, Scalar):
            return first
        factors: list[Scalar] = [first]
        divided = False
        while True:
            if self.take("*"):
                factors.append(scalar(self.signed()))
            elif self.take("/"):
                factors.append(ex.power(scalar(self.signed()), ex.MINUS_ONE))
                divided = True
            elif self.starts_factor():
                # "1/2π" may be meant either way.
                self.is_certain = self.is_certain and not divided
                factors.append(scalar(self.factor()))
            else:
                break
        return factors[0] if len(factors) == 1 else ex.multiply(factors)

    def signed(self) -> Answer:
        minus = False
        while self.peek() in ("-", "+") and self.peek():
            minus ^= self.peek() == "-"
            self.at += 1
        part = self.factor()
        return ex.negative(scalar(part)) if minus else part

    def starts_factor(self) -> bool:
        kind, text = self.kind(), self.peek()
        if kind == "number":
            # Two numbers side by side are no product: "3 4", except after a bracket or a variable.
            before = self.pieces[self.at - 1].text
            return (before == "}" and self.is_latex) or (
                before in (")", "]") and not self.pieces[self.at].spaced
            )
        if kind == "word":
            return text not in SEPARATORS
        if kind == "command":
            return text in ("frac", "sqrt", "binom")
        if kind == "text":
            return len(text) == 1
        return text in ("(", "{", "√", "∛", "∞", "⌊", "⌈")

    def factor(self) -> Answer:
        base = self.primary()
        for _ in range(_MOST_SIGNS):
            if not isinstance(base, Scalar):
                break
            if self.take("!"):
                base = _factorial(base)
            elif self.take("°"):
                base = ex.multiply([base, ex.PI, ex.number(Fraction(1, 180))])
            elif self.take("^"):
                base = ex.power(base, self.exponent())
            else:
                break
        return base

    def exponent(self) -> Scalar:
        minus = False
        while self.peek() in ("-", "+") and self.peek():
            minus ^= self.peek() == "-"
            self.at += 1
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unreadable
        raised = scalar(self.primary())
        if self.take("^"):
            raised = ex.power(raised, self.exponent())
        self.depth -= 1
        return ex.negative(raised) if minus else raised

    def primary(self) -> Answer:
        """A number, a name, or what stands in brackets or below a root."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise Unreadable
        found = self._primary()
        self.depth -= 1
        return found

    def _primary(self) -> Answer:
        kind, text = self.kind(), self.peek()
        if kind == "number":
            return self.number()
        if kind == "word" or (kind == "text" and len(text) == 1):
            return self.word()
        self.at += 1
        match kind, text:
            case "command", "frac":
                return ex.divide(self.argument(), self.argument())
            case "command", "binom":
                return _binomial(self.argument(), self.argument())
            case "command", "sqrt":
                return self.root()
            case "command", "begin":
                return self.matrix()
            case "mark", "√":
                root = ex.power(scalar(self.primary()), ex.HALF)
                # Some mean all of "√2d" by the root.
                is_name = self.kind() == "word" and self.peek() not in CONSTANTS
                self.is_certain = self.is_certain and not (is_name and self.starts_factor())
                return root
            case "mark", "∛":
                return ex.power(scalar(self.primary()), ex.number(Fraction(1, 3)))
            case "mark", "∞":
                return ex.INFINITY
            case "mark", "∅":
                return Items("set", ())
            case "mark", "(" | "[" | "{" | "⦃" | "⟨" | "]":
                return self.bracketed(text)
            case "mark", "|":
                inside = scalar(self.sum())
                self.expect("|")
                return _absolute(inside)
            case "mark", "⌊" | "⌈":
                inside = scalar(self.sum())
                self.expect("⌋" if text == "⌊" else "⌉")
                return Function("floor" if text == "⌊" else "ceiling", (inside,))
            case _:
                raise Unreadable

    def number(self) -> Scalar:
        written = self.peek()
        if len(written) > _MOST_DIGITS or _PADDED.match(written):
            raise Unreadable
        before = self.pieces[self.at - 1].text if self.at else ""
        self.at += 1
        if "," in written and before in ("(", "[", "{", "⦃", ","):
            # (3,400) may be a pair.
            self.is_certain = False
        written = written.replace(",", "")
        repeated = _REPEATED.match(written)
        if repeated is not None:
            known, digits = Fraction(repeated[1] + "0"), repeated[2]
            places = len(repeated[1].partition(".")[2])
            return ex.number(known + Fraction(int(digits), (10 ** len(digits) - 1) * 10**places))
        if written.isdigit():
            return ex.number(int(written) + self.part_of_mixed())
        value = Fraction(written)
        return ex.number(value, None if value.denominator == 1 and "." not in written else _places(written))

    def part_of_mixed(self) -> Fraction:
        r"""The fraction of ``1\frac{1}{2}`` and "1 1/2" after its whole number, 0 if there is none."""
        run = [self.peek(ahead) for ahead in range(7)]
        match run:
            case ["frac", "{", above, "}", "{", below, "}"]:
                length = 7
            case [above, "/", below, *_] if self.pieces[self.at].spaced:
                length = 3
            case _:
                return Fraction(0)
        if not (above.isdigit() and below.isdigit() and max(len(above), len(below)) < 10 and int(below)):
            return Fraction(0)
        self.at += length
        return Fraction(int(above), int(below))

    def word(self) -> Answer:
        text, spaced = self.peek(), self.pieces[self.at].spaced
        lower = text.lower()
        self.at += 1
        if text in CONSTANTS or (lower in CONSTANTS and len(text) > 1):
            return CONSTANTS[text if text in CONSTANTS else lower]
        if lower in FUNCTIONS:
            return self.function(lower)
        if text == "C" and self.peek() == "(":
            match self.bracketed_scalars():
                case [above, below]:
                    return _binomial(above, below)
                case _:
                    raise Unreadable
        after_in = self.at > 1 and self.pieces[self.at - 2].text == "∈"
        if text == "ℝ" or (text == "R" and after_in):
            return WHOLE_LINE
        if len(text) == 1 or lower in _GREEK:
            return self.symbol(text)
        for prefix in ("sqrt", "pi"):
            if lower.startswith(prefix) and len(text) <= len(prefix) + 2:
                self.at -= 1
                rest = Token("word", text[len(prefix) :], spaced=False)
                self.pieces[self.at : self.at + 1] = [Token("word", prefix, spaced), rest]
                return self.word()
        if len(text) > 3 or (not self.is_latex and not self.is_product(text, spaced)):
            raise Unreadable
        self.at -= 1
        self.pieces[self.at : self.at + 1] = [Token("word", letter, spaced) for letter in text]
        return self.word()

    def is_product(self, text: str, spaced: bool) -> bool:
        """Whether two letters in plain text are a product of variables: "2xy", "y = mx + b"."""
        before = self.pieces[self.at - 2].text if self.at >= 2 else ""
        return (
            len(text) == 2
            and self.has_formula
            and text.lower() not in _NO_PRODUCTS
            and (not spaced or before in ("=", "+", "-", "*", "/", "(", ">", "<", "≤", "≥", ","))
        )

    def bracketed_scalars(self) -> list[Scalar]:
        self.expect("(")
        inside = self.bracketed("(")
        return [scalar(item) for item in inside.items] if isinstance(inside, Items) else [scalar(inside)]

    def symbol(self, name: str) -> Symbol:
        if self.peek() == "_":
            self.at += 1
            if self.take("{"):
                end = next((at for at in range(self.at, len(self.pieces)) if self.pieces[at].text == "}"), -1)
                if end < 0 or end - self.at > 4:
                    raise Unreadable
                name += "_" + "".join(piece.text for piece in self.pieces[self.at : end])
                self.at = end + 1
            else:
                name += "_" + self.peek()
                self.at += 1
        return Symbol(name)

    def function(self, name: str) -> Scalar:
        if name in ("sqrt", "cbrt"):
            index = Fraction(1, 2 if name == "sqrt" else 3)
            return ex.power(scalar(self.primary()), ex.number(index))
        base = self.subscript() if name == "log" and self.take("_") else None
        raised: Scalar | None = None
        if self.take("^"):
            raised = self.exponent()
        name = _SAME_FUNCTION.get(name, name)
        if raised == ex.MINUS_ONE and name in _INVERSES:
            name, raised = _INVERSES[name], None
        inside = self.operand()
        match name:
            case "exp":
                found: Scalar = ex.power(ex.E, inside)
            case "lg":
                found = Function("log", (inside, ex.number(10)))
            case "log":
                # Some mean the natural logarithm.
                self.is_certain = self.is_certain and base is not None
                found = Function("log", (inside, base or ex.number(10)))
            case "ln" if inside == ex.E:
                found = ex.ONE
            case "abs":
                found = _absolute(inside)
            case _:
                found = Function(name, (inside,))
        return found if raised is None else ex.power(found, raised)

    def subscript(self) -> Scalar:
        return scalar(self.bracketed("{")) if self.take("{") else scalar(self.primary())

    def operand(self) -> Scalar:
        """The argument of a function, with or without brackets: ``sin(x)``, ``sin 2x``."""
        if self.peek() in ("(", "{", "["):
            return scalar(self.factor())
        factors = [scalar(self.factor())]
        while self.starts_factor() and self.peek().lower() not in FUNCTIONS:
            factors.append(scalar(self.factor()))
        return ex.multiply(factors)

    def argument(self) -> Scalar:
        r"""The next group or single piece: the arguments of ``\frac12`` are 1 and 2."""
        if self.take("{"):
            return scalar(self.bracketed("{"))
        if self.kind() == "number" and len(self.peek()) > 1:
            piece = self.pieces[self.at]
            self.pieces[self.at : self.at + 1] = [
                Token("number", piece.text[0], piece.spaced),
                Token("number", piece.text[1:], spaced=False),
            ]
        if self.kind() == "number":
            if not (digit := self.peek()).isdecimal():
                raise Unreadable
            self.at += 1
            return ex.number(int(digit))
        return scalar(self.primary())

    def root(self) -> Scalar:
        index: Scalar = ex.number(2)
        if self.take("["):
            index = scalar(self.sum())
            self.expect("]")
        # The index comes first, so that ``\sqrt[3]2`` reads its 2 as the radicand.
        inside = scalar(self.primary()) if self.peek() in ("{", "(") else self.argument()
        return ex.power(inside, ex.power(index, ex.MINUS_ONE))


def _places(written: str) -> int | None:
    """Decimal places of a number in plain notation."""
    return None if "e" in written.lower() else len(written.partition(".")[2])


def scalar(answer: Answer) -> Scalar:
    if not isinstance(answer, Scalar):
        raise Unreadable
    return answer


def _factorial(of: Scalar) -> Scalar:
    if isinstance(of, Number) and of.value.denominator == 1 and 0 <= of.value <= 20:
        product = 1
        for by in range(2, int(of.value) + 1):
            product *= by
        return ex.number(product)
    return Function("factorial", (of,))


def _binomial(above: Scalar, below: Scalar) -> Scalar:
    match above, below:
        case Number(n), Number(k) if n.denominator == k.denominator == 1 and 0 <= k <= n <= 60:
            product = Fraction(1)
            for step in range(1, int(k) + 1):
                product = product * (n - k + step) / step
            return ex.number(product)
        case _:
            return Function("binomial", (above, below))


def _absolute(inside: Scalar) -> Scalar:
    return ex.number(abs(inside.value)) if isinstance(inside, Number) else Function("abs", (inside,))
