"""Imports that every session inherits, and the small changes that make libraries behave as in a notebook.

`after_import` runs a patch right after a module is first executed, whether the zygote preloads it or the
model's code imports it later, so both preload profiles behave alike.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Sequence
from types import ModuleType

Patch = Callable[[ModuleType], None]


def import_all(names: Sequence[str]) -> list[str]:
    """Import each module; returns the names of those that are not installed or do not load."""
    missing: list[str] = []
    for name in names:
        try:
            importlib.import_module(name)
        except (ImportError, OSError, RuntimeError, AttributeError) as _:
            missing.append(name)
    _warm_up()
    return missing


def _warm_up() -> None:
    """Do once what every session would do first: register image formats, draw text, pin thread pools."""
    pillow = sys.modules.get("PIL.Image")
    if pillow is not None:
        pillow.init()
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        figure = pyplot.figure()
        axes = figure.gca()
        axes.plot([1, 2])
        axes.set_title("x")
        figure.canvas.draw()
        pyplot.close("all")
    opencv = sys.modules.get("cv2")
    if opencv is not None:
        opencv.setNumThreads(1)


class AfterImport(importlib.abc.MetaPathFinder):
    """Finds nothing itself: it borrows the real finder's spec and wraps the loader's last step."""

    def __init__(self) -> None:
        self._patches: dict[str, Patch] = {}

    def add(self, name: str, patch: Patch) -> None:
        """Apply `patch` to module `name` now if it is loaded, else right after its first import."""
        module = sys.modules.get(name)
        if module is not None:
            patch(module)
        else:
            self._patches[name] = patch

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        patch = self._patches.pop(fullname, None)
        if patch is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None and spec.loader is not None:
            _run_after(spec.loader, patch)
        return spec


def _run_after(loader: importlib.abc.Loader, patch: Patch) -> None:
    original = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        original(module)
        patch(module)

    loader.exec_module = exec_module  # type: ignore[method-assign]
