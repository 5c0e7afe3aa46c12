"""A model of Inspect's as a `ChatModel`, so that our loop and our judges can ask it.

What always holds: how replies are drawn is Inspect's to say (`--temperature`, `--seed`, retries, caches,
connections); we only say where a reply ends and how long it may be. What a provider raises leaves as it is,
so Inspect counts the sample as an error.
"""

# pyright: reportMissingImports=false
# Inspect has an environment of its own (docs/inspect.md); checked in it, this line changes nothing.
from __future__ import annotations

from collections.abc import Sequence

from inspect_ai.model import GenerateConfig, Model

from deepeyes.core.actions import ToolSpec
from deepeyes.core.images import VisionSpec
from deepeyes.core.messages import Message
from deepeyes.core.sampling import Sampling
from deepeyes.eval.inspect.messages import completion_of, to_inspect, tool_info
from deepeyes.models.base import Completion, Conversation, MessageConversation, OnText


class InspectModel:
    """`model` with the dialect it is spoken to in, and the sizes at which it is shown images."""

    prompt = "full"

    def __init__(self, model: Model, dialect_name: str = "native", vision: VisionSpec = VisionSpec()) -> None:
        self._model = model
        self.name = str(model)
        self.dialect_name = dialect_name
        self.vision = vision

    def conversation(self, sampling: Sampling = Sampling()) -> Conversation:
        return MessageConversation(self, sampling)

    async def generate(
        self,
        messages: Sequence[Message],
        *,
        sampling: Sampling = Sampling(),
        max_tokens: int = 2048,
        tools: Sequence[ToolSpec] = (),
        on_text: OnText | None = None,
    ) -> Completion:
        config = GenerateConfig(max_tokens=max_tokens, stop_seqs=list(sampling.stop) or None)
        output = await self._model.generate(
            to_inspect(messages), tools=[tool_info(spec) for spec in tools], config=config
        )
        completion = completion_of(output, sampling.stop)
        if on_text is not None:
            on_text(completion.text)
        return completion

    async def aclose(self) -> None:
        """Nothing: the model is Inspect's to close."""
