"""Data sets on the Hugging Face hub, or a word at once about what to fetch and where to put it.

What always holds: the hub is asked one short question first, with no second try, so a machine without a
network knows within seconds; what an earlier run fetched is used then; a run reads one commit of a data set.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from deepeyes.core.errors import InputError, boundary
from deepeyes.eval.benchmarks.about import Hub
from deepeyes.eval.benchmarks.tables import Table, of_dataset, open_local

_SECONDS = 10.0
"""For the question whether the hub is there."""
_INSTALL = "install what it needs: pip install 'deepeyes[data]'"


def open_hub(hub: Hub, root: Path | None = None) -> Table:
    """The table of a data set, fetched if it is not here yet. Raises `InputError`."""
    with boundary(InputError, "reading from the hub", _INSTALL, expected=ImportError):
        import datasets  # noqa: F401  # pyright: ignore[reportMissingImports]
        import huggingface_hub as client  # pyright: ignore[reportMissingImports]
    elsewhere = f"where there is a network {hub.fetch()}, then give --set source=DIR"
    try:
        with boundary(InputError, f"reaching {hub.id} on the hub", elsewhere, expected=Exception):
            info: Any = client.HfApi().dataset_info(hub.id, revision=hub.revision or None, timeout=_SECONDS)
    except InputError as unreachable:
        if (kept := _kept(hub)) is None:
            raise _explained(hub, unreachable, elsewhere) from unreachable
        return open_local(kept, hub.split, hub.config, root)
    return _fetched(replace(hub, revision=str(info.sha)), root)


def _kept(hub: Hub) -> Path | None:
    """The folder that an earlier run fetched."""
    import huggingface_hub as client  # pyright: ignore[reportMissingImports]

    try:
        with boundary(InputError, f"looking for {hub.id}", expected=Exception):
            return Path(
                client.snapshot_download(
                    hub.id, repo_type="dataset", revision=hub.revision or None, local_files_only=True
                )
            )
    except InputError:
        return None


def _explained(hub: Hub, error: InputError, elsewhere: str) -> InputError:
    """A gate and a wrong name are not a missing network."""
    import huggingface_hub.errors as errors  # pyright: ignore[reportMissingImports]

    if isinstance(error.__cause__, errors.GatedRepoError):
        page = f"https://huggingface.co/datasets/{hub.id}"
        return InputError(f"{hub.id} is given only to those who ask", f"ask at {page}, then `hf auth login`")
    if isinstance(error.__cause__, errors.RepositoryNotFoundError | errors.RevisionNotFoundError):
        return InputError(
            f"the hub has no data set {hub.id}{f' at {hub.revision}' if hub.revision else ''} for you",
            "check the name and the revision, log in with `hf auth login`, or give --set source=FOLDER",
        )
    return InputError(error.message, elsewhere)


def _fetched(hub: Hub, root: Path | None) -> Table:
    """The table at a commit that is known to be there."""
    import datasets  # pyright: ignore[reportMissingImports]
    import huggingface_hub as client  # pyright: ignore[reportMissingImports]

    place = f"{hub.id}@{hub.revision[:12]}"
    remedy = "check the configuration and the split, or fetch the files and give --set source=DIR"
    if hub.files:
        with boundary(InputError, f"fetching {place}", remedy, expected=Exception):
            folder = client.snapshot_download(
                hub.id, repo_type="dataset", revision=hub.revision, allow_patterns=list(hub.files)
            )
        return replace(open_local(Path(folder), hub.split, hub.config, root), place=place)
    with boundary(InputError, f"fetching {place}", remedy, expected=Exception):
        data = datasets.load_dataset(hub.id, hub.config or None, split=hub.split, revision=hub.revision)
    return of_dataset(data, place, root or Path())
