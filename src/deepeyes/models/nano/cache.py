"""A key-value cache with one row a conversation, and places within it.

Rows never move and hold no padding: a conversation keeps its row over all its turns, so what was read once
(the images above all) is never read again, and conversations of any length decode together. What always
holds: attention looks at rows where they lie; nothing of what they hold is copied for it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch


@dataclass(frozen=True)
class Span:
    """Rows that lie side by side."""

    batch: slice
    """Where they are among the rows of a forward pass."""
    rows: slice
    upto: int
    """How many places the longest of them holds."""
    mask: torch.Tensor
    """(rows, 1, q * sharing, upto): 0 for the places that a query attends to, minus infinity for others."""


class SlotCache:
    """Keys and values, each a tensor (layers, rows, heads, length, head size); so many heads of queries are
    `sharing` each of them.
    """

    def __init__(self, layers: int, rows: int, heads: int, length: int, head: int, sharing: int) -> None:
        self.length, self.sharing = length, sharing
        shape = (layers, rows, heads, length, head)
        self._keys, self._values = _zeros(shape), _zeros(shape)
        self._rows = torch.zeros(0, 1, dtype=torch.long)
        self._at = torch.zeros(0, 0, dtype=torch.long)
        self.spans: tuple[Span, ...] = ()

    def begin(self, rows: Sequence[int], held: Sequence[int], count: int) -> None:
        """The next forward pass adds `count` tokens to each of `rows` (b, ascending), which hold so many
        already.
        """
        self._rows = torch.tensor(rows)[:, None]
        self._at = torch.tensor(held)[:, None] + torch.arange(count)
        self.spans = tuple(self._spanned(rows, held, count))

    def write(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Store keys and values (b, heads, count, size) of one layer."""
        for store, new in ((self._keys[layer], keys), (self._values[layer], values)):
            store.transpose(1, 2)[self._rows, self._at] = new.transpose(1, 2)

    def read(self, layer: int, span: Span) -> tuple[torch.Tensor, torch.Tensor]:
        """All keys and values of one layer that the rows of a span hold, as views."""
        return self._keys[layer][span.rows, :, : span.upto], self._values[layer][span.rows, :, : span.upto]

    def copy(self, source: int, target: int, count: int) -> None:
        """The first `count` places of one row into another."""
        for store in (self._keys, self._values):
            store[:, target, :, :count] = store[:, source, :, :count]

    def _spanned(self, rows: Sequence[int], held: Sequence[int], count: int) -> Iterator[Span]:
        for _, run in groupby(range(len(rows)), lambda index: rows[index] - index):
            first, *rest = run
            batch = slice(first, first + 1 + len(rest))
            upto = max(held[batch]) + count
            hidden = torch.arange(upto)[None, None] > self._at[batch, :, None]
            mask = torch.zeros(hidden.shape).masked_fill_(hidden, -torch.inf).repeat(1, self.sharing, 1)
            yield Span(batch, slice(rows[first], rows[first] + len(mask)), upto, mask[:, None])


def _zeros(shape: tuple[int, ...]) -> torch.Tensor:
    """NumPy's zeros take memory where they are first written to; torch's, all at once."""
    return torch.from_numpy(np.zeros(shape, np.float32))  # pyright: ignore[reportUnknownMemberType]


def positions(
    ids: Sequence[int], grids: Sequence[tuple[int, int, int]], start: int, image_token: int, merge: int
) -> tuple[torch.Tensor, int]:
    """Qwen2.5-VL's three-part positions (3, tokens) of `ids` that begin at `start`, and the position that
    comes next.

    An image of grid (frames, rows, columns) in patches spans rows and columns of merged cells; text counts
    on from the largest of them.
    """
    parts: list[torch.Tensor] = []
    place, index, image = start, 0, 0
    while index < len(ids):
        if ids[index] == image_token:
            rows, columns = grids[image][1] // merge, grids[image][2] // merge
            y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
            parts.append(
                torch.stack([torch.zeros(rows * columns, dtype=torch.long), y.flatten(), x.flatten()]) + place
            )
            index, image, place = index + rows * columns, image + 1, place + max(rows, columns)
        else:
            stop = index
            while stop < len(ids) and ids[stop] != image_token:
                stop += 1
            parts.append(torch.arange(place, place + stop - index).expand(3, -1))
            index, place = stop, place + stop - index
    return torch.cat(parts, 1), place
