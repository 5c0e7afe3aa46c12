"""What one session may use, and what the zygote imports beforehand.

The mechanism behind each number is in docs/sandbox.md. All are per session unless they say otherwise; what
counts per process is multiplied by `processes` at worst, which is why `session_memory_mib` exists.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Preload = Literal["slim", "full"]

_SLIM = (
    "numpy",
    "numpy.fft",
    "numpy.linalg",
    "numpy.ma",
    "numpy.random",
    "PIL.Image",
    "PIL.ImageDraw",
    "PIL.ImageFont",
    "PIL.ImageFilter",
    "PIL.ImageEnhance",
    "PIL.ImageOps",
    "PIL.PngImagePlugin",
    "PIL.JpegImagePlugin",
    "asyncio",
    "base64",
    "collections",
    "io",
    "itertools",
    "json",
    "math",
    "random",
    "re",
    "statistics",
)
_FULL = (
    *_SLIM,
    "matplotlib.pyplot",
    "matplotlib.patches",
    "scipy.ndimage",
    "scipy.optimize",
    "scipy.signal",
    "scipy.stats",
    "pandas",
    "cv2",
    "sympy",
    "skimage",
)


def preloaded_modules(preload: Preload) -> tuple[str, ...]:
    """Modules that every session finds imported; those not installed are skipped."""
    return _SLIM if preload == "slim" else _FULL


class SandboxLimits(BaseModel):
    """Limits of one session."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    memory_mib: int = Field(default=2048, ge=64)
    """Address space one process may add: beyond it, MemoryError."""
    session_memory_mib: int = Field(default=3072, ge=64)
    """Private memory of all processes together: beyond it the fattest one is killed, then the session."""
    cpu_seconds: int = Field(default=600, ge=1)
    """CPU time of one process."""
    processes: int = Field(default=64, ge=4)
    """Processes and threads together."""
    disk_mib: int = Field(default=256, ge=1)
    """Size of the session's folder."""
    files: int = Field(default=8192, ge=16)
    """Files in the session's folder."""
    file_mib: int = Field(default=64, ge=1)
    """Size of one file."""
    open_files: int = Field(default=256, ge=32)
    images: int = Field(default=10, ge=0, le=60)
    """Images shown per cell; more are counted and dropped."""
    image_pixels: int = Field(default=4_000_000, ge=1)
    """A larger image is scaled down before it leaves."""
    image_side: int = Field(default=4096, ge=1, le=16384)
    grace: float = Field(default=1.0, gt=0)
    """Seconds between the polite interrupt of a cell and its end."""
    stretch: float = Field(default=3.0, ge=1)
    """A cell's clock stands still while it waits for a core, up to this many times its timeout."""
    nice: int = Field(default=10, ge=0, le=19)
    """Scheduling priority given away, so that the trainer beside us goes first."""
