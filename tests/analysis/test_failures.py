"""Failure groups: each episode that is not right in exactly one, for a reason that can be acted on."""

from typing import Any

import pytest
from eval.plans import episode, look
from PIL import Image

from deepeyes.analysis.failures import GROUPS, failure_groups, failure_of, why
from deepeyes.core.images import ImageStore
from deepeyes.core.limits import StopReason
from deepeyes.core.results import Observation
from deepeyes.core.trace import Turn
from deepeyes.core.verdict import Verdict

WRONG = Verdict(score=0.0, reason="5 is not 7")


@pytest.mark.parametrize(
    ("fields", "group"),
    [
        ({"stop_reason": StopReason.infrastructure_error, "notes": ("ServerError: 503",)}, "ours"),
        ({"verdict": Verdict(score=1.0)}, ""),
        ({"verdict": Verdict(score=None)}, "undecided"),
        ({"stop_reason": StopReason.malformed}, "malformed"),
        ({"stop_reason": StopReason.max_tokens}, "cut off"),
        ({"stop_reason": StopReason.timeout}, "cut off"),
        ({"stop_reason": StopReason.refused}, "refused"),
        ({}, "no look"),
        ({"turns": (Turn(observation=Observation(tool="python", status="error")),)}, "tool failed"),
        ({"turns": (Turn(observation=Observation(tool="search")),)}, "wrong"),
    ],
)
def test_an_episode_is_in_the_first_group_that_fits(fields: dict[str, Any], group: str) -> None:
    trace = episode(1, 0.0).model_copy(update={"verdict": WRONG, "answer": "5", **fields})
    assert failure_of(trace, ImageStore()) == group and (not group or group in GROUPS)


def noise(size: tuple[int, int]) -> Image.Image:
    return Image.effect_noise(size, 90).convert("RGB")


def test_crops_tell_what_was_seen_and_missed_from_what_was_not_looked_at() -> None:
    images, full = ImageStore(), noise((200, 150))
    hit = look(1, images, full, [full.crop((10, 10, 90, 90))], (20, 20, 40, 40))
    miss = look(2, images, full, [full.crop((100, 10, 190, 90))], (20, 20, 40, 40))
    lost = look(3, ImageStore(), full, [full.crop((90, 20, 180, 90))], (20, 20, 40, 40))
    wrong = [one.model_copy(update={"verdict": WRONG, "answer": "5"}) for one in (hit, miss, miss, lost)]
    found = {group.name: len(group.traces) for group in failure_groups(wrong, images)}
    assert found == {"looked elsewhere": 2, "seen and missed": 1, "wrong": 1}, (
        "an image that is gone says nothing"
    )


def test_why_names_the_failed_tool_or_the_verdicts_reason() -> None:
    failed = Observation(tool="python", status="error", stderr="NameError: name 'x' is not defined")
    trace = episode(1, 0.0).model_copy(update={"verdict": WRONG, "turns": (Turn(observation=failed),)})
    assert why(trace) == "python: NameError"
    assert why(trace.model_copy(update={"turns": ()})) == "5 is not 7"
    ours = {"stop_reason": StopReason.infrastructure_error, "notes": ("ServerError: 503",)}
    assert why(trace.model_copy(update=ours)) == "503"
