"""The life of one session: a checkpoint before every cell.

At any time the *head* holds the committed state and is frozen, while its fork, the *candidate*, waits for
the next request. The candidate runs the cell, answers the supervisor itself, and then commits: it tells the
head, which exits, and becomes the head. The fork for the next cell happens after the answer, in the time
the model thinks. If the candidate dies, hangs or overruns, the head kills everything else in the session,
reports, and forks a new candidate from the state before the cell.

What always holds: a timeout or crash leaves the variables as they were before the cell (files are not
rolled back). The exception is a cell that starts while threads of an earlier one are alive: a fork would
lose them, so it runs in place. None of this is a security boundary; the supervisor kills a session that
breaks the protocol.
"""

# Plain path calls: pathlib would only add objects for every fork to copy.
# ruff: noqa: PTH102, PTH103, PTH118, PTH120, PTH123, PTH208, PTH211

from __future__ import annotations

import io
import os
import random
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import Any, NoReturn

from . import checkpoint, harden, jail, kernel, teach, wire
from .cell import Notebook
from .display import Display
from .output import RawFile, Stream

_CHANNEL = 3
_FIRST_REQUEST = 1
"""The supervisor numbers its requests from here; the first brings the session's images."""
_FOLDERS = ("tmp", "shm", "home", "cache")


@dataclass
class Session:
    """Everything a head hands to its candidate by forking."""

    notebook: Notebook
    limits: dict[str, Any]
    box: str
    own_pid_namespace: bool
    checkpoint: bool
    stdout: Stream
    stderr: Stream
    raw: list[RawFile] = field(default_factory=list[RawFile])


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
        os.dup2(channel, _CHANNEL)
        kernel.close_from(_CHANNEL + 1)
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
            wire.send(_CHANNEL, {"kind": "failed", "id": _FIRST_REQUEST, "error": error})
        finally:
            os._exit(1)


def _set_environment(box: str, shared_cache: str) -> None:
    """Home and caches inside the session's folder; matplotlib's font list is linked from the zygote's."""
    cache = f"{box}/cache"
    os.environ.update(HOME=f"{box}/home", TMPDIR=f"{box}/tmp", MPLCONFIGDIR=cache, XDG_CACHE_HOME=cache)
    for name in os.listdir(shared_cache):
        if name.endswith(".json"):
            os.symlink(f"{shared_cache}/{name}", f"{cache}/{name}")


def images_from(meta: list[Any], blobs: list[bytearray]) -> dict[str, Any]:
    """Images by name from [name, width, height] and raw RGB; a width of 0 says that the bytes are a file."""
    from PIL import Image

    images: dict[str, Any] = {}
    for (name, width, height), blob in zip(meta, blobs, strict=True):
        if width:
            images[name] = Image.frombytes("RGB", (width, height), bytes(blob))
        else:
            images[name] = Image.open(io.BytesIO(blob)).convert("RGB")
    return images


def _open_session(
    request: dict[str, Any], config: dict[str, Any], images: dict[str, Any], box: str
) -> Session:
    notebook = Notebook(Display(request["limits"]))
    notebook.put_images(images)
    # The first images are taken before the first fork: a candidate would have to commit them.
    message, blobs = wire.receive(_CHANNEL)
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
    wire.send(_CHANNEL, {"kind": "ready", "id": _FIRST_REQUEST})
    while True:
        commit_pipe = _fork_candidate(session)
        _serve_one(session, commit_pipe)
        if commit_pipe is not None:
            os.close(commit_pipe)


def _fork_candidate(session: Session) -> int | None:
    """Returns in the candidate, with the pipe to its head; or at once with None if no checkpoint can be made.

    The head stays in here: it watches one candidate after the other until one commits, and then exits.
    """
    while session.checkpoint and _thread_count() == 1:
        generator = random.getstate()  # CPython reseeds `random` in every fork; a notebook does not
        try:
            watched, commit_pipe = os.pipe()
        except OSError:  # the session has no descriptor left to spend: this cell runs without a checkpoint
            return None
        try:
            candidate = os.fork()
        except OSError:  # nor a process
            os.close(watched)
            os.close(commit_pipe)
            return None
        random.setstate(generator)
        if candidate == 0:
            os.close(watched)
            return commit_pipe
        os.close(commit_pipe)
        undone = checkpoint.watch(
            watched,
            candidate,
            stretch=session.limits["stretch"],
            own_pid_namespace=session.own_pid_namespace,
        )
        os.close(watched)
        if undone is not None:
            _answer_undone(session, undone)
    return None


def _answer_undone(session: Session, undone: checkpoint.Undone) -> None:
    header = {"kind": "result", "status": undone.status, "id": undone.request, "restored": True}
    wire.send(_CHANNEL, {**header, **_texts(session, undone.why)})


def _serve_one(session: Session, commit_pipe: int | None) -> None:
    """Candidate: take one request, do it, answer, commit."""
    message, blobs = wire.receive(_CHANNEL)
    if message is None:
        os._exit(0)
    if message["kind"] == "cell":
        _run_cell(session, message, commit_pipe)
        return
    reply, returned = _do_small_request(session, message, blobs)
    wire.send(_CHANNEL, {**reply, "id": message["id"]}, returned)
    _tell(commit_pipe, checkpoint.COMMIT)


def _do_small_request(
    session: Session, message: dict[str, Any], blobs: list[bytearray]
) -> tuple[dict[str, Any], list[bytes]]:
    try:
        if message["kind"] == "images":
            session.notebook.put_images(images_from(message["images"], blobs))
            return {"kind": "ok"}, []
        path = os.path.join(session.box, "home", message["name"])
        if message["kind"] == "put_file":
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(blobs[0])
            return {"kind": "ok"}, []
        with open(path, "rb") as file:
            return {"kind": "ok"}, [file.read(message["most"])]
    except Exception as problem:  # noqa: BLE001  - image decoders raise what they like
        return {"kind": "refused", "error": f"{type(problem).__name__}: {problem}"[:500]}, []


def _run_cell(session: Session, message: dict[str, Any], commit_pipe: int | None) -> None:
    notebook, display, me = session.notebook, session.notebook.display, os.getpid()
    for stream in (session.stdout, session.stderr, *session.raw):
        stream.reset()
    display.reset()
    sys.stdout, sys.stderr = session.stdout, session.stderr
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Before anybody's clock starts, so that an interrupt at `timeout` is never taken for the code's own.
    began = time.monotonic()
    if commit_pipe is None:
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, message["timeout"])
    _tell(
        commit_pipe,
        checkpoint.STARTED + checkpoint.START.pack(message["timeout"], message["grace"], message["id"]),
    )
    status, result, why = "ok", None, ""
    try:
        try:
            result = notebook.run(message["code"])
            display.show_open_figures()
        except KeyboardInterrupt as error:
            interrupted = time.monotonic() - began >= message["timeout"]
            status, why = "timeout" if interrupted else "error", notebook.describe(error)
        except SystemExit as error:
            status, why = "error", f"SystemExit: {error.code}. The session goes on without it.\n"
        except BaseException as error:  # noqa: BLE001  - whatever the model's code raises is its observation
            status, why = "error", notebook.describe(error)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        if status != "ok":
            display.show_open_figures()
    except BaseException as error:  # noqa: BLE001  - a late interrupt, or a figure that cannot be drawn
        if status == "ok":
            late = isinstance(error, KeyboardInterrupt) and time.monotonic() - began >= message["timeout"]
            status = "timeout" if late else "error"
        why += f"{type(error).__name__}\n"
    if os.getpid() != me:
        os._exit(0)  # a fork made by the cell fell through to here: it must not answer
    undo = status == "timeout" and commit_pipe is not None
    if status == "timeout":
        why += teach.timeout(message["timeout"], restored=undo)
    _tell(commit_pipe, checkpoint.FINISHED)
    header = {"kind": "result", "status": status, "id": message["id"], "restored": undo}
    sizes = [(width, height) for width, height, _ in display.pictures]
    shown = {"result": _clean(result), "images": sizes, "dropped": display.dropped}
    wire.send(_CHANNEL, {**header, **_texts(session, why), **shown}, [raw for _, _, raw in display.pictures])
    display.reset()
    _tell(commit_pipe, checkpoint.ROLL_BACK if undo else checkpoint.COMMIT)
    if undo:
        os._exit(0)


def _texts(session: Session, why: str) -> dict[str, str]:
    out, err = (file.text() for file in session.raw)
    return {"stdout": session.stdout.text() + out, "stderr": _clean(session.stderr.text() + err + why) or ""}


def _clean(text: str | None) -> str | None:
    """Text that UTF-8 can carry: the model's code may print lone surrogates."""
    return None if text is None else text.encode("utf-8", "replace").decode()


def _tell(pipe: int | None, mark: bytes) -> None:
    if pipe is None:
        return
    try:
        os.write(pipe, mark)
    except OSError:
        pass  # the cell killed its own checkpoint or closed the pipe: it goes on without one


def _thread_count() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        import threading

        return threading.active_count()
