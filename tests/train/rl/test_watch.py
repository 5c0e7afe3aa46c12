"""Numbers of a step: by part, by family and tool, by cause of failure; names are those of the docs' table."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from deepeyes.core.actions import AnswerAction, CodeAction
from deepeyes.core.limits import StopReason
from deepeyes.core.results import Observation
from deepeyes.core.task import Task
from deepeyes.core.trace import Trace, Turn, Usage
from deepeyes.core.verdict import Verdict
from deepeyes.grading.reward import Reward, reward_of
from deepeyes.train.rl.rollouts import Group, Played
from deepeyes.train.rl.watch import failures, held_out, numbers_of


def episode(
    task: Task, sample: int, tools: list[str], *, right: bool, tokens: int = 10, **rest: Any
) -> Trace:
    turns = [
        Turn(action=CodeAction(code="image_1.crop((0, 0, 9, 9))"), observation=Observation(tool=tool))
        for tool in tools
    ]
    return Trace(
        **{
            "id": f"{task.id}#{sample}",
            "task": task,
            "sample": sample,
            "turns": (*turns, Turn(action=AnswerAction(text="a"))),
            "tools": ("python", "search"),
            "stop_reason": StopReason.answered,
            "answer": "a",
            "verdict": Verdict(score=float(right)),
            "usage": Usage(completion_tokens=tokens),
            **rest,
        }
    )


def played(*groups: list[Trace], dropped: Counter[str] | None = None) -> Played:
    made = [Group(its[0].task, its, [reward_of(one, Reward(call_cost=0.1)) for one in its]) for its in groups]
    return Played(made, [one for one in made if one.mixed], dropped or Counter())


SIGN = Task(id="s", question="?", answer="a", family="sign")
WORD = Task(id="w", question="?", answer="a", family="word")


def test_calls_are_told_by_tool_and_by_family() -> None:
    numbers = numbers_of(
        played(
            [
                episode(SIGN, 0, ["python", "python"], right=True),
                episode(SIGN, 1, ["python"], right=False),
            ],
            [episode(WORD, 0, ["search"], right=True), episode(WORD, 1, [], right=True, tokens=90)],
        )
    )
    assert (
        numbers["calls"] == 1.0 and numbers["calls_of/python"] == 0.75 and numbers["calls_of/search"] == 0.25
    )
    assert numbers["calls_of/python/sign"] == 1.5 and numbers["calls_of/search/sign"] == 0.0
    assert numbers["calls_of/search/word"] == 0.5 and numbers["call_rate/word"] == 0.5
    assert numbers["reply_tokens"] == 30.0 and numbers["reply_tokens/word"] == 50.0
    assert numbers["reply_tokens_max"] == 90 and numbers["episodes"] == 4


def test_rewards_are_told_by_part_and_groups_by_family() -> None:
    numbers = numbers_of(
        played(
            [episode(SIGN, 0, [], right=True), episode(SIGN, 1, ["python"], right=False)],
            [episode(WORD, 0, [], right=True), episode(WORD, 1, [], right=True)],
        )
    )
    assert numbers["reward_accuracy"] == pytest.approx(0.6) and numbers["reward_format"] == pytest.approx(0.2)
    assert numbers["reward_call_cost"] == pytest.approx(-0.025)
    assert numbers["reward"] == pytest.approx(0.775)
    assert numbers["mixed"] == 0.5 and numbers["mixed/sign"] == 1.0 and numbers["mixed/word"] == 0.0
    assert numbers["reward/sign"] == pytest.approx((1.0 + 0.1) / 2) and numbers["reward/word"] == 1.0
    assert numbers["groups_learned"] == 1 and numbers["stop_reasons"] == {"answered": 4}


@pytest.mark.parametrize(
    ("note", "cause"),
    [
        ("SandboxUnavailable: no sandbox starts", "sandbox"),
        ("SearchUnavailable: brave.com says 429", "search"),
        ("ServerError: http://127.0.0.1:9 does not answer", "model"),
        ("the answer could not be graded: ServerError: the judge answers 500", "grading"),
        ("InfrastructureError: the tool did not come back in 130 s", "other"),
    ],
)
def test_failures_of_ours_are_told_by_cause(note: str, cause: str) -> None:
    failed = episode(SIGN, 0, [], right=True, stop_reason=StopReason.infrastructure_error, notes=(note,))
    why = reward_of(failed, Reward()).dropped
    assert note.rpartition(": ")[2] in why
    numbers = numbers_of(
        played([episode(WORD, 0, [], right=True)], dropped=Counter({why: 2, "unsure whether it is right": 1}))
    )
    assert numbers[f"failures/{cause}"] == 2 and numbers["lost"] == 0.5 and numbers["left_out"] == 3
    assert not [name for name in numbers if name.startswith("failures/") and name != f"failures/{cause}"]


def test_a_session_that_was_killed_leaves_its_episode_out() -> None:
    lost = episode(SIGN, 0, [], right=False)
    gone = Observation(tool="python", status="session_lost")
    lost = lost.model_copy(
        update={"turns": (Turn(action=CodeAction(code="1"), observation=gone), *lost.turns)}
    )
    assert reward_of(lost, Reward()).dropped.startswith("infrastructure (sandbox): ")
    crashed = gone.model_copy(update={"status": "crashed"})
    its_own = lost.model_copy(
        update={"turns": (Turn(action=CodeAction(code="1"), observation=crashed), *lost.turns[1:])}
    )
    assert reward_of(its_own, Reward()).total == pytest.approx(0.2), "code that crashes is the model's doing"


def test_the_fixed_set_has_an_interval_over_questions_not_episodes() -> None:
    tasks = [Task(id=f"q{n}", question="?", answer="a", family="sign", group=f"e{n // 2}") for n in range(20)]
    groups = played(*[[episode(task, s, [], right=n < 12) for s in range(4)] for n, task in enumerate(tasks)])
    numbers = held_out(groups.traces, Counter({"infrastructure (search): 429": 4}))
    assert numbers["held_out/accuracy"] == 0.6
    assert numbers["held_out/questions"] == 20 and numbers["held_out/episodes"] == 80
    low, high = numbers["held_out/accuracy_low"], numbers["held_out/accuracy_high"]
    assert low < 0.35 and high > 0.8, "ten things were asked about, not eighty"
    assert numbers["held_out/failures/search"] == 4 and numbers["held_out/lost"] == pytest.approx(4 / 84)


def test_nothing_played_is_told_as_nothing() -> None:
    numbers = numbers_of(Played([], []))
    assert numbers["reward"] is None and numbers["lost"] is None and numbers["calls"] is None
    assert failures({}, 0)["left_out"] == 0
    assert held_out([], Counter())["held_out/accuracy"] is None


def test_every_name_is_in_the_table_of_the_docs() -> None:
    page = (Path(__file__).parents[3] / "docs" / "rl.md").read_text("utf-8")
    told = set(re.findall(r"`([a-z_]+(?:/[a-zA-Z_/]+)?)`", page))
    numbers = numbers_of(
        played(
            [episode(SIGN, 0, ["python"], right=True), episode(SIGN, 1, [], right=False)],
            dropped=Counter({"infrastructure (search): 429": 1}),
        )
    )
    kinds = {re.sub(r"(?<=calls_of/)\w+", "TOOL", name).replace("sign", "FAMILY") for name in numbers}
    kinds = {re.sub(r"(?<=failures/)\w+", "CAUSE", name) for name in kinds}
    parts = {name for name in kinds if name.startswith("reward_")}
    assert kinds - parts <= told, f"docs/rl.md lacks {sorted(kinds - parts - told)}"
