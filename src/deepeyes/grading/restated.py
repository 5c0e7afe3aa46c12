"""Whether a talking reply says the question again with the reference as the one thing that it adds.

"Who wrote Emma?" "Emma was written by Jane Austen." names nothing beside the question but the reference, so
it is right as surely as "Jane Austen" is. What always holds: with a second name beside a name, a second
number beside a number, a negation, a doubt or an alternative, the rule cannot tell; and it never says
wrong.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from deepeyes.grading.kinds.text import DIGITS, MEASURED, without_accents
from deepeyes.grading.notation import bare, folded

_LONGEST = 1_000
"""Characters of a reply, and of a reference, that is looked into."""

_DOTTED = re.compile(r"(?<![^\W_])([^\W\d_])\. ?(?=[^\W\d_](?![^\W_]))")
_WORD = re.compile(
    r"(?:(?<![\w.)])[-+])?(?:(?<!\d)\.)?\d+(?:[.,:/-]\d+)*[^\W\d_]*[!'\"]?"  # with all that changes it
    r"|(?<![\w)])-(?=[^\W\d_](?!\w))"
    r"|[^\W\d_]+(?:\d\w*|'[^\W\d_]+)?"
    r"|[^\w\s.,;:?!\"'()\[\]*-]"
)
_SIGNED = re.compile(r"[()\[\]{}*]|(?<!\w)-(?!\.?\d)|-(?!\w)")
"""What changes a reference and is no part of its words: brackets, a minus before a name."""
_LETTERS = re.compile(r"[a-zA-Z]+")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_ENDING = re.compile(r"(?<=\w{3})(?:'s|ing|ed|en|es|[sedn])$")
_SENTENCE_END = re.compile(r"(?:(?<=[^\W_]{2}[.!?])|(?<=[\"')][.!?])|(?<=[.!?][\"')]))\s+(?![a-z])|\n+")
_ASIDE = re.compile(r"\"?(?:,? (?:who|whom|whose|which|where)\b|, an? | \()")
"""What begins so, after the reference, only tells more about it."""

_NUMBER_ASIDE = re.compile(r" \(\d[\d.,]*\)")

_ARTICLES = "a an the this that these those there it its it's he she they his her their i"
_PREPOSITIONS = "of in on at to by for from with as and &"
_VERBS = "is are was were be been has have had do does did called named known think believe"
_ASKING = "who whom whose which what where when how"
_SMALL = frozenset(f"{_ARTICLES} {_PREPOSITIONS} {_VERBS} {_ASKING}".split())

_DENIALS = "not no non never none nor neither without except cannot unlike instead rather"
_DOUBTS = (
    "or either maybe perhaps possibly probably might may could unclear unknown uncertain depends depending"
)
_OTHERS = "but however although though both another other others various several many"
_SHIFTS = "former formerly previously originally before after until between among early late mid unless since"
_DEGREES = "around about approximately nearly almost over under least most more less"
_PARTS = "north south east west northern southern eastern western"
_AGAINST = frozenset(f"{_DENIALS} {_DOUBTS} {_OTHERS} {_SHIFTS} {_DEGREES} {_PARTS}".split())
"""Words that make another statement of it, unless the question has them too."""
_TURNS = re.compile(
    r"\b(?:not|no|never|however|but|although|though|actually|instead|wait|rather|correction|mistake|sorry|"
    r"alternatively|others?|another|also|or|later|previous\w*|former\w*|original\w*)\b|n't\b"
)
"""What the rest of a reply may not hold, lest it take back what its first sentence says."""
_MONTHS = "january february march april may june july august september october november december"
_DAYS = "monday tuesday wednesday thursday friday saturday sunday bc ad bce ce am pm"
_TIMES = frozenset(f"{_MONTHS} {_DAYS}".split())


class _Word(NamedTuple):
    key: str
    """Without case and accents; "two" is "2"."""
    named: bool
    """Whether it is written as names and numbers are."""
    end: int

    @property
    def counts(self) -> bool:
        """Whether it is a number or a part of a date."""
        return self.key in _TIMES or any(map(str.isdigit, self.key))


def restates(reply: str, question: str, gold: str) -> bool:
    """Whether the first sentence of `reply` is `question` with `gold` in it, and the rest takes nothing back.

    Around a name, other words that are no names may stand ("is performed by"), and dates; around a number,
    other words that are no numbers; around plain words, only those of the question. False where `gold` stands
    in the question already: naming it again says nothing.
    """
    if len(reply) > _LONGEST or len(gold) > _LONGEST:
        return False
    plain = bare(gold)
    if _SIGNED.search(plain):
        return False
    sentence, rest, said = _first_sentence(reply)
    unit = MEASURED.fullmatch(plain)
    if unit and unit[1] not in _LETTERS.findall(sentence):
        return False
    wanted = _wanted(gold)
    first = _place(said, wanted)
    if first is None or (
        len(said) == len(wanted) and any(len(word.key) < 3 or word.counts for word in wanted)
    ):
        # A number or a symbol between other marks ("3-", "!123") is another one, and no sentence.
        return False
    asked = _stems(question[:_LONGEST])
    if all(_known(word, asked) for word in wanted):
        return False
    last = first + len(wanted)
    end = said[last - 1].end
    is_number = any(word.counts for word in wanted)
    if _ASIDE.match(sentence, end) and not (is_number and _NUMBER_ASIDE.match(sentence, end)):
        rest = f"{sentence[end:]} {rest}"
        said = said[:last]
    if _TURNS.search(rest.casefold()):
        return False
    added = [
        place for place, word in enumerate(said) if not first <= place < last and not _known(word, asked)
    ]
    if any(said[place].key in _AGAINST or said[place].key.endswith("n't") for place in added):
        return False
    touching = {first - 1, last}
    if all(word.counts or word.key in _SMALL for word in wanted):
        return not any(said[place].counts or place in touching for place in added)
    if any(word.named for word in (said[first:last] if first else wanted)):
        return not any(
            place in touching if said[place].counts or place == 0 else said[place].named for place in added
        )
    return not added


def _known(word: _Word, asked: frozenset[str]) -> bool:
    return word.key in _SMALL or _stem(word.key) in asked


@lru_cache(maxsize=64)  # many references are looked for in one reply
def _first_sentence(reply: str) -> tuple[str, str, tuple[_Word, ...]]:
    """The first sentence, what follows it, and the words of the first."""
    text = bare(reply)
    end = found.start() if (found := _SENTENCE_END.search(text)) else len(text)
    sentence = _undotted(text[:end])
    return sentence, text[end:], _words(sentence)


@lru_cache(maxsize=8192)
def _wanted(gold: str) -> tuple[_Word, ...]:
    return _words(_undotted(bare(gold)))


def _place(said: tuple[_Word, ...], wanted: tuple[_Word, ...]) -> int | None:
    """Where the `wanted` words first stand in a row."""
    keys, row = [word.key for word in said], [word.key for word in wanted]
    places = (place for place in range(len(keys) - len(row) + 1) if keys[place : place + len(row)] == row)
    return next(places, None)


def _undotted(text: str) -> str:
    """Initials as one word: "J. K." is "JK"."""
    return _DOTTED.sub(r"\1", text)


def _words(text: str) -> tuple[_Word, ...]:
    return tuple(_Word(_key(found[0]), not found[0].islower(), found.end()) for found in _WORD.finditer(text))


def _key(word: str) -> str:
    key = _THOUSANDS.sub("", without_accents(word.casefold()))
    return DIGITS.get(key, key)


@lru_cache(maxsize=1024)
def _stems(question: str) -> frozenset[str]:
    return frozenset(_stem(word.key) for word in _words(folded(question)))


def _stem(word: str) -> str:
    return _ENDING.sub("", word)
