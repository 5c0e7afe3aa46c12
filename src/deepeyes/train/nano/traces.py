"""Cold-start traces: the world's teacher works through the agent loop, its code runs in the sandbox, and only
what came out right is kept.

Shards are written whole and renamed, so a killed run goes on with the first shard that is missing; which
examples a shard holds depends on its number alone. A shard keeps images at the size the model saw (that is
all training needs; the full images follow from the task's id), and its traces beside it as JSON Lines.
Looks that are off on purpose are in a shard with the role `NO_LOSS` (in older shards "given").
"""

from collections.abc import Sequence, Set
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from deepeyes.agent.agent import Agent
from deepeyes.core.files import replaced_file, write_lines
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import StopReason
from deepeyes.core.messages import ImagePart, TextPart
from deepeyes.core.trace import Trace
from deepeyes.data.stages.teach.teachers import is_supported, replies_for
from deepeyes.grading.rules import grade
from deepeyes.models.scripted import ScriptedModel
from deepeyes.world.asking import CANNOT_TELL
from deepeyes.world.families import Example, make_example
from deepeyes.world.tasks import to_task
from deepeyes.world.teacher import Reply, answer

from .batch import NO_LOSS, ChatMessage

StoredMessage = tuple[str, list[str | torch.Tensor]]
"""Role, and text or views (height, width, 3; uint8) in order."""
StoredConversation = list[StoredMessage]

SHARDS = "shards.jsonl"
"""Beside the shards: how many traces each keeps, and what it took in seconds of one core."""
STRANGE = answer("I do not know pictures like this one.", CANNOT_TELL)
"""What the teacher says of what the model is not to be taught."""
_OLD_NO_LOSS = "given"
"""What `NO_LOSS` was called in shards of before."""


async def write_shard(
    path: Path,
    family: str,
    split: str,
    seed: int,
    indices: Sequence[int],
    agent: Agent,
    *,
    unknown: bool = False,
) -> tuple[int, int]:
    """Let the teacher solve the examples `indices` in the place of the agent's model, which is to learn from
    it, and write what is right to `path`; (kept, tried). Of `unknown` ones it says that it cannot tell.
    """
    kept: list[Trace] = []
    conversations: list[StoredConversation] = []
    for index in indices:
        images = ImageStore(None)
        example = make_example(family, split, seed, index)
        replies = [Reply(STRANGE)] if unknown else replies_for(example, agent.model.vision)
        trace = await teach(example, replies, agent, images)
        if unknown or (is_sound(trace) and is_supported(example, trace)):
            kept.append(trace)
            masked = {turn for turn, reply in enumerate(replies) if reply.masked}
            conversations.append(conversation_of(trace, images, masked))
    write_lines(path.with_suffix(".jsonl"), (trace.model_dump_json() for trace in kept))
    with replaced_file(path) as part:
        torch.save(conversations, part)
    return len(kept), len(indices)


async def teach(example: Example, replies: Sequence[Reply], agent: Agent, images: ImageStore) -> Trace:
    """One episode of the teacher on `example` in the place of the agent's model, graded."""
    task = to_task(example, images)
    texts = [reply.text for reply in replies]
    teacher = ScriptedModel(texts, name="teacher", prompt=agent.model.prompt, vision=agent.model.vision)
    trace = await replace(agent, model=teacher).episode(task, images=images)
    return trace.graded(grade(task, trace.answer))


def is_sound(trace: Trace) -> bool:
    """Answered, right, and every call of a tool ran without an error and gave something back."""
    right = trace.stop_reason is StopReason.answered and trace.is_right
    return right and all(
        turn.observation is not None
        and turn.observation.status == "ok"
        and (turn.observation.images or turn.observation.text)
        for turn in trace.tool_turns
    )


def conversation_of(trace: Trace, images: ImageStore, masked: Set[int] = frozenset()) -> StoredConversation:
    """The trace as training reads it, its pixels from `images`. The turns `masked` are not to be imitated."""
    messages: StoredConversation = []
    for number, turn in enumerate(trace.turns):
        for message in turn.sent:
            shown = message.with_pixels(images)
            messages.append((message.role, [_content(part) for part in shown.parts]))
        messages.append((NO_LOSS if number in masked else "assistant", [turn.text]))
    return messages


def _content(part: TextPart | ImagePart) -> str | torch.Tensor:
    return torch.from_numpy(np.array(part.pixels)) if isinstance(part, ImagePart) else part.text


def as_message(role: str, parts: Sequence[str | torch.Tensor]) -> ChatMessage:
    """A stored message with its views as images; older shards are read too."""
    shown = tuple(part if isinstance(part, str) else Image.fromarray(part.numpy()) for part in parts)
    return ChatMessage(NO_LOSS if role == _OLD_NO_LOSS else role, shown)
