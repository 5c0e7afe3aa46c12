"""What a server's refusal speaks of: its words, and the one parameter of the request that it does not take.

What always holds: only a parameter that was sent is found, and only one; a body that is echoed in the refusal
names nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, cast

from deepeyes.core.text import tidy

_UNSUPPORTED = re.compile(
    r"unsupported|not support|does not (?:take|accept|know)|unknown|unrecogni|not permitted|not allowed"
    r"|extra|unexpected|not a valid (?:parameter|argument|field)|invalid (?:parameter|argument|field)",
    re.IGNORECASE,
)
_TOOLS = r"\b(?:tools?|functions?)\b"
_NO_TOOLS = re.compile(
    rf"tool.?choice|enable-auto-tool|tool-call-parser|{_TOOLS}.{{0,60}}\bnot\b|\bnot\b.{{0,60}}{_TOOLS}"
    rf"|\bno\b.{{0,60}}support.{{0,20}}{_TOOLS}|{_TOOLS}.{{0,40}}(?:n't|unsupported|require)"
    rf"|(?:n't|unsupported).{{0,40}}{_TOOLS}",
    re.I | re.S,
)
_FAILS_ON_TOOLS = re.compile(
    rf"{_TOOLS}[^.]{{0,40}}(?:support|requires?\b|implement|enabled)|(?:support|implement)[^.]{{0,20}}{_TOOLS}",
    re.I,
)
"""A server that says so as if it had failed (llama.cpp); of what else fails it says more than that."""
_TOO_LONG = re.compile(
    r"context.{0,20}length|maximum context|context_length|context size|too many tokens", re.I
)
_FILTERED = re.compile(r"content.?(?:filter|management|policy)|moderation|safety system", re.I)
_TOO_MANY_STOPS = re.compile(r"\bstop\b.{0,40}(?:too (?:long|many)|maximum|at most|up to)", re.I | re.S)
"""OpenAI and others take four."""
_CUT = re.compile(r"could not finish the message|output limit was reached", re.I)
"""What OpenAI says of a reply that was cut off before its first word."""
_NEAR = 100
"""Characters between a parameter's name and the word that says it is not taken."""


class ServerSaid(Exception):
    """The answer is an error, whatever its status: `words` are the server's, `status` 0 if it names none."""

    def __init__(self, words: str, status: int = 0) -> None:
        super().__init__(words)
        self.words = words
        self.status = status


@dataclass(frozen=True)
class Refusal:
    """A refusal of a request, read once."""

    status: int
    text: str
    """The whole body in one line."""
    words: str
    """The message in it; the body itself if it is no error object."""
    named: str
    """The parameter that the error object names in a field of its own; empty if it names none."""

    @property
    def unsupported(self) -> bool:
        """Whether it says that something is not known, and not that a value is wrong."""
        return _UNSUPPORTED.search(self.words) is not None

    @property
    def too_long(self) -> bool:
        """Whether the conversation does not fit the model's context."""
        return _TOO_LONG.search(self.words) is not None

    @property
    def filtered(self) -> bool:
        """Whether the provider's filter stopped it."""
        return _FILTERED.search(self.text) is not None

    @property
    def cut_off(self) -> bool:
        return _CUT.search(self.words) is not None

    @property
    def of_stops(self) -> bool:
        """Whether it says that there are too many stop strings."""
        return _TOO_MANY_STOPS.search(self.words) is not None

    def of_tools(self, sent: Collection[str]) -> bool:
        """Whether it says that tools are not taken, which are among what was `sent`."""
        if self.status >= 500:
            return _FAILS_ON_TOOLS.search(self.words) is not None
        named = self.parameter([name for name in sent if name.startswith("tool")]) is not None
        return self.status in (400, 404, 422) and (named or _NO_TOOLS.search(self.words) is not None)

    def parameter(self, sent: Collection[str]) -> str | None:
        """The one of the `sent` parameters that it says is not taken; None if it speaks of none of them."""
        if not self.unsupported:
            return None
        if self.named in sent:
            return self.named
        for words in (_without_braces(self.words), self.words):
            marks = [(m.start(), m.end()) for m in _UNSUPPORTED.finditer(words)]
            near = [
                (gap, name)
                for name in sent
                for said in re.finditer(rf"(?<![\w.]){re.escape(name)}\b", words)
                for start, end in marks
                if (gap := max(start - said.end(), said.start() - end, 0)) <= _NEAR
            ]
            if near:
                return min(near)[1]
        return None


def read_refusal(status: int, body: str) -> Refusal:
    """The refusal in the body of an answer. Any text will do."""
    try:
        data: Any = json.loads(body)
    except (ValueError, RecursionError):
        data = None
    text = " ".join(body.split())
    return Refusal(status, text, _validation(data) or error_words(data) or text, _named(data))


def read_said(words: str, status: int) -> Refusal:
    """What a server says in an answer with status 200; without a status of its own it may pass."""
    return Refusal(status or (400 if _TOO_LONG.search(words) else 500), "", words, "")


def error_words(data: Any) -> str:
    """The words of an error object in any of the usual shapes; empty if it is none."""
    fields = mapping(data)
    error = fields.get("error") or (fields if fields.get("object") == "error" else None)
    for holder in (error, fields.get("detail"), fields.get("message")):
        if isinstance(holder, str) and holder.strip():
            return tidy(holder, 500)
        inner = mapping(holder)
        words = inner.get("message") or inner.get("msg") or inner.get("detail")
        if isinstance(words, str) and words.strip():
            return tidy(words, 500)
    return tidy(json.dumps(error), 500) if error else ""


def check_error(fields: Mapping[str, Any]) -> None:
    """Raises `ServerSaid` if `fields`, an answer or a part of one, tells of an error."""
    words = error_words(fields) if "error" in fields or fields.get("object") == "error" else ""
    if words:
        error = mapping(fields.get("error")) or fields
        codes = (error.get("code"), error.get("status"), fields.get("status"))
        status = next((code for code in map(_status, codes) if code), 0)
        raise ServerSaid(words, status)


def _status(code: Any) -> int:
    text = str(code) if isinstance(code, int | str) else ""
    return int(text) if len(text) == 3 and text.isascii() and text.isdigit() and text >= "400" else 0


def _named(data: Any) -> str:
    error = mapping(mapping(data).get("error")) or mapping(data)
    named = error.get("param") or _place(error)
    return named.rpartition(".")[2] if isinstance(named, str) else ""


def _validation(data: Any) -> str:
    """The words of FastAPI's list of what is wrong, each with its place."""
    problems = mapping(data).get("detail")
    if not isinstance(problems, list):
        return ""
    told = [mapping(one) for one in cast("list[Any]", problems)]
    return "; ".join(f"{one.get('loc', '')}: {one.get('msg', '')}" for one in told[:5] if one)


def _place(error: Mapping[str, Any]) -> object:
    problems = error.get("detail")
    first = mapping(cast("list[Any]", problems)[0]) if isinstance(problems, list) and problems else {}
    place = first.get("loc")
    return cast("list[Any]", place)[-1] if isinstance(place, list) and place else None


def _without_braces(text: str) -> str:
    """`text` without what stands in braces: the request that some servers repeat."""
    while (less := re.sub(r"\{[^{}]*\}", " ", text)) != text:
        text = less
    return text


def mapping(value: Any) -> Mapping[str, Any]:
    """A JSON object as it is; empty for any other value."""
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}
