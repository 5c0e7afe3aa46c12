"""How well and how fast search works: `python -m benchmarks.search --json`.

Text: paraphrase questions about held-out countries (`search_questions.py`) against every document of the
embedded world. `text_r1` and `text_r5` are the shares whose document comes first, or among the first five.
Speed: the same questions over 20,000 documents (the world's, then cut-up copies under other names), one
thread, snippets included; `fts5_ratio` is SQLite FTS5's median (a plain OR query ranked by bm25, with
`snippet()`) over ours for words alone. Pictures: `search_image.py`. `--large` adds 100,000 documents
(vectors of random meaning, which cost the same), `--clients` the HTTP server under 64 clients, `--tune` the
half that the weights were chosen on. Milliseconds are wall clock; `*_cpu_ms_p50` is processor time, which a
busy machine inflates less.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import socket
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.search_questions import HELD_OUT, TUNED, Question, questions
from deepeyes.search.base import Document
from deepeyes.search.text.build import build
from deepeyes.search.text.index import TextIndex
from deepeyes.search.text.vectors import DIM, Floats, MiniLM
from deepeyes.search.text.words import query_words

FULL, MANY, LARGE = 20_000, 64, 100_000


class Anywhere:
    """Vectors of random meaning for documents, the real encoder for queries: what a scan costs, without the
    hours that encoding takes.
    """

    name = "random"

    def __init__(self) -> None:
        self._real = MiniLM()
        self._random = np.random.default_rng(0)

    def encode(self, texts: Sequence[str]) -> Floats:
        if len(texts) == 1:
            return self._real.encode(texts)
        rows = self._random.standard_normal((len(texts), DIM)).astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one flat object")
    parser.add_argument("--tune", action="store_true", help="ask the tuning half instead of the held-out one")
    parser.add_argument("--text-only", action="store_true", help="leave the pictures out")
    parser.add_argument("--large", action="store_true", help="also index 100,000 documents")
    parser.add_argument("--clients", action="store_true", help="also serve 64 clients over HTTP")
    parser.add_argument(
        "--misses", action="store_true", help="print the questions whose document is not first"
    )
    options = parser.parse_args()
    report = measure_text(held_out=not options.tune, show=options.misses)
    report |= measure_speed(report.pop("questions"))
    if options.large:
        report |= measure_large()
    if options.clients:
        report |= asyncio.run(measure_clients())
    if not options.text_only:
        from benchmarks.search_image import measure

        report |= measure()
    print(json.dumps(report) if options.json else "\n".join(f"{k}: {v}" for k, v in report.items()))


# ---- quality


def measure_text(*, held_out: bool, show: bool = False) -> dict[str, Any]:
    """`text_r1`, `text_r5`, the same for words alone, and the questions."""
    from deepeyes.harness.search import build_world, world_folder
    from deepeyes.world.pack import open_pack

    with open_pack() as pack:
        build_world(pack, pictures=False, tell=_tell)
        folder = world_folder(pack) / "text"
        names = {entity.id.partition("/")[2]: entity.name for entity in pack.entities("country")}
        texts = {document.url: document.text for document in pack.documents()}
    asked = questions(HELD_OUT if held_out else TUNED, names, texts, held_out=held_out)
    with TextIndex.open(folder) as index:
        if not index.dense:
            raise SystemExit(f"meanings are not compared: {'; '.join(index.notes)}")
        ranks = [rank_of(index, question, show) for question in asked]
    with TextIndex.open(folder, dense=False) as words:
        plain = [rank_of(words, question) for question in asked]
    return {
        "text_questions": len(asked),
        "text_documents": len(texts),
        "text_r1": share(ranks, 1),
        "text_r5": share(ranks, 5),
        "words_r1": share(plain, 1),
        "words_r5": share(plain, 5),
        "questions": asked,
    }


def rank_of(index: TextIndex, question: Question, show: bool = False) -> int:
    """From 1; 0 if it is not among the first five."""
    urls = [hit.url for hit in index.find(question.text, 5)]
    rank = urls.index(question.url) + 1 if question.url in urls else 0
    if show and rank != 1:
        print(
            f"{rank or '-'}  {question.text}  ({question.url}, first: {urls[0] if urls else '-'})",
            file=sys.stderr,
        )
    return rank


def share(ranks: list[int], k: int) -> float:
    return round(sum(0 < rank <= k for rank in ranks) / max(1, len(ranks)), 4)


# ---- speed


def measure_speed(asked: list[Question]) -> dict[str, Any]:
    """Medians over the questions on `FULL` documents."""
    with TemporaryDirectory(prefix="deepeyes-bench-") as place, contextlib.chdir(place):
        documents = list(copies(FULL))
        folder = Path(place) / "index"
        build(documents, folder, encoder=Anywhere(), on_progress=_tell)
        sqlite = plain_fts5(Path(place) / "plain.sqlite", documents)
        texts = [question.text for question in asked]
        with (
            TextIndex.open(folder, dense=False) as words,
            TextIndex.open(folder, encoder=Anywhere()) as fused,
        ):
            ours = timed(lambda text: words.find(text, 5), texts)
            both = timed(lambda text: fused.find(text, 5), texts)
            theirs = timed(lambda text: ask_fts5(sqlite, text), texts)
        sqlite.close()
    return {
        "speed_documents": len(documents),
        "text_ms_p50": ours[0],
        "text_cpu_ms_p50": ours[1],
        "fused_ms_p50": both[0],
        "fused_cpu_ms_p50": both[1],
        "fts5_ms_p50": theirs[0],
        "fts5_ratio": round(theirs[0] / ours[0], 2),
        "fts5_cpu_ratio": round(theirs[1] / ours[1], 2),
    }


def copies(count: int) -> Iterator[Document]:
    """The world's documents, then pieces of them under other names, until there are `count`."""
    from deepeyes.world.pack import open_pack

    with open_pack() as pack:
        real = list(pack.documents())
    for number in range(count):
        document = real[number % len(real)]
        turn = number // len(real)
        words = document.text.split(" ")
        piece = words if not turn else [word for n, word in enumerate(words) if n % (turn + 1)]
        title = document.title if not turn else f"{document.title} {turn}"
        yield Document(f"{document.url}?{turn}", title, " ".join(piece), document.date, document.source)


def plain_fts5(path: Path, documents: list[Document]) -> sqlite3.Connection:
    """What one would write by hand: title and text, porter stemming."""
    db = sqlite3.connect(path)
    with db:
        db.execute(
            "CREATE VIRTUAL TABLE docs USING fts5(title, text, url UNINDEXED, tokenize='porter unicode61')"
        )
        db.executemany("INSERT INTO docs VALUES (?, ?, ?)", ((d.title, d.text, d.url) for d in documents))
        db.execute("INSERT INTO docs(docs) VALUES ('optimize')")
    return db


def ask_fts5(db: sqlite3.Connection, text: str) -> list[Any]:
    match = " OR ".join(f'"{word}"' for word in query_words(text))
    asked = (
        "SELECT title, url, snippet(docs, 1, '', '', '...', 40) FROM docs WHERE docs MATCH ? "
        "ORDER BY bm25(docs, 2.0, 1.0) LIMIT 5"
    )
    return db.execute(asked, (match,)).fetchall()


def timed(act: Callable[[str], Any], texts: list[str]) -> tuple[float, float]:
    """Median milliseconds (wall, processor), after a warm-up."""
    for text in texts[:5]:
        act(text)
    walls: list[float] = []
    processor: list[float] = []
    for text in texts:
        wall, used = time.perf_counter(), time.process_time()
        act(text)
        walls.append(1e3 * (time.perf_counter() - wall))
        processor.append(1e3 * (time.process_time() - used))
    return round(statistics.median(walls), 3), round(statistics.median(processor), 3)


def measure_large() -> dict[str, Any]:
    """100,000 documents: size against the text, time to open, latencies."""
    from deepeyes.world.pack import open_pack

    with open_pack() as pack:
        names = [entity.name for entity in pack.entities("country")]
    texts = [words.format(name=name) for (_, _, words), name in zip(HELD_OUT * 5, names, strict=False)]
    with TemporaryDirectory(prefix="deepeyes-bench-") as place, contextlib.chdir(place):
        folder, size = Path(place) / "index", 0

        def counted() -> Iterator[Document]:
            nonlocal size
            for document in copies(LARGE):
                size += len(document.text.encode()) + len(document.title.encode())
                yield document

        start = time.perf_counter()
        manifest = build(counted(), folder, encoder=Anywhere(), on_progress=_tell)
        built = time.perf_counter() - start
        on_disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        encoder = Anywhere()
        start = time.perf_counter()
        index = TextIndex.open(folder, encoder=encoder)
        opened = time.perf_counter() - start
        with index, TextIndex.open(folder, dense=False) as words:
            ours = timed(lambda text: words.find(text, 5), texts)
            both = timed(lambda text: index.find(text, 5), texts)
    return {
        "large_documents": manifest.documents,
        "large_passages": manifest.passages,
        "large_vectors": manifest.vectors,
        "large_text_mb": round(size / 1e6, 1),
        "large_disk_ratio": round(on_disk / size, 2),
        "large_build_s": round(built, 1),
        "large_open_s": round(opened, 3),
        "large_text_ms_p50": ours[0],
        "large_text_cpu_ms_p50": ours[1],
        "large_fused_ms_p50": both[0],
        "large_fused_cpu_ms_p50": both[1],
    }


# ---- the server


async def measure_clients(each: int = 8) -> dict[str, Any]:
    """`MANY` clients at once, each asking `each` questions one after the other, of a server of its own
    process.
    """
    import httpx

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "deepeyes", "search", "serve", "--port", str(port)]
    process = subprocess.Popen(command, env={**os.environ, "OMP_NUM_THREADS": "1"})
    try:
        limits = httpx.Limits(max_connections=MANY, max_keepalive_connections=MANY)
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=120, limits=limits
        ) as client:
            await _ready(client)
            texts = [words.format(name="Chad") for _, _, words in HELD_OUT]
            times: list[list[float]] = []
            errors = 0

            async def one(number: int) -> None:
                nonlocal errors
                mine: list[float] = []
                for turn in range(each):
                    body = {
                        "queries": [texts[(number + turn) % len(texts)]],
                        "topk": 3,
                        "return_scores": True,
                    }
                    start = time.perf_counter()
                    answer = await client.post("/retrieve", json=body)
                    mine.append(1e3 * (time.perf_counter() - start))
                    errors += answer.status_code != 200 or len(answer.json()["result"][0]) != 3
                times.append(mine)

            start = time.perf_counter()
            await asyncio.gather(*(one(number) for number in range(MANY)))
            whole = time.perf_counter() - start
    finally:
        process.terminate()
        process.wait()
    flat = sorted(t for mine in times for t in mine)
    means = [statistics.fmean(mine) for mine in times]
    return {
        "clients": MANY,
        "clients_errors": errors,
        "clients_p50_ms": round(flat[len(flat) // 2], 1),
        "clients_p99_ms": round(flat[int(len(flat) * 0.99)], 1),
        "clients_per_s": round(len(flat) / whole, 1),
        "clients_slowest_over_fastest": round(max(means) / min(means), 2),
    }


async def _ready(client: Any) -> None:
    import httpx

    for _ in range(600):
        with contextlib.suppress(httpx.TransportError):
            await client.get("/health")
            return
        await asyncio.sleep(0.1)
    raise SystemExit("the server did not start in a minute")


def _tell(what: str, done: int, total: int) -> None:
    if total and done and done % 4096 == 0:
        print(f"{what}: {done} of {total}", file=sys.stderr)


if __name__ == "__main__":
    main()
