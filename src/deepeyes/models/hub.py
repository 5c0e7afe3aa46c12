"""Where the weights of `hf:PATH_OR_ID` are: a folder, the Hub, or what was once downloaded from it.

What always holds: a name is settled before torch is imported and anything is downloaded, with one request
that is not repeated and takes no longer than `PATIENCE`; what cannot be had is one line that says why (there
is no such folder, no such model, no access, no network) and what to do; without a network, what is in the
cache is loaded from there and nothing else is tried.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

from deepeyes.core.errors import DeepEyesError, ModelError, boundary
from deepeyes.core.extras import needs

PATIENCE = 6.0
"""Seconds until the Hub counts as out of reach."""
_CONFIGS = ("config.json", "adapter_config.json")
"""One of them is in every folder and repository that Transformers loads; the latter with adapters alone."""
_OFFLINE = "OfflineModeIsEnabled"
_LOG = logging.getLogger(__name__)


class _Unanswered(DeepEyesError):
    """The Hub refused the request, or was not reached; the cause is what its library raised."""


def located(place: str) -> str:
    """The folder or Hub id that `from_pretrained` gets for `place`. Raises `ModelError`."""
    folder = checked_folder(place)
    if folder is not None:
        return str(folder)
    with boundary(ModelError, f"looking for {place}", needs("nano"), expected=ImportError):
        from huggingface_hub import constants, try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
        from huggingface_hub.utils import validate_repo_id

    with boundary(
        ModelError,
        f"looking for {place}",
        "give a folder, or an id of the Hub, written OWNER/NAME",
        expected=HFValidationError,
    ):
        validate_repo_id(place)
    unanswered = _asked(place)
    if unanswered is None:
        return place
    problem = _refused(place, unanswered)
    if problem is not None:
        raise problem
    why = _why(unanswered)
    for name in _CONFIGS:
        cached = try_to_load_from_cache(place, name)
        if isinstance(cached, str):
            _LOG.info("%s: %s is taken from the cache", why, place)
            return str(Path(cached).parent)
    first = "unset HF_HUB_OFFLINE, or " if _is(unanswered, _OFFLINE) else ""
    folder_too = "" if "/" in place else f"there is no folder {place} here, "
    raise ModelError(
        f"{folder_too}{why}, and {place} is not in the cache {constants.HF_HUB_CACHE}",
        f"{first}run `hf download {place} --local-dir FOLDER` where there is a network and give FOLDER "
        f"for it, or set HF_HOME to a cache that has it",
    )


def checked_folder(place: str) -> Path | None:
    """The folder that `place` names; None for what can only be an id. Raises `ModelError` for one that is not
    there or holds no model.
    """
    folder = Path(place).expanduser()
    if folder.is_dir():
        if not any((folder / name).exists() for name in _CONFIGS):
            raise ModelError(
                f"{place} is no model, it holds no config.json",
                "give the one that has it beside the weights",
            )
        return folder
    if folder.exists():
        raise ModelError(f"{place} is a file", "give the folder with the weights and their config.json")
    if place.startswith(("/", "./", "../", "~")) or place.count("/") > 1 or place.endswith("/"):
        raise ModelError(f"there is no folder {place}", "check its path")
    return None


def _asked(place: str) -> _Unanswered | None:
    """Ask the Hub for the model's configuration; None if it has it and gives it to this user."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    problems: list[_Unanswered | None] = []

    def ask() -> None:
        for name in _CONFIGS:
            try:
                with boundary(_Unanswered, "asking the Hub", expected=Exception):
                    get_hf_file_metadata(hf_hub_url(place, name), timeout=PATIENCE)
            except _Unanswered as problem:
                problems.append(problem)
            else:
                problems.append(None)
                return
            if not _is(problems[-1], "EntryNotFoundError"):
                return

    # In a thread that nobody needs to wait for: looking up a name has no time limit of its own.
    asking = threading.Thread(target=ask, name="ask-the-hub", daemon=True)
    asking.start()
    asking.join(PATIENCE)
    if asking.is_alive():
        return _Unanswered(f"no answer in {PATIENCE:g} s")
    return problems[-1]


def _refused(place: str, unanswered: _Unanswered) -> ModelError | None:
    """The error that the Hub's own answer means; None if there was no answer."""
    from huggingface_hub import constants

    if _is(unanswered, "GatedRepoError"):
        return ModelError(
            f"{place} is only for those whom its owners let in",
            f"accept its terms at {constants.ENDPOINT}/{place}, then `hf auth login` or set HF_TOKEN",
        )
    if _is(unanswered, "RepositoryNotFoundError"):
        return ModelError(
            f"{constants.ENDPOINT} has no model {place!r}, or shows it to others only",
            "check the name, written OWNER/NAME; for one that is not public `hf auth login` or set HF_TOKEN",
        )
    if _is(unanswered, "EntryNotFoundError"):
        return ModelError(
            f"{place} holds no config.json, so Transformers cannot load it",
            "give the id of the weights that it was made from",
        )
    return None


def _why(unanswered: _Unanswered) -> str:
    from huggingface_hub import constants

    if _is(unanswered, _OFFLINE):
        return "HF_HUB_OFFLINE is set"
    reason = str(unanswered.__cause__ or unanswered).splitlines()[0]
    return f"{constants.ENDPOINT} cannot be reached ({reason.removesuffix('.')})"


def _is(unanswered: _Unanswered | None, name: str) -> bool:
    import huggingface_hub.errors

    kind: Any = getattr(huggingface_hub.errors, name)
    return unanswered is not None and isinstance(unanswered.__cause__, kind)
