"""Text from the web made plain: what a person would see, and nothing that only a tokenizer sees.

What always holds: the result is printable text with tabs and line breaks, has no bidirectional overrides,
no invisible characters (tags and variation selectors that smuggle words included) and no towers of
combining marks; joiners stay where scripts and emoji need them; cleaning twice changes nothing. Runs before
a dialect neutralises tags, because `<|im_\u200bend|>` is no tag until the invisible character is gone.
"""

from __future__ import annotations

import re
import unicodedata

from deepeyes.core.text import encodable

_MARKS = 4
"""Combining marks kept on one letter; no script needs more."""
_PASSES = 8
_BREAKS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_JOINERS = "\u200c\u200d"
_EMOJI_STYLE = "\ufe0f"
_BLANK_LINES = re.compile(r"\n[ \t]*(?:\n[ \t]*){2,}")
_STRAY_JOINERS = re.compile(f"[{_JOINERS}]+")
_INVISIBLE = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufffc")
"""Invisible or empty without being format characters."""


def clean(text: str, max_chars: int | None = None) -> str:
    """`text` as described above, cut at its end to `max_chars` with a mark."""
    if max_chars is not None and len(text) > 4 * max_chars + 1000:
        text = text[: 4 * max_chars + 1000]
    text = encodable(text)
    for _ in range(_PASSES):  # taking one thing out can leave another without a reason to stay
        before, text = text, _plain(text)
        if text == before:
            break
    if max_chars is not None and len(text) > max_chars:
        text = text[: max(0, max_chars - 6)].rstrip() + " [...]"
    return text


def _plain(text: str) -> str:
    text = _BREAKS.sub("\n", text)
    text = _CONTROL.sub("", text) if text.isascii() else _without_invisible(text)
    return _BLANK_LINES.sub("\n\n", text).strip()


def clean_line(text: str, max_chars: int | None = None) -> str:
    """`clean` text without line breaks."""
    flat = " ".join(clean(text).split())
    if max_chars is not None and len(flat) > max_chars:
        flat = flat[: max(0, max_chars - 6)].rstrip() + " [...]"
    return flat


def _without_invisible(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for c in text:
        category = unicodedata.category(c)
        if c in _JOINERS:
            kept.append(c)
        elif category in ("Mn", "Me"):
            styled = c == _EMOJI_STYLE and bool(kept) and not kept[-1].isalpha()
            if (_is_selector(c) and not styled) or c in _INVISIBLE or marks >= _MARKS:
                continue
            marks += 1
            kept.append(c)
        elif not _is_invisible(c, category):
            marks = 0
            kept.append(" " if category == "Zs" else c)
    return _STRAY_JOINERS.sub(_needed, "".join(kept))


def _needed(match: re.Match[str]) -> str:
    """One joiner if it stands between two characters that it joins."""
    text, start, end = match.string, match.start(), match.end()
    before = text[start - 1] if start else ""
    after = text[end] if end < len(text) else ""
    return match.group()[0] if _joins(before) and _joins(after) else ""


def _is_invisible(c: str, category: str) -> bool:
    if c in "\n\t":
        return False
    return category in ("Cf", "Cc", "Cs", "Co") or c in _INVISIBLE or c >= "\U000e0000" or c in "\ufffe\uffff"


def _is_selector(c: str) -> bool:
    return "\ufe00" <= c <= "\ufe0f" or "\U000e0100" <= c <= "\U000e01ef"


def _joins(c: str) -> bool:
    """Whether a joiner beside `c` means something: marks, letters of joining scripts, emoji."""
    return bool(c) and not c.isascii() and unicodedata.category(c) in ("Lo", "Mn", "Mc", "So", "Sk", "Lm")
