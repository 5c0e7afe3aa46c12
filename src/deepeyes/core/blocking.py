"""Asynchronous work for code that is not: an event loop in a thread of its own, and callers that wait.

What always holds: it works inside a running event loop (a notebook) as outside; Ctrl-C while one waits
cancels the work, lets it close what it holds and keep what it has, and is raised after that. What was entered
is left when the loop is closed, or nobody holds it any more.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeVar

T = TypeVar("T")


class BackgroundLoop:
    """An event loop and its thread, which `name` names. It runs from the first `wait` to `close`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._running: _Running | None = None

    def enter(self, context: AbstractAsyncContextManager[T]) -> T:
        """What `context` gives; it is left by `close`."""
        return self.wait(self._run().stack.enter_async_context(context))

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Run `work` on the loop and return what it returns, or raise what it raises."""
        running = self._run()
        if threading.current_thread() is running.thread:
            work.close()
            raise RuntimeError("the loop cannot wait for itself: await it, or wait in another thread")
        begun: Future[asyncio.Task[T]] = Future()
        ended: Future[asyncio.Task[T]] = Future()

        def begin() -> None:
            task = running.loop.create_task(work)
            task.add_done_callback(ended.set_result)
            begun.set_result(task)

        running.loop.call_soon_threadsafe(begin)
        try:
            task = ended.result()
        except KeyboardInterrupt:
            running.loop.call_soon_threadsafe(begun.result().cancel)
            ended.result()
            raise
        return task.result()

    def close(self) -> None:
        """Leave what was entered, and stop. Closing again does nothing; what waits next begins anew."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()
            running.thread.join()
            running.left.result()

    def _run(self) -> _Running:
        if self._running is None:
            self._running = _Running(self._name)
            weakref.finalize(self, self._running.stop).atexit = False  # the thread ends with the interpreter
        return self._running


class _Running:
    """The loop while it runs. Nothing in its thread holds the `BackgroundLoop`, which so can be forgotten."""

    def __init__(self, name: str) -> None:
        self.stack = AsyncExitStack()
        self.left: Future[None] = Future()
        self._stopping = asyncio.Event()
        begun: Future[asyncio.AbstractEventLoop] = Future()
        self.thread = threading.Thread(target=self._run, args=(begun,), name=name, daemon=True)
        self.thread.start()
        self.loop = begun.result()

    def stop(self) -> None:
        """Tell the loop to leave what was entered and end; `left` has what came of it."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self._stopping.set)

    def _run(self, begun: Future[asyncio.AbstractEventLoop]) -> None:
        with asyncio.Runner() as runner:
            begun.set_result(runner.get_loop())
            runner.run(self._until_stopped())

    async def _until_stopped(self) -> None:
        await self._stopping.wait()
        leaving = asyncio.ensure_future(self.stack.aclose())
        await asyncio.wait([leaving])
        error = leaving.exception()
        self.left.set_result(None) if error is None else self.left.set_exception(error)
