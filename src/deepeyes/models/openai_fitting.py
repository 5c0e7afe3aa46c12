"""Which dialect a model behind a server can speak: one that was trained on our tags, tool calls, or words.

What always holds: whether a server takes tool calls is tried, for no two servers refuse them in the same
words; a server that is busy, fails or refuses the key has said nothing of tools.
"""

from __future__ import annotations

import re

from deepeyes.core.actions import ToolSpec
from deepeyes.core.messages import Message
from deepeyes.dialects.deepeyes_v2_parse import holds_action
from deepeyes.models.base import Fit
from deepeyes.models.openai_server import Refused, Server
from deepeyes.models.openai_wire import Request

_OURS = re.compile(r"deep[-_ ]?eyes", re.I)
"""Checkpoints that were trained on the tags."""
GREETING = (Message.make("user", "Reply with the one word OK."),)
GREETING_TOKENS = 64
TOOL = ToolSpec(name="look_closer", description="Shows a part of a picture larger.")
_NOT_OF_TOOLS = (401, 403, 408, 409, 425, 429, 502, 503, 504, 529)
"""What a server that refuses a request because of its tools does not answer with."""


def known_fit(model: str, *, tools: bool) -> Fit | None:
    """The dialect that fits whatever the server takes; None where that has to be tried."""
    if _OURS.search(model):
        return Fit("deepeyes_v2/lenient")
    return None if tools else Fit("native")


async def try_tools(server: Server, plain: Request, with_tool: Request) -> Fit:
    """Send a greeting with a tool, and if that is refused the `plain` one: the difference is the tool.

    Raises as `Server.answer` does.
    """
    try:
        reply = await server.attempt(with_tool)
    except Refused as refused:
        if refused.refusal.status not in _NOT_OF_TOOLS and await _answers(server, plain):
            return Fit("deepeyes_v2/lenient", "its server takes no tool calls")
        reply = server.settle(refused)
    return Fit("deepeyes_v2/lenient" if holds_action(reply.text) else "native")


async def _answers(server: Server, request: Request) -> bool:
    try:
        await server.attempt(request)
    except Refused as refused:
        if refused.refusal.status in _NOT_OF_TOOLS:
            server.settle(refused)
        return False
    return True
