"""The life of one session: a checkpoint before every cell.

Three forks of one process: the *watchdog* keeps the time, the *runner* takes the requests, and the *frozen
copy* holds the variables as they were after the last answer. The runner makes it right after it has answered,
in the time the model thinks, and goes on itself, so a cell that comes at once waits for one fork and for no
other process. If the runner dies, hangs or overruns, the watchdog wakes the copy, which ends everything else,
reports, and becomes the watchdog of a new runner.

What always holds: a timeout or crash leaves the variables as they were before the cell (files are not
rolled back), and an answer that was given is never undone: whatever is killed at whatever moment, the state
goes on from the last answer or the session is lost. The exception is a cell that starts while threads of an
earlier one are alive: a fork would lose them, so it runs in place. None of this is a security boundary; the
supervisor kills a session that breaks the protocol.
"""

# Plain path calls: pathlib would only add objects for every fork to copy.
# ruff: noqa: PTH102, PTH208, PTH211

from __future__ import annotations

import os
import random
import select
import signal
import sys
from typing import Any, NoReturn

from . import harden, jail, kernel, watchdog, wire
from .cell import Notebook
from .display import Display
from .output import RawFile, Stream
from .requests import CHANNEL, Session, do_small_request, images_from, run_cell, texts
from .savepoint import Savepoint, take_over
from .shared_state import SharedState, Undone, be_runner, new_shared_state

_FIRST_REQUEST = 1
"""The supervisor numbers its requests from here; the first brings the session's images."""
_LULL_SECONDS = 0.5
_FOLDERS = ("tmp", "shm", "home", "cache")


def begin(
    channel: int,
    namespaces: list[int],
    request: dict[str, Any],
    config: dict[str, Any],
    images: dict[str, Any],
    *,
    box: str,
    host_id: int | None,
) -> NoReturn:
    """Turn this fork of the zygote into a confined session and serve it; never returns."""
    try:
        for namespace in namespaces:
            kernel.setns(namespace)
        os.dup2(channel, CHANNEL)
        kernel.close_from(CHANNEL + 1)
        kernel.quiet_standard_streams()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.umask(0o077)
        harden.apply(config, request["limits"], box, host_id)
        for folder in _FOLDERS:
            os.mkdir(f"{box}/{folder}", 0o700)
        _set_environment(box, jail.cache_folder(config))
        os.chdir(f"{box}/home")
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 1)  # so that its own /proc entries stay readable to it
        _serve(_open_session(request, config, images, box))
    except BaseException as problem:  # noqa: BLE001  - the last stop of this process: say why, then end
        try:
            error = f"{type(problem).__name__}: {problem}"[:500]
            wire.send(CHANNEL, {"kind": "failed", "id": _FIRST_REQUEST, "error": error})
        finally:
            os._exit(1)


def _set_environment(box: str, shared_cache: str) -> None:
    """Home and caches inside the session's folder; matplotlib's font list is linked from the zygote's."""
    cache = f"{box}/cache"
    os.environ.update(HOME=f"{box}/home", TMPDIR=f"{box}/tmp", MPLCONFIGDIR=cache, XDG_CACHE_HOME=cache)
    for name in os.listdir(shared_cache):
        if name.endswith(".json"):
            os.symlink(f"{shared_cache}/{name}", f"{cache}/{name}")


def _open_session(
    request: dict[str, Any], config: dict[str, Any], images: dict[str, Any], box: str
) -> Session:
    notebook = Notebook(Display(request["limits"]))
    notebook.put_images(images)
    # The first images are taken before the first fork: watchdog and runner share them.
    message, blobs = wire.receive(CHANNEL)
    if message is None:
        os._exit(0)
    notebook.put_images(images_from(message["images"], blobs))
    session = Session(
        notebook=notebook,
        limits=request["limits"],
        box=box,
        own_pid_namespace=config["tier"] == "full",
        checkpoint=request["checkpoint"],
        stdout=Stream(1),
        stderr=Stream(2),
        raw=[RawFile(f"{box}/tmp", 1), RawFile(f"{box}/tmp", 2)],
    )
    random.seed(request["seed"])
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(request["seed"])
    return session


def _serve(session: Session) -> NoReturn:
    wire.send(CHANNEL, {"kind": "ready", "id": _FIRST_REQUEST})
    # The runner can wait for the first request, but not for long: other sessions may be starting.
    select.select([CHANNEL], [], [], _LULL_SECONDS)
    while True:
        shared = _fork_runner(session)
        if shared is None or shared.watchdog != os.getpid():
            _take_requests(session, shared and Savepoint(shared))
            continue  # this process is to lead now
        undone = watchdog.watch(
            shared, stretch=session.limits["stretch"], own_pid_namespace=session.own_pid_namespace
        )
        _answer_undone(session, undone)


def _fork_runner(session: Session) -> SharedState | None:
    """What watchdog and new runner share, in both; None, in this process only, if no runner can be made."""
    if not session.checkpoint or _thread_count() != 1:
        return None
    shared = new_shared_state()
    generator = random.getstate()  # CPython reseeds `random` in every fork; a notebook does not
    try:
        runner = os.fork()
    except OSError:  # the session has no process left to spend
        be_runner()
        return None
    if runner == 0:
        random.setstate(generator)
        be_runner()
    else:
        shared.runner = runner
    return shared


def _answer_undone(session: Session, undone: Undone | None) -> None:
    if undone is not None:
        header = {"kind": "result", "status": undone.status, "id": undone.request, "restored": True}
        wire.send(CHANNEL, {**header, **texts(session, undone.why)})


def _take_requests(session: Session, savepoint: Savepoint | None) -> None:
    """The runner's life: take a request, do it, answer, freeze. Returns in a process that is to lead."""
    while True:
        message, blobs = wire.receive(CHANNEL)
        if message is None:
            os._exit(0)
        held = savepoint if savepoint is not None and savepoint.held else None
        if message["kind"] == "cell":
            changed = True
            run_cell(session, message, savepoint, held)
        else:
            changed = do_small_request(session, message, blobs, savepoint, held)
        can_fork = _thread_count() == 1
        if savepoint is None or not savepoint.watched:
            if session.checkpoint and can_fork:
                if savepoint is not None:
                    savepoint.thaw()
                return
        elif not can_fork:
            savepoint.thaw()
        elif changed or not savepoint.held:
            try:
                chosen = savepoint.freeze()
            except OSError:  # no process left to spend: the next cell runs without a checkpoint
                continue
            if chosen:
                undone = take_over(savepoint.shared, own_pid_namespace=session.own_pid_namespace)
                _answer_undone(session, undone)
                return


def _thread_count() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        import threading

        return threading.active_count()
