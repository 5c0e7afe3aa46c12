"""One trace as the page's template wants it: plain strings and images, nothing to decide any more.

What always holds: every string here is text, not HTML, except `code_html`, which the highlighter has
escaped; the template escapes all the rest and makes control characters visible.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from markupsafe import Markup
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

from deepeyes.core.limits import StopReason
from deepeyes.core.results import Page, SeenHit
from deepeyes.core.trace import Trace, Turn
from deepeyes.view.images import Album, Outline, Shown
from deepeyes.view.visible import visible


@dataclass(frozen=True)
class Step:
    """One turn of the model and what it brought back."""

    number: int
    kind: str
    thought: str
    code_html: Markup
    call: str
    answer: str
    mistake: str
    raw: str
    tokens: int
    seconds: float
    kept_tokens: str
    """What the trace has of the reply's tokens, such as "probabilities, loss mask"; empty if nothing."""
    masked: bool
    """Whether curation keeps a learner from imitating it."""
    tool: str
    status: str
    stdout: str
    stderr: str
    hits: tuple[SeenHit, ...]
    page: Page | None
    found_nothing: bool
    """Whether it was a search without hits."""
    tool_seconds: float
    dropped: int
    images: tuple[Shown, ...]


@dataclass(frozen=True)
class Budget:
    name: str
    used: str
    limit: str
    share: float
    """Used over limit, for the bar; at most 1."""


@dataclass(frozen=True)
class EpisodeCard:
    trace: Trace
    verdict: str
    """right, wrong, unsure, failed (ours, never scored) or unscored (nobody knows the answer)."""
    headline: str
    question: str
    system: str
    shown: tuple[Shown, ...]
    steps: tuple[Step, ...]
    budgets: tuple[Budget, ...]

    @property
    def sampling(self) -> str:
        """How the replies were drawn: seed and temperature always, the rest where it is not the default."""
        sampling = self.trace.sampling
        always = {"temperature": sampling.temperature, "seed": sampling.seed}
        told = {**always, **sampling.model_dump(exclude_defaults=True, exclude={"stop"})}
        words = {name: str(value) if isinstance(value, int) else f"{value:g}" for name, value in told.items()}
        return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in words.items())

    @property
    def compared(self) -> str:
        """What the verdict compared, where that is not what was written."""
        verdict = self.trace.verdict
        if verdict is None or not (verdict.given or verdict.expected):
            return ""
        kind = f" as {verdict.kind.replace('_', ' ')}" if verdict.kind else ""
        return f"{verdict.given or '(nothing)'} with {verdict.expected or '(nothing)'}{kind}"

    @property
    def truth(self) -> str:
        """What the question's maker knows, as JSON."""
        return json.dumps(self.trace.task.truth, ensure_ascii=False) if self.trace.task.truth else ""


def verdict_of(trace: Trace) -> str:
    """How a page and its counts sort an episode."""
    if trace.verdict is not None:
        return trace.verdict.outcome.value
    return "unscored" if trace.stop_reason.is_result else "failed"


def card(trace: Trace, album: Album, masked: Collection[int] = ()) -> EpisodeCard:
    """Everything a page shows of one episode; the turns `masked` (from 0) are not imitated by learners."""
    seen = [turn.observation for turn in trace.tool_turns if turn.observation]
    returned = [part for observation in seen for part in observation.images]
    first = trace.opening
    opening = [part for message in first for part in message.images]
    outlines = list[Outline]()
    if opening:
        box = _truth_box(trace)
        outlines += [Outline.of("truth", "asked about", box)] if box else []
        outlines += album.places(opening[0].ref, returned)
    shown = tuple(album.show(part, tuple(outlines) if part is opening[0] else ()) for part in opening)
    return EpisodeCard(
        trace,
        verdict_of(trace),
        _headline(trace),
        trace.task.question,
        "\n".join(message.text for message in first if message.role == "system"),
        shown,
        tuple(_step(place, turn, album, place in masked) for place, turn in enumerate(trace.turns)),
        _budgets(trace),
    )


def call_text(turn: Turn) -> str:
    """A tool call that is no code, on one line; empty if there is none."""
    action = turn.action
    if action is None or action.kind != "call" or turn.code is not None:
        return ""
    return f"{action.name}({json.dumps(action.arguments, ensure_ascii=False)})"


def _step(place: int, turn: Turn, album: Album, masked: bool) -> Step:
    action, seen, code = turn.action, turn.observation, turn.code
    return Step(
        place + 1,
        turn.kind if code is None else "code",
        turn.thought,
        _highlighted(code or ""),
        call_text(turn),
        action.text if action is not None and action.kind == "answer" else "",
        action.reason if action is not None and action.kind == "malformed" else "",
        turn.text,
        turn.usage.completion_tokens,
        turn.model_seconds,
        _kept_tokens(turn),
        masked,
        seen.tool if seen else "",
        seen.status if seen else "",
        seen.stdout if seen else "",
        seen.stderr if seen and seen.tool else "",
        (seen.hits or ()) if seen else (),
        seen.page if seen else None,
        seen is not None and seen.hits == (),
        seen.seconds if seen else 0.0,
        seen.dropped_images if seen else 0,
        tuple(album.show(part) for part in seen.images) if seen else (),
    )


def _truth_box(trace: Trace) -> tuple[float, float, float, float] | None:
    """Where the thing asked about lies; None also where somebody else's data has no numbers there."""
    try:
        return trace.task.truth_box
    except (TypeError, ValueError):
        return None


def _kept_tokens(turn: Turn) -> str:
    kept = (("probabilities", turn.logprobs), ("loss mask", turn.loss_mask))
    return ", ".join(words for words, values in kept if values) or ("numbers" if turn.token_ids else "")


def _highlighted(code: str) -> Markup:
    if not code:
        return Markup("")
    lexer = PythonLexer(stripnl=False, ensurenl=False)
    return Markup(highlight(visible(code), lexer, HtmlFormatter(nowrap=True)))


def _headline(trace: Trace) -> str:
    """Why there is no answer, for episodes without one."""
    if trace.stop_reason == StopReason.answered:
        return ""
    return f"ended without an answer: {trace.stop_reason.value.replace('_', ' ')}"


def _budgets(trace: Trace) -> tuple[Budget, ...]:
    limits = trace.limits
    images = sum(len(turn.observation.images) for turn in trace.tool_turns if turn.observation)
    mistakes = sum(turn.kind == "malformed" for turn in trace.turns)
    rows = (
        ("turns", len(trace.turns), limits.turns, ""),
        ("tokens written", trace.usage.completion_tokens, limits.tokens, ""),
        ("tool images", images, limits.tool_images, ""),
        ("malformed replies", mistakes, limits.malformed, ""),
        ("wall clock", round(trace.seconds, 2), limits.episode_seconds, " s"),
    )
    return tuple(
        Budget(name, f"{used:,}{unit}", f"{limit:,.0f}{unit}", min(1.0, used / limit) if limit else 0.0)
        for name, used, limit, unit in rows
    )
