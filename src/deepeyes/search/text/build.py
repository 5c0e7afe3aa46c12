"""Builds a text index in steps that each are there whole or not at all, so that a killed build goes on later.

    DIR/manifest.json            which content is current and what was built for it; replaced last, in one
    step DIR/<digest>/documents.jsonl, offsets.npy, urls.npy, passages.npy DIR/<digest>/tantivy/ or
    fts5.sqlite DIR/<digest>/vectors/codes.npy, scales.npy

What always holds: the folder is named after the documents and the version of this format, so parts of two
contents never mix; a reader that has the old content open keeps it; two builders of one index never write
at once; vectors are appended as they are made, and a build that was killed makes only the missing ones.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Generator, Iterable
from dataclasses import asdict
from hashlib import blake2b, sha256
from pathlib import Path
from typing import Any, cast

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError

from deepeyes.core.claim import hold
from deepeyes.core.errors import InputError, StorageError, boundary
from deepeyes.core.files import remove_folder, replaced_folder, scratch_folder, sweep, write_atomic
from deepeyes.core.json_files import read_json_file
from deepeyes.core.text import encodable
from deepeyes.search.base import Document, SearchUnavailable
from deepeyes.search.text.lexical import build_into, has_tantivy
from deepeyes.search.text.parts import Parts, divide, recurring
from deepeyes.search.text.store import Store
from deepeyes.search.text.vectors import ROW, Encoder, Vectors, load_encoder, missing_parts, pack

FORMAT = 1
MANIFEST = "manifest.json"
ENGINES = {"tantivy": "tantivy", "fts5": "fts5.sqlite"}
"""Keyword engine -> its file or folder."""
REMEDY = "build it again with: deepeyes search index FILE.jsonl --out DIR"
_BATCH = 64
KEPT = np.dtype([("key", "<u8"), ("row", ROW)])

OnProgress = Callable[[str, int, int], None]
"""Told (what is being made, how many are done, of how many)."""


class Manifest(BaseModel):
    """`manifest.json`. `encoder` is empty where there are no vectors."""

    model_config = ConfigDict(frozen=True)

    format: int
    content: str
    documents: int
    passages: int = 0
    vectors: int = 0
    engine: str
    encoder: str = ""


def build(
    documents: Iterable[Document],
    folder: Path,
    *,
    dense: bool | None = None,
    encoder: Encoder | None = None,
    known: Path | None = None,
    on_progress: OnProgress | None = None,
) -> Manifest:
    """Index `documents` into `folder`; what is there of the same documents is used again.

    `dense` makes vectors (True), leaves them out (False) or makes them where the encoder is installed (None).
    `known` is a file of `keep_vectors`: what it holds is not made again.
    Raises `InputError` for two documents of one address or none at all, `ConfigError` if `dense` is asked
    for and not installed, `StorageError` if the folder cannot be written or another process is building.
    """
    tell = on_progress or _silent
    if dense is None:
        dense = encoder is not None or not missing_parts()
    encoder = encoder or (load_encoder() if dense else None)
    with boundary(StorageError, f"writing the index {folder}", "choose a folder you may write to"):
        with hold(folder):
            home, count = _keep_documents(documents, folder, tell)
            store = Store(home)
            try:
                engine = "tantivy" if has_tantivy() else "fts5"
                build_engine(store, home, engine, tell)
                manifest = Manifest(format=FORMAT, content=home.name, documents=count, engine=engine)
                if encoder is not None and _encoder_of(home) != encoder.name:
                    made = _make_vectors(store, home, encoder, known, tell)
                    if _encoder_of(home):  # whose vectors it has must be what the manifest says
                        _write_manifest(folder, manifest)
                    _keep_vectors(made, home, encoder)
                if _encoder_of(home):
                    about = read_json_file(home / "vectors" / "about.json", REMEDY)
                    manifest = manifest.model_copy(update=about)
                _write_manifest(folder, manifest)
            finally:
                store.close()
            _sweep(folder, home.name)
    return manifest


def _silent(what: str, done: int, total: int) -> None:
    return None


def read_manifest(folder: Path) -> Manifest:
    """Raises `SearchUnavailable` if `folder` has no index, a broken one, or one of another version."""
    path = folder / MANIFEST
    if not path.is_file():
        raise SearchUnavailable(f"there is no text index in {folder}", REMEDY)
    with boundary(
        SearchUnavailable, f"reading {path}", REMEDY, expected=(OSError, ValueError, ValidationError)
    ):
        values: Any = read_json_file(path, REMEDY, SearchUnavailable)
        known = isinstance(values, dict) and cast("dict[str, Any]", values).get("format") == FORMAT
        if not known:
            raise SearchUnavailable(f"the text index in {folder} is of another version", REMEDY)
        manifest = Manifest.model_validate(values)
    if not (folder / manifest.content / "documents.jsonl").is_file():
        raise SearchUnavailable(f"the text index in {folder} is incomplete", REMEDY)
    return manifest


def build_engine(store: Store, home: Path, engine: str, tell: OnProgress | None = None) -> Path:
    """The keyword index of `store`, built unless it is there."""
    target = home / ENGINES[engine]
    if not target.exists():
        build_into(engine, target, _told(((d.title, d.text) for d in store), "keywords", len(store), tell))
    return target


def _keep_documents(documents: Iterable[Document], folder: Path, tell: OnProgress) -> tuple[Path, int]:
    """Write the documents down under the digest of their content."""
    with scratch_folder(folder / "incoming") as part:
        digest = sha256(f"{FORMAT}\n".encode())
        offsets, urls = [0], list[bytes]()
        with (part / "documents.jsonl").open("wb") as file:
            for document in documents:
                line = encodable(json.dumps(asdict(document), ensure_ascii=False)).encode() + b"\n"
                digest.update(line)
                offsets.append(offsets[-1] + file.write(line))
                urls.append(url_key(document.url))
                tell("documents", len(urls), 0)
        if not urls:
            raise InputError("there are no documents to index", "give at least one")
        keys = np.frombuffer(b"".join(urls), "<u8")
        order = np.argsort(keys, kind="stable").astype(np.uint32)
        twice = np.flatnonzero(np.diff(keys[order]) == 0)
        np.save(part / "offsets.npy", np.array(offsets, np.int64), allow_pickle=False)
        np.save(part / "urls.npy", np.stack([keys[order], order.astype(np.uint64)]), allow_pickle=False)
        if len(twice):
            with Store(part) as store:
                url = store[int(order[int(twice[0])])].url
            raise InputError(f"two documents have the address {url!r}", "give every document its own url")
        home = folder / digest.hexdigest()[:16]
        if not home.is_dir():
            part.rename(home)
        return home, len(urls)


def url_key(url: str) -> bytes:
    """Eight bytes that stand for an address."""
    return blake2b(url.encode("utf-8", "replace"), digest_size=8).digest()


def keep_vectors(folder: Path, target: Path) -> int:
    """Write the vectors of the index in `folder` to the file `target`, by what they stand for, for
    `build(known=)`.

    Returns how many. Raises `SearchUnavailable` if the index has none.
    """
    manifest = read_manifest(folder)
    if not manifest.encoder:
        raise SearchUnavailable(
            f"the text index in {folder} has no vectors", "build it with the encoder installed"
        )
    home = folder / manifest.content
    with Store(home) as store:
        gists = divide(store, recurring(store)).gists
    vectors = Vectors.open(home / "vectors")
    kept = np.zeros(len(gists), KEPT)
    kept["key"] = [gist_key(manifest.encoder, gist) for gist in gists]
    kept["row"]["codes"], kept["row"]["scale"] = vectors.codes, vectors.scales
    kept.sort(order="key")
    file = io.BytesIO()
    np.save(file, kept, allow_pickle=False)
    write_atomic(target, file.getvalue())
    return len(gists)


def gist_key(encoder: str, gist: str) -> int:
    """64 bits that stand for what `encoder` makes of `gist`."""
    return int.from_bytes(blake2b(f"{encoder}\n{gist}".encode(), digest_size=8).digest(), "little")


def _encoder_of(home: Path) -> str:
    """Who made the vectors in `home`; empty if there are none."""
    about = home / "vectors" / "about.json"
    return str(read_json_file(about, REMEDY)["encoder"]) if about.is_file() else ""


def _make_vectors(store: Store, home: Path, encoder: Encoder, known: Path | None, tell: OnProgress) -> Parts:
    """Vectors of every different gist, appended to a file as they are made; what they are of."""
    parts = divide(store, recurring(store))
    ready = _Known(known, encoder)
    kept = _unfinished(home, encoder)
    have = min(kept.stat().st_size // ROW.itemsize, len(parts.gists)) if kept.exists() else 0
    with kept.open("ab") as file:
        file.truncate(have * ROW.itemsize)
        for start in range(have, len(parts.gists), _BATCH):
            tell("vectors", start, len(parts.gists))
            file.write(ready.rows(parts.gists[start : start + _BATCH]).tobytes())
            file.flush()
    tell("vectors", len(parts.gists), len(parts.gists))
    return parts


def _keep_vectors(parts: Parts, home: Path, encoder: Encoder) -> None:
    """Put what `_make_vectors` made in the place of the vectors that are there."""
    about = {"encoder": encoder.name, "vectors": len(parts.gists), "passages": len(parts.rows)}
    with replaced_folder(home / "vectors") as part:
        Vectors.save(np.fromfile(_unfinished(home, encoder), ROW), part)
        np.save(part / "passages.npy", parts.rows, allow_pickle=False)
        (part / "about.json").write_text(json.dumps(about), "utf-8")


def _unfinished(home: Path, encoder: Encoder) -> Path:
    return home / f"vectors.{encoder.name}.part"


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    write_atomic(folder / MANIFEST, manifest.model_dump_json(indent=1).encode())


class _Known:
    """Vectors out of a file where it has them, else made."""

    def __init__(self, path: Path | None, encoder: Encoder) -> None:
        self._encoder = encoder
        self._kept = np.zeros(0, KEPT)
        if path is not None and path.is_file():
            with boundary(InputError, f"reading {path}", "delete it", expected=(OSError, ValueError)):
                self._kept = np.load(path, allow_pickle=False)

    def rows(self, gists: list[str]) -> np.ndarray[Any, Any]:
        """[gists] of `ROW`."""
        keys = np.array([gist_key(self._encoder.name, gist) for gist in gists], np.uint64)
        places = np.searchsorted(self._kept["key"], keys)
        found = places < len(self._kept)
        found[found] = self._kept["key"][places[found]] == keys[found]
        rows = np.zeros(len(gists), ROW)
        rows[found] = self._kept["row"][places[found]]
        missing = np.flatnonzero(~found)
        if len(missing):
            rows[missing] = pack(self._encoder.encode([gists[number] for number in missing]))
        return rows


def _sweep(folder: Path, content: str) -> None:
    """Remove other contents and what killed builds left. Who has an old content open keeps reading it."""
    sweep(folder / content)
    for stale in (folder / content).glob("vectors.*.part"):
        stale.unlink(missing_ok=True)
    for path in folder.iterdir():
        if path.is_dir() and path.name != content:
            remove_folder(path)


def _told(items: Iterable[Any], what: str, total: int, tell: OnProgress | None) -> Generator[Any]:
    for number, item in enumerate(items):
        if tell is not None and number % 256 == 0:
            tell(what, number, total)
        yield item


def cache_folder() -> Path:
    """The user's folder for indexes that can be built again: `$XDG_CACHE_HOME/deepeyes/search`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deepeyes" / "search"
