"""Search benchmarks whose rows have the layout of verl: a prompt of messages, images, and a reward model that
holds the reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from deepeyes.core.task import Task
from deepeyes.core.trace import Trace
from deepeyes.data.item import Unusable
from deepeyes.data.sources.tags import name_images
from deepeyes.eval.benchmarks.fields import Fields
from deepeyes.eval.benchmarks.rows import RowsPlan
from deepeyes.eval.benchmarks.scores import matches

REQUIRED = ("prompt", "images|image", "reward_model")
OPTIONAL = ("data_id|id", "category", "extra_info")


class VerlRows(RowsPlan):
    """Scored by exact match and by a judge."""

    def task(self, row: Fields) -> Task:
        golds = (*row.texts("reward_model.ground_truth"), *row.texts("reward_model.candidate_answers"))
        first, *others = dict.fromkeys(golds or ("",))
        return Task(
            id=row.maybe("data_id|id|extra_info.index") or f"row-{row.number}",
            question=name_images(_question(row.value("prompt")), row.count("images|image"), composite=True),
            answer=first,
            answers=tuple(others),
            kind=row.maybe("category"),
        )

    def official(self, traces: Sequence[Trace]) -> dict[str, Any]:
        return matches(traces)


def _question(prompt: object) -> str:
    """The last message of the user, whose content may come in parts; a text is the question itself."""
    if isinstance(prompt, str):
        return prompt
    messages = cast("Sequence[Any]", prompt) if isinstance(prompt, list | tuple) else ()
    said = [one.get("content") for one in messages if isinstance(one, Mapping) and one.get("role") == "user"]
    if not said:
        raise Unusable("no_question", "the column prompt holds no message of the user")
    if isinstance(content := said[-1], str):
        return content
    parts = cast("Sequence[Any]", content) if isinstance(content, list | tuple) else ()
    return "\n".join(str(part["text"]) for part in parts if isinstance(part, Mapping) and part.get("text"))
