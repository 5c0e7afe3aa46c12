"""The frozen questions and images, checked against their hashes as they are read.

What always holds: a question or an image that is not, byte for byte, what was frozen is an error that says
which; reading the questions opens no image.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from hashlib import sha256
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from PIL import Image
from pydantic import BaseModel, ConfigDict

from deepeyes.core.errors import InputError, boundary
from deepeyes.core.images import load_image
from deepeyes.core.task import Task

MANIFEST, QUESTIONS, IMAGES = "manifest.json", "questions.jsonl", "images"
_MEND = "install DeepEyes again, or restore the file from the repository"


class FrozenImage(BaseModel):
    """One line of the manifest: an image's file, its hash, and the terms of the photographs in it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    file: str
    sha256: str
    licences: tuple[str, ...] = ()
    credits: tuple[str, ...] = ()


class Frozen(BaseModel):
    """`manifest.json`: what was frozen. `about` says from what and how it was filtered."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: str
    questions: str
    """sha256 of `questions.jsonl`."""
    domains: dict[str, str]
    """Name to what people call it."""
    images: tuple[FrozenImage, ...]
    about: dict[str, Any] = {}


def assets() -> Traversable:
    """Where the frozen files lie in the package."""
    return resources.files("deepeyes.eval.openrealx") / "assets"


def read_manifest(folder: Traversable | None = None) -> Frozen:
    """Raises `InputError` where it is missing or broken."""
    path = (folder or assets()) / MANIFEST
    with boundary(InputError, f"reading {path}", _MEND, expected=(OSError, ValueError)):
        return Frozen.model_validate_json(path.read_bytes())


def read_questions(folder: Traversable | None = None) -> list[Task]:
    """All tasks in their order; the images are named, not opened.

    Raises `InputError` where the file is not the one that was frozen.
    """
    folder = folder or assets()
    manifest = read_manifest(folder)
    data = _checked(folder / QUESTIONS, manifest.questions)
    with boundary(InputError, f"reading {folder / QUESTIONS}", _MEND, expected=ValueError):
        return [Task.model_validate_json(line) for line in data.splitlines()]


def read_image(task: str, folder: Traversable | None = None) -> Image.Image:
    """The image of one task, checked. Raises `InputError`."""
    folder = folder or assets()
    record = next((image for image in _manifest(folder).images if image.task == task), None)
    if record is None:
        raise InputError(f"there is no question {task!r}", "take an id of `read_questions`")
    return load_image(_checked(folder / IMAGES / record.file, record.sha256)).image


def read_images(folder: Traversable | None = None) -> Iterator[tuple[str, Image.Image]]:
    """(task id, image) in the order of the questions, each checked and decoded as it is asked for."""
    folder = folder or assets()
    for record in read_manifest(folder).images:
        yield record.task, load_image(_checked(folder / IMAGES / record.file, record.sha256)).image


@functools.lru_cache(maxsize=4)
def _manifest(folder: Traversable) -> Frozen:
    return read_manifest(folder)


def _checked(path: Traversable, expected: str) -> bytes:
    with boundary(InputError, f"reading {path}", _MEND, expected=OSError):
        data = path.read_bytes()
    if sha256(data).hexdigest() != expected:
        raise InputError(f"{path} is not the file that was frozen", _MEND)
    return data
