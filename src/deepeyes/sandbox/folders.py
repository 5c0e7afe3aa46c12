"""Measuring and removing folders that hostile code filled, in the tiers where they lie on the host.

Nothing here recurses and nothing follows a link: a tree may be thousands of folders deep, deeper than
Python's stack and than the longest path the kernel takes.
"""

from __future__ import annotations

import errno
import os
from itertools import count


def exceeds(folder: str, most_bytes: int, most_files: int) -> bool:
    """Whether the tree below `folder` holds more than it may; a tree too deep to walk does."""
    total, files = 0, 0
    waiting = [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    files += 1
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if total > most_bytes or files > most_files:
                        return True
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError as problem:
            if problem.errno == errno.ENAMETOOLONG:
                return True
            continue  # removed meanwhile, or made unreadable by its owner
    return False


def remove(folder: str) -> None:
    """Remove a tree of any depth: folders are moved up to the top before they are emptied."""
    names = (f"{folder}/.moved-{number}" for number in count())
    while folders := _unlink_files(folder):
        for path in folders:
            os.chmod(path, 0o700)  # noqa: PTH101  - a plain call beside its siblings
            for inner in _unlink_files(path):
                os.rename(inner, next(names))  # noqa: PTH104
            os.rmdir(path)  # noqa: PTH106
    os.rmdir(folder)  # noqa: PTH106


def _unlink_files(folder: str) -> list[str]:
    """Remove everything in `folder` that is no folder; returns the folders."""
    with os.scandir(folder) as entries:
        found = [(entry.path, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for path, is_folder in found:
        if not is_folder:
            os.unlink(path)  # noqa: PTH108
    return [path for path, is_folder in found if is_folder]
