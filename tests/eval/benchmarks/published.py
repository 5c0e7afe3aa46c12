"""Rows in the layouts of published benchmarks, written by hand, and a way to ask them without a hub."""

import base64
import io
import json
import random
from pathlib import Path
from typing import Any

from PIL import Image

from deepeyes.core.images import ImageStore
from deepeyes.core.task import Task
from deepeyes.core.verdict import Verdict
from deepeyes.eval.benchmarks.rows import RowsPlan
from deepeyes.eval.registry import benchmark_named


def picture(shade: int = 0) -> Image.Image:
    """Noise that is always the same for a shade, and whose base64 is as long as that of real images."""
    noise = random.Random(shade).randbytes(40 * 30 * 3)
    return Image.frombytes("RGB", (40, 30), noise)


def png(shade: int = 0) -> bytes:
    data = io.BytesIO()
    picture(shade).save(data, "PNG")
    return data.getvalue()


def base64_text(shade: int = 0) -> str:
    return base64.b64encode(png(shade)).decode()


def embedded(shade: int = 0) -> dict[str, Any]:
    """An image as parquet files and the `datasets` library keep it."""
    return {"bytes": png(shade), "path": "a.png"}


def write_jsonl(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Rows whose images are bytes become base64, which JSON can hold."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        "".join(json.dumps(row, default=_plain, ensure_ascii=False) + "\n" for row in rows), "utf-8"
    )
    return path


def write_parquet(path: Path, rows: list[dict[str, Any]]) -> Path:
    import pyarrow
    import pyarrow.parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path, row_group_size=2)
    return path


def write_tsv(path: Path, rows: list[dict[str, Any]]) -> Path:
    lines = ["\t".join(rows[0]), *("\t".join(str(row.get(name, "")) for name in rows[0]) for row in rows)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def _plain(value: Any) -> Any:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else str(value)


def plan_of(name: str, source: Path | str, **settings: Any) -> RowsPlan:
    plan = benchmark_named(name).model_validate({"source": str(source), **settings}).checked()
    assert isinstance(plan, RowsPlan)
    return plan


def asked(name: str, source: Path | str, **settings: Any) -> tuple[list[Task], ImageStore]:
    """The tasks of a table, and the store with their images."""
    store = ImageStore()
    return list(plan_of(name, source, **settings).tasks(store)), store


def verdict(name: str, task: Task, answer: str | None) -> Verdict:
    """By the rule that the benchmark's plan names."""
    plan = benchmark_named(name).model_validate({})
    return plan.grading.rule()(task, answer)
