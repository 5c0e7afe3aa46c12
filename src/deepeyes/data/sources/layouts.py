"""Two published layouts: conversations for supervised learning (LLaMA-Factory's sharegpt, as the DeepEyesV2
cold-start files are) and prompts for reinforcement learning (verl's parquet, as the DeepEyesV2 RL files are).

What always holds: the number of images equals the number of their placeholders, or the row is refused; a
conversation becomes a `Trace` whose replies were read by the dialect, so what training learns from a
published file went through the same reader as what our own agent writes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from PIL import Image

from deepeyes.core.actions import Action
from deepeyes.core.images import ImageRef, ImageStore, VisionSpec
from deepeyes.core.limits import StopReason
from deepeyes.core.messages import ImagePart, Message
from deepeyes.core.results import Observation
from deepeyes.core.task import Task
from deepeyes.core.text import encodable
from deepeyes.core.trace import Trace, Turn, trace_id
from deepeyes.core.verdict import Verdict
from deepeyes.data.item import Item, Unusable
from deepeyes.data.sources.fields import declared_form, item_id, plain, references, value_at
from deepeyes.data.sources.images import read_images
from deepeyes.data.sources.source import Source, store_images
from deepeyes.data.sources.tags import name_images, without_tags
from deepeyes.dialects.registry import get_dialect
from deepeyes.grading.notation import canonical

_ROLES = {
    "system": "system",
    "user": "user",
    "human": "user",
    "observation": "user",
    "tool": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "function_call": "assistant",
}
_PLACEHOLDER = "<image>"
_MEANS_IMAGE = re.compile(r"<image>|\bimage_1\b")
_FAILED = re.compile(r"Traceback \(most recent call last\)|^\w*Error: |stderr:\s*\S*Error", re.MULTILINE)


def rl_to_item(
    name: str, source: Source, number: int, row: Mapping[str, Any], store: ImageStore, root: Path
) -> Item:
    """A prompt with images and a reference answer. Raises `Unusable`."""
    users = [text for role, text in _messages(row.get("prompt")) if role == "user"]
    extra = row.get("extra_info")
    question = value_at(extra, "question") or (users[-1] if users else "")
    if not isinstance(question, str):
        raise Unusable("wrong_type", f"the question is {type(question).__name__}")
    if not without_tags(question):
        raise Unusable("no_question", "neither extra_info.question nor the prompt asks anything")
    form = declared_form(value_at(extra, "answer_form"), source.answer_form)
    rewarded = references(value_at(row, "reward_model.ground_truth"), "the ground truth", form)
    truth = [text.strip() for text in rewarded]
    stated = [text.strip() for text in references(value_at(extra, "answer"), "the answer", form)]
    answers = [text for text in [*truth, *stated] if text]
    if source.needs_answer and not answers:
        raise Unusable("no_answer", "reward_model.ground_truth is empty")
    if truth and stated and not {canonical(a) for a in truth} & {canonical(a) for a in stated}:
        raise Unusable("answers_disagree", f"ground_truth {truth[0]!r}, extra_info.answer {stated[0]!r}")
    refs = store_images(read_images(row.get("images"), root), store)
    placeholders = sum(text.count(_PLACEHOLDER) for text in users)
    if source.requires_image and not refs:
        raise Unusable("no_image", "the column images is empty")
    if placeholders != len(refs) and placeholders:
        raise Unusable("image_count", f"{placeholders} placeholders, {len(refs)} images")
    given = value_at(extra, "id")
    given = value_at(extra, "index") if given in (None, "") else given
    task = Task(
        id=item_id(name, given if isinstance(given, str | int) else None, number),
        question=name_images(question, len(refs)),
        images=refs,
        answer=answers[0] if answers else "",
        answers=tuple(dict.fromkeys(answers[1:])),
        answer_form=form,
        family=str(row.get("data_source") or name),
        source=name,
        meta={key: plain(row[key]) for key in ("env_name", "data_source") if row.get(key)},
    )
    return Item(task=task, source=name, row=number, route=source.entry, license=source.license)


def sharegpt_to_item(
    name: str, source: Source, number: int, row: Mapping[str, Any], store: ImageStore, root: Path
) -> tuple[Item, Trace]:
    """A conversation as an item and its trace. Raises `Unusable`.

    Without images it goes into the route `text`, unless it speaks of one: then its image is missing.
    """
    messages = _messages(row.get("messages") or row.get("conversations"))
    if isinstance(row.get("system"), str) and row["system"] and messages and messages[0][0] != "system":
        messages.insert(0, ("system", encodable(row["system"])))
    _check_roles([role for role, _ in messages])
    images = read_images(row.get("images"), root)
    placeholders = sum(text.count(_PLACEHOLDER) for role, text in messages if role == "user")
    if not images and (source.requires_image or any(_MEANS_IMAGE.search(text) for _, text in messages)):
        raise Unusable("no_image", "the conversation speaks of an image and has none")
    if placeholders != len(images):
        raise Unusable("image_count", f"{placeholders} placeholders, {len(images)} images")
    turns, asked_with = _turns(messages, images, store)
    last = turns[-1].action
    if last is None or last.kind != "answer":
        reason = last.reason if last is not None and last.kind == "malformed" else "it ends with a call"
        raise Unusable("no_final_answer", reason)
    question = name_images(next(text for role, text in messages if role == "user"), len(asked_with))
    if not question:
        raise Unusable("no_question", "the first user message is empty")
    task = Task(
        id=item_id(name, row.get("id"), number),
        question=question,
        images=asked_with,
        answer=last.text,
        family=str(row.get("family") or name),
        source=name,
    )
    used = [turn.observation.tool for turn in turns if turn.observation]
    trace = Trace(
        id=trace_id(task.id),
        task=task,
        model="published",
        dialect="deepeyes_v2",
        tools=tuple(dict.fromkeys(used)),
        turns=turns,
        stop_reason=StopReason.answered,
        answer=last.text,
        verdict=Verdict(score=1.0, reason="its own answer is the only reference"),
    )
    route = source.route or ("trace" if images or used else "text")
    item = Item(task=task, source=name, row=number, route=route, license=source.license)
    return item, trace


def _messages(value: object) -> list[tuple[str, str]]:
    """(role, text) of each message, whatever their keys are called. Raises `Unusable`."""
    if not isinstance(value, Sequence) or isinstance(value, str | bytes) or not value:
        raise Unusable(
            "no_messages", f"the conversation is {type(value).__name__}" if value else "it is empty"
        )
    messages: list[tuple[str, str]] = []
    for message in cast("Sequence[object]", value):
        if not isinstance(message, Mapping):
            raise Unusable("wrong_type", f"a message is {type(message).__name__}")
        fields = cast("Mapping[str, object]", message)
        role, text = fields.get("role", fields.get("from")), fields.get("content", fields.get("value"))
        if not isinstance(role, str) or role not in _ROLES:
            raise Unusable("bad_roles", f"there is a role {str(role)[:40]!r}")
        if not isinstance(text, str):
            raise Unusable("wrong_type", f"a message's text is {type(text).__name__}")
        messages.append((_ROLES[role], encodable(text)))
    return messages


def _check_roles(roles: Sequence[str]) -> None:
    """A system message first, if any, then user and assistant in turn, the assistant last."""
    talk = roles[1:] if roles and roles[0] == "system" else roles
    wanted = ["user", "assistant"] * (len(talk) // 2)
    if not talk or list(talk) != wanted:
        raise Unusable("bad_roles", f"the roles are {', '.join(roles)[:200]}")


def _turns(
    messages: Sequence[tuple[str, str]], images: Sequence[Image.Image], store: ImageStore
) -> tuple[tuple[Turn, ...], tuple[ImageRef, ...]]:
    """The turns, and the names of the images that came with the question."""
    parse = get_dialect("deepeyes_v2").parse
    vision, left = VisionSpec(), list(images)
    turns: list[Turn] = []
    pending: list[Message] = []
    question: tuple[ImageRef, ...] = ()
    for role, text in messages:
        if role == "assistant":
            turns.append(Turn(sent=tuple(pending), text=text, action=parse(text), finish_reason="stop"))
            pending = []
            continue
        parts: list[str | ImagePart] = []
        for place, piece in enumerate(text.split(_PLACEHOLDER) if role == "user" else [text]):
            if place:
                number = len(images) - len(left) + 1
                image = left.pop(0)
                part = ImagePart.of(f"image_{number}", image, store.put(image), vision)
                parts.append(part.without_pixels())
            parts.append(piece)
        message = Message.make("user" if role == "user" else "system", *parts)
        if role == "user" and turns and turns[-1].action is not None:
            seen = _observed(turns[-1].action, message)
            turns[-1] = turns[-1].model_copy(update={"observation": seen})
        elif role == "user":
            question = _distinct_refs(message)
        pending.append(message)
    return tuple(turns), question


def _distinct_refs(message: Message) -> tuple[ImageRef, ...]:
    """The images of a message. Raises `Unusable` if one comes twice."""
    refs = tuple(part.ref for part in message.images)
    if len(set(refs)) < len(refs):
        raise Unusable("image_twice", "one message shows the same image more than once")
    return refs


def _observed(action: Action, message: Message) -> Observation:
    """What a published file kept of a tool's result: its text and its images."""
    if action.kind == "malformed":
        return Observation(status="malformed", stderr=message.text)
    tool = action.call.name if action.kind == "call" else "python"
    failed = _FAILED.search(message.text) is not None
    return Observation(
        tool=tool, status="error" if failed else "ok", stdout=message.text, images=message.images
    )
