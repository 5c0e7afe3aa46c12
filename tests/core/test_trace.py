"""Traces: append-only, resumable, tolerant of a torn line, and nothing but names of pixels inside."""

import base64
import fcntl
import json
import os
import re
import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from deepeyes.core.actions import Action, AnswerAction, CallAction, CodeAction, Malformed, ToolCall
from deepeyes.core.errors import InputError, StorageError
from deepeyes.core.images import ImageStore, VisionSpec
from deepeyes.core.limits import StopReason
from deepeyes.core.messages import ImagePart, Message, TextPart
from deepeyes.core.sampling import Sampling
from deepeyes.core.task import Task
from deepeyes.core.trace import Observation, Trace, TraceWriter, Turn, read_traces, trace_id
from deepeyes.core.verdict import Verdict


def a_trace(
    store: ImageStore, number: int = 0, stop: StopReason = StopReason.answered, **more: object
) -> Trace:
    picture = Image.new("RGB", (100, 60), (number, 0, 0))
    ref = store.put(picture)
    part = ImagePart.of("image_1", picture, ref, VisionSpec())
    crop = Image.new("RGB", (10, 6), (0, number, 0))
    back = ImagePart.of("image_2", crop, store.put(crop), VisionSpec())
    turns = (
        Turn(
            sent=(Message.make("system", "Tools: python"), Message.make("user", part, "what?")),
            text="<code>..</code>",
            action=CodeAction(thought="look", code="image_1.crop((0, 0, 10, 6))"),
            observation=Observation(tool="python", stdout="a\ud800b", images=(back,)),
            prompt_ids=(1, 2),
            token_ids=(3, 4),
            logprobs=(-0.5, float("-inf")),
            loss_mask=(1, 1),
        ),
        Turn(sent=(Message.make("user", "Output:\n", back),), text="red", action=AnswerAction(text="red")),
    )
    task = Task(id=f"t{number}", question="what?", images=(ref,), answer="red", truth={"box": [1, 2, 3, 4]})
    fields = {
        "id": trace_id(task.id),
        "task": task,
        "turns": turns,
        "stop_reason": stop,
        "answer": "red",
        **more,
    }
    return Trace.model_validate(fields)


def test_what_is_written_is_read_back(tmp_path: Path):
    store = ImageStore()
    trace = a_trace(store).graded(Verdict(score=1.0, reason="equals"))
    TraceWriter(tmp_path).write(trace, store)
    (again,) = read_traces(tmp_path)
    assert again == trace.model_validate_json(trace.model_dump_json())
    assert again.verdict == Verdict(score=1.0, reason="equals")
    assert again.turns[0].observation and again.turns[0].observation.stdout == "a?b"
    images = ImageStore(tmp_path / "images")
    assert [part.name for part in again.image_parts()] == ["image_1", "image_2"]
    assert all(ref in images for ref in again.image_refs())
    view = again.image_parts()[0].with_pixels(images)
    assert view.pixels is not None and view.pixels.size == (view.view_width, view.view_height)


def test_no_pixels_in_the_jsonl(tmp_path: Path):
    store = ImageStore()
    TraceWriter(tmp_path).write(a_trace(store), store)
    line = (tmp_path / "traces.jsonl").read_text()
    assert '"pixels"' not in line and base64.b64encode(b"\x89PNG\r\n").decode()[:6] not in line


def test_the_conversation_is_the_messages_in_order():
    trace = a_trace(ImageStore())
    roles = [message.role for message in trace.messages()]
    assert roles == ["system", "user", "assistant", "user", "assistant"]
    replies = [message for message in trace.messages() if message.role == "assistant"]
    assert replies[0].token_ids == (3, 4) and replies[0].logprobs == (-0.5, float("-inf"))


@pytest.mark.parametrize("torn", [b"", b'{"id": "t9', b'{"id": "t9#0", "stop_reason": "answered"}'])
def test_a_line_torn_by_a_kill_is_dropped_by_readers_and_by_the_next_writer(tmp_path: Path, torn: bytes):
    store = ImageStore()
    TraceWriter(tmp_path).write(a_trace(store, 1), store)
    with (tmp_path / "traces.jsonl").open("ab") as file:
        file.write(torn)
    assert [trace.id for trace in read_traces(tmp_path)] == ["t1#0"]
    writer = TraceWriter(tmp_path)
    writer.write(a_trace(store, 2), store)
    assert [trace.id for trace in read_traces(tmp_path)] == ["t1#0", "t2#0"]
    assert writer.done_ids() == {"t1#0", "t2#0"}


def test_a_file_that_is_one_torn_line_becomes_empty(tmp_path: Path):
    (tmp_path / "traces.jsonl").write_bytes(b"x" * 200_000)
    TraceWriter(tmp_path)
    assert (tmp_path / "traces.jsonl").read_bytes() == b""


def test_only_results_are_done_and_the_last_written_wins(tmp_path: Path):
    store, writer = ImageStore(), TraceWriter(tmp_path)
    writer.write(a_trace(store, 1, StopReason.interrupted, answer=None), store)
    writer.write(a_trace(store, 2, StopReason.infrastructure_error, answer=None), store)
    writer.write(a_trace(store, 3, StopReason.max_turns, answer=None), store)
    assert writer.done_ids() == {"t3#0"}
    writer.write(a_trace(store, 1), store)
    assert writer.done_ids() == {"t1#0", "t3#0"}
    assert [(t.id, t.stop_reason.value) for t in read_traces(tmp_path)] == [
        ("t1#0", "answered"),
        ("t2#0", "infrastructure_error"),
        ("t3#0", "max_turns"),
    ]


def test_a_full_disk_is_said_and_leaves_the_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store, writer = ImageStore(), TraceWriter(tmp_path)
    writer.write(a_trace(store, 1), store)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="the disk is full: free some space and run it again"):
        writer.write(a_trace(store, 2), store)
    monkeypatch.undo()
    writer.write(a_trace(store, 3), store)
    assert [trace.id for trace in read_traces(tmp_path)] == ["t1#0", "t3#0"]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A disk that is full for this process: a write beyond `size` bytes is cut short, the next one fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("share", [0.3, 0.7])
def test_a_disk_that_fills_up_in_mid_line_leaves_the_file_whole(tmp_path: Path, share: float):
    store, writer = ImageStore(), TraceWriter(tmp_path)
    writer.write(a_trace(store, 1), store)
    whole = writer.path.read_bytes()
    with files_of_at_most(len(whole) + int(share * len(whole))):
        with pytest.raises(StorageError, match="the disk is full"):
            writer.write(a_trace(store, 2))
    assert writer.path.read_bytes() == whole
    writer.write(a_trace(store, 3), store)
    assert [trace.id for trace in read_traces(tmp_path)] == ["t1#0", "t3#0"]


def test_unusable_folders_and_files(tmp_path: Path):
    with pytest.raises(InputError, match="there are no traces at"):
        list(read_traces(tmp_path))
    blocker = tmp_path / "file"
    blocker.touch()
    with pytest.raises(StorageError, match="choose a folder you may write to"):
        TraceWriter(blocker / "run")
    path = tmp_path / "traces.jsonl"
    path.write_text('not json\n{"id": "a", "stop_reason": "answered"}\n')
    with pytest.raises(InputError, match=r"line 1 of .* is damaged"):
        list(read_traces(tmp_path))
    path.write_text('{"id": "a", "stop_reason": "answered"}\n')
    with pytest.raises(InputError, match="is not a trace of version 2"):
        list(read_traces(path))
    path.write_text('{"id": "a", "stop_reason": "answered", "version": 99}\n')
    with pytest.raises(InputError, match="written by a newer deepeyes"):
        list(read_traces(tmp_path))


def test_actions_keep_their_kind_through_json():
    actions = [
        CodeAction(code="  x = 1\n"),
        CallAction(call=ToolCall(name="search", arguments={"query": "q"})),
        AnswerAction(text="7"),
        Malformed(reason="no action"),
    ]
    for action in actions:
        turn = Turn.model_validate_json(Turn(action=action).model_dump_json())
        assert turn.action == action and turn.kind == action.kind


def test_message_parts_are_joined_and_views_follow_from_the_store():
    store = ImageStore()
    picture = Image.effect_noise((300, 200), 50).convert("RGB")
    part = ImagePart.of("image_1", picture, store.put(picture), VisionSpec(max_pixels=28 * 28 * 20))
    message = Message.make("user", "a", "b", part, "", "c")
    assert [p.text if isinstance(p, TextPart) else p.name for p in message.parts] == ["ab", "image_1", "c"]
    again = Message.model_validate(json.loads(message.model_dump_json()))
    assert again.images[0].pixels is None
    rendered = again.with_pixels(store).images[0].pixels
    assert rendered is not None and part.pixels is not None
    assert rendered.tobytes() == part.pixels.tobytes()


@pytest.mark.parametrize(("code", "reads"), [("x = 1", True), ("1or 2", True), ("x =", False), ("\0", False)])
def test_code_is_read_without_a_word(code: str, reads: bool, recwarn: pytest.WarningsRecorder) -> None:
    turn = Turn(sent=(), text="", action=CodeAction(thought="", code=code))
    assert (turn.syntax_tree is not None) is reads and not recwarn


VERSION_1 = """{"version":1,"id":"t#0","task":{"id":"t","question":"q","images":[],"answer":"","answers":[],\
"family":"","split":"","kind":"","truth":{},"source":"","meta":{}},"sample":0,"seed":7,"temperature":0.5,\
"model":"nano","dialect":"","tools":[],"vision":{"factor":28,"min_pixels":3136,"max_pixels":1003520},\
"limits":{"turns":9},"turns":[],"pending":[],"stop_reason":"answered","answer":"red","verdict":null,\
"usage":{"prompt_tokens":0,"completion_tokens":0},"started":"","seconds":0.0,"model_seconds":0.0,\
"tool_seconds":0.0,"notes":[]}""".replace("\\\n", "")


def test_traces_of_version_1_are_read_and_written_again_as_today(tmp_path: Path) -> None:
    """They had `seed` and `temperature` beside each other, and no other setting."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    (old / "traces.jsonl").write_text(VERSION_1 + "\n")
    (trace,) = read_traces(old)
    assert (trace.version, trace.sampling) == (2, Sampling(temperature=0.5, seed=7))
    assert trace.answer == "red" and TraceWriter(old).done_ids() == {"t#0"}
    TraceWriter(new).write(trace)
    record = json.loads((new / "traces.jsonl").read_text())
    assert record["version"] == 2 and "seed" not in record and "temperature" not in record
    assert record["sampling"]["seed"] == 7 and list(read_traces(new)) == [trace]


def test_traces_of_a_later_version_are_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "traces.jsonl").write_text(VERSION_1.replace('"version":1', '"version":3') + "\n")
    with pytest.raises(InputError, match="a newer deepeyes: read it with that one"):
        list(read_traces(tmp_path))


def test_without_sync_an_episode_is_forced_to_the_disk_when_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    forced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: forced.append(os.fstat(descriptor).st_size))
    shared = ImageStore(tmp_path / "shared")
    store, writer = ImageStore(), TraceWriter(tmp_path / "run", shared, sync=False)
    writer.write(a_trace(store, 1), store)
    assert not forced and [trace.id for trace in read_traces(tmp_path / "run")] == ["t1#0"]
    assert all(ref in shared for ref in a_trace(store, 1).image_refs())
    writer.sync()
    writer.sync()
    assert forced == [writer.path.stat().st_size], "nothing new was written"
    TraceWriter(tmp_path / "run").write(a_trace(store, 2))
    assert len(forced) == 2


def test_two_writers_of_one_folder_keep_each_others_episodes(tmp_path: Path):
    """The second opens it, and writes, while the first is in the middle of its line."""
    store, first = ImageStore(), TraceWriter(tmp_path)
    line = a_trace(store, 1).model_dump_json().encode() + b"\n"
    with first.path.open("ab", buffering=0) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(line[:100])
        second = threading.Thread(target=lambda: TraceWriter(tmp_path).write(a_trace(store, 2)))
        second.start()
        second.join(0.2)
        file.write(line[100:])
    second.join(60)
    assert [trace.id for trace in read_traces(tmp_path)] == ["t1#0", "t2#0"]


def test_a_line_torn_while_a_writer_is_open_does_not_spoil_its_next(tmp_path: Path):
    store, writer = ImageStore(), TraceWriter(tmp_path)
    writer.write(a_trace(store, 1), store)
    with writer.path.open("ab") as file:
        file.write(b'{"id": "t9')  # another process was killed
    writer.write(a_trace(store, 2), store)
    assert [trace.id for trace in read_traces(tmp_path)] == ["t1#0", "t2#0"]


def test_what_awaits_its_verdict_is_what_was_answered_and_last_written_without_one(
    tmp_path: Path,
) -> None:
    store, writer = ImageStore(), TraceWriter(tmp_path)
    assert writer.awaiting_verdict() == {}
    answered = a_trace(store).model_copy(update={"answer": "red", "stop_reason": StopReason.answered})

    def named(name: str, trace: Trace) -> Trace:
        return trace.model_copy(update={"id": name})

    waiting = named("waits", answered.ungraded(StopReason.infrastructure_error, "the judge is down"))
    assert (
        waiting.notes[-1] == "the judge is down"
        and waiting.ungraded(waiting.stop_reason, "the judge is down") == waiting
    )
    writer.write(named("done", answered), store)
    writer.write(
        named("silent", answered.model_copy(update={"answer": None}).ungraded(StopReason.error)), store
    )
    writer.write(waiting, store)
    writer.write(named("graded", answered.ungraded(StopReason.interrupted)), store)
    writer.write(named("graded", answered.graded(Verdict(score=None))), store)
    (found,) = writer.awaiting_verdict().values()
    assert (found.id, found.answer, found.notes) == ("waits", "red", waiting.notes)
    assert waiting.as_answered().model_copy(update={"notes": answered.notes}) == named("waits", answered)
    assert writer.done_ids() == {"done", "graded"}


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (CodeAction(code="print(1)"), "print(1)"),
        (CallAction(call=ToolCall(name="python", arguments={"code": "print(1)"})), "print(1)"),
        (CallAction(call=ToolCall(name="python", arguments={"code": "print(1)", "timeout": 3})), "print(1)"),
        (CallAction(call=ToolCall(name="python", arguments={"code": 1})), None),
        (CallAction(call=ToolCall(name="python")), None),
        (CallAction(call=ToolCall(name="search", arguments={"code": "print(1)"})), None),
        (AnswerAction(text="print(1)"), None),
        (None, None),
    ],
)
def test_the_code_of_a_turn_does_not_depend_on_its_dialect(action: Action | None, code: str | None):
    turn = Turn(action=action)
    assert turn.code == code and (turn.syntax_tree is not None) == (code is not None)


def test_rewards_banned_tokens_and_policies_are_kept_and_leave_no_trace_where_there_are_none() -> None:
    bare = Trace(id="t#0", task=Task(id="t", question="q"), stop_reason=StopReason.answered, turns=(Turn(),))
    assert not {'"rewards"', '"banned"', '"policy"'} & set(re.findall(r'"\w+"', bare.model_dump_json()))
    turns = (Turn(policy=0), Turn(policy=7))
    whole = bare.model_copy(update={"rewards": {"total": 0.5}, "banned": (3, 4), "turns": turns})
    assert Trace.model_validate_json(whole.model_dump_json()) == whole
