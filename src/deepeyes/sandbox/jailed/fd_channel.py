"""Small JSON messages with file descriptors, between the supervisor and its trusted helper processes.

One message is one SEQPACKET datagram, so there is no framing. Both ends are ours; session code never holds
such a socket. The supervisor imports this module too.
"""

from __future__ import annotations

import array
import json
import socket
from collections.abc import Sequence
from typing import Any

MAX_MESSAGE = 1 << 17
_MAX_DESCRIPTORS = 16

Message = dict[str, Any]


def send(sock: socket.socket, message: Message, descriptors: Sequence[int] = ()) -> None:
    ancillary = []
    if descriptors:
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))]
    sock.sendmsg([json.dumps(message).encode()], ancillary)


def receive(sock: socket.socket) -> tuple[Message | None, list[int]]:
    """The next message and its descriptors; None when the other end is gone."""
    data, ancillary, _, _ = sock.recvmsg(MAX_MESSAGE, socket.CMSG_SPACE(4 * _MAX_DESCRIPTORS))
    descriptors = array.array("i")
    for level, kind, payload in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(payload[: len(payload) - len(payload) % 4])
    if not data:
        return None, list(descriptors)
    return json.loads(data), list(descriptors)
