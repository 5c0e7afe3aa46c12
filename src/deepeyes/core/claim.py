"""Whose folder it is: a run has its folder to itself, and goes on only in one made with its settings.

What always holds: two processes never run in one folder at once, whatever they run: the second is refused
before it has asked or written anything; the folder of a killed run is free at once; what the results of a
folder were made with is in a file beside them, and results of other settings are never joined to them.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from deepeyes.core.config import Config
from deepeyes.core.errors import ConfigError, StorageError, boundary
from deepeyes.core.files import sweep, write_atomic
from deepeyes.core.json_files import read_json_file
from deepeyes.core.locks import LOCK, locked

_TOLD = 4
"""How many changed settings an error names."""


@contextmanager
def hold(folder: Path) -> Generator[None]:
    """Have `folder`, which is made if need be, for this process alone while the block runs.

    Raises `StorageError` at once if another process has it, or it cannot be written.
    """
    with boundary(StorageError, f"making the folder {folder}", "choose a folder you may write to"):
        folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / LOCK, folder):
        with boundary(StorageError, f"clearing {folder}", "check the folder's permissions"):
            sweep(folder)
        yield


@contextmanager
def hold_to_read(folder: Path) -> Generator[None]:
    """Keep runs out of `folder` while the block reads it; others may read too. Raises `StorageError`."""
    with locked(folder / LOCK, folder, shared=True):
        yield


Settings = Config | Mapping[str, Any]
"""What a run is made with: a config is kept as TOML, other values as JSON."""


def claim(path: Path, settings: Settings, *, free: Collection[str] = (), remedy: str) -> None:
    """Write `settings` to `path` in a run's folder, or raise `ConfigError` (see `refuse_other`)."""
    refuse_other(path, settings, free=free, remedy=remedy)
    text = settings.dump() if isinstance(settings, Config) else json.dumps(settings, indent=1)
    write_atomic(path, text.encode())


def refuse_other(path: Path, settings: Settings, *, free: Collection[str] = (), remedy: str) -> None:
    """Raise `ConfigError` if the folder of `path` is of a run with other settings; what is under `free` may
    differ.
    """
    if not path.exists():
        return
    pairs = _changed(_values(settings), _before(path, settings, remedy))
    changed = [key for key in pairs if key.partition(".")[0] not in free]
    if changed:
        more = ", ..." if len(changed) > _TOLD else ""
        raise ConfigError(
            f"{path.parent} holds another run: {path.name} in it differs in "
            f"{', '.join(changed[:_TOLD])}{more}",
            remedy,
        )


def _values(settings: Settings) -> Mapping[str, Any]:
    if isinstance(settings, Config):
        return settings.model_dump(mode="json")
    return json.loads(json.dumps(settings))


def _before(path: Path, settings: Settings, remedy: str) -> Mapping[str, Any]:
    if not isinstance(settings, Config):
        found = read_json_file(path, remedy, ConfigError)
        return cast("Mapping[str, Any]", found) if isinstance(found, dict) else {}
    try:
        return _values(type(settings).load(path))
    except ConfigError as error:
        raise ConfigError(f"{path} is not of this program ({error.message})", remedy) from error


def _changed(now: Mapping[str, Any], then: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Dotted keys with other values."""
    for key in dict.fromkeys((*now, *then)):
        one, other = now.get(key), then.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            yield from _changed(
                cast("Mapping[str, Any]", one), cast("Mapping[str, Any]", other), f"{above}{key}."
            )
        elif json.dumps(one) != json.dumps(other):  # by text, in which NaN is NaN
            yield f"{above}{key}"
