"""A key-value cache with one row a conversation, and places within it.

Rows never move and hold no padding: a conversation keeps its row over all its turns, so what was read once
(the images above all) is never read again, and conversations of any length decode together.
"""

from collections.abc import Sequence

import numpy as np
import torch


class SlotCache:
    """Keys and values, each a tensor (layers, rows, heads, length, head size)."""

    def __init__(self, layers: int, rows: int, heads: int, length: int, head: int) -> None:
        self.length = length
        shape = (layers, rows, heads, length, head)
        self._keys, self._values = _zeros(shape), _zeros(shape)
        self._rows = torch.zeros(0, dtype=torch.long)
        self._at = torch.zeros(0, 0, dtype=torch.long)
        self._upto = 0

    def begin(self, rows: torch.Tensor, at: torch.Tensor, upto: int) -> None:
        """The next forward writes to `rows` (b,) at places `at` (b, q) and attends to the first `upto`
        places.
        """
        self._rows, self._at, self._upto = rows, at, upto

    def update(
        self, keys: torch.Tensor, values: torch.Tensor, layer: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Store keys and values (b, heads, q, size) of one layer; return all that the rows hold of it."""
        rows = self._rows[:, None]
        for store, new in ((self._keys[layer], keys), (self._values[layer], values)):
            store.transpose(1, 2)[rows, self._at] = new.transpose(1, 2)
        return self._keys[layer][self._rows, :, : self._upto], self._values[layer][
            self._rows, :, : self._upto
        ]


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
