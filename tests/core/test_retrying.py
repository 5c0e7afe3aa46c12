"""The one retry: how often, how long between, and what a Retry-After header means."""

import math
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepeyes.core.retrying import RetryPolicy, TryAgain, retry, retry_after

NOW = datetime(2026, 11, 30, 12, 0, 0, tzinfo=UTC)


def http_date(seconds: float) -> str:
    """The HTTP date that many seconds from NOW."""
    return format_datetime(NOW + timedelta(seconds=seconds), usegmt=True)


class Failing:
    """Fails so many times, each time asking for the next of `asked`, then gives 7."""

    def __init__(self, times: int, *asked: float | None) -> None:
        self.times = times
        self.asked = list(asked)
        self.attempts = 0

    async def __call__(self) -> int:
        self.attempts += 1
        if self.attempts > self.times:
            return 7
        raise TryAgain(f"failure {self.attempts}", self.asked.pop(0) if self.asked else None)


# ---- how long


def test_waits_double_and_are_capped():
    policy = RetryPolicy(retries=9, first_wait=1.0, longest_wait=60.0)
    assert [policy.wait(failures) for failures in range(1, 10)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_waits_are_scattered_by_half_to_either_side_within_the_cap():
    policy = RetryPolicy(retries=9, first_wait=10.0, longest_wait=60.0)
    assert [policy.wait(1, chance=chance) for chance in (0.0, 0.25, 0.5, 1.0)] == [5.0, 7.5, 10.0, 15.0]
    assert [policy.wait(3, chance=chance) for chance in (0.0, 1.0)] == [20.0, 60.0]


def test_a_wait_that_was_asked_for_takes_the_place_of_ours():
    policy = RetryPolicy(retries=2, first_wait=1.0, longest_wait=60.0)
    assert [policy.wait(1, asked) for asked in (0.1, 7.0, 60.0, 61.0, math.inf)] == [0.1, 7, 60, 60, 60]
    assert [policy.wait(2, asked) for asked in (None, 0.0, -3.0, math.nan)] == [2.0] * 4, "these ask nothing"


def test_who_is_asked_to_wait_too_long_may_leave():
    policy = RetryPolicy(retries=2, first_wait=1.0, longest_wait=60.0, leave_if_longer=True)
    assert [policy.wait(1, asked) for asked in (60.0, 60.1, math.inf)] == [60.0, None, None]


def test_there_are_as_many_waits_as_retries():
    assert [RetryPolicy(2, 1.0).wait(failures) for failures in (1, 2, 3)] == [1.0, 2.0, None]
    assert RetryPolicy(0, 1.0).wait(1, asked=5.0) is None


def test_a_patient_policy_does_not_overflow():
    assert RetryPolicy(10**6, 0.5).wait(10**5) == 60.0


# ---- how often


@pytest.mark.parametrize("retries", [0, 1, 4])
async def test_attempts_are_retries_and_one(retries: int, waits: list[float]):
    act = Failing(times=99)
    with pytest.raises(TryAgain, match=f"failure {retries + 1}$") as caught:
        await retry(act, RetryPolicy(retries, 1.0))
    assert act.attempts == caught.value.attempts == retries + 1 and len(waits) == retries
    assert caught.value.tried == ("tried once" if retries == 0 else f"tried {retries + 1} times")


async def test_the_last_attempt_may_succeed(waits: list[float]):
    assert await retry(Failing(times=4), RetryPolicy(4, 1.0)) == 7
    assert len(waits) == 4
    assert all(n * 0.5 <= wait <= n * 1.5 for n, wait in zip((1, 2, 4, 8), waits, strict=True))


async def test_waits_of_two_that_failed_together_differ(waits: list[float]):
    for _ in range(2):
        await retry(Failing(times=1), RetryPolicy(1, 1.0))
    assert waits[0] != waits[1]


async def test_the_asked_wait_is_waited(waits: list[float]):
    await retry(Failing(2, 3.0, 500.0), RetryPolicy(2, 1.0, longest_wait=9.0))
    assert waits == [3.0, 9.0]
    act = Failing(2, 500.0)
    with pytest.raises(TryAgain):
        await retry(act, RetryPolicy(2, 1.0, longest_wait=9.0, leave_if_longer=True))
    assert act.attempts == 1 and len(waits) == 2


async def test_any_other_error_ends_the_trying_at_once(waits: list[float]):
    async def broken() -> None:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        await retry(broken, RetryPolicy(5, 1.0))
    assert waits == []


async def test_each_failure_that_is_followed_by_another_attempt_is_told(waits: list[float]):
    told: list[str] = []
    with pytest.raises(TryAgain):
        await retry(Failing(9), RetryPolicy(2, 1.0), lambda failed: told.append(f"{failed} {failed.tried}"))
    assert told == ["failure 1 tried once", "failure 2 tried 2 times"]

    def no_more(problem: TryAgain) -> None:
        raise problem

    act = Failing(9)
    with pytest.raises(TryAgain, match="failure 1"):
        await retry(act, RetryPolicy(2, 1.0), no_more)
    assert act.attempts == 1


# ---- Retry-After


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0.5", 0.5),
        ("99999999999", 99999999999.0),
        (http_date(30), 30.0),
        (http_date(1), 1.0),
        (http_date(10**9), 1e9),
        (format_datetime((NOW + timedelta(seconds=30)).astimezone(timezone(timedelta(hours=-7)))), 30.0),
        ("Mon, 30 Nov 2026 12:00:30", 30.0),  # without a zone it is Greenwich's
        (http_date(0), None),
        (http_date(-1), None),
        (http_date(-(10**9)), None),
        ("0", None),
        ("-5", None),
        ("nan", None),
        ("inf", None),
        ("-inf", None),
        ("9" * 400, None),
        ("", None),
        ("soon", None),
        ("Mon, 99 Nov 2026 12:00:30 GMT", None),
        ("Mon, 30 Nov 99999999999 12:00:30 GMT", None),
    ],
)
def test_retry_after(value: str, seconds: float | None):
    assert retry_after(value, NOW.timestamp()) == seconds


@given(st.text(), st.floats(0, 4e9))
def test_retry_after_of_anything_is_a_wait_or_nothing(value: str, now: float):
    seconds = retry_after(value, now)
    assert seconds is None or 0 < seconds < math.inf


PARTS = ("Mon,", "30", "Nov", "2026", "99999999999", "12:00:30", "GMT", "+9999", "-0000", "\x00", ":", "é")


@given(st.lists(st.sampled_from(PARTS), max_size=9))
def test_retry_after_of_broken_dates_is_a_wait_or_nothing(parts: list[str]):
    seconds = retry_after(" ".join(parts), NOW.timestamp())
    assert seconds is None or 0 < seconds < math.inf
