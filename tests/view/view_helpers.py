"""Hostile text, traces made by hand, and HTML read as tags."""

from html.parser import HTMLParser
from typing import Any

from deepeyes.core.images import ImageStore
from deepeyes.core.limits import StopReason
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, Turn, Usage
from deepeyes.core.verdict import Verdict
from deepeyes.tools.base import Episode, ToolResult
from deepeyes.view.episode import card
from deepeyes.view.images import Album
from deepeyes.view.render import article

EVIL = "</pre></script><script>alert(1)</script><img src=x onerror='alert(2)'> \"q\" {{ 7*7 }} \x1b[31m\x00"


class HostilePython:
    """Answers every piece of code with hostile text and a crop."""

    name = "python"
    description = "Runs Python."
    parameters = {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]}

    async def run(self, arguments: object, episode: Episode) -> ToolResult:
        crop = episode.images["image_1"].crop((20, 30, 120, 90))
        return ToolResult("error", stdout=EVIL, stderr=EVIL, images=(crop,), seconds=0.1)


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def told(id: str = "t", score: float | None = 1.0, *, sample: int = 0, **fields: Any) -> Trace:
    """An answered episode with a verdict; `fields` replace what the trace has otherwise."""
    task = fields.pop("task", None) or Task(id=id, question=f"What is {id}?", answer="red")
    values: dict[str, Any] = {
        "id": f"{task.id}#{sample}",
        "task": task,
        "sample": sample,
        "model": "m",
        "dialect": "d",
        "turns": (Turn(text="<answer>red</answer>"),),
        "stop_reason": StopReason.answered,
        "answer": "red",
        "verdict": Verdict(score=score),
        "usage": Usage(completion_tokens=3),
        "seconds": 1.0,
    }
    return Trace(**{**values, **fields})


def shown(trace: Trace, images: ImageStore | None = None, **more: Any) -> str:
    """The HTML of an episode."""
    return article(card(trace, Album(images or ImageStore())), **more)
