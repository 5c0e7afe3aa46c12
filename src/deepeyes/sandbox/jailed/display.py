"""Pictures that a cell shows, collected as raw RGB in the order of display.

Four ways in, as in a notebook: `plt.show()` (and figures still open at the end of the cell), `display(x)`,
`Image.show()`, and a picture or figure as the last expression. Every figure is closed when its cell ends,
so nothing piles up over an episode.

What always holds: at most `images` pictures leave per cell, none above `image_pixels` or `image_side`; the
rest is counted as dropped.
"""

from __future__ import annotations

import io
import sys
from typing import Any

RawImage = tuple[int, int, bytes]
"""(width, height, raw RGB)"""


class Display:
    """The pictures of the running cell."""

    def __init__(self, limits: dict[str, Any]) -> None:
        self._most = limits["images"]
        self._pixels = limits["image_pixels"]
        self._side = limits["image_side"]
        self.images: list[RawImage] = []
        self.dropped = 0

    def reset(self) -> None:
        self.images, self.dropped = [], 0

    def show(self, thing: Any) -> bool:
        """Take `thing` if it is a picture or a figure; False leaves it to be printed."""
        if is_picture(thing):
            self._add(thing)
            return True
        if is_figure(thing):
            self._add_figure(thing)
            return True
        return False

    def show_open_figures(self) -> None:
        """Show and close every figure that pyplot still holds."""
        pyplot = sys.modules.get("matplotlib.pyplot")
        if pyplot is None:
            return
        try:
            for number in pyplot.get_fignums():
                self._add_figure(pyplot.figure(number))
        finally:
            pyplot.close("all")

    def _add(self, picture: Any) -> None:
        if len(self.images) >= self._most:
            self.dropped += 1
            return
        picture = _as_rgb(self._shrunk(picture))
        self.images.append((picture.width, picture.height, picture.tobytes()))

    def _shrunk(self, picture: Any) -> Any:
        picture.load()
        width, height = picture.size
        if not width or not height:
            raise ValueError(
                f"a picture of {width}x{height} pixels cannot be shown: check the box of the crop"
            )
        scale = min(1.0, self._side / max(width, height, 1), (self._pixels / max(width * height, 1)) ** 0.5)
        if scale == 1.0:
            return picture
        width = max(1, int(width * scale))
        height = max(1, min(int(height * scale), self._pixels // width))
        return picture.resize((min(width, self._pixels // height), height))

    def _add_figure(self, figure: Any) -> None:
        pyplot = sys.modules.get("matplotlib.pyplot")
        try:
            if len(self.images) >= self._most:
                self.dropped += 1
                return
            from PIL import Image

            width, height = figure.get_size_inches() * figure.dpi
            dpi = figure.dpi * min(1.0, (self._pixels / max(1.0, width * height)) ** 0.5)
            file = io.BytesIO()
            figure.savefig(file, format="png", bbox_inches="tight", dpi=dpi, pil_kwargs={"compress_level": 0})
            file.seek(0)
            self._add(Image.open(file))
        finally:
            if pyplot is not None:
                pyplot.close(figure)


def is_picture(thing: Any) -> bool:
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(thing, module.Image)


def is_figure(thing: Any) -> bool:
    module = sys.modules.get("matplotlib.figure")
    return module is not None and isinstance(thing, module.Figure)


def _as_rgb(picture: Any) -> Any:
    """Any mode as RGB: transparency over white, wide grey values stretched to their own range."""
    from PIL import Image

    if picture.mode == "RGB":
        return picture
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        seen = picture.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", seen.size, (255, 255, 255, 255)), seen).convert("RGB")
    if picture.mode == "F" or picture.mode.startswith("I"):
        return _stretched(picture).convert("RGB")
    return picture.convert("RGB")


def _stretched(picture: Any) -> Any:
    import numpy
    from PIL import Image

    values = numpy.asarray(picture, dtype=numpy.float64)
    finite = values[numpy.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if low >= 0 and 1 < high <= 255:
        low, high = 0.0, 255.0
    grey = (numpy.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) * (
        255.0 / ((high - low) or 1.0)
    )
    return Image.fromarray(grey.clip(0, 255).astype(numpy.uint8))
