"""Images that a cell shows, collected as raw RGB in the order of display.

Four ways in, as in a notebook: `plt.show()` (and figures still open at the end of the cell), `display(x)`,
`Image.show()`, and an image or figure as the last expression. Every figure is closed when its cell ends,
so nothing piles up over an episode.

What always holds: at most `images` images leave per cell, none above `image_pixels` or `image_side`; the
rest is counted as dropped.
"""

from __future__ import annotations

import io
import sys
from typing import Any

RawImage = tuple[int, int, bytes]
"""(width, height, raw RGB)"""


class Display:
    """The images of the running cell."""

    def __init__(self, limits: dict[str, Any]) -> None:
        self._most = limits["images"]
        self._pixels = limits["image_pixels"]
        self._side = limits["image_side"]
        self.images: list[RawImage] = []
        self.dropped = 0

    def reset(self) -> None:
        self.images, self.dropped = [], 0

    def show(self, thing: Any) -> bool:
        """Take `thing` if it is an image or a figure; False leaves it to be printed."""
        if is_image(thing):
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

    def _add(self, image: Any) -> None:
        if len(self.images) >= self._most:
            self.dropped += 1
            return
        image = _as_rgb(self._shrunk(image))
        self.images.append((image.width, image.height, image.tobytes()))

    def _shrunk(self, image: Any) -> Any:
        image.load()
        width, height = image.size
        if not width or not height:
            raise ValueError(
                f"a picture of {width}x{height} pixels cannot be shown: check the box of the crop"
            )
        scale = min(1.0, self._side / max(width, height, 1), (self._pixels / max(width * height, 1)) ** 0.5)
        if scale == 1.0:
            return image
        width = max(1, int(width * scale))
        height = max(1, min(int(height * scale), self._pixels // width))
        return image.resize((min(width, self._pixels // height), height))

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


def is_image(thing: Any) -> bool:
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(thing, module.Image)


def is_figure(thing: Any) -> bool:
    module = sys.modules.get("matplotlib.figure")
    return module is not None and isinstance(thing, module.Figure)


def _as_rgb(image: Any) -> Any:
    """Any mode as RGB: transparency over white, wide grey values stretched to their own range."""
    from PIL import Image

    if image.mode == "RGB":
        return image
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        seen = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", seen.size, (255, 255, 255, 255)), seen).convert("RGB")
    if image.mode == "F" or image.mode.startswith("I"):
        return _stretched(image).convert("RGB")
    return image.convert("RGB")


def _stretched(image: Any) -> Any:
    import numpy
    from PIL import Image

    values = numpy.asarray(image, dtype=numpy.float64)
    finite = values[numpy.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    if low >= 0 and 1 < high <= 255:
        low, high = 0.0, 255.0
    grey = (numpy.nan_to_num(values, nan=low, posinf=high, neginf=low) - low) * (
        255.0 / ((high - low) or 1.0)
    )
    return Image.fromarray(grey.clip(0, 255).astype(numpy.uint8))
