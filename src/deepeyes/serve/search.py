"""Search over HTTP, for trainers and rollouts on other machines.

    POST /retrieve      {queries: [..] (or query), topk, return_scores}    what Search-R1-style trainers send
                        -> {result: [[{document: {id, contents}, score}]]}; without scores: [[{id, contents}]]
    POST /search        {query, k}             -> {hits: [{title, url, snippet, date, source, score}]}
    POST /image_search  {image: base64, k}, or multipart or image/* with the file itself; k in the address
                        -> {hits: [{title, url, source, score, image: base64 PNG or null}]}
    POST /page          {url, query, chars}    -> {title, url, date, source, text}
    GET  /health                               -> what is served

What always holds: images are bounded while they are decoded; a bounded number of searches runs at once,
each query of a long batch waits its turn like any other; when too many wait, new requests get 503 at once;
who may ask, what a body may be and how an error is said is in `http.py`.
"""

from __future__ import annotations

import asyncio
import email.parser
import email.policy
import os
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import BaseModel, Field

from deepeyes.core.images import load_image
from deepeyes.search.base import Hit, ImageSearch, PageReader, TextSearch
from deepeyes.search.pages.passages import passages
from deepeyes.serve.http import (
    HttpError,
    application,
    from_base64,
    json_answer,
    listen,
    parsed,
    png_base64,
    read_body,
    token_for,
)

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

TOKEN_VARIABLE = "DEEPEYES_SEARCH_TOKEN"
MAX_BODY = 4 << 20
MAX_IMAGE_BODY = 32 << 20
MAX_QUERIES = 1024

T = TypeVar("T")
Count = Annotated[int, Field(ge=1, le=100)]


class RetrieveBody(BaseModel):
    """Trainers send either name, and more fields than are used."""

    queries: Annotated[list[str], Field(max_length=MAX_QUERIES)] | None = None
    query: str | Annotated[list[str], Field(max_length=MAX_QUERIES)] | None = None
    topk: Count | None = None
    return_scores: bool = False

    def asked(self) -> list[str]:
        """The queries, whichever name they came under."""
        given = self.queries if self.queries is not None else self.query
        if given is None:
            raise HttpError(400, "queries: Field required")
        return [given] if isinstance(given, str) else given


class SearchBody(BaseModel):
    query: str
    k: Count = 5


class ImageBody(BaseModel):
    image: str
    k: Count = 5


class PageBody(BaseModel):
    url: str
    query: str = ""
    chars: Annotated[int, Field(ge=1, le=1_000_000)] = 4000


@dataclass(frozen=True)
class Served:
    """What a server offers; a route over None answers 404."""

    text: TextSearch | None = None
    images: ImageSearch | None = None
    pages: PageReader | None = None
    notes: tuple[str, ...] = ()


class Service:
    """The routes. `at_once` searches run together, `waiting` more may queue (first come, first served)."""

    def __init__(self, served: Served, *, at_once: int, waiting: int, topk: int) -> None:
        self._served = served
        self._turn = asyncio.Semaphore(at_once)
        self._room = at_once + waiting
        self._inside = 0
        self._topk = topk

    async def retrieve(self, request: Request) -> Response:
        body = await parsed(request, RetrieveBody, MAX_BODY)
        queries, k, engine = body.asked(), body.topk or self._topk, self._text()
        # A batch searches its queries one after the other: it never takes more than one turn from others.
        found = [await self._in_turn(engine.search(query, k)) for query in queries]
        return json_answer(
            {"result": [[_retrieved(hit, body.return_scores) for hit in hits] for hits in found]}
        )

    async def search(self, request: Request) -> Response:
        body = await parsed(request, SearchBody, MAX_BODY)
        if not body.query.strip():
            raise HttpError(400, "the query is empty", "say what to look for")
        hits = await self._in_turn(self._text().search(body.query, body.k))
        return json_answer({"hits": [_told(hit) for hit in hits]})

    async def image_search(self, request: Request) -> Response:
        engine = self._served.images
        if engine is None:
            raise HttpError(404, "no pictures are served here", "start the server with a gallery")
        data, k = await self._picture(request)

        async def find() -> tuple[Hit, ...]:
            picture = await asyncio.to_thread(load_image, data)
            return await engine.search(picture.image, k)

        hits = await self._in_turn(find())
        return json_answer({"hits": [{**_told(hit), "image": _image(hit)} for hit in hits]})

    async def page(self, request: Request) -> Response:
        body = await parsed(request, PageBody, MAX_BODY)
        if self._served.pages is None:
            raise HttpError(404, "no pages are served here", "start the server with an index")
        page = await self._in_turn(self._served.pages.read(body.url))
        if page is None:
            raise HttpError(404, f"there is no page {body.url[:200]!r}", "take the url of a hit")
        text = await asyncio.to_thread(passages, page.text, body.query, body.chars)
        about = {"title": page.title, "url": page.url, "date": page.date, "source": page.source}
        return json_answer({**about, "text": text})

    async def health(self, request: Request) -> Response:
        served = self._served
        names = {
            "text": served.text.name if served.text else None,
            "images": served.images.name if served.images else None,
            "pages": served.pages is not None,
        }
        return json_answer({**names, "searching": self._inside, "notes": list(served.notes)})

    async def _in_turn(self, work: Awaitable[T]) -> T:
        if self._inside >= self._room:
            if asyncio.iscoroutine(work):
                work.close()
            raise HttpError(503, "too many searches are waiting", "try again in a second")
        self._inside += 1
        try:
            async with self._turn:
                return await work
        finally:
            self._inside -= 1

    def _text(self) -> TextSearch:
        if self._served.text is None:
            raise HttpError(404, "no texts are served here", "start the server with an index")
        return self._served.text

    async def _picture(self, request: Request) -> tuple[bytes, int]:
        """The file's bytes and how many hits are wanted."""
        kind = request.headers.get("content-type", "")
        if kind.startswith(("multipart/", "image/", "application/octet-stream")):
            data = await read_body(request, MAX_IMAGE_BODY)
            wanted = request.query_params.get("k", "5")
            if not (wanted.isdecimal() and len(wanted) <= 3 and 1 <= int(wanted) <= 100):
                raise HttpError(400, "k: give a number from 1 to 100")
            return (_first_file(kind, data) if kind.startswith("multipart/") else data), int(wanted)
        body = await parsed(request, ImageBody, MAX_IMAGE_BODY)
        return from_base64(body.image, "image"), body.k


def make_app(
    served: Served, *, token: str | None = None, at_once: int = 0, waiting: int = 4096, topk: int = 3
) -> Starlette:
    """The ASGI application. `at_once` 0 takes as many as there are cores; `topk` is for requests without
    one.
    """
    at_once = at_once or len(os.sched_getaffinity(0))
    service = Service(served, at_once=at_once, waiting=waiting, topk=topk)
    routes = {
        "POST /retrieve": service.retrieve,
        "POST /search": service.search,
        "POST /image_search": service.image_search,
        "POST /page": service.page,
        "GET /health": service.health,
    }
    return application(routes, token=token, variable=TOKEN_VARIABLE)


async def serve(served: Served, *, host: str, port: int, at_once: int = 0, topk: int = 3) -> None:
    """Serve until interrupted. Reads the token from the environment."""
    app = make_app(served, token=token_for(host, TOKEN_VARIABLE), at_once=at_once, topk=topk)
    await listen(app, host=host, port=port, access_log=False)


def _first_file(kind: str, body: bytes) -> bytes:
    """The first file of a multipart form."""
    head = f"Content-Type: {kind}\r\nMIME-Version: 1.0\r\n\r\n".encode("latin-1", "replace")
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    for part in form.iter_parts() if form.is_multipart() else ():
        data = part.get_payload(decode=True)
        if isinstance(data, bytes) and (part.get_filename() or part.get_content_maintype() == "image"):
            return data
    raise HttpError(400, "there is no file in the form", "send it as the field image")


def _retrieved(hit: Hit, scored: bool) -> dict[str, Any]:
    document = {"id": hit.url, "contents": f'"{hit.title}"\n{hit.snippet}'}
    return {"document": document, "score": round(hit.score, 6)} if scored else document


def _told(hit: Hit) -> dict[str, Any]:
    return {
        "title": hit.title,
        "url": hit.url,
        "snippet": hit.snippet,
        "date": hit.date,
        "source": hit.source,
        "score": round(hit.score, 6),
    }


def _image(hit: Hit) -> str | None:
    return None if hit.image is None else png_base64(hit.image)
