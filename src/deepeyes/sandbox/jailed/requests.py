"""Doing what the supervisor asks for: cells, images, files. Each function sends exactly one answer.

What always holds: the answer is complete before it is committed, and committed before its first byte leaves;
a cell that ran out of time answers and is rolled back instead, where a checkpoint was there to roll back to.
"""

# Plain path calls: pathlib would only add objects for every fork to copy.
# ruff: noqa: PTH103, PTH118, PTH120, PTH123

from __future__ import annotations

import io
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from . import hints, image_probe, wire
from .cell import Notebook
from .output import RawFile, Stream
from .savepoint import Savepoint

CHANNEL = 3
"""The descriptor of the supervisor's socket in every process of a session."""
_SMALL_SECONDS = 20.0
"""For a small request, twice: before it is interrupted and before it is ended."""


@dataclass
class Session:
    """Everything a watchdog hands to its runner by forking."""

    notebook: Notebook
    limits: dict[str, Any]
    box: str
    own_pid_namespace: bool
    checkpoint: bool
    stdout: Stream
    stderr: Stream
    raw: list[RawFile] = field(default_factory=list[RawFile])


def images_from(meta: list[Any], blobs: list[wire.Buffer]) -> dict[str, Any]:
    """Images by name from [name, width, height] and pixels; a width of 0 says that the bytes are a file.

    Pixels arrive in the four bytes each that Pillow keeps them in, and the image lies in the buffer that took
    them: a start copies an image once, and touches no memory twice.
    """
    from PIL import Image

    images: dict[str, Any] = {}
    for (name, width, height), blob in zip(meta, blobs, strict=True):
        if width:
            # What `frombuffer` does for modes whose raw form is Pillow's own; ours is, for RGB.
            core: Any = Image.core
            image: Any = Image.Image()
            image.im = core.map_buffer(blob, (width, height), "raw", 0, ("RGB", 0, 1))
            image._mode, image._size = "RGB", (width, height)
            images[name] = image
        else:
            images[name] = Image.open(io.BytesIO(blob)).convert("RGB")
    return images


def do_small_request(
    session: Session,
    message: dict[str, Any],
    blobs: list[wire.Buffer],
    savepoint: Savepoint | None,
    held: Savepoint | None,
) -> bool:
    """Images and files; whether variables changed."""
    if held:
        held.start(message["id"], _SMALL_SECONDS, _SMALL_SECONDS)
    changed = message["kind"] == "images"
    try:
        reply, returned = _small_reply(session, message, blobs)
    except Exception as problem:  # noqa: BLE001  - image decoders raise what they like
        reply, returned = {"kind": "refused", "error": f"{type(problem).__name__}: {problem}"[:500]}, []
    frame = wire.encode({**reply, "id": message["id"]}, returned)
    if savepoint:
        savepoint.commit(message["id"], changed=changed)
    wire.write(CHANNEL, frame)
    return changed


def _small_reply(
    session: Session, message: dict[str, Any], blobs: list[wire.Buffer]
) -> tuple[dict[str, Any], list[wire.Blob]]:
    if message["kind"] == "images":
        session.notebook.put_images(images_from(message["images"], blobs))
        return {"kind": "ok"}, []
    if message["kind"] == "get_image":
        image = image_probe.find_image(session.notebook.names, message["name"], session.limits)
        if image is None:
            return {"kind": "ok"}, []
        width, height, raw = image
        return {"kind": "ok", "images": [(width, height)]}, [raw]
    path = os.path.join(session.box, "home", message["name"])
    if message["kind"] == "put_file":
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(blobs[0])
        return {"kind": "ok"}, []
    with open(path, "rb") as file:
        return {"kind": "ok"}, [file.read(message["most"])]


def run_cell(
    session: Session,
    message: dict[str, Any],
    savepoint: Savepoint | None,
    held: Savepoint | None,
) -> None:
    """`savepoint` is told of the answer; `held` watches the time: None where nothing could be restored."""
    notebook, display, me, number = session.notebook, session.notebook.display, os.getpid(), message["id"]
    for stream in (session.stdout, session.stderr, *session.raw):
        stream.reset()
    display.reset()
    sys.stdout, sys.stderr = session.stdout, session.stderr
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # Before anybody's clock starts, so that an interrupt at `timeout` is never taken for the code's own.
    began = time.monotonic()
    if held:
        held.start(number, message["timeout"], message["grace"])
    else:
        signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, message["timeout"])
    status, result, why = "ok", None, ""
    try:
        try:
            result = notebook.run(message["code"])
            display.show_open_figures()
        except SystemExit as error:
            status, why = "error", f"SystemExit: {error.code}. The session goes on without it.\n"
        except BaseException as error:  # noqa: BLE001  - whatever the model's code raises is its observation
            # What is raised after the limit came of the interrupt, whatever became of it on its way up.
            late = time.monotonic() - began >= message["timeout"]
            status, why = "timeout" if late else "error", notebook.describe(error)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        if status != "ok":
            display.show_open_figures()
    except BaseException as error:  # noqa: BLE001  - a late interrupt, or a figure that cannot be drawn
        if status == "ok":
            late = time.monotonic() - began >= message["timeout"]
            status = "timeout" if late else "error"
        why += f"{type(error).__name__}\n"
    if os.getpid() != me:
        os._exit(0)  # a fork made by the cell fell through to here: it must not answer
    undo = held if status == "timeout" else None
    if status == "timeout":
        why += hints.timeout(message["timeout"], restored=undo is not None)
    if held:
        held.finish(number)
    header = {"kind": "result", "status": status, "id": number, "restored": undo is not None}
    sizes = [(width, height) for width, height, _ in display.images]
    shown = {"result": _clean(result), "images": sizes, "dropped": display.dropped}
    raw = [raw for _, _, raw in display.images]
    frame = wire.encode({**header, **texts(session, why), **shown}, raw)
    if undo:
        wire.write(CHANNEL, frame)
        undo.roll_back(number)
    if savepoint:
        savepoint.commit(number, changed=True)
    wire.write(CHANNEL, frame)
    display.reset()


def texts(session: Session, why: str) -> dict[str, str]:
    out, err = (file.text() for file in session.raw)
    return {"stdout": session.stdout.text() + out, "stderr": _clean(session.stderr.text() + err + why) or ""}


def _clean(text: str | None) -> str | None:
    """Text that UTF-8 can carry: the model's code may print lone surrogates."""
    return None if text is None else text.encode("utf-8", "replace").decode()
