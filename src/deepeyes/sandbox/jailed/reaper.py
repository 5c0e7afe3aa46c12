"""The stand-in for namespaces in the weaker tiers: one reaper process per session, which ends all of it.

Tier `uid` (root without the right to make namespaces): each session runs as its own host user, and the
reaper clears it with one kill to everything that user owns. Tier `landlock` (ordinary user): all share the
caller's user; the reaper inherits every orphan of the session and kills until none is left. Landlock stops
the session from signalling the reaper.
"""

from __future__ import annotations

import os
import signal
from typing import Any, NoReturn

from . import kernel, usage, worker

_MAX_ROUNDS = 200


def spawn(
    request: dict[str, Any], channel: int, config: dict[str, Any], images: dict[str, Any]
) -> tuple[int, int]:
    """Start a session in `request["box"]`: the reaper's pid and pidfd. SIGTERM to it ends the session."""
    host_id: int | None = request["host_id"]
    pid = os.fork()
    if pid == 0:
        try:
            kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGTERM)
            kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1)
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGCHLD})
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            first = os.fork()
            if first == 0:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGCHLD})
                worker.begin(channel, [], request, config, images, box=request["box"], host_id=host_id)
            kernel.close_from(3)
            _wait_and_clear(host_id)
        finally:
            os._exit(1)
    return pid, os.pidfd_open(pid)


def _wait_and_clear(host_id: int | None) -> NoReturn:
    """Collect the dead until SIGTERM or the session's own end, then end what is left of it."""
    while True:
        if signal.sigwait({signal.SIGTERM, signal.SIGCHLD}) == signal.SIGTERM or not _reap():
            break
    for _ in range(_MAX_ROUNDS):
        if host_id is None:
            _kill_descendants()
        else:
            _kill_user(host_id)
        if not _reap():
            break
        signal.sigtimedwait({signal.SIGCHLD}, 0.02)
    os._exit(0)


def _reap() -> bool:
    """Collect the dead; whether any child is left."""
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True


def _kill_descendants() -> None:
    me = os.getpid()
    for pid, _, _ in usage.by_root({me: "mine"}).get("mine", []):
        if pid != me:
            _kill(pid)


def _kill_user(host_id: int) -> None:
    killer = os.fork()
    if killer == 0:
        os.setresuid(host_id, host_id, host_id)
        _kill(-1)
        os._exit(0)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # it ended meanwhile
