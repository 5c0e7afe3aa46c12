"""Limits, Retry-After and budgets of a server, shared by its models; and the episode's clock meanwhile."""

import asyncio
import logging
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image

from deepeyes.agent.agent import Agent
from deepeyes.core.clock import clock_stopped, keeping
from deepeyes.core.errors import ServerError
from deepeyes.core.limits import Limits, StopReason
from deepeyes.core.messages import Message
from deepeyes.core.retrying import RetryPolicy, TryAgain, retry
from deepeyes.core.trace import Usage
from deepeyes.harness.setup import open_agent
from deepeyes.models import pacing
from deepeyes.models.openai import OpenAIModel
from deepeyes.models.pacing import BudgetSpent, Pace, asked_wait
from deepeyes.models.providers import Provider
from deepeyes.models.registry import resolve_model
from deepeyes.tools.base import ToolSet

HELLO = [Message.make("user", "hello")]
PLACE = "http://paced/v1"


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(pacing, "_paces", {})
    yield


def ok(
    text: str = "<think>t</think><answer>hi</answer>", tokens: tuple[int, int] = (10, 5)
) -> httpx.Response:
    usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]}
    return httpx.Response(200, json={"choices": [{"message": {"content": text}}], "usage": usage})


def busy(wait: str = "", words: str = "slow down") -> httpx.Response:
    headers = {"retry-after": wait} if wait else {}
    return httpx.Response(429, headers=headers, json={"error": {"message": words}})


class Limited:
    """Takes `seconds` for a reply; refuses what comes sooner than `gap` after the last that it took."""

    def __init__(self, gap: float = 0.0, seconds: float = 0.0, told: str = "") -> None:
        self.gap, self.seconds, self.told = gap, seconds, told
        self.began: list[float] = []
        self.refused = 0
        self.at_once = self.most_at_once = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        now = time.monotonic()
        if self.began and now < self.began[-1] + self.gap:
            self.refused += 1
            return busy(self.told)
        self.began.append(now)
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        await asyncio.sleep(self.seconds)
        self.at_once -= 1
        return ok()


def model(server: Any, settings: str = "", place: str = PLACE, **options: Any) -> OpenAIModel:
    options = {"retries": 1, "retry_seconds": 0.01, **options}
    made: Any = resolve_model(f"openai:m@{place}{settings}", transport=httpx.MockTransport(server), **options)
    return made


class Answers:
    def __init__(self, *responses: httpx.Response) -> None:
        self.responses = list(responses)
        self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        return self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]


# ---- our own limits


async def test_models_of_one_server_share_its_concurrency() -> None:
    server = Limited(seconds=0.02)
    models = [model(server, "#concurrency=3") for _ in range(4)]
    other = Limited(seconds=0.02)
    elsewhere = model(other, place="http://elsewhere/v1")
    asked = [one.generate(HELLO) for one in models for _ in range(5)]
    await asyncio.gather(*asked, *(elsewhere.generate(HELLO) for _ in range(5)))
    assert (server.most_at_once, len(server.began)) == (3, 20)
    assert other.most_at_once == 5


async def test_models_of_one_server_share_its_requests_per_minute() -> None:
    server = Limited()
    models = [model(server, "#requests_per_minute=1200") for _ in range(2)]
    await asyncio.gather(*(one.generate(HELLO) for one in models for _ in range(4)))
    gaps = [after - before for before, after in zip(server.began, server.began[1:], strict=False)]
    assert len(gaps) == 7 and min(gaps) >= 0.045, gaps


async def test_a_limit_of_tokens_is_kept_and_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "_MINUTE", 0.4)
    monkeypatch.setattr(pacing, "_LOOK_AGAIN", 0.02)
    server = Limited(seconds=0.01)
    one = model(server, "#tokens_per_minute=45")  # a reply has 15
    await asyncio.gather(*(one.generate(HELLO) for _ in range(8)))
    for begin in server.began:
        assert sum(begin <= other < begin + 0.39 for other in server.began) <= 3, server.began
    assert server.began[1] >= server.began[0] + 0.01, "the first goes alone"
    big = model(Limited(), "#tokens_per_minute=5", place="http://small/v1")
    assert [(await big.generate(HELLO)).text for _ in range(2)], (
        "larger than the limit: when nothing else has gone"
    )


async def test_who_is_cancelled_while_waiting_takes_no_place() -> None:
    server = Limited(seconds=0.05)
    one = model(server, "#concurrency=1")
    tasks = [asyncio.ensure_future(one.generate(HELLO)) for _ in range(4)]
    await asyncio.sleep(0.01)
    for task in tasks[1:3]:
        task.cancel()
    assert isinstance((await asyncio.gather(*tasks, return_exceptions=True))[3], object)
    assert not tasks[3].cancelled() and len(server.began) == 2


def test_a_pace_lasts_from_one_event_loop_to_the_next() -> None:
    server = Limited(seconds=0.01)

    async def some() -> None:
        one = model(server, "#concurrency=1")
        await asyncio.gather(*(one.generate(HELLO) for _ in range(3)))

    for _ in range(2):
        asyncio.run(some())
    assert (server.most_at_once, len(server.began)) == (1, 6)


# ---- the server's limits


async def test_a_healthy_server_that_limits_its_rate_answers_everybody() -> None:
    server = Limited(gap=0.03, told="0.05")
    one = model(server)
    said = await asyncio.gather(*(one.generate(HELLO) for _ in range(48)))
    assert len(said) == 48 and server.refused < 48, "refusals teach to ask slower"


async def test_one_that_does_not_say_how_long_answers_everybody_too() -> None:
    server = Limited(gap=0.03, seconds=0.001)
    one = model(server, retries=4, retry_seconds=0.03)
    assert len(await asyncio.gather(*(one.generate(HELLO) for _ in range(24)))) == 24


async def test_a_refusal_while_others_are_answered_uses_up_no_attempt() -> None:
    refusals = 0

    def answer(request: httpx.Request) -> httpx.Response:
        nonlocal refusals
        late = b"late" in request.content and refusals < 6
        refusals += late
        return busy() if late else ok()

    one = model(answer, retries=1, retry_seconds=0.03)
    late = asyncio.ensure_future(one.generate([Message.make("user", "late")]))
    while not late.done():
        await one.generate(HELLO)
        await asyncio.sleep(0.005)
    assert (await late).text and refusals == 6


async def test_a_refusal_that_names_a_wait_uses_up_no_attempt(waits: list[float]) -> None:
    server = Answers(*[busy("2")] * 9, ok())
    assert (await model(server, retries=1).generate(HELLO)).usage.completion_tokens == 5
    assert waits == [2.0] * 9


@pytest.mark.parametrize("asked", ["75", "3600"])
async def test_a_long_wait_is_obeyed_and_told(
    asked: str, waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    await model(Answers(busy(asked), ok())).generate(HELLO)
    assert waits == [float(asked)]
    assert f"http://paced/v1 answers with status 429: slow down and asks to wait {asked} s" in caplog.text


async def test_short_waits_are_told_of_when_they_add_up(
    waits: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    await model(Answers(busy("1"), busy("1"), ok())).generate(HELLO)
    assert caplog.text == ""
    await model(Answers(*[busy("1")] * 9, ok())).generate(HELLO)
    assert caplog.text.count("asks to wait 1 s") == 1, "once a minute"


async def test_a_day_is_not_waited_for(waits: list[float]) -> None:
    server = Answers(busy("86400"))
    with pytest.raises(ServerError, match=r"asks to wait 86400 s .*go on later"):
        await model(server).generate(HELLO)
    assert (waits, server.asked) == ([], 1)


async def test_a_server_that_answers_nobody_for_an_hour_is_not_healthy(waits: list[float]) -> None:
    server = Answers(busy("300"))
    with pytest.raises(ServerError, match="status 429"):
        await model(server, retries=1).generate(HELLO)
    assert 3600 <= sum(waits) <= 4500


async def test_nobody_asks_a_server_that_asked_to_wait() -> None:
    times: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        times.append(time.monotonic())
        return busy("0.2") if len(times) == 1 else ok()

    one = model(answer)
    first = asyncio.ensure_future(one.generate(HELLO))
    await asyncio.sleep(0.05)
    await asyncio.gather(first, one.generate(HELLO), one.generate(HELLO))
    assert min(times[1:]) >= times[0] + 0.19


@pytest.mark.parametrize(
    ("headers", "words", "wait"),
    [
        ({"retry-after": "7"}, "", 7.0),
        ({"retry-after-ms": "250", "retry-after": "1"}, "", 0.25),
        ({}, "Rate limit reached. Please try again in 6.5s. Visit ...", 6.5),
        ({}, "Please try again in 20ms.", 0.02),
        ({}, "try again in 2m", 120.0),
        ({}, '{"@type": "RetryInfo", "retryDelay": "34s"}', 34.0),
        ({}, "Please retry after 3 s", 3.0),
        ({"retry-after-ms": "soon"}, "try again in a while", None),
        ({}, "the context of 3 s", None),
        ({"retry-after": "0"}, "", None),
    ],
)
def test_what_a_server_asks_for(headers: dict[str, str], words: str, wait: float | None) -> None:
    assert asked_wait(headers, words, 0.0) == wait


async def test_an_attempt_that_does_not_count_is_no_attempt(waits: list[float]) -> None:
    tries = 0

    async def attempt() -> None:
        nonlocal tries
        tries += 1
        problem = TryAgain("x")
        problem.counts = tries % 2 == 0
        raise problem

    with pytest.raises(TryAgain):
        await retry(attempt, RetryPolicy(2, 1.0))
    assert tries == 6 and waits[4] >= 8, "waits grow all the same"


# ---- the episode's clock


async def test_waiting_for_our_turn_is_none_of_the_episodes_time() -> None:
    first = True

    async def answer(request: httpx.Request) -> httpx.Response:
        nonlocal first
        if first:
            first = False
            return busy("0.6")
        await asyncio.sleep(0.05)
        return ok()

    agent = Agent(model(answer), ToolSet(), None, Limits(episode_seconds=0.5, retries=0))
    trace = await agent.ask(Image.new("RGB", (60, 40)), "What?")
    assert (trace.stop_reason, trace.answer) == (StopReason.answered, "hi")


async def test_the_clock_runs_on_where_it_stopped() -> None:
    for stopped in (False, True):
        went_on = False
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1) as clock:
                with keeping(clock):
                    if stopped:
                        with clock_stopped(), clock_stopped():
                            await asyncio.sleep(0.2)
                    await asyncio.sleep(0.05)
                    went_on = True
                    await asyncio.sleep(0.2)
                    pytest.fail("the clock stands still")
        assert went_on
    with clock_stopped():
        await asyncio.sleep(0)


# ---- money


async def test_a_run_stops_when_its_budget_is_spent() -> None:
    server = Limited(seconds=0.005)
    one = model(server, "#price_in=1000,price_out=2000,budget=0.1,concurrency=2")  # 0.02 a reply
    said = await asyncio.gather(*(one.generate(HELLO) for _ in range(20)), return_exceptions=True)
    stopped = [one for one in said if isinstance(one, BudgetSpent)]
    assert len(server.began) in (5, 6), "five, and what was under way"
    assert len(stopped) == 20 - len(server.began)
    assert "the budget of 0.1 for http://paced/v1 is spent" in str(stopped[0]) and stopped[0].exit_code == 4
    assert "\n" not in str(stopped[0]) and stopped[0].remedy
    richer = model(server, "#price_in=1000,price_out=2000,budget=1")
    assert await richer.generate(HELLO), "what was spent is known, and a larger budget is not"


async def test_the_budget_ends_the_whole_run_and_not_an_episode() -> None:
    one = model(Limited(), "#price_in=1000,price_out=2000,budget=0.01")
    agent = Agent(one, ToolSet(), None, Limits())
    image = Image.new("RGB", (60, 40))
    await agent.ask(image, "What?")
    with pytest.raises(BudgetSpent):
        await agent.ask(image, "What?")


async def test_what_was_spent_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "deepeyes.models")
    one = model(Answers(ok(tokens=(1000, 500))), "#price_in=1,price_out=2,budget=3")
    await one.generate(HELLO)
    await one.aclose()
    await one.aclose()
    free = model(Answers(ok()), place="http://free/v1")
    await free.generate(HELLO)
    await free.aclose()
    (said,) = [record.getMessage() for record in caplog.records]
    assert said == (
        "http://paced/v1 has cost 0.002 (1 reply, 1,000 tokens read, 500 written) of a budget of 3"
    )


async def test_tokens_are_guessed_where_a_server_tells_none() -> None:
    silent = httpx.Response(200, json={"choices": [{"message": {"content": "four" * 10}}]})
    one = model(Answers(silent), "#price_in=1")
    await one.generate([Message.make("user", "four" * 25)])
    assert one._server.pace.usage == Usage(prompt_tokens=25, completion_tokens=11)


async def test_a_server_that_refuses_is_asked_more_slowly_from_then_on(waits: list[float]) -> None:
    one = model(Answers(busy("1"), ok()))
    await one.generate(HELLO)
    assert one._server.pace._gap == pytest.approx(0.095) and waits == [1]


def test_a_gap_is_learned_once_a_refusal_and_forgotten() -> None:
    pace, free = Pace(), Provider(base_url=PLACE)
    now = time.monotonic()
    for _ in range(16):
        pace.refused(now)  # all of them were sent before the first refusal was known
    assert pace._gap == 0.1
    pace.refused(time.monotonic() + 1)
    assert pace._gap == 0.2
    for _ in range(100):
        pace.answered(free, Usage())
    assert pace._gap == 0.0


# ---- the question which dialect fits


def silent_of_tools(request: httpx.Request) -> httpx.Response:
    if b'"tools"' in request.content:
        return httpx.Response(400, json={"error": {"message": "Bad request"}})
    return ok("OK")


async def test_finding_a_dialect_is_paced_and_paid_like_every_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MINE", "sk-of-this-server")
    sent: list[tuple[float, str]] = []

    def server(request: httpx.Request) -> httpx.Response:
        sent.append((time.monotonic(), request.headers["Authorization"]))
        return silent_of_tools(request)

    one = model(server, "#key_env=MINE,requests_per_minute=600,price_in=1,price_out=1,budget=0.00001")
    assert (await one.fitting_dialect(tools=True)).dialect == "deepeyes_v2/lenient"
    (first, key), (second, again) = sent
    assert second >= first + 0.095 and key == again == "Bearer sk-of-this-server"
    with pytest.raises(BudgetSpent, match="1 reply, 10 tokens read, 5 written"):
        await one.generate(HELLO)


@pytest.mark.parametrize("busy_at", [0, 1])
async def test_a_server_that_asks_to_wait_is_asked_later_which_dialect_fits(
    busy_at: int, waits: list[float]
) -> None:
    asked = 0

    def server(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return busy("7") if asked == busy_at + 1 else silent_of_tools(request)

    one = model(server, retries=0)
    assert (await one.fitting_dialect(tools=True)).dialect == "deepeyes_v2/lenient"
    assert waits == [7] and asked == busy_at + 3


async def test_waits_while_a_dialect_is_found_are_none_of_the_episode_s_time() -> None:
    replies = [busy("0.4"), ok("OK")]
    one = model(lambda request: replies.pop(0))
    async with open_agent(one, limits=Limits(episode_seconds=0.2)) as agent:
        assert agent.speech.name == "native" and not replies


async def test_a_request_without_a_parameter_that_is_not_taken_waits_for_its_turn() -> None:
    sent: list[float] = []

    def server(request: httpx.Request) -> httpx.Response:
        sent.append(time.monotonic())
        if b'"seed"' in request.content:
            return httpx.Response(400, json={"error": {"message": "Unsupported parameter: seed"}})
        return ok()

    await model(server, "#requests_per_minute=600").generate(HELLO)
    assert len(sent) == 2 and sent[1] >= sent[0] + 0.095
