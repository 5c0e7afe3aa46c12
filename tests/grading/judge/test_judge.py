"""Asking a judge: its votes, its form, its failures, and asking no more than is needed."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from deepeyes.core.errors import ContextOverflow, InfrastructureError
from deepeyes.core.images import ImageStore, VisionSpec
from deepeyes.core.messages import Message
from deepeyes.core.sampling import Sampling
from deepeyes.core.verdict import Outcome
from deepeyes.grading.judge.cache import VoteCache
from deepeyes.grading.judge.judge import Judge, majority
from deepeyes.grading.judge.prompt import REMINDER, Exhibit
from deepeyes.models.base import Completion
from deepeyes.models.scripted import ScriptedModel

EXHIBIT = Exhibit("Where?", ("Paris",), "in Paris")
NO_IMAGES = ImageStore()
RIGHT, WRONG, UNSURE = Outcome.right, Outcome.wrong, Outcome.unsure
HOT = Sampling(temperature=1.0, seed=7)


class Model(ScriptedModel):
    """Says what `say` gives for the messages so far; keeps what it was asked."""

    def __init__(self, *replies: str | Completion | Exception, wait: asyncio.Event | None = None) -> None:
        super().__init__([], name="the model")
        self.replies = list(replies)
        self.wait = wait
        self.draws: list[Sampling] = []
        self.sent: list[Message] = []
        self.open = 0
        self.tokens: list[int] = []

    def conversation(self, sampling: Sampling = Sampling()) -> Any:
        self.draws.append(sampling)
        self.open += 1
        return Talk(self)


class Talk:
    def __init__(self, model: Model) -> None:
        self.model = model

    async def send(self, new_messages: Sequence[Message], *, max_tokens: int = 2048, **_: Any) -> Completion:
        model = self.model
        model.sent += new_messages
        model.tokens.append(max_tokens)
        if model.wait is not None:
            await model.wait.wait()
        reply = model.replies.pop(0) if len(model.replies) > 1 else model.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply if isinstance(reply, Completion) else Completion(reply)

    async def close(self) -> None:
        self.model.open -= 1


async def ask(model: Model, **settings: Any) -> list[Outcome | None]:
    return await Judge("name", model, **settings).ask(EXHIBIT, NO_IMAGES)


async def test_a_judge_is_asked_as_often_as_it_has_votes_each_time_with_another_seed() -> None:
    model = Model("RIGHT", "WRONG", "RIGHT")
    assert await ask(model, votes=3, sampling=HOT) == [RIGHT, WRONG, RIGHT]
    assert model.draws == [HOT.seeded(seed) for seed in (7, 8, 9)]
    assert model.open == 0


async def test_a_judge_that_forgets_the_form_is_reminded_twice() -> None:
    model = Model("It is right.", "I said so.", "RIGHT")
    assert await ask(model) == [RIGHT]
    assert [message.text for message in model.sent[1:]] == [REMINDER, REMINDER]


async def test_a_judge_that_never_finds_it_has_no_vote() -> None:
    model = Model("It is right.")
    assert await ask(model) == [None]
    assert len(model.sent) == 3 and model.open == 0


async def test_the_last_line_of_a_reply_that_was_cut_off_is_no_verdict() -> None:
    assert await ask(Model(Completion("RIGHT", finish_reason="length"), "WRONG"), max_tokens=5) == [WRONG]


async def test_a_pair_that_does_not_fit_has_no_vote() -> None:
    assert await ask(Model(ContextOverflow("too long", "cut it"))) == [None]


async def test_a_failure_that_may_pass_is_tried_again(waits: list[float]) -> None:
    failure = InfrastructureError("down", "wait")
    assert await ask(Model(failure, failure, "RIGHT")) == [RIGHT]
    assert len(waits) == 2


async def test_one_that_does_not_pass_is_an_error(waits: list[float]) -> None:
    model = Model(InfrastructureError("down", "wait"))
    with pytest.raises(InfrastructureError, match="down"):
        await ask(model)
    assert model.open == 0


async def test_a_judge_that_takes_too_long_has_failed() -> None:
    model = Model("RIGHT", wait=asyncio.Event())
    with pytest.raises(InfrastructureError, match=r"the judge the model gave no verdict in 0\.05 s: "):
        await ask(model, seconds=0.05)
    assert model.open == 0


async def test_the_same_pair_at_the_same_time_is_asked_once() -> None:
    model = Model("RIGHT", wait=asyncio.Event())
    judge = Judge("name", model)
    asking = [asyncio.create_task(judge.ask(EXHIBIT, NO_IMAGES)) for _ in range(5)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    asking[0].cancel()
    assert model.wait is not None
    model.wait.set()
    done = await asyncio.gather(*asking, return_exceptions=True)
    assert isinstance(done[0], asyncio.CancelledError)
    assert done[1:] == [[RIGHT]] * 4
    assert len(model.sent) == 1


async def test_a_failure_is_shared_by_those_who_wait_and_then_forgotten(waits: list[float]) -> None:
    model = Model(*[InfrastructureError("down", "wait")] * 3, "RIGHT")
    judge = Judge("name", model)
    both = await asyncio.gather(*(judge.ask(EXHIBIT, NO_IMAGES) for _ in range(2)), return_exceptions=True)
    assert [type(one) for one in both] == [InfrastructureError] * 2
    assert await judge.ask(EXHIBIT, NO_IMAGES) == [RIGHT]


async def test_what_a_judge_said_is_not_asked_again(tmp_path: Path) -> None:
    cache = VoteCache(tmp_path / "votes.sqlite")
    for _ in range(2):
        model = Model("WRONG")
        assert await ask(model, cache=cache) == [WRONG]
    assert model.sent == []
    cache.close()


async def test_what_it_failed_to_say_is(tmp_path: Path) -> None:
    cache = VoteCache(tmp_path / "votes.sqlite")
    assert await ask(Model("prose"), cache=cache) == [None]
    assert await ask(Model("RIGHT"), cache=cache) == [RIGHT]
    cache.close()


@pytest.mark.parametrize(
    ("exhibit", "settings"),
    [
        (Exhibit("When?", ("Paris",), "in Paris"), {}),
        (Exhibit("Where?", ("Rome",), "in Paris"), {}),
        (Exhibit("Where?", ("Paris",), "in Rome"), {}),
        (Exhibit("Where?", ("Paris",), "in Paris", answer_first=True), {}),
        (Exhibit("Where?", ("Paris",), "in Paris", images=(ImageStore().put(Image.new("RGB", (9, 9))),)), {}),
        (EXHIBIT, {"name": "another"}),
        (EXHIBIT, {"sampling": HOT}),
        (EXHIBIT, {"max_tokens": 9}),
    ],
)
async def test_whatever_could_change_a_vote_asks_anew(
    tmp_path: Path, exhibit: Exhibit, settings: dict[str, Any]
) -> None:
    images = ImageStore()
    images.put(Image.new("RGB", (9, 9)))
    cache = VoteCache(tmp_path / "votes.sqlite")
    await ask(Model("RIGHT"), cache=cache)
    judge = Judge(**{"name": "name", "model": Model("WRONG"), "cache": cache, **settings})
    assert await judge.ask(exhibit, images) == [WRONG]
    cache.close()


async def test_a_new_prompt_asks_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = VoteCache(tmp_path / "votes.sqlite")
    await ask(Model("RIGHT"), cache=cache)
    monkeypatch.setattr("deepeyes.grading.judge.judge.PROMPT_VERSION", 0)
    assert await ask(Model("WRONG"), cache=cache) == [WRONG]
    cache.close()


async def test_a_judge_sees_the_images_as_it_sees_all_images() -> None:
    images = ImageStore()
    ref = images.put(Image.new("RGB", (400, 300), "red"))
    model = Model("RIGHT")
    model.vision = VisionSpec(max_pixels=28 * 28 * 4)
    await Judge("name", model).ask(Exhibit("Where?", ("Paris",), "here", images=(ref,)), images)
    (shown,) = model.sent[0].images
    assert shown.ref == ref and shown.pixels is not None
    assert shown.pixels.size == model.vision.view_size(400, 300)


async def test_what_a_server_does_not_take_is_told() -> None:
    told: list[str] = []
    await ask(Model(Completion("RIGHT", notes=("asked without seed",))), tell=told.append)
    assert told == ["asked without seed"]


@pytest.mark.parametrize(
    ("votes", "outcome"),
    [
        ([RIGHT], RIGHT),
        ([WRONG], WRONG),
        ([UNSURE], UNSURE),
        ([None], UNSURE),
        ([], UNSURE),
        ([RIGHT, WRONG], UNSURE),
        ([RIGHT, RIGHT, WRONG], RIGHT),
        ([RIGHT, WRONG, WRONG], WRONG),
        ([RIGHT, RIGHT, None, WRONG], UNSURE),
        ([RIGHT, None, None], UNSURE),
        ([RIGHT, RIGHT, UNSURE, UNSURE, WRONG], UNSURE),
        ([RIGHT, RIGHT, RIGHT, None, WRONG], RIGHT),
    ],
)
def test_more_than_half_of_all_votes_decide(votes: list[Outcome | None], outcome: Outcome) -> None:
    assert majority(votes) is outcome
