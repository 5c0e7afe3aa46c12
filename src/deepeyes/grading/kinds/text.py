"""Words: a name, a phrase, a string that was read.

Two texts are the same where only the way of writing differs: case, quotes, dashes, a leading article, the
dots of initials, "&" for "and". Free text forgives a little more, because nobody read it off a sign: a
missing accent, an explanation in parentheses, a number word, "in" before a place. What always holds: words
are content. A number, a negation, a title, a plural, or a second answer beside the first makes another
text, and of other free words a rule cannot say that they are wrong. It can where the form is closed, or
where the words are those of another option.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.verdict import Decider
from deepeyes.grading.kinds.kind import Kind
from deepeyes.grading.kinds.units import read_units
from deepeyes.grading.notation import bare, canonical

_LONGEST = 2_000
"""Characters of a bare answer; what is longer is a report."""
_MORE_WORDS = 6
"""Words beyond those of the reference with which a text is still another answer, and not yet a sentence."""

_CARDINALS = "two three four five six seven eight nine ten eleven twelve"
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
_ENDINGS = {1: "st", 2: "nd", 3: "rd"}
DIGITS = {
    **{word: str(number) for number, word in enumerate(_CARDINALS.split(), 2)},
    **{word: f"{n}{_ENDINGS.get(n, 'th')}" for n, word in enumerate(_ORDINALS.split(), 1)},
}
_FIRST = {"st": "saint", "st.": "saint", "mt": "mount", "mt.": "mount"}
"""Short for these only as the first of several words: "Main St." is a street."""
_STATES = dict.fromkeys(("us", "usa", "united states of america"), "united states") | {"uk": "united kingdom"}
_SIMPLE = re.compile(r"[a-z0-9 ]*")
_DOTTED = re.compile(r"(?<![^\W_])([^\W\d_])\. ?(?=[^\W\d_](?![^\W_]))")
_L = r"[^\W\d_]"  # a letter
_BETWEEN = re.compile(
    rf"(?<={_L})[.,:!?](?= |$)|(?<={_L}),(?={_L})|(?<={_L} ),(?= {_L})|,(?= [12]\d{{3}}\b)|(?<!\d)\""
    rf"|(?<={_L}{{2}} )-(?= {_L}{{2}})|(?<={_L}{{4}})-(?=\d)|(?<=\d)-(?={_L}{{4}})"
)
"""Marks that divide words and say nothing: never those of a number, a formula or a short code."""
MEASURED = re.compile(r"-?[0-9][0-9.,]* ?([a-zA-Z]{1,3})")
"""A number and a symbol, whose case is content where another case is another unit: "5 MB" and "5 Mb"."""
_WORD = re.compile(r"[^\W_]{2}")
_EXPLANATION = re.compile(
    r"(?!or\b|not\b|and\b|un|if\b|formerly\b|except)(?:[^()\d]{2,100}|[^()\d]{0,100}[12]\d{3}[^()\d]{0,100})\)"
)
"""What may stand in parentheses after the words: no second answer, and no number but a year."""
_PLACED = re.compile(r"(?:in|at|on) (?:the |an? )?(?=\S)")
_NOT_A_WORD = re.compile(r"[^\w]+")
_NEGATED = re.compile(r"\b(?:not|no|never|isn't|neither|nor|without|except|non)\b")


class Words(NamedTuple):
    """A text that was read: as it is compared word for word, as plain words, and what it says as well."""

    exact: str
    plain: str
    also: frozenset[str]


class _Text:
    name = AnswerKind.text
    by: Decider = "rule"

    def read(self, text: str, form: AnswerForm) -> Words | None:
        return _read(text) if len(text) <= _LONGEST else None

    def same(self, given: Words, expected: Words, form: AnswerForm) -> bool | None:
        if given.exact == expected.exact:
            return True
        if form.closed or form.options:
            return _same_in_closed(given, expected, form)
        return True if given.plain in expected.also or expected.plain in given.also else None

    def show(self, value: Words) -> str:
        return value.exact


def _same_in_closed(given: Words, expected: Words, form: AnswerForm) -> bool | None:
    """As read strings: a digit, an accent and a hyphen in a code are content."""
    if given.plain == expected.plain:
        return True if not any(map(str.isdigit, given.plain)) else None
    if given.plain in expected.also or expected.plain in given.also:
        return None
    if any(_read(option[:_LONGEST]).plain == given.plain for option in form.options):
        return False
    if not form.closed or len(given.plain.split()) > len(expected.plain.split()) + _MORE_WORDS:
        return None
    return False if not _holds(given.plain, expected.plain) or _NEGATED.match(given.plain) else None


def _holds(text: str, words: str) -> bool:
    """Whether `words` stand in `text` as words of their own."""
    return f" {_NOT_A_WORD.sub(' ', words).strip()} " in f" {_NOT_A_WORD.sub(' ', text)} "


@lru_cache(maxsize=8192)
def _read(text: str) -> Words:
    raw = bare(text)
    found = MEASURED.fullmatch(raw)
    is_unit = found is not None and read_units(found[1]) != read_units(found[1].lower())
    exact = raw if is_unit else canonical(text)
    plain = _plain(exact, raw)
    return Words(exact, plain, frozenset((plain, *_also(plain, exact, raw))))


def _plain(exact: str, raw: str) -> str:
    """Words without the punctuation that only divides them; "U.S." and "J. K." without dots."""
    if _SIMPLE.fullmatch(exact):
        words = exact.split()
    else:
        words = _BETWEEN.sub(" ", _DOTTED.sub(r"\1", exact.replace("&", " and "))).split()
    if len(words) > 1:
        words[0] = _FIRST.get(words[0], words[0])
    plain = " ".join(words)
    if plain == "us" and "US" not in raw.replace(".", "").replace(" ", ""):
        return plain
    return _STATES.get(plain, plain) or exact


def _also(plain: str, exact: str, raw: str) -> Iterator[str]:
    """What the text says as well, if it is free text."""
    yield without_accents(plain)
    if not DIGITS.keys().isdisjoint(words := plain.split()):
        yield without_accents(" ".join(DIGITS.get(word, word) for word in words))
    head, opening, inside = exact.rpartition(" (")
    if opening and _WORD.search(head) and _EXPLANATION.fullmatch(inside):
        yield _plain(head, raw)
        yield without_accents(_plain(head, raw))
    if (found := _PLACED.match(raw)) and found.end() < len(raw):
        yield _plain(canonical(raw[found.end() :]), raw)


def without_accents(text: str) -> str:
    """Words without the marks of Latin letters; in other scripts, and in a formula, a mark is content."""
    if text.isascii() or len(text) < 3:
        return text
    kept: list[str] = []
    for char in unicodedata.normalize("NFD", text):
        if not unicodedata.combining(char) or not (kept and kept[-1].isascii() and kept[-1].isalpha()):
            kept.append(char)
    return unicodedata.normalize("NFC", "".join(kept)).translate(_STROKES)


_STROKES = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe"})

TEXT: Kind = _Text()
