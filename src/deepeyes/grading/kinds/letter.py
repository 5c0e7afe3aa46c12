"""Letters of options: why "(B)", "b", "Option B: 47" and, where the options are known, "47" are one answer.

What always holds: a letter is read only where it is written as one. "A dog", "I think so" and "A is wrong"
name no option, two letters joined by "or" name none, and a letter beside the text of another option names
none either; neither does the word "I" in a sentence, or a letter that no option has. Options with the same
text are the same option.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.verdict import Decider
from deepeyes.grading.kinds.kind import Kind
from deepeyes.grading.notation import bare, canonical

Letters = frozenset[str]
"""The options that an answer names, as capital letters."""

_LONGEST = 600
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# Letters in boxes and of flags; letters of other alphabets at the same place of theirs as the Latin letter
# that they look like or stand for; Chinese ordinals. Cyrillic В is left out: it looks like B and is third.
_SIGNS = {
    **{first + n: _ALPHABET[n] for first in (0x1F130, 0x1F150, 0x1F170, 0x1F1E6) for n in range(26)},
    **str.maketrans("АСΑΒΓΔΕ甲乙丙丁", "ACABCDEABCD"),
}

_NOUN = (
    r"(?:(?:the |la |l['’]|die |el |le )?"
    r"(?:(?:option|choice|answer|letter|alternative|opci[oó]n|opção|opzione|вариант)\b|选项|選項|選択肢|선택지)\W{0,3})?"
)
_LONE = re.compile(rf"{_NOUN}[^\w+-]{{0,6}}([A-Za-z])[^\w+#♯♭°'²³-]{{0,4}}", re.IGNORECASE)
_LABELLED = re.compile(
    rf"{_NOUN}(?:[(\[【{{]\s?([A-Za-z])\s?[)\]】}}]"
    r"|\*{0,2}(?!I,)([A-Za-z])(?=[).:\]*—]|[,、]\s*+(?!(?:and |or )?(?-i:[A-Z])\b)|\s[-=:>→]))"
    r"[\s).:,、\]*—=>→-]*(.*)",
    re.IGNORECASE | re.DOTALL,
)
_LABEL_FIRST = re.compile(rf"[\\$]|\W{{0,9}}{_NOUN}\W{{0,9}}[A-Za-z](?![A-Za-z])", re.IGNORECASE)
_ADDED = 80
_AND = r"(?:\s*(?:,|;|/|&|\+|、|和|\band\b|\bund\b|\by\b|\bet\b|\boption\b))+\s*"
_ITEM = r"[(\[{]?[A-Z][)\]}.]?"
_SEVERAL = re.compile(rf"(?:both )?(?:(?:[Oo]ptions|[Cc]hoices|[Aa]nswers) )?({_ITEM}(?:{_AND}{_ITEM})+)")
_SINGLE = re.compile(r"\b[A-Z]\b")
_RUN = re.compile(r"[A-J]{2,10}")

# After a label stands the option's text; a verb makes the letter the subject of a sentence, another label
# makes it the first line of a listing.
_NO_TEXT = re.compile(
    r"(?:is|are|was|isn't|has|have|does|doesn't|can(?!')|would|will|could|may|might|shows?|seems?|appears?|and|or|nor|but"
    r"|(?:cannot|can't)(?! (?:be )?(?:determin|tell|told|answer|know|infer|decid|sa[iy]))"
    r")\b|.*(?:\b(?:wrong|incorrect|neither|eliminated?|excluded?)\b"
    r"|[(\[][A-Z][)\]]|\s[A-Z][).:]\s)",
    re.DOTALL,
)
_MENTION = re.compile(
    r"[(\[]\s?([A-Z])\s?[)\]]"
    r"|\*\*\(?([A-Z])\)?[.:]?\*\*|[\"'“‘]([A-Z])[\"'”’]|\\text\w{0,4}\{\(?([A-Z])\)?\}"
    r"|\b(?:[Oo]ption|[Cc]hoice|[Aa]nswer|[Ll]etter|[Ii]mage|[Ff]igure|[Pp]icture|[Bb]ox|[Pp]oint|[Ss]tatement"
    r"|[Gg]raph|[Dd]iagram|[Ss]et|选项?)\s?(?!I [a-z])([A-Z])\b|(?:\b(?:is|be|are)|[,:=]) ([B-HJ-Z])(?=,)"
    r"|\b(?:is|be) ([A-HJ-Z])(?=,? (?:which|since|because)\b)"
    r"|(?:\b(?:is|be|are|got|likely|probably|definitely)|['’]s|[,:=]) ([A-HJ-Z])[.!\s]*$"
    r"|\b(?:makes|making|leaves|leaving) ([A-Z]) (?:as )?(?:the|our)\b"
    r"|^(?:[Ss]o|[Tt]hus|[Hh]ence|[Tt]herefore),? (?:it['’]s |it is )?([A-Z])\W*$"
    r"|(?:^|[,:;] )([A-Z]) (?:is|seems|looks|appears)(?: to be)?(?: the)? (?:best|most|closest|correct"
    r"|right)\b"
)
_LONE_CAPITAL = re.compile(r"[A-Z](?![A-Za-z])")
_CONCLUDES = re.compile(
    r"\b(?:therefore|thus|so|hence|consequently|conclusion|overall|based on|correspond\w*|match\w*|correct"
    r"|best|most|closest|appropriate|answer|choose|would be|must be|should be|more accurately|replace\w*"
    r"|complet\w+)\b",
    re.IGNORECASE,
)
_NEGATIVE = re.compile(
    r"\b(?:not|neither|nor|never|cannot|wrong|incorrect|except|unlike|or|whereas|rather|less|least|different|if|doubt|impossible"
    r"|could|might|may)\b"
    r"|n't\b|\?"
)
_LISTS = re.compile(
    r"\b[A-Z]\W{1,5}[A-Z]\W{1,5}(?:(?:and|or) \W?)?[A-Z]\b"
    r".{0,40}\b(?:are|have|were|do|all)\b(?! (?:all )?(?:correct|right|true))"
)
"""A listing of the options that goes on to say something about them."""
_AMOUNT = re.compile(r"(?!\W?[a-z]\W?[):.])\D{0,3}?(-?\d[\d,]*(?:\.\d+)?)[^\d/^!:]{0,16}")
_FIRST_AMOUNT = re.compile(r"[^\w.-]{0,3}(-?\d[\d,]*(?:\.\d+)?)(?![\d/^!:]|\s?[-+*/=×])")
_SMALL_WORDS = frozenset(
    ("yes", "no", "true", "false", "both", "neither", "none", "all", "equal", "same", "one", "it")
)


class _Options(NamedTuple):
    """The options of a form, read once."""

    letters: dict[str, str]
    """For each letter the first letter with the same text."""
    texts: dict[str, str]
    joined: dict[str, str]
    """The letters by texts without spaces: "8:5" is "8 : 5"."""
    longest_first: tuple[str, ...]
    amounts: dict[str, str]
    """The letters by the number in their texts, if a number is all that tells them apart."""
    longest: int
    """Characters of a text that may be an option without a label in front."""


class _Letter:
    """Reads the options that an answer names."""

    name = AnswerKind.letter
    by: Decider = "rule"

    def read(self, text: str, form: AnswerForm) -> Letters | None:
        """The options named by `text`: by letter, by letter and text, or by the text of an option alone."""
        if len(text) > _LONGEST:
            return None
        options = options_of(form.options)
        if len(text) > options.longest and text.isascii() and not _LABEL_FIRST.match(text):
            return None
        plain = _plain(text)
        named = option_of(plain, options)
        if lone := _LONE.fullmatch(plain):
            letter = _listed(lone[1].upper(), options)
            return Letters(filter(None, (letter, named))) or None
        if named:
            return Letters(named)
        if several := _SEVERAL.fullmatch(plain):
            return Letters(options.letters.get(one[0], one[0]) for one in _SINGLE.finditer(several[1]))
        if labelled := _LABELLED.fullmatch(plain):
            letter = (labelled[1] or labelled[2]).upper()
            letter, rest = _listed(letter, options), labelled[3]
            texts = _texts_in(rest, options)
            if texts and letter not in texts:
                if form.several:
                    return None
                return texts | Letters(letter or ())
            return None if letter is None or _NO_TEXT.match(rest) else Letters(letter)
        if form.several and _RUN.fullmatch(plain) and len(set(plain)) == len(plain):
            return _all_of(plain, options)
        return None

    def same(self, given: Letters, expected: Letters, form: AnswerForm) -> bool | None:
        """Whether the same options are named; None if several are named where one is asked for, and for a
        letter of no option: it is of another list than the task's.
        """
        if len(given) > 1 and not form.several:
            return None
        if form.options and not given <= options_of(form.options).letters.keys():
            return None
        return given == expected

    def show(self, value: Iterable[str]) -> str:
        return ", ".join(sorted(value))


def _listed(letter: str, options: _Options) -> str | None:
    """The first letter with the same text; None for a letter of no option: it is of another list."""
    return options.letters.get(letter) if options.letters else letter


def _all_of(letters: Iterable[str], options: _Options) -> Letters | None:
    listed = [_listed(letter, options) for letter in letters]
    return None if None in listed else Letters(filter(None, listed))


def _plain(text: str) -> str:
    return bare(text) if text.isascii() else bare(text.translate(_SIGNS)).translate(_SIGNS)


@lru_cache(maxsize=4096)
def options_of(texts: tuple[str, ...]) -> _Options:
    """The options by letter, text and number. Texts that only repeat their letters tell nothing."""
    texts = texts[: len(_ALPHABET)]
    lone = [_LONE.fullmatch(_plain(text)) for text in texts]
    if all(found and found[1].upper() == _ALPHABET[place] for place, found in enumerate(lone)):
        return _Options(dict(zip(_ALPHABET, _ALPHABET[: len(texts)], strict=False)), {}, {}, (), {}, _ADDED)
    letters: dict[str, str] = {}
    by_text: dict[str, str] = {}
    for letter, text in zip(_ALPHABET, texts, strict=False):
        letters[letter] = by_text.setdefault(canonical(text), letter)
    amounts = {found[1]: letter for text, letter in by_text.items() if (found := _AMOUNT.fullmatch(text))}
    longest = tuple(sorted(by_text, key=len, reverse=True))
    joined = {text.replace(" ", ""): letter for text, letter in reversed(by_text.items())}
    amounts = amounts if len(amounts) == len(by_text) else {}
    return _Options(letters, by_text, joined, longest, amounts, _ADDED + 2 * max(map(len, texts), default=0))


def option_of(text: str, options: _Options) -> str | None:
    """The letter of the option that has this text, or this number where a number tells the options apart."""
    if not options.texts or not text:
        return None
    key = canonical(text)
    if letter := options.texts.get(key) or options.joined.get(key.replace(" ", "")):
        return letter
    amount = _AMOUNT.fullmatch(key) if options.amounts else None
    return options.amounts.get(amount[1]) if amount else None


def mentioned(sentence: str, form: AnswerForm, concludes: bool = False) -> Letters:
    """The options that a sentence speaks of, by label or by text; none if it denies or weighs anything.

    A label counts where the sentence concludes something, by its words or because the caller knows it.
    """
    if len(sentence) > _LONGEST or _NEGATIVE.search(sentence) or _LISTS.search(sentence):
        return Letters()
    options = options_of(form.options)
    mentions = _MENTION.finditer(sentence) if _LONE_CAPITAL.search(sentence) else ()
    labels = (found[found.lastindex or 0] for found in mentions)
    by_label = _all_of(labels, options)
    if by_label is None:
        return Letters()
    by_text = _texts_in(sentence, options)
    if by_text:
        return by_text | by_label
    return by_label if concludes or _CONCLUDES.search(sentence) else Letters()


def _texts_in(sentence: str, options: _Options) -> Letters:
    """The options whose texts stand in `sentence`, but for a text within a longer one that stands there.

    Numbers and small words count only at the beginning: they stand in sentences for other reasons.
    """
    if not options.texts or not sentence:
        return Letters()
    left = canonical(sentence)
    if options.amounts:
        amount = _FIRST_AMOUNT.match(left)
        letter = options.amounts.get(amount[1]) if amount else None
        return Letters(letter or ())
    found: set[str] = set()
    for text in options.longest_first:
        if text in left and (len(text) > 1 or text == left):
            before = r"^" if text in _SMALL_WORDS else r"(?<![\w.])"
            left, times = re.subn(rf"{before}{re.escape(text)}(?!\w|[.,]\d)", " ", left)
            if times:
                found.add(options.texts[text])
    return Letters(found)


LETTER: Kind = _Letter()
