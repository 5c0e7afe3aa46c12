"""Names that files on disk had before today's: the one place that turns them into these.

Recipes, items, counts and indexes that earlier versions wrote stay readable: each of their models names its
old keys and renames them before it checks anything. What always holds: files are written with today's names
only, and a table with both the old and the new name of a key is refused as one with an unknown key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

ROUTE = {"lane": "route"}
LICENSE = {"licence": "license"}
MASKED = {"given": "masked_turns"}


def renamed(values: Any, names: Mapping[str, str]) -> Any:
    """The table `values` with the keys of `names`, old to new, under their new names."""
    if not isinstance(values, dict):
        return values
    fields = cast("dict[str, Any]", values)
    return {key if names.get(key) in fields else names.get(key, key): value for key, value in fields.items()}
