"""The sixty forms, two files a domain: what is answered by looking, and what takes a page of the world.

Importing this package registers all of them.
"""

from ..draft import FORMS
from . import (
    daily_looks,
    daily_pages,
    knowledge_looks,
    knowledge_pages,
    media_looks,
    media_pages,
    sports_looks,
    sports_pages,
    travel_looks,
    travel_pages,
)

__all__ = [
    "FORMS",
    "daily_looks",
    "daily_pages",
    "knowledge_looks",
    "knowledge_pages",
    "media_looks",
    "media_pages",
    "sports_looks",
    "sports_pages",
    "travel_looks",
    "travel_pages",
]
