"""Words of any script, for indexes that cut text at spaces and for snippets.

What always holds: the same words for a document and for a query, whatever their case, accents and width;
scripts without spaces and emoji become one word a character; a query of any length gives a bounded number
of words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from deepeyes.core.text import tidy
from deepeyes.search.base import MAX_QUERY_CHARS

MAX_QUERY_WORDS = 64
LONG = 6
"""Longer words meet others that begin alike: "exports" meets "exported"."""
SHORT = 3
"""Words up to here keep their s."""

_FUNCTION_WORDS = """
a about an and are as at be by can do does for from had has have how in is it its many much of on one or
that the their there they this to was were what when where which who whose why will with
"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
"""English words that carry a question but no subject; searching for them costs time and finds everything."""

_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai, Lao, Burmese, Khmer
    "\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # Japanese, Chinese
    "\U00020000-\U0003ffff"
)
_EMOJI = "\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_ALONE = re.compile(f"([{_UNSPACED}{_EMOJI}])")
# Accents of Latin, Greek and Cyrillic letters; vowel signs, hamza and stretching of Arabic.
_MARKS = re.compile("(?<=[a-z\u0370-\u058f])[\u0300-\u036f]+|[\u0640\u064b-\u065f\u0670]")
_WORD = re.compile(f"[{_EMOJI}]|[^\\W_]+")
_LATIN = re.compile(r"[0-9A-Za-z\u00c0-\u024f]")


def has_latin(text: str) -> bool:
    """Whether an encoder of English can make anything of `text`: a Latin letter or a digit is in it."""
    return _LATIN.search(text) is not None


def fold(text: str) -> str:
    """Lower case without accents (Latin, Greek, Cyrillic, Arabic), one width, and spaces around every
    character that is a word by itself.
    """
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    return _ALONE.sub(r" \1 ", unicodedata.normalize("NFC", _MARKS.sub("", parts)))


def words(text: str) -> list[str]:
    """The words of `text` in order, folded."""
    return _WORD.findall(fold(text))


def query_words(query: str) -> tuple[str, ...]:
    """The different words of a query, in order, at most `MAX_QUERY_WORDS`."""
    return tuple(dict.fromkeys(words(tidy(query, MAX_QUERY_CHARS))))[:MAX_QUERY_WORDS]


def telling(found: Sequence[str]) -> list[str]:
    """Those of `found` that say something; all of them if none does."""
    return [word for word in found if word not in FUNCTION_WORDS] or list(found)


def stem(word: str) -> str:
    """A crude stem for engines that do not tell theirs."""
    if len(word) > LONG:
        return word[:LONG]
    return word.removesuffix("s") if len(word) > SHORT else word


def stands_alone(word: str) -> bool:
    """Whether it is a character of a script without spaces, or an emoji: its neighbours do not matter."""
    return _ALONE.match(word) is not None


def flat(text: str) -> str:
    """`text` folded character by character, so that every place stays where it was."""
    return text.lower() if text.isascii() else text.translate(_FLAT)


class _Flat(dict[int, str]):
    """The folded form of a character, worked out when it is first met."""

    def __missing__(self, code: int) -> str:
        plain = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", chr(code)).casefold())
        if unicodedata.category(chr(code)) == "Lo":
            plain = unicodedata.normalize("NFC", plain) if not "\u0600" <= chr(code) <= "\u06ff" else plain
        self[code] = plain[:1] or chr(code)
        return self[code]


_FLAT = _Flat()
