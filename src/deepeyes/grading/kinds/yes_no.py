"""Yes or no: why "Yes, it is." and "true" answer a yes-or-no question and "yesterday" does not.

What always holds: only the first word decides, a reply that goes on to say the opposite decides nothing, and
"true" counts as "yes" because data sets use them for one another.
"""

from __future__ import annotations

import re

from deepeyes.core.answers import AnswerForm, AnswerKind
from deepeyes.core.verdict import Decider
from deepeyes.grading.kinds.kind import Kind
from deepeyes.grading.notation import canonical

_LONGEST = 300
_YES = {
    "yes",
    "true",
    "correct",
    "yeah",
    "yep",
    "是",
    "是的",
    "对",
    "正确",
    "はい",
    "네",
    "예",
    "ja",
    "oui",
    "sí",
    "si",
    "да",
    "sim",
}
_NO = {
    "no",
    "false",
    "incorrect",
    "nope",
    "否",
    "不是",
    "不",
    "错误",
    "いいえ",
    "아니요",
    "nein",
    "non",
    "нет",
    "não",
}
_FIRST = re.compile(r"([^\W\d_]+)(?:[,;.:!]\s|\s[-(]|$)(.*)", re.DOTALL)
_OPPOSITE = {
    True: re.compile(r"\b(?:no|false|but|however|incorrect)\b"),
    False: re.compile(r"\b(?:yes|true|but|however)\b"),
}


class _YesNo:
    """Reads answers that agree or deny."""

    name = AnswerKind.yes_no
    by: Decider = "rule"

    def read(self, text: str, form: AnswerForm) -> bool | None:
        """True for yes, False for no, None if the first word is neither or the rest takes it back."""
        if len(text) > _LONGEST:
            return None
        found = _FIRST.fullmatch(canonical(text))
        if not found or (found[1] not in _YES and found[1] not in _NO):
            return None
        yes = found[1] in _YES
        return None if _OPPOSITE[yes].search(found[2]) else yes

    def same(self, given: bool, expected: bool, form: AnswerForm) -> bool | None:
        return given == expected

    def show(self, value: bool) -> str:
        return "yes" if value else "no"


YES_NO: Kind = _YesNo()
