"""What a session hands over that no session of ours would: the supervisor refuses it and ends the session.

The other end of the socket is a thread here, so that every byte can be forged; its "process" is a `sleep`.
"""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Any

import pytest

from deepeyes.core.errors import InputError
from deepeyes.sandbox import SandboxLimits, Session, SessionLost
from deepeyes.sandbox.jailed import wire

LIMITS = SandboxLimits(images=2, image_pixels=12, image_side=6)
Frame = tuple[dict[str, Any], list[bytes]]


class Forger:
    """Owns a session, and answers its requests with `frames`, one after the other."""

    tier = "landlock"

    def __init__(self, *frames: Frame) -> None:
        self.asked: list[str] = []
        self.forgotten: list[str] = []
        self.process = subprocess.Popen(["sleep", "600"])
        self._frames = [({"kind": "ready"}, []), *frames]

    def session(self, limits: SandboxLimits = LIMITS) -> Session:
        request = {"limits": limits.model_dump(), "seed": 0, "checkpoint": True}
        return Session(self, "forged", {}, request, None)

    async def spawn(
        self, request: dict[str, Any], channel: socket.socket, server: object
    ) -> tuple[int, list[int], str | None]:
        descriptor = os.dup(channel.fileno())
        threading.Thread(target=self._answer, args=(descriptor,), daemon=True).start()
        return os.pidfd_open(self.process.pid), [self.process.pid], None

    def session_starting(self) -> AbstractContextManager[None]:
        return nullcontext()

    @asynccontextmanager
    async def cell_running(self) -> AsyncGenerator[None]:
        yield

    def forget(self, name: str) -> None:
        self.forgotten.append(name)

    def _answer(self, descriptor: int) -> None:
        for header, blobs in self._frames:
            message, _ = wire.receive(descriptor)
            if message is None:
                break
            self.asked.append(message["kind"])
            wire.send(descriptor, {"id": message["id"], **header}, blobs)
        os.close(descriptor)


@pytest.fixture
def made() -> Iterator[list[Forger]]:
    """Forgers of a test, whose processes end with it."""
    forgers: list[Forger] = []
    yield forgers
    for forger in forgers:
        forger.process.kill()
        forger.process.wait()


def forge(made: list[Forger], *frames: Frame) -> Forger:
    made.append(Forger(*frames))
    return made[-1]


def images(kind: str, *sizes: tuple[int, int]) -> Frame:
    return {"kind": kind, "images": sizes}, [bytes(3 * width * height) for width, height in sizes]


async def test_images_at_the_limits_pass(made: list[Forger]) -> None:
    forger = forge(made, images("result", (6, 2), (1, 1)), images("ok", (3, 4)))
    async with forger.session() as session:
        shown = await session.run("1")
        assert shown.status == "ok" and [image.size for image in shown.images] == [(6, 2), (1, 1)]
        image = await session.get_image("x")
        assert image is not None and (image.mode, image.size) == ("RGB", (3, 4))


@pytest.mark.parametrize(
    "frame",
    [
        images("result", (13, 1)),
        images("result", (5, 3)),
        images("result", (7, 1)),
        images("result", (1, 7)),
        images("result", (1, 1), (5, 3)),
        images("result", (1, 1), (1, 1), (1, 1)),
        ({"kind": "result", "images": [(2, 2)]}, [bytes(11)]),
        ({"kind": "result", "images": [(2, 2)]}, []),
        ({"kind": "result"}, [bytes(12)]),
        ({"kind": "ok"}, []),
    ],
)
async def test_a_forged_result_ends_the_session(made: list[Forger], frame: Frame) -> None:
    forger = forge(made, frame)
    session = forger.session()
    result = await session.run("1")
    assert result.status == "session_lost" and "broke the protocol" in result.stderr and result.images == []
    assert session.lost and set(forger.forgotten) == {"forged"}
    assert forger.process.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize(
    "frame",
    [
        images("ok", (5, 3)),
        images("ok", (7, 1)),
        images("ok", (1, 7)),
        images("ok", (1, 1), (1, 1)),
        ({"kind": "ok", "images": [(2, 2)]}, [bytes(11)]),
        ({"kind": "ok", "images": [(2, 2)]}, [bytes(13)]),
        ({"kind": "ok"}, [bytes(12)]),
    ],
)
async def test_a_forged_image_ends_the_session(made: list[Forger], frame: Frame) -> None:
    forger = forge(made, frame)
    session = forger.session()
    await session.start()
    with pytest.raises(SessionLost, match=r"broke the protocol \(.*: open a new session$"):
        await session.get_image("x")
    assert session.lost and set(forger.forgotten) == {"forged"}
    assert forger.process.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("name", ["", ".", "..", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "a\0b"])
async def test_a_file_name_that_leaves_the_folder_is_refused_before_anything_starts(
    made: list[Forger], name: str
) -> None:
    forger = forge(made)
    session = forger.session()
    for act in (session.put_file(name, b"1"), session.get_file(name)):
        with pytest.raises(InputError, match=r"not a plain file name: use a relative path without '\.\.'$"):
            await act
    assert forger.asked == [] and not session.started


async def test_a_plain_file_name_is_sent_as_it_is(made: list[Forger]) -> None:
    forger = forge(made, ({"kind": "ok"}, []), ({"kind": "ok"}, [b"1"]))
    async with forger.session() as session:
        await session.put_file("a/..b.txt", b"1")
        assert await session.get_file("a/..b.txt") == b"1"
    assert forger.asked == ["images", "put_file", "get_file"]


@pytest.mark.parametrize(
    ("frame", "error", "remedy"),
    [
        (
            {"kind": "refused", "error": "no such file"},
            InputError,
            "check the name, format and size of the file",
        ),
        ({"kind": "failed", "error": "died"}, SessionLost, "open a new session"),
        ({"kind": "ok", "id": 99}, SessionLost, "open a new session"),
    ],
)
async def test_what_goes_wrong_says_what_to_do(
    made: list[Forger], frame: dict[str, Any], error: type[Exception], remedy: str
) -> None:
    async with forge(made, (frame, [])).session() as session:
        with pytest.raises(error) as told:
            await session.get_file("x")
        assert str(told.value).endswith(f": {remedy}")


async def test_a_session_that_cannot_start_says_how_to_find_out_why(made: list[Forger]) -> None:
    forger = forge(made)
    forger._frames = [({"kind": "ok", "error": "no memory"}, [])]
    with pytest.raises(SessionLost, match=r"could not start \(no memory\): run 'deepeyes sandbox check'$"):
        await forger.session().start()


async def test_a_lost_session_says_so_to_all_who_ask(made: list[Forger]) -> None:
    session = forge(made).session()
    await session.start()
    await session.close("its work was done")
    for act in (session.start(), session.get_image("x"), session.get_file("x"), session.put_images({})):
        with pytest.raises(SessionLost, match=r"its work was done: open a new session$"):
            await act
    assert "its work was done" in (await session.run("1")).stderr
