"""Cold-start traces: the world's teacher works through the agent loop, its code runs in the sandbox, and only
what came out right is kept.

Shards are written whole and renamed, so a killed run goes on with the first shard that is missing; which
examples a shard holds depends on its number alone. A shard keeps pictures at the size the model saw (that is
all training needs; the full pictures follow from the task's id), and its traces beside it as JSON Lines.
"""

from collections.abc import Sequence, Set
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from deepeyes.agent.agent import Agent
from deepeyes.core.files import write_atomic
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import StopReason
from deepeyes.core.messages import ImagePart, TextPart
from deepeyes.core.trace import Trace
from deepeyes.data.stages.teach.teachers import is_supported, replies_for
from deepeyes.grading.rules import grade
from deepeyes.models.scripted import ScriptedModel
from deepeyes.world.families import Example, make_example
from deepeyes.world.tasks import to_task
from deepeyes.world.teacher import Reply

Conversation = list[tuple[str, list[str | torch.Tensor]]]
"""Messages in order: role, and text or views (height, width, 3; uint8). The role "given" is the assistant's
where it is not to be imitated."""


async def write_shard(
    path: Path,
    family: str,
    split: str,
    seed: int,
    indices: Sequence[int],
    agent: Agent,
) -> tuple[int, int]:
    """Let the teacher solve the examples `indices` in the place of the agent's model, which is to learn from
    it, and write what is right to `path`; (kept, tried).
    """
    kept: list[Trace] = []
    conversations: list[Conversation] = []
    for index in indices:
        images = ImageStore(None)
        example = make_example(family, split, seed, index)
        replies = replies_for(example, agent.model.vision)
        trace = await teach(example, replies, agent, images)
        if is_sound(trace) and is_supported(example, trace):
            kept.append(trace)
            given = {turn for turn, reply in enumerate(replies) if reply.masked}
            conversations.append(conversation_of(trace, images, given))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    torch.save(conversations, temporary)
    lines = "".join(trace.model_dump_json() + "\n" for trace in kept)
    write_atomic(path.with_suffix(".jsonl"), lines.encode())
    temporary.replace(path)
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
    right = (
        trace.stop_reason is StopReason.answered and trace.verdict is not None and trace.verdict.score == 1
    )
    return right and all(
        turn.observation is not None
        and turn.observation.status == "ok"
        and (turn.observation.images or turn.observation.stdout)
        for turn in trace.tool_turns
    )


def conversation_of(trace: Trace, images: ImageStore, given: Set[int] = frozenset()) -> Conversation:
    """The trace as training reads it; `images` holds its pictures. Turns `given` are not to be imitated."""
    messages: Conversation = []
    for number, turn in enumerate(trace.turns):
        for message in turn.sent:
            shown = message.with_pixels(images)
            messages.append((message.role, [_content(part) for part in shown.parts]))
        messages.append(("given" if number in given else "assistant", [turn.text]))
    return messages


def _content(part: TextPart | ImagePart) -> str | torch.Tensor:
    return torch.from_numpy(np.array(part.pixels)) if isinstance(part, ImagePart) else part.text
