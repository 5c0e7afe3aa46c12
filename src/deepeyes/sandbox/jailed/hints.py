"""What the model is told when it tries something a sandbox cannot give.

An error that only says "Operation not permitted" makes a model try again; one that says what to do instead
does not. Messages that belong to one call (`input`, sockets) are raised in its place; the rest is added
below the traceback.
"""

from __future__ import annotations

import builtins
import signal
import socket
import sys
from collections.abc import Iterable
from types import ModuleType
from typing import Any, NoReturn

NO_INPUT = "input() cannot be used here: nobody is there to type. Write the value into the code."
NO_NETWORK = "this sandbox has no network. Work with the images and values that are already here."
NO_INSTALL = "nothing can be installed here. Use what is there: the standard library and {installed}."
NO_MAGIC = (
    "Lines that begin with % or ! are commands of a notebook, not Python. Write Python, e.g. subprocess.run."
)
_NAMEABLE = ("numpy", "PIL", "matplotlib", "scipy", "pandas", "cv2", "sympy", "skimage")


def refuse_politely() -> None:
    """Replace `input` and give failed sockets a message. The wall is elsewhere; this is its signpost."""
    builtins.input = _no_input  # type: ignore[assignment]
    original = socket.socket.__init__

    def __init__(self: socket.socket, *arguments: Any, **named: Any) -> None:
        try:
            original(self, *arguments, **named)
        except PermissionError as problem:
            raise PermissionError(problem.errno, NO_NETWORK) from None

    socket.socket.__init__ = __init__  # type: ignore[method-assign]
    socket.getaddrinfo = _no_network  # type: ignore[assignment]
    socket.gethostbyname = _no_network  # type: ignore[assignment]


def patch_opencv(module: ModuleType, show: Any) -> None:
    """`cv2.imshow` has no window to open here: it shows the image as `display` would."""

    def imshow(_title: str, array: Any) -> None:
        from PIL import Image

        show(Image.fromarray(array if array.ndim == 2 else array[:, :, :3][:, :, ::-1]))

    module.imshow = imshow  # type: ignore[attr-defined]


def notebook_module(name: str, module: ModuleType) -> None:
    """Fill `IPython` or `IPython.display`: notebook habits that have a meaning here go on working."""
    if name == "IPython":
        module.__path__ = []
        module.get_ipython = lambda: None  # type: ignore[attr-defined]
        module.version_info = (8, 24)  # type: ignore[attr-defined]
        return
    for kind in ("HTML", "Markdown", "Latex", "Math", "Code", "SVG"):
        setattr(module, kind, type(kind, (_Text,), {}))
    module.Image = _file_image  # type: ignore[attr-defined]
    module.clear_output = lambda wait=False: None  # type: ignore[attr-defined]


class _Text:
    """Formatted text: shown as it was written."""

    def __init__(self, data: str = "", *_: Any, **__: Any) -> None:
        self.data = data

    def __repr__(self) -> str:
        return str(self.data)


def _file_image(data: Any = None, *_: Any, filename: str | None = None, **__: Any) -> Any:
    """`IPython.display.Image`: the image in a file or in bytes."""
    import io

    from PIL import Image

    source: Any = filename if data is None else data
    return Image.open(io.BytesIO(source) if isinstance(source, bytes) else source)


def hints_for(error: BaseException, image_names: Iterable[str]) -> list[str]:
    """Lines to print below the traceback of `error`."""
    if isinstance(error, ModuleNotFoundError) and error.name not in (None, "__main__"):
        return [NO_INSTALL.format(installed=", ".join(_installed()))]
    if isinstance(error, SyntaxError) and (error.text or "").lstrip().startswith(("%", "!")):
        return [NO_MAGIC]
    names = sorted(image_names)
    if isinstance(error, FileNotFoundError) and names:
        return [f"No files of the host are here. Images are already open as variables: {', '.join(names)}."]
    if isinstance(error, MemoryError):
        return ["The cell asked for more memory than its limit. Work on a smaller array or a crop."]
    if _is_about_network(error):
        return [NO_NETWORK[0].upper() + NO_NETWORK[1:]]
    return []


def death(exit_code: int | None) -> str:
    """Why a cell's process died, for the model."""
    if exit_code is None or exit_code >= 0:
        reason = f"it ended itself (exit code {exit_code})" if exit_code is not None else "it vanished"
    else:
        known = {entry.value: entry.name for entry in signal.Signals}
        name = known.get(-exit_code, f"signal {-exit_code}")
        reason = f"it was killed by {name}"
        if name == "SIGKILL":
            reason += ", most likely for using too much memory"
        elif name == "SIGSYS":
            reason += ", for a system call that is not allowed"
    return f"The Python process died: {reason}. Variables are as they were before this cell.\n"


def timeout(seconds: float, restored: bool) -> str:
    kept = "are as they were before this cell" if restored else "keep what was set so far"
    return f"TimeoutError: the cell ran longer than {seconds:g} s and was stopped. Variables {kept}.\n"


def _no_input(*_: Any) -> NoReturn:
    raise EOFError(NO_INPUT)


def _no_network(*_: Any, **__: Any) -> NoReturn:
    raise socket.gaierror(socket.EAI_FAIL, NO_NETWORK)


def _installed() -> list[str]:
    import importlib.util

    return [name for name in _NAMEABLE if name in sys.modules or importlib.util.find_spec(name)]


def _is_about_network(error: BaseException) -> bool:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        if NO_NETWORK in str(current):
            return NO_NETWORK not in str(error)
        if isinstance(current, (socket.gaierror, ConnectionError)):
            return True
        seen.add(id(current))
        current = current.__cause__ or current.__context__
    return False
