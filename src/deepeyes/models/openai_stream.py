"""The events of a stream that a chat-completions server sends, however its bytes are cut into pieces."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import Any

from deepeyes.models.openai_reply import Unreadable, json_value

_NEWLINE = re.compile(rb"\r\n|\r|\n")


async def event_data(chunks: AsyncIterator[bytes]) -> AsyncIterator[Any]:
    """The JSON of each event of a stream; None, and nothing more, for the mark `[DONE]`.

    Lines end where HTML's event streams end them, and at no other character. Raises `Unreadable` for an event
    that is no JSON.
    """
    pending = ""
    async for line in _lines(chunks):
        name, _, value = line.partition(":")
        if name == "data":
            pending = f"{pending}\n{value.removeprefix(' ')}" if pending else value.removeprefix(" ")
            if pending.strip() == "[DONE]":
                yield None
                return
            if (event := json_value(pending)) is not None:
                pending = ""
                yield event
        elif not line.strip() and pending.strip():
            raise Unreadable("a damaged event")
    if pending.strip():
        raise Unreadable("a damaged event")


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[str]:
    rest = b""
    async for chunk in chunks:
        *lines, rest = _NEWLINE.split(rest + chunk)
        for line in lines:
            yield line.decode("utf-8", "replace")
    yield rest.decode("utf-8", "replace")
