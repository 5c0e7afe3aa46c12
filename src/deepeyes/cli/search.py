"""`deepeyes search`: ask the indexes by hand, build one, serve them.

What always holds: stdout carries hits (or one JSON object) and nothing else; what is missing and made up
for is a note on stderr.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from deepeyes.cli.progress import Steps
from deepeyes.cli.running import run
from deepeyes.core.errors import InputError
from deepeyes.core.extras import install
from deepeyes.core.json_files import read_json_lines
from deepeyes.harness.search import GISTS, HELP, WORLD, Engines, build_world, open_engines, world_folder
from deepeyes.search.base import Document, Hit
from deepeyes.view.visible import visible

app = typer.Typer(add_completion=False, help="Search texts and pictures, offline or through a provider.")

_WHERE = typer.Option([], "--search", metavar="WHAT", help=HELP.replace("What the model may search", "Where"))
_K = typer.Option(5, "-k", min=1, max=100, help="How many hits.")
_JSON = typer.Option(False, "--json", help="Print one JSON object.")


@app.command()
def query(text: str, search: list[str] = _WHERE, k: int = _K, as_json: bool = _JSON) -> None:
    """The best texts for a question or some words; in the embedded world unless --search says where."""

    async def ask() -> tuple[tuple[Hit, ...], Engines]:
        async with _opened(search) as engines:
            if engines.text is None:
                raise InputError("there is no text to search", "give --search world, an index or a provider")
            return await engines.text.search(text, k), engines

    if not text.strip():
        raise InputError("the query is empty", "say what to look for")
    _show(*run(ask()), as_json)


@app.command()
def image(file: Path, search: list[str] = _WHERE, k: int = _K, as_json: bool = _JSON) -> None:
    """The gallery's images most like one."""
    from deepeyes.core.images import load_image

    async def ask() -> tuple[tuple[Hit, ...], Engines]:
        picture = load_image(file).image
        async with _opened(search) as engines:
            if engines.images is None:
                raise InputError(
                    "there are no pictures to search", "give --search world or google_lens?upload=true"
                )
            return await engines.images.search(picture, k), engines

    _show(*run(ask()), as_json)


@app.command()
def index(
    source: str = typer.Argument(
        metavar="FILE.jsonl|world", help="Documents, one JSON object a line, or world."
    ),
    out: Path | None = typer.Option(None, help="Folder of the index (not for world)."),
    dense: bool = typer.Option(
        True, "--dense/--no-dense", help="Whether meanings are indexed, not words alone."
    ),
    keep: bool = typer.Option(
        False, help="world: also keep the vectors beside the pack, for quick builds later."
    ),
) -> None:
    """Index documents. A line has url, title, text, and if known date and source; or id and contents."""
    from deepeyes.search.text.build import build, keep_vectors
    from deepeyes.search.text.vectors import missing_parts

    wanted = None if dense else False
    with Steps() as steps:

        def tell(what: str, done: int, total: int) -> None:
            steps.step("index", done, total or None, words=what)

        steps.step("index", 0, None, words="reading documents")
        if source == WORLD:
            from deepeyes.world.pack import open_pack

            with open_pack() as pack:
                manifest, out = build_world(pack, dense=wanted, tell=tell), world_folder(pack)
                if keep:
                    keep_vectors(out / "text", pack.folder / GISTS)
        elif out is None:
            raise InputError("there is no folder to build in", "give --out DIR")
        else:
            manifest = build(read_documents(Path(source)), out, dense=wanted, on_progress=tell)
    if dense and not manifest.encoder:
        lacking = ", ".join(missing_parts())
        print(f"note: words only ({lacking} missing): {install('search')}", file=sys.stderr)
    print(f"{out}: {manifest.documents} documents, {manifest.passages} passages, {manifest.vectors} vectors")


@app.command()
def serve(
    search: list[str] = _WHERE,
    host: str = typer.Option("127.0.0.1", help="Address to listen on; others than loopback need a token."),
    port: int = typer.Option(8090, min=0, max=65535),
    topk: int = typer.Option(3, min=1, max=100, help="Hits for requests that do not say."),
    chars: int = typer.Option(1000, min=50, max=20_000, help="Characters of text a hit of an index."),
) -> None:
    """Serve over HTTP: /retrieve for trainers, /search, /image_search, /page. The token is
    DEEPEYES_SEARCH_TOKEN.
    """
    from deepeyes.serve.search import Served
    from deepeyes.serve.search import serve as serving

    async def work() -> None:
        async with _opened(search, chars) as engines:
            for note in engines.notes:
                print(f"note: {note}", file=sys.stderr)
            served = Served(engines.text, engines.images, engines.pages, engines.notes)
            await serving(served, host=host, port=port, topk=topk)

    run(work(), "the server has ended")


@app.command()
def contamination(
    traces: Path = typer.Argument(help="Folder that --trace wrote."),
    benchmark: Path = typer.Argument(
        metavar="QUESTIONS.jsonl",
        help="One JSON object a line: question, and if known id, answer, answers, image.",
    ),
    as_json: bool = _JSON,
) -> None:
    """Which episodes saw a benchmark's questions or images in what their searches found."""
    from deepeyes.cli.contamination import report

    print(report(traces, benchmark, as_json))


def read_documents(path: Path) -> Iterator[Document]:
    """The documents of a JSON Lines file: ours, or `{"id", "contents": "\\"Title\\"\\ntext"}`."""
    for number, value in read_json_lines(path, "write one JSON object a line"):
        yield _document(value, f"line {number} of {path}")


def _document(value: Any, where: str) -> Document:
    if not isinstance(value, dict):
        raise InputError(f"{where} is not a JSON object", "write url, title and text")
    url, text = value.get("url") or value.get("id"), value.get("text", value.get("contents"))
    if url is None or not isinstance(text, str):
        raise InputError(f"{where} has no url or no text", "write url, title and text (or id and contents)")
    title = str(value.get("title") or "")
    if not title and text.startswith('"'):
        title, _, text = text[1:].partition('"\n')
    return Document(str(url), title, text, str(value.get("date") or ""), str(value.get("source") or ""))


def _opened(search: list[str], snippet_chars: int = 300) -> Any:
    return open_engines(search or [WORLD], snippet_chars=snippet_chars, tell=_say)


def _say(what: str, done: int, total: int) -> None:
    if done == 0 and total:
        print(f"note: making the index of the world, once: {total} {what}", file=sys.stderr)


def _show(hits: tuple[Hit, ...], engines: Engines, as_json: bool) -> None:
    if as_json:
        told = [
            {
                "title": h.title,
                "url": h.url,
                "snippet": h.snippet,
                "date": h.date,
                "source": h.source,
                "score": h.score,
            }
            for h in hits
        ]
        print(json.dumps({"hits": told, "notes": list(engines.notes)}, ensure_ascii=False))
        return
    for note in engines.notes:
        print(f"note: {note}", file=sys.stderr)
    for number, hit in enumerate(hits, start=1):
        date = f" ({visible(hit.date)})" if hit.date else ""
        print(f"{number}. {visible(hit.title)}{date}\n   {visible(hit.url)}")
        if hit.snippet:
            print(f"   {visible(hit.snippet)}")
    if not hits:
        print("nothing was found", file=sys.stderr)
