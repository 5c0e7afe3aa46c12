"""The image-search cache that DeepEyesV2 published, as a recording.

It is a JSON object: sample id -> `tool_returned_web_title` (titles) and `cached_images_path` (thumbnail
files, null where one could not be had), best first. It is keyed by sample, so a crop of a picture gets the
results of the whole; a recording is keyed by pixels, so the samples' own pictures are needed to bring it
over.

What always holds: files are read inside `root` only; what cannot be brought over is counted by reason,
never guessed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from PIL import Image

from deepeyes.core.errors import InputError
from deepeyes.core.json_files import read_json_file
from deepeyes.search.base import Hit
from deepeyes.search.providers.thumbnails import shrink
from deepeyes.search.record.recording import Recording, dump_hits, picture_key
from deepeyes.search.record.tape import Question

SNAPSHOT = "deepeyes_v2"
Pictures = Mapping[str, Image.Image] | Callable[[str], Image.Image | None]


@dataclass
class Imported:
    """What became of the samples."""

    recorded: int = 0
    without_picture: int = 0
    """Samples whose own picture is not at hand."""
    without_results: int = 0
    """Recorded as "nothing found": no thumbnail of theirs is there."""
    damaged: int = 0
    """Entries that are not of the format."""
    missing_thumbnails: int = 0


def import_deepeyes_cache(
    cache: str | os.PathLike[str],
    pictures: Pictures,
    recording: Recording,
    *,
    root: str | os.PathLike[str] | None = None,
    provider: str = "google_lens",
    params: Mapping[str, Any] | None = None,
) -> Imported:
    """Write the cache file into `recording`, to be found again by an image search over the same picture.

    `pictures` gives a sample's picture by its id; `root` is the folder that relative thumbnail paths start
    from (the cache's own if left out). `params` must be those of the search that will replay it: by default
    those of `google_lens` without settings. Raises `InputError` if the file is not such a cache.
    """
    path = Path(cache)
    entries: Any = read_json_file(path, "give the JSON file of the cache")
    if not isinstance(entries, dict):
        raise InputError(f"{path} is not an image-search cache", "give a JSON object of samples by id")
    folder = Path(root) if root is not None else path.parent
    named = params if params is not None else _lens_params()
    done = Imported()
    for sample, entry in cast("dict[str, Any]", entries).items():
        picture = pictures(sample) if callable(pictures) else pictures.get(sample)
        if picture is None:
            done.without_picture += 1
            continue
        pairs = _pairs(entry)
        if pairs is None:
            done.damaged += 1
            continue
        hits = _hits(pairs, folder, done)
        done.recorded += 1
        done.without_results += not hits
        question = Question("image", provider, picture_key(picture), named, recording.snapshot)
        recording.tape.put(question, dump_hits(hits, recording.tape), empty=not hits)
    return done


def _pairs(entry: Any) -> list[tuple[str, str]] | None:
    """Title and file of each result that has a file; None if the entry is of another shape."""
    if not isinstance(entry, dict):
        return None
    fields = cast("dict[str, Any]", entry)
    titles, files = fields.get("tool_returned_web_title"), fields.get("cached_images_path")
    if not isinstance(titles, list) or not isinstance(files, list):
        return None
    pairs = zip(cast("list[Any]", titles), cast("list[Any]", files), strict=False)
    return [(str(title or ""), file) for title, file in pairs if isinstance(file, str) and file]


def _hits(pairs: list[tuple[str, str]], folder: Path, done: Imported) -> tuple[Hit, ...]:
    hits: list[Hit] = []
    for title, file in pairs:
        image = _thumbnail(folder, file)
        if image is None:
            done.missing_thumbnails += 1  # the original leaves such a result out as well
            continue
        hits.append(Hit(title, "", source="deepeyes cache", score=1.0 / (len(hits) + 1), image=image))
    return tuple(hits)


def _thumbnail(folder: Path, file: str) -> Image.Image | None:
    inside = folder.resolve()
    try:
        path = (folder / file).resolve()
        if not path.is_relative_to(inside) or not path.is_file():
            return None
        return shrink(path.read_bytes())
    except (OSError, ValueError, InputError):
        return None


def _lens_params() -> dict[str, Any]:
    from deepeyes.search.providers.online import Terms, identity

    return identity(Terms())
