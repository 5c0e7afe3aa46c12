"""The sandbox for code that is not asynchronous: the same calls, run on an event loop in a thread of its own.

with BlockingSandbox() as sandbox, sandbox.open({"image_1": image}) as session:
    print(session.run("image_1.size").result)
"""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar

from PIL import Image

from deepeyes.core.blocking import BackgroundLoop

from .result import CellResult
from .sandbox import Sandbox
from .session import Session

T = TypeVar("T")


class BlockingSandbox:
    """`Sandbox.start(**settings)`, entered and left with `with`."""

    def __init__(self, **settings: Any) -> None:
        self._settings = settings
        self._loop = BackgroundLoop("sandbox-loop")
        self._sandbox: Sandbox | None = None

    def __enter__(self) -> Self:
        try:
            self._sandbox = self._loop.enter(Sandbox.start(**self._settings))
        except BaseException:
            self._loop.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.close()

    @property
    def inner(self) -> Sandbox:
        """The asynchronous sandbox behind this one."""
        assert self._sandbox is not None, "enter the BlockingSandbox with 'with' first"
        return self._sandbox

    def open(self, images: Mapping[str, Image.Image] | None = None, **settings: Any) -> BlockingSession:
        return BlockingSession(self, self.wait(self.inner.open(images, **settings)))

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.wait(work)


class BlockingSession:
    """A `Session` whose calls wait for their answer."""

    def __init__(self, sandbox: BlockingSandbox, session: Session) -> None:
        self._sandbox = sandbox
        self.inner = session

    def run(self, code: str, timeout: float = 10.0) -> CellResult:
        return self._sandbox.wait(self.inner.run(code, timeout))

    def put_images(self, images: Mapping[str, Image.Image]) -> None:
        self._sandbox.wait(self.inner.put_images(images))

    def get_image(self, name: str) -> Image.Image | None:
        return self._sandbox.wait(self.inner.get_image(name))

    def put_file(self, name: str, data: bytes) -> None:
        self._sandbox.wait(self.inner.put_file(name, data))

    def get_file(self, name: str) -> bytes:
        return self._sandbox.wait(self.inner.get_file(name))

    def close(self) -> None:
        self._sandbox.wait(self.inner.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
