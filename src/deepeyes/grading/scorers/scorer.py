"""What a published rule is: what it takes out of a reply, and when that is the reference.

`deepeyes.grading.rules` is how this project grades. A scorer is how a benchmark's authors, or the harness
that everybody runs, grade; numbers can be compared with published ones only by it. What always holds: a
scorer restates its rule with the rule's faults and names those it is known to have; it is pure, ends in
bounded time on any text, draws nothing at random and evaluates no code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from deepeyes.core.task import Task
from deepeyes.core.text import cut_middle
from deepeyes.core.verdict import Verdict

_SHOWN = 200
"""Characters of what was taken out that a verdict keeps."""


@dataclass(frozen=True, slots=True)
class Scorer:
    """One published rule."""

    name: str
    source: str
    """Repository @ commit and path, and the paper."""
    take: Callable[[Task, str], str | None]
    """What the rule takes out of a reply; empty if it finds nothing, None where the rule leaves it to
    a model or to chance what the reply says.
    """
    same: Callable[[Task, str], bool]
    """Whether what was taken out counts as right."""
    leaves_to: str = "a model"
    """What decides where `take` gives None."""
    known_faults: tuple[str, ...] = ()
    """What the rule gets wrong, a sentence each; `deepeyes.grading.rules.grade` is our own rule beside it."""

    def score(self, task: Task, answer: str | None) -> Verdict:
        """The rule's verdict on a reply; no reply is an empty one, as it is in the harnesses.

        Unsure where the rule leaves it to a model or to chance what the reply says; `score_taken` goes on
        from there.
        """
        taken = self.take(task, answer or "")
        if taken is None:
            reason = f"the rule of {self.name} leaves it to {self.leaves_to} what this reply says"
            return Verdict(score=None, reason=reason, expected=task.answer)
        return self.score_taken(task, taken)

    def score_taken(self, task: Task, taken: str) -> Verdict:
        """The rule's verdict on what was already taken out of a reply, by the rule or by a model."""
        right = self.same(task, taken)
        reason = f"the rule of {self.name} says {'right' if right else 'wrong'}"
        return Verdict(
            score=float(right), reason=reason, given=cut_middle(taken, _SHOWN), expected=task.answer
        )


def everything(_task: Task, reply: str) -> str:
    """The whole reply: what a rule takes that has no step of taking out."""
    return reply


def letter(position: int) -> str:
    """The letter of the option at `position`: A of the first."""
    return chr(ord("A") + position)


def reference_letter(task: Task) -> str:
    """The letter of the right option: the reference may be "B", "(B)" or the option's text."""
    options = task.answer_form.options
    if task.answer in options and not _is_letter(task.answer, len(options)):
        return letter(options.index(task.answer))
    return task.answer.strip().removeprefix("(").removesuffix(")").strip()


def reference_text(task: Task) -> str:
    """The text of the right option, or the reference where it is no letter of an option."""
    options = task.answer_form.options
    if task.answer in options:
        return task.answer
    bare = reference_letter(task)
    return options[ord(bare) - ord("A")] if _is_letter(bare, len(options)) else task.answer


def _is_letter(text: str, options: int) -> bool:
    return len(text) == 1 and 0 <= ord(text) - ord("A") < options
