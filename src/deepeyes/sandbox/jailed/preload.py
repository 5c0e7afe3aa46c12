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
Filler = Callable[[str, ModuleType], None]


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
    """Borrows the real finder's spec and wraps the loader's last step; or stands in for what is missing."""

    def __init__(self) -> None:
        self._patches: dict[str, Patch] = {}
        self._stand_ins: dict[str, Filler] = {}

    def stand_in(self, names: Sequence[str], filler: Filler) -> None:
        """Where a module of `names` is not installed, give an empty one that `filler` has filled."""
        self._stand_ins.update(dict.fromkeys(names, filler))

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
        filler = self._stand_ins.get(fullname)
        if patch is None and filler is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is None and filler is not None:
            spec = importlib.machinery.ModuleSpec(fullname, _StandIn(filler))
        if patch is not None and spec is not None and spec.loader is not None:
            _run_after(spec.loader, patch)
        return spec


class _StandIn(importlib.abc.Loader):
    """Loads a module out of nothing."""

    def __init__(self, filler: Filler) -> None:
        self._filler = filler

    def exec_module(self, module: ModuleType) -> None:
        self._filler(module.__name__, module)


def _run_after(loader: importlib.abc.Loader, patch: Patch) -> None:
    original = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        original(module)
        patch(module)

    loader.exec_module = exec_module  # type: ignore[method-assign]
