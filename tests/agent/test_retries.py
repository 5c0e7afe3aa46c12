"""Trying again around a turn or a tool: which errors, how often, and what a trace keeps of it."""

import pytest

from deepeyes.agent.retries import with_retries
from deepeyes.core.errors import InfrastructureError, ModelError, ServerError
from deepeyes.core.limits import Limits


class Act:
    """Raises the errors in turn, then gives 7."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.attempts = 0

    async def __call__(self) -> int:
        self.attempts += 1
        if self.errors:
            raise self.errors.pop(0)
        return 7


def down(number: int) -> InfrastructureError:
    return InfrastructureError(f"the provider is down {number}", "try later")


async def test_waits_double_from_the_limit_and_leave_notes(waits: list[float]):
    notes: list[str] = []
    act = Act(*map(down, range(4)))
    assert await with_retries(act, Limits(retries=4, retry_seconds=2.0), notes) == 7
    assert len(waits) == 4 and all(
        n * 0.5 <= wait <= n * 1.5 for n, wait in zip((2, 4, 8, 16), waits, strict=True)
    )
    assert notes == [
        f"tried again after InfrastructureError: the provider is down {number}: try later"
        for number in range(4)
    ]


@pytest.mark.parametrize("retries", [0, 2])
async def test_the_last_error_leaves_as_it_came(retries: int, waits: list[float]):
    errors = [down(number) for number in range(9)]
    errors[retries].__cause__ = OSError("no route")
    notes: list[str] = []
    act = Act(*errors)
    with pytest.raises(InfrastructureError) as caught:
        await with_retries(act, Limits(retries=retries), notes)
    assert caught.value is errors[retries] and isinstance(caught.value.__cause__, OSError)
    assert act.attempts == retries + 1 and len(notes) == retries, "the last failure is the end's own reason"


@pytest.mark.parametrize("error", [ServerError("down"), ModelError("wrong key"), ValueError("a bug")])
async def test_what_trying_again_cannot_help_leaves_at_once(error: Exception, waits: list[float]):
    notes: list[str] = []
    act = Act(error)
    with pytest.raises(type(error)) as caught:
        await with_retries(act, Limits(retries=5), notes)
    assert caught.value is error and act.attempts == 1 and notes == []
