"""A module of somebody's tools, as `--tool own_tools:NAME` finds it."""

import time
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Annotated, Literal

from PIL import Image
from pydantic import BaseModel, Field

import deepeyes


class Box(BaseModel):
    left: int
    right: int = 9


class Side(Enum):
    port = "p"
    starboard = "s"


@dataclass
class Place:
    name: str
    depth: float = 0.0


@deepeyes.tool
def everything(
    count: int,
    kind: Literal["navy", "trade"],
    box: Box,
    weight: Annotated[float, Field(gt=0, description="In tonnes.")] = 1.5,
    names: list[str] | None = None,
    flags: dict[str, bool] | None = None,
    day: date | None = None,
    side: Side = Side.port,
    place: Place | None = None,
    *,
    json: str = "",
    model_config: bool = False,
) -> dict[str, str]:
    """Says what it was given.

    Of all kinds.

    Args:
        count: How many,
            and: not more.
        kind (str): Which register.
        unknown: Nobody.

    Returns:
        What it was given.
    """
    given = dict(locals())
    return {name: type(value).__name__ for name, value in given.items()}


@deepeyes.tool
def nothing() -> None:
    """Does nothing."""


def plain(word: str) -> str:
    """Says a word again."""
    return word


@deepeyes.tool(name="sizes")
async def measured(image: Image.Image, others: list[Image.Image] | None = None) -> list[tuple[int, int]]:
    """The size of images."""
    return [image.size, *(other.size for other in others or [])]


@deepeyes.tool
def slow(seconds: float) -> str:
    """Sleeps."""
    time.sleep(seconds)
    return "awake"


no_tool = 7
