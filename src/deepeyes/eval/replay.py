"""An episode lived again up to a point: the recorded replies, the tools' recorded answers or others in their
place, and from there on the model itself.

What always holds: nothing recorded is executed again, neither code nor a search; the model meets the whole
conversation with its first reply of its own, as messages, so this works with every model; after the record
the tools work for real, but for those that are spent, and but for the variables that code had made before.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from deepeyes.agent.agent import Agent
from deepeyes.core.actions import Action, RawToolCall, ToolCall, ToolSpec
from deepeyes.core.images import ImageStore, VisionSpec
from deepeyes.core.messages import Message
from deepeyes.core.results import Hit, Observation, ToolResult
from deepeyes.core.sampling import Sampling
from deepeyes.core.trace import Turn
from deepeyes.models.base import ChatModel, Completion, Conversation, OnText, assistant_message
from deepeyes.tools.base import Episode, ToolSet
from deepeyes.tools.registry import TOOLS, tool_spec

SPENT = "This tool cannot be called any more: go on with what you have seen."


def replaying(agent: Agent, turns: Sequence[Turn], tools: ReplayedTools) -> Agent:
    """`agent` with these tools, whose episodes begin with the replies of `turns`."""
    return replace(agent, model=ReplayedModel(agent.model, turns), tools=tools)


def as_result(seen: Observation, images: ImageStore) -> ToolResult:
    """A recorded observation as what the tool had brought back, its images taken from `images`. Raises
    `InputError` for an image that is not there.
    """
    pixels = {part.name: images.get(part.ref) for part in seen.images}
    of_hits = {hit.image for hit in seen.hits or () if hit.image}
    hits = None
    if seen.hits is not None:
        hits = tuple(
            Hit(**hit.model_dump(exclude={"image"}), image=pixels.get(hit.image)) for hit in seen.hits
        )
    return ToolResult(
        status=seen.status,
        stdout=seen.stdout,
        stderr=seen.stderr,
        images=tuple(image for name, image in pixels.items() if name not in of_hits),
        dropped=seen.dropped_images,
        hits=hits,
        query=seen.query,
        searched_image=seen.searched_image,
        page=seen.page,
    )


@dataclass(frozen=True)
class ReplayedModel:
    """A `ChatModel` whose conversations begin with recorded replies and go on with those of `model`."""

    model: ChatModel
    turns: Sequence[Turn]

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def vision(self) -> VisionSpec:
        return self.model.vision

    @property
    def dialect_name(self) -> str:
        return self.model.dialect_name

    @property
    def prompt(self) -> str:
        return self.model.prompt

    def conversation(self, sampling: Sampling = Sampling()) -> ReplayedConversation:
        """See `ChatModel.conversation`."""
        return ReplayedConversation(self.model.conversation(sampling), self.turns)

    async def aclose(self) -> None:
        """Does nothing: the model is its owner's to close."""


class ReplayedConversation:
    """Keeps what was said until the model is asked for the first time."""

    def __init__(self, live: Conversation, turns: Sequence[Turn]) -> None:
        self._live = live
        self._recorded = list(turns)
        self._owed: list[Message] = []

    async def send(
        self,
        new_messages: Sequence[Message],
        *,
        max_tokens: int = 2048,
        tools: Sequence[ToolSpec] = (),
        on_text: OnText | None = None,
    ) -> Completion:
        """See `Conversation.send`."""
        if self._recorded:
            completion = _completion(self._recorded.pop(0))
            self._owed += [*new_messages, assistant_message(completion)]
            return completion
        messages = [*self._owed, *new_messages]
        completion = await self._live.send(messages, max_tokens=max_tokens, tools=tools, on_text=on_text)
        self._owed = []
        return completion

    async def close(self) -> None:
        """See `Conversation.close`."""
        await self._live.close()


def _completion(turn: Turn) -> Completion:
    """A recorded reply as it came, without its tokens: those that follow are not fed behind them."""
    return Completion(turn.text, turn.finish_reason, usage=turn.usage, tool_calls=_calls(turn.action))


def _calls(action: Action | None) -> tuple[RawToolCall, ...]:
    """The calls that came beside the text. Of those that could not be read only the ids are recorded: they
    come as calls that cannot be read.
    """
    if action is not None and action.kind == "call" and action.call.id:
        call = action.call
        return (RawToolCall(id=call.id, name=call.name, arguments=json.dumps(call.arguments)),)
    if action is not None and action.kind == "malformed":
        return tuple(RawToolCall(id=one, name="unreadable", arguments="?") for one in action.call_ids)
    return ()


@dataclass(frozen=True)
class _Spent:
    """A tool that is told of as ever and does nothing more."""

    name: str
    description: str
    parameters: Mapping[str, Any]

    async def run(self, arguments: Mapping[str, Any], episode: Episode) -> ToolResult:
        return ToolResult("error", stderr=SPENT)


class ReplayedTools(ToolSet):
    """Those of one episode, by name: calls bring back `results`, in order and whatever they ask for; after
    that those of `open_tools` that are in `live` work, and the others bring back that they are spent.
    """

    def __init__(
        self, names: Sequence[str], results: Sequence[ToolResult], open_tools: ToolSet, live: Collection[str]
    ) -> None:
        specs = [tool_spec(name) if name in TOOLS else _unknown(name) for name in names]
        super().__init__([_Spent(spec.name, spec.description, spec.parameters) for spec in specs])
        self._results = list(results)
        self._open = open_tools.only(*live)

    async def run(self, call: ToolCall, episode: Episode) -> ToolResult:
        """See `ToolSet.run`."""
        if self._results:
            return self._results.pop(0)
        tools = self._open if call.name in self._open.names else super()
        return await tools.run(call, episode)


def _unknown(name: str) -> ToolSpec:
    """A tool of somebody's own, of which the record has the name alone."""
    return ToolSpec(name=name, description="", parameters={"type": "object"})
