"""Text from models and tools, made safe to show.

What always holds: no control character reaches a terminal or a page as such (an escape sequence could
repaint the terminal, a NUL breaks HTML); each shows as its Unicode image instead, so that it is seen.
"""

from __future__ import annotations

_KEEP = {0x09, 0x0A}
_IMAGES = {code: chr(0x2400 + code) for code in range(0x20) if code not in _KEEP}
_IMAGES |= {0x7F: "\u2421"} | dict.fromkeys(range(0x80, 0xA0), "\ufffd")
# Overrides of the writing direction can make code read differently from what runs.
_IMAGES |= dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], "\ufffd")


def visible(text: str) -> str:
    """The same text with line ends as they are and every other control character shown as a symbol."""
    return text.replace("\r\n", "\n").translate(_IMAGES)


def visible_line(text: str, width: int) -> str:
    """`text` on one line of at most `width` characters."""
    joined = " ".join(visible(text).split())
    return joined if len(joined) <= width else joined[: max(0, width - 1)] + "…"
