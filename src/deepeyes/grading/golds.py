"""What one written reference accepts.

Data sets join what they accept in one string, and no mark is safe to split at: "Trick or Treat", "AC/DC"
and "1/2" are one answer each, and "2 or 3" may be two roots that are both asked for. So a reference is
split only where its own words say that either will do. What always holds: the reference as it is written
comes first, and no part of a name becomes an answer. A data set with a mark of its own ("/") is split by
its reader.
"""

from __future__ import annotations

import re

from deepeyes.grading.notation import folded

_LONGEST = 500
"""Characters of a reference that is looked into."""
_MARK = r"(?:or|also(?: known as| called| spelled)?|a\.?k\.?a\.?|i\.e\.|=)"
_IN_PARENTHESES = re.compile(rf"([^()]+?) \({_MARK},? ([^()]+)\)", re.IGNORECASE)
_AFTER_COMMA = re.compile(
    r"([^,()]+), (?:also known as|also called|also spelled|a\.?k\.?a\.?) ([^,()]+)", re.IGNORECASE
)
_EITHER = re.compile(r"either ([^,]+?) or ([^,]+)", re.IGNORECASE)
_YEARS = re.compile(r"(1[0-9]{3}|20[0-9]{2}) or (1[0-9]{3}|20[0-9]{2})")
_OR = re.compile(r"\bor\b", re.IGNORECASE)


def alternatives(gold: str) -> tuple[str, ...]:
    """The reference itself first, then what it names as just as right; empty for an empty reference.

    "Beijing (or Peking)", "Pelé, also known as Edson Nascimento", "either red or blue" and "1990 or 1991" are
    two answers each.
    """
    whole = gold.strip()
    if not folded(whole).strip():
        return ()
    if len(whole) > _LONGEST:
        return (whole,)
    for form in (_IN_PARENTHESES, _AFTER_COMMA, _EITHER, _YEARS):
        if (found := form.fullmatch(whole)) and not any(_OR.search(part) for part in found.groups()):
            return tuple(dict.fromkeys((whole, *map(str.strip, found.groups()))))
    return (whole,)
