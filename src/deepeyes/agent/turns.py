"""The turns of an episode: the model speaks, the dialect reads, a tool acts, the model is told; until an end.

What always holds: every end is a `StopReason`; the model's mistakes (bad syntax, unknown tool, exception in
its code) come back to it as observations; our failures are tried again, and leave as what they are if they
persist.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from deepeyes.agent import events
from deepeyes.agent.events import Event, OnEvent
from deepeyes.agent.retries import with_retries
from deepeyes.agent.trace_builder import TraceBuilder
from deepeyes.core.actions import Action, Malformed, ToolCall, call_of, code_of
from deepeyes.core.errors import InfrastructureError
from deepeyes.core.limits import StopReason
from deepeyes.core.results import Observation, ToolResult
from deepeyes.dialects.base import Dialect
from deepeyes.models.base import Completion, Conversation
from deepeyes.tools.base import ToolSet

_TOOL_GRACE = 30.0
"""Seconds a tool may take beyond twice its own limit (waiting for a slot) before it counts as stuck."""


@dataclass
class Turns:
    """The parts of one episode, and the turns they take."""

    record: TraceBuilder
    conversation: Conversation
    dialect: Dialect
    tools: ToolSet
    on_event: OnEvent | None

    async def take(self) -> StopReason:
        """Until the model has answered or the episode may not go on. What is pending has been put down."""
        record, limits = self.record, self.record.limits
        for turns_left in range(limits.turns - 1, -1, -1):
            # The model speaks.
            if record.tokens >= limits.tokens:
                return StopReason.max_tokens
            completion, seconds = await self._speak(
                min(limits.tokens_per_turn, limits.tokens - record.tokens)
            )

            # The dialect reads exactly one action.
            action = self._read(completion)
            record.add_turn(completion, action, seconds)
            self._tell_action(action)
            if completion.finish_reason == "content_filter":
                return StopReason.refused

            # The episode may end here; a call that nobody would read the result of is not made.
            if action.kind == "answer":
                record.answer = action.text
                return StopReason.answered
            if action.kind == "malformed":
                record.mistakes += 1
                if record.mistakes > limits.malformed:
                    return StopReason.malformed
            if turns_left == 0:
                return StopReason.max_turns

            # A tool acts, or the mistake is explained; the model is told at the start of the next turn.
            if action.kind == "malformed":
                seen = Observation(status="malformed", stderr=action.reason)
                record.pending = self.dialect.correction(action, turns_left)
            else:
                seen = await self._act(call_of(action))
                record.pending = self.dialect.observation(action, seen, turns_left, limits.stdout_chars)
            record.add_observation(seen)
        return StopReason.max_turns

    async def _speak(self, max_tokens: int) -> tuple[Completion, float]:
        async def send() -> Completion:
            self.record.heard = []
            return await self.conversation.send(
                self.record.pending,
                max_tokens=max_tokens,
                tools=self.tools.specs() if self.dialect.server_tools else (),
                on_text=self._hear if self.on_event else None,
            )

        start = time.perf_counter()
        completion = await with_retries(send, self.record.limits, self.record.notes)
        self.record.notes += [note for note in completion.notes if note not in self.record.notes]
        return completion, time.perf_counter() - start

    def _read(self, completion: Completion) -> Action:
        action = self.dialect.parse(completion.text, completion.tool_calls)
        if completion.finish_reason != "length":
            return action
        if action.kind == "answer" and not completion.text.rstrip().endswith(self.dialect.stop):
            action = Malformed(thought=action.thought, reason="The answer is not whole.")
        if action.kind == "malformed":
            reason = f"Your reply was cut off because it was too long. {action.reason} Think shorter."
            return action.model_copy(update={"reason": reason})
        return action

    async def _act(self, call: ToolCall) -> Observation:
        """Run a tool. It keeps its own time; the guard here is for one that does not come back at all."""
        guard = 2 * self.record.limits.tool_seconds + _TOOL_GRACE

        async def use() -> ToolResult:
            clock = asyncio.timeout(guard)
            try:
                async with clock:
                    return await self.tools.run(call, self.record.episode)
            except TimeoutError as error:
                if not clock.expired():
                    raise
                raise InfrastructureError(
                    f"the tool did not come back in {guard:.0f} s", "restart it"
                ) from error

        result = await with_retries(use, self.record.limits, self.record.notes)
        if result.all_images:  # to name and render them takes time that other episodes could use
            seen = await asyncio.to_thread(self._observed, call.name, result)
        else:
            seen = self._observed(call.name, result)
        self.tell(events.Output(seen.tool, seen.status, seen.text, seen.stderr, seen.seconds))
        for part in seen.images:
            size, view = (part.ref.width, part.ref.height), (part.view_width, part.view_height)
            self.tell(events.Image(part.name, *size, *view))
        return seen

    def _observed(self, tool: str, result: ToolResult) -> Observation:
        """What the model gets to see of a result."""
        return self.record.observe(tool, self.dialect.shown(result))

    def tell(self, event: Event) -> None:
        if self.on_event is not None:
            self.on_event(event)

    def _hear(self, text: str) -> None:
        self.record.heard.append(text)
        self.tell(events.TextDelta(text))

    def _tell_action(self, action: Action) -> None:
        if action.thought:
            self.tell(events.Thought(action.thought))
        if (code := code_of(action)) is not None:
            self.tell(events.Code(code))
        elif action.kind == "call":
            self.tell(events.Call(action.name, action.arguments))
        elif action.kind == "answer":
            self.tell(events.Answer(action.text))
        elif action.kind == "malformed":
            self.tell(events.Mistake(action.reason))
