"""Perceptual hashes: 64 bits that hardly change when an image is resized or compressed again.

They only propose near duplicates, for a few microseconds each; pixels decide. Images without any structure
have arbitrary bits.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

_LOW = 8
_POPULATION = np.array([bin(value).count("1") for value in range(256)], np.uint8)


def perceptual_hashes(templates: Bytes) -> Bytes:
    """(N, 8) bytes from (N, n, n, 3): the lowest 8 x 8 cosine coefficients, above their median or not."""
    grey = templates.astype(np.float32).mean(-1)
    side = grey.shape[-1]
    angles = [[np.pi / side * wave * (place + 0.5) for place in range(side)] for wave in range(_LOW)]
    waves = np.cos(np.array(angles, np.float32))
    low = (waves @ grey @ waves.T).reshape(len(grey), -1)
    low[:, 0] = 0  # brightness as a whole says nothing
    return np.packbits(low > np.median(low, axis=1, keepdims=True), axis=1)


def distances(hashes: Bytes, one: Bytes) -> npt.NDArray[np.int64]:
    """(N,) differing bits, 0 to 64, between (N, 8) hashes and one of (8,)."""
    return _POPULATION[hashes ^ one].sum(1, dtype=np.int64)
