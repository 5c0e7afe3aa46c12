"""Numbers that sentences state: why "there are 12 objects left" can be compared with 12.

What always holds: a number is taken only where the sentence has no other that it could mean. A range, a sum,
an ordinal, a version and the number of a figure are not taken apart, and a known unit stays with its number.
"""

from __future__ import annotations

import re

from deepeyes.core.answers import AnswerForm
from deepeyes.grading.kinds.number import NUMBER
from deepeyes.grading.kinds.units import read_units
from deepeyes.grading.notation import bare
from deepeyes.grading.reply import about_right, shortened

_LONGEST = 600
_NUMBER = (
    r"[-+−]?(?:[$€£¥₹] ?)?(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d{1,40}(?!\d))(?:\.\d{1,40})?|[-+−]?\.\d{1,40}"
)
_LEADING = re.compile(rf"(?:[a-zA-Z]\w{{0,20}} ?= ?)?({_NUMBER})")
_GOES_ON = re.compile(
    r"\s\d|\.\d|,\s?\d|\s(?:less|more|fewer|greater) than \d|"
    r"\s?(?:[/*^×÷+!:_<>=√π(\[]|[-–—] ?[\d($€£¥]|x ?\d|\\[a-z]|(?:to|or|and|by|times|plus|minus) [-\d(])"
)
_ATTACHED = re.compile(r"[\w'’\"′″°±]|\s?[%‰]")
_WORDS = re.compile(r" ?(?:percent\w*|[%°′″][CF]?|[^\W\d_][\w²³^/·]*)(?: (?:per )?[^\W\d_][\w²³^/·]*)?")
_ONE_WORD = re.compile(r" ?(?:[%°′″][CF]?|[^\W\d_][\w²³^/·]*)")
_ANYWHERE = re.compile(rf"(?<![\w.^_/\\{{}}#§-])(?<!\d[,:×*+–] )({_NUMBER})(?!\w|\.\d|,\d)")
_WORDED = (
    r"(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen"
    r"|seventeen|eighteen|nineteen|twenty)\b"
)
_WORD = re.compile(_WORDED, re.IGNORECASE)
_BOLD = re.compile(r"\*\*([^*\n]{1,40})\*\*")
_VERB = re.compile(
    r"\b(?:is|are|was|were|equals|be|gives|get|total of|totals?)\b:?\s*"
    r"(?:(?:about|approximately|around|roughly|exactly|only|just|nearly|equal to|a total of|at|now|therefore"
    r"|thus)\s+)*"
)
_NEGATIVE = re.compile(
    r"\b(?:not|cannot|or|if|neither|whether|either|unless)\b|n't\b|between \d|\bneed\b|^To \w|\?|>|<|___"
)
_OTHERWISE = re.compile(
    r"\b(?:than|least|most|above|below|over|under|exceeds?|exceeding|up to|figure|fig\.|table|image|step"
    r"|point|part|room|page|question|option|no\.|line|row|column|chapter|section|level|grade|type|item|case"
    r"|problem|example|class|group|stage|player|team|street|route|bus|flight|channel|version|phase|the|these|those|all|both|every|other|first|last|next|its|their|his|her|my|our|your)\s$",
    re.IGNORECASE,
)
"""What stands before a number that is no count and no measure."""
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_MONTH_NAMES = tuple(_MONTHS.split("|"))
_DATED = re.compile(rf"\b(?:{_MONTHS}) \d|\d (?:of )?(?:{_MONTHS})\b")
_IN_YEAR = re.compile(
    r"\b(?:in|since|by|until|from|during|before|after|for|as of|between(?: (?:1\d|20)\d\d and)?)"
    r"(?: the year)? (?:1\d|20)\d\d\b(?! ?%)"
)
_ABOUT = re.compile(
    r"(?:\b(?:approximately|approx\.?|about|around|roughly|nearly|almost|circa)\s|[≈~]|\\approx)\W{0,3}\d",
    re.IGNORECASE,
)
_UNIT_BEFORE = re.compile(r"\b(?!(?:in|an)\b)([^\W\d_]{1,12})[:=]? $")
_MORE = re.compile(rf"(?:,|\b(?:and|or|plus|but))\s(?:[a-z]+\s){{0,2}}?(?:\d|{_WORDED})", re.IGNORECASE)
_EQUALS = re.compile(r"[=≈]")
_SAYING = re.compile(r"(?<![\\\w])[^\W\d_]{2,}|[^\W\d_]:|#+ |[≈~]|\\approx")
"""A word, a label or a mark: "≥5", "!123" and "\\log 0" say nothing, and their signs may mean anything."""
_LONGEST_IMPLYING = 200


def leading(text: str, form: AnswerForm) -> str | None:
    """The number at the beginning of `text`, with its unit if that is known; None if it is a part of more."""
    text = bare(text[:_LONGEST])
    found = _LEADING.match(text)
    if not found or _GOES_ON.match(text, found.end()):
        return None
    for words in (_WORDS, _ONE_WORD):
        more = words.match(text, found.end())
        if more and NUMBER.read(whole := found[1] + more[0], form) is not None:
            return whole
    return None if _ATTACHED.match(text, found.end()) else found[1]


def only(sentence: str, form: AnswerForm) -> str | None:
    """The one number that `sentence` can mean: in bold, after the last "=", after a verb, or the only one."""
    if len(sentence) > _LONGEST:
        return None
    if not about_right(form) and _ABOUT.search(sentence):
        return None
    sentence = _IN_YEAR.sub(" ", sentence)
    if _NEGATIVE.search(sentence) or _is_dated(sentence.lower()):
        return None
    bold = {number for part in _BOLD.findall(sentence) if (number := leading(part, form))}
    if bold:
        return bold.pop() if len(bold) == 1 else None
    says = _SAYING.search(sentence) is not None
    sentence = shortened(bare(sentence), form, words=True)[-1]
    if ("=" in sentence or "≈" in sentence) and (last := leading(_EQUALS.split(sentence)[-1].strip(), form)):
        return last
    ends = [verb.end() for verb in _VERB.finditer(sentence)]
    stated = {number: end for end in ends if (number := _at(sentence, end, form))}
    if stated:
        number, end = stated.popitem()
        start = sentence.lower().find(number.lower(), end)
        return None if stated or _MORE.search(sentence, start) else number
    if len(sentence) > _LONGEST_IMPLYING or not says:
        return None
    numbers = {
        _with_unit_before(sentence, found.start(), leading(sentence[found.start() :], form))
        for found in _ANYWHERE.finditer(sentence)
        if not _OTHERWISE.search(sentence, max(0, found.start() - 12), found.start())
    }
    return numbers.pop() if len(numbers) == 1 else None


def _with_unit_before(sentence: str, start: int, number: str | None) -> str | None:
    """A bare number with the unit that stands in front of it: "kg 5" is 5 kg."""
    before = _UNIT_BEFORE.search(sentence, max(0, start - 20), start)
    if number is None or before is None or not number.replace(".", "").isdigit():
        return number
    return f"{number} {before[1]}" if read_units(before[1]) else number


def _is_dated(lowered: str) -> bool:
    return any(month in lowered for month in _MONTH_NAMES) and _DATED.search(lowered) is not None


def _at(sentence: str, start: int, form: AnswerForm) -> str | None:
    """The number that stands at `start`, in digits or as a word."""
    if word := _WORD.match(sentence, start):
        return word[0].lower()
    return leading(sentence[start:], form)
