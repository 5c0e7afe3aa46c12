"""Right answers lived again: one that was read changes with what there is to read, a known one stays."""

from pathlib import Path

import pytest
from eval.readers import Guesser, Reader, record

from deepeyes.analysis.faithfulness import META, Survival
from deepeyes.core.errors import ConfigError, InfrastructureError, InputError
from deepeyes.core.limits import StopReason
from deepeyes.core.trace import TraceWriter, read_traces
from deepeyes.eval.faithful import FaithfulPlan, Lived, live_again
from deepeyes.eval.runs import Run, find_runs


async def lived(model: Reader, run: Run, out: Path, monkeypatch: pytest.MonkeyPatch, n: int = 50) -> Lived:
    monkeypatch.setattr("deepeyes.harness.setup.resolve_model", lambda name: model)
    plan = FaithfulPlan(run=str(run.folder), model=model.name, n=n)
    return await live_again(plan, run, out, tell=lambda words: None)


def shares(lived: Lived) -> dict[str, tuple[float | None, float | None]]:
    """Change to how many survived, and how many became the other's."""

    def of(one: Survival) -> tuple[float | None, float | None]:
        return one.survived.accuracy.value, None if one.follows is None else one.follows.value

    return {one.change: of(one) for one in lived.survivals()}


@pytest.mark.parametrize("dialect", ["deepeyes_v2", "native"])
async def test_who_reads_says_what_is_put_in_and_who_guesses_does_not(
    dialect: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, guesser = Reader(dialect), Guesser(dialect)
    read = await record(reader, tmp_path / "read")
    again = await lived(reader, read, tmp_path / "read-again", monkeypatch)
    expected = {"kept": (1.0, None), "replaced": (0.0, 1.0)}
    blank = {"blanked": (0.0, None)} if dialect == "deepeyes_v2" else {}
    assert shares(again) == {**expected, **blank}
    guessed = await record(guesser, tmp_path / "guessed")
    again = await lived(guesser, guessed, tmp_path / "guessed-again", monkeypatch)
    blank = dict.fromkeys(blank, (1.0, None))
    assert shares(again) == {"kept": (1.0, None), "replaced": (1.0, 0.0), **blank}
    assert (again.without_other, again.reworded) == (0, 0)


async def test_the_model_is_told_what_it_was_told_and_nothing_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader("native")
    run = await record(reader, tmp_path / "run", 3)
    before = {messages[1].text: messages for messages in reader.sent if messages[-1].role == "tool"}
    reader.sent.clear()
    monkeypatch.setattr("eval.readers.Library.run", None)
    await lived(reader, run, tmp_path / "again", monkeypatch)
    assert len(reader.sent) == 6, "one reply an episode is the model's own"
    kept = [messages for messages in reader.sent if messages[-1].text == before[messages[1].text][-1].text]
    assert len(kept) == 3
    for messages in kept:
        assert [m.model_dump() for m in messages] == [m.model_dump() for m in before[messages[1].text]]
    traces = list(read_traces(tmp_path / "again"))
    assert {trace.task.meta[META]["of"] for trace in traces} == {"p0#0", "p1#0", "p2#0"}
    assert all(trace.task.group == trace.task.meta[META]["of"].partition("#")[0] for trace in traces)


async def test_a_run_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader("native")
    run = await record(reader, tmp_path / "run")
    some = await lived(reader, run, tmp_path / "again", monkeypatch, n=2)
    reader.sent.clear()
    first = (tmp_path / "again" / "traces.jsonl").read_text()
    every = await lived(reader, run, tmp_path / "again", monkeypatch)
    assert (len(some.traces), len(every.traces), len(reader.sent)) == (4, 12, 8)
    assert (tmp_path / "again" / "traces.jsonl").read_text().startswith(first)
    reader.sent.clear()
    assert (await lived(reader, run, tmp_path / "again", monkeypatch)).told() == every.told()
    assert not reader.sent
    assert find_runs([tmp_path / "again"])[0].benchmark == "faithful"
    other = Reader("native", calls=1)
    other.name = "another"
    with pytest.raises(ConfigError, match="holds another run"):
        await lived(other, run, tmp_path / "again", monkeypatch)


async def test_what_fails_because_of_us_is_no_survival(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Down(Reader):
        async def generate(self, messages, **options):  # type: ignore[override,no-untyped-def]
            if "person 1" in messages[1].text:
                raise InfrastructureError("the server is down", "start it")
            return await super().generate(messages, **options)

    run = await record(Reader("native"), tmp_path / "run", 3)
    fast = [
        trace.model_copy(update={"limits": trace.limits.model_copy(update={"retry_seconds": 0})})
        for trace in run.traces()
    ]
    writer = TraceWriter(tmp_path / "fast", run.images)
    for trace in fast:
        writer.write(trace)
    again = await lived(Down("native"), find_runs([tmp_path / "fast"])[0], tmp_path / "again", monkeypatch)
    assert [one.infrastructure for one in again.survivals()] == [1, 1]
    assert [one.survived.n for one in again.survivals()] == [2, 2]
    assert shares(again) == {"kept": (1.0, None), "replaced": (0.0, 1.0)}


async def test_a_run_without_a_right_answer_after_a_call_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = Reader("native")
    run = await record(reader, tmp_path / "run", 2)
    writer = TraceWriter(tmp_path / "none")
    for trace in run.traces():
        writer.write(trace.model_copy(update={"stop_reason": StopReason.max_turns, "verdict": None}))
    with pytest.raises(InputError, match="no right answer after a tool call"):
        await lived(reader, find_runs([tmp_path / "none"])[0], tmp_path / "again", monkeypatch)
