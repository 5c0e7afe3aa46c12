"""OpenRealX as a benchmark: all questions, or those of some domains or with some flags.

What always holds: the questions always come in the same order, a turn of all domains and forms at a time, so
that the first `n` are of all; an image is checked before it is asked about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, zip_longest
from typing import Any

from pydantic import Field, field_validator

from deepeyes.core.errors import InputError
from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task
from deepeyes.eval.plan import EvalPlan
from deepeyes.harness.search import WORLD

from .frozen import read_image, read_manifest, read_questions

TAGS = ("perception", "search", "reasoning")


class OpenRealXPlan(EvalPlan):
    """Questions of the chosen domains that carry all the chosen tags."""

    benchmark: str = "openrealx"
    n: int = Field(default=300, ge=1)
    search: tuple[str, ...] = (WORLD,)
    domains: tuple[str, ...] = ()
    """In a file or after --set a list, or names separated by commas; empty for all."""
    tags: tuple[str, ...] = ()
    """Only questions with all of these; empty for all questions."""

    @field_validator("domains", "tags", mode="before")
    @classmethod
    def _separated(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value

    def checked(self) -> OpenRealXPlan:
        """Itself; raises `InputError` for a domain or tag that there is not."""
        for kind, chosen, known in (
            ("domain", self.domains, tuple(read_manifest().domains)),
            ("tag", self.tags, TAGS),
        ):
            unknown = [name for name in chosen if name not in known]
            if unknown:
                raise InputError(f"there is no {kind} {', '.join(unknown)!r}", f"use {', '.join(known)}")
        return self

    def tasks(self, images: ImageStore) -> Iterator[Task]:
        for task in self._chosen()[: self.n]:
            if task.images[0] not in images:
                task = task.model_copy(update={"images": (images.put(read_image(task.id)),)})
            yield task

    def _chosen(self) -> list[Task]:
        """In turns from each domain and form, so that fewer of them are still of all."""
        forms: dict[str, dict[str, list[Task]]] = {}
        for task in read_questions():
            if (not self.domains or task.family in self.domains) and set(self.tags) <= set(task.tags):
                forms.setdefault(task.family, {}).setdefault(task.kind, []).append(task)
        return _in_turns(_in_turns(list(its.values())) for its in forms.values())


def _in_turns(lists: Iterable[list[Task]]) -> list[Task]:
    """The first of each, then the second of each, and so on."""
    return [task for task in chain.from_iterable(zip_longest(*lists)) if task is not None]
