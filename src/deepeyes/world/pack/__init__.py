"""The open world as data: real entities with facts, documents and pictures, offline, licences known."""

from .entity import Entity, Fact, PictureRecord, split_of
from .pack import Pack, open_pack

__all__ = ["Entity", "Fact", "Pack", "PictureRecord", "open_pack", "split_of"]
