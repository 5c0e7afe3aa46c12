"""Asking a trusted helper (zygote, namespace server, template) over its control socket, asynchronously.

One question is in flight per socket; the rest wait their turn. A helper that hangs up or stays silent is
`broken` from then on, and everybody who asks gets `ZygoteDied`.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Sequence
from typing import Any

from .jailed import fd_channel


class ZygoteDied(Exception):
    """The helper is gone or did not answer in time."""


class Control:
    """The supervisor's end of a control socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._socket.setblocking(False)
        self._turn = asyncio.Lock()
        self.broken = False

    @classmethod
    def pair(cls) -> tuple[Control, socket.socket]:
        """Our end, and the helper's end to pass on and close."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(ours), theirs

    async def ask(
        self, question: dict[str, Any], descriptors: Sequence[int] = (), seconds: float = 60.0
    ) -> tuple[dict[str, Any], list[int]]:
        """The answer and its file descriptors, which are the caller's to close."""
        async with self._turn:
            if self.broken:
                raise ZygoteDied("the sandbox's fork server is gone")
            try:
                fd_channel.send(self._socket, question, descriptors)
                async with asyncio.timeout(seconds):
                    await self._readable()
                answer, returned = fd_channel.receive(self._socket)
            except BaseException as problem:
                self.close()  # an answer may still come, and nobody could tell whose it is
                if isinstance(problem, (OSError, ValueError)):  # TimeoutError is an OSError
                    raise ZygoteDied(f"the sandbox's fork server does not answer: {problem}") from problem
                raise
            if answer is None:
                self.close()
                raise ZygoteDied("the sandbox's fork server ended")
            return answer, returned

    def close(self) -> None:
        self.broken = True
        self._socket.close()

    async def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()
        descriptor = self._socket.fileno()
        loop.add_reader(descriptor, lambda: ready.done() or ready.set_result(None))
        try:
            await ready
        finally:
            loop.remove_reader(descriptor)


async def ask_checked(
    control: Control, question: dict[str, Any], descriptors: Sequence[int] = ()
) -> tuple[dict[str, Any], list[int]]:
    """Like `ask`; a refusal is `ZygoteDied` too, because the caller can only try again."""
    answer, returned = await control.ask(question, descriptors)
    if not answer["ok"]:
        for descriptor in returned:
            os.close(descriptor)
        raise ZygoteDied(str(answer["error"]))
    return answer, returned
