"""Looks at one image of the session without running anything in it.

A variable may be any object: a subclass of PIL's image with methods of its own, a file that was opened and
not read yet. So the looking is done in a fork, which is thrown away: whatever it runs changes nothing, and it
is ended when it takes too long. Mode and size are read from Pillow's own pixel buffer, which no Python code
can make lie.
"""

from __future__ import annotations

import mmap
import os
import signal
import struct
import sys
import time
from typing import Any

from .display import Display, RawImage

_SECONDS = 5.0
_LOOK_SECONDS = 0.02
_SIZE = struct.Struct("=II")


def find_image(names: dict[str, Any], name: str, limits: dict[str, Any]) -> RawImage | None:
    """The image that `name` stands for, scaled down like a shown one; None for anything else.

    OSError when no process can be forked.
    """
    if not _is_image(names.get(name)):
        return None
    shared = mmap.mmap(-1, _SIZE.size + 3 * limits["image_pixels"])
    me = os.getpid()
    child = os.fork()
    if child == 0:
        try:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            _copy(names[name], limits, shared)
        except BaseException:  # noqa: BLE001  - its own code may raise what it likes
            os._exit(1)
        finally:
            os._exit(0 if os.getppid() == me else 1)
    if not _ended_well(child):
        return None
    width, height = _SIZE.unpack_from(shared)
    size = 3 * width * height
    if not 0 < size <= 3 * limits["image_pixels"] or max(width, height) > limits["image_side"]:
        return None
    return width, height, shared[_SIZE.size : _SIZE.size + size]


def _is_image(thing: Any) -> bool:
    """By its true type: `isinstance` would believe what the object says its class is."""
    module = sys.modules.get("PIL.Image")
    return module is not None and issubclass(type(thing), module.Image)


def _copy(thing: Any, limits: dict[str, Any], shared: mmap.mmap) -> None:
    display = Display({**limits, "images": 1})
    display.show(_plain(thing))
    ((width, height, raw),) = display.images
    _SIZE.pack_into(shared, 0, width, height)
    shared[_SIZE.size : _SIZE.size + len(raw)] = raw


def _plain(thing: Any) -> Any:
    """A plain image over the same pixels."""
    from PIL import Image, ImagePalette

    own: dict[str, Any] = object.__getattribute__(thing, "__dict__")
    core: Any = Image.core
    buffer: type[Any] = type(core.new("L", (1, 1)))  # pyright: ignore[reportUnknownVariableType]
    if type(own.get("_im")) is not buffer:
        thing.load()
    pixels = own["_im"]
    if type(pixels) is not buffer:
        raise TypeError("an image without pixels")
    plain: Any = Image.Image()
    plain.im, plain._mode, plain._size = pixels, pixels.mode, pixels.size
    if type(own.get("info")) is dict:
        plain.info = own["info"]
    if type(own.get("palette")) is ImagePalette.ImagePalette:
        plain.palette = own["palette"]
    return plain


def _ended_well(child: int) -> bool:
    """Wait for the fork, not for long."""
    end = time.monotonic() + _SECONDS
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    try:
        while True:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                return status == 0
            if time.monotonic() > end:
                os.kill(child, signal.SIGKILL)
            # Not for the signal alone: a cell may have chosen to ignore it.
            signal.sigtimedwait({signal.SIGCHLD}, _LOOK_SECONDS)
    except ChildProcessError:
        return False
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
