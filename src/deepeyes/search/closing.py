"""Closing what may or may not need it: indexes on disk do not, connections do."""

from __future__ import annotations


async def close(search: object) -> None:
    """Await `aclose` of anything that has one."""
    aclose = getattr(search, "aclose", None)
    if aclose is not None:
        await aclose()
