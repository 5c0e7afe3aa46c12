"""How what is missing is installed, in words that whoever reads them can type.

What always holds: the command is for the Python that runs, not for the first `pip` that a shell finds; it is
right for a checkout, a wheel and an index alike, since pip asks no index for a package that is there already,
only for what the extra brings.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path


def install(extra: str) -> str:
    """The command that adds an extra of this package, such as `pip install 'deepeyes[search]'`."""
    return install_package(_package(extra))


def install_package(name: str) -> str:
    """The command that adds a package of others."""
    return f"{_pip_install()} {name}"


def needs(extra: str) -> str:
    """The remedy where something of the extra is missing."""
    return f"install what it needs: {install(extra)}"


def _pip_install() -> str:
    """As it is called for this Python: by the name of pip where that leads to it."""
    python = Path(sys.executable)
    if find_spec("pip") is None:  # environments that uv makes
        return f"uv pip install --python {_shown(python)}"
    found = shutil.which("pip")
    here = found is not None and Path(found).absolute().parent == python.parent
    return "pip install" if here else f"{_shown(python)} -m pip install"


def _package(extra: str) -> str:
    try:
        distribution("deepeyes")
    except PackageNotFoundError:  # its folder is on the path and nothing more
        return f"-e {shlex.quote(f'{Path(__file__).parents[3]}[{extra}]')}"
    return f"'deepeyes[{extra}]'"


def _shown(path: Path) -> str:
    """As short as it can be typed here."""
    here = Path.cwd()
    return shlex.quote(os.path.relpath(path) if path.is_relative_to(here) else str(path))
