"""The routes of the search server: what is checked, whose turn it is, what is answered.

What always holds: a bounded number of searches runs at once, each query of a long batch waits its turn like
any other; when too many wait, new requests get 503 at once; our errors become JSON answers.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from deepeyes.core.errors import DeepEyesError, InputError
from deepeyes.core.images import load_image
from deepeyes.search.base import Hit, ImageSearch, PageReader, TextSearch
from deepeyes.search.pages.passages import passages
from deepeyes.serve.search_bodies import (
    MAX_BODY,
    MAX_PICTURE_BODY,
    HttpError,
    ImageBody,
    PageBody,
    RetrieveBody,
    SearchBody,
    encoded,
    first_file,
    json_answer,
    read_body,
    retrieved,
    told,
)

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

TOKEN_VARIABLE = "DEEPEYES_SEARCH_TOKEN"

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
Handler = Callable[["Request"], Awaitable["Response"]]


@dataclass(frozen=True)
class Served:
    """What a server offers; a route over None answers 404."""

    text: TextSearch | None = None
    images: ImageSearch | None = None
    pages: PageReader | None = None
    notes: tuple[str, ...] = ()


class Service:
    """The routes. `at_once` searches run together, `waiting` more may queue (first come, first served)."""

    def __init__(self, served: Served, *, token: str | None, at_once: int, waiting: int, topk: int) -> None:
        self._served = served
        self._token = token
        self._turn = asyncio.Semaphore(at_once)
        self._room = at_once + waiting
        self._inside = 0
        self._topk = topk

    async def retrieve(self, request: Request) -> Response:
        body = await self._parsed(request, RetrieveBody)
        queries, k, engine = body.asked(), body.topk or self._topk, self._text()
        # A batch searches its queries one after the other: it never takes more than one turn from others.
        found = [await self._in_turn(engine.search(query, k)) for query in queries]
        return json_answer(
            {"result": [[retrieved(hit, body.return_scores) for hit in hits] for hits in found]}
        )

    async def search(self, request: Request) -> Response:
        body = await self._parsed(request, SearchBody)
        if not body.query.strip():
            raise HttpError(400, "the query is empty", "say what to look for")
        hits = await self._in_turn(self._text().search(body.query, body.k))
        return json_answer({"hits": [told(hit) for hit in hits]})

    async def image_search(self, request: Request) -> Response:
        engine = self._served.images
        if engine is None:
            raise HttpError(404, "no pictures are served here", "start the server with a gallery")
        data, k = await self._picture(request)

        async def find() -> tuple[Hit, ...]:
            picture = await asyncio.to_thread(load_image, data)
            return await engine.search(picture.image, k)

        hits = await self._in_turn(find())
        return json_answer({"hits": [{**told(hit), "image": encoded(hit.image)} for hit in hits]})

    async def page(self, request: Request) -> Response:
        body = await self._parsed(request, PageBody)
        if self._served.pages is None:
            raise HttpError(404, "no pages are served here", "start the server with an index")
        page = await self._in_turn(self._served.pages.read(body.url))
        if page is None:
            raise HttpError(404, f"there is no page {body.url[:200]!r}", "take the url of a hit")
        text = await asyncio.to_thread(passages, page.text, body.query, body.chars)
        about = {"title": page.title, "url": page.url, "date": page.date, "source": page.source}
        return json_answer({**about, "text": text})

    async def health(self, request: Request) -> Response:
        self._checked(request)
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
            data = await read_body(self._checked(request), MAX_PICTURE_BODY)
            wanted = request.query_params.get("k", "5")
            if not wanted.isdecimal() or not 1 <= int(wanted) <= 100:
                raise HttpError(400, "k: give a number from 1 to 100")
            return (first_file(kind, data) if kind.startswith("multipart/") else data), int(wanted)
        body = await self._parsed(request, ImageBody, MAX_PICTURE_BODY)
        text = body.image.rpartition(",")[2] if body.image.startswith("data:") else body.image
        try:
            return base64.b64decode(text, validate=True), body.k
        except binascii.Error as problem:
            raise HttpError(400, f"image: not base64 ({problem})") from None

    async def _parsed(self, request: Request, model: type[M], most: int | None = None) -> M:
        try:
            return model.model_validate_json(
                await read_body(self._checked(request), most or MAX_BODY) or b"{}"
            )
        except ValidationError as problem:
            first = problem.errors(include_url=False, include_input=False, include_context=False)[0]
            place = ".".join(map(str, first["loc"])) or "body"
            raise HttpError(400, f"{place}: {first['msg']}") from None

    def _checked(self, request: Request) -> Request:
        """The request itself; refuses a wrong token."""
        if self._token is not None:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode(), self._token.encode()):
                remedy = f"send 'Authorization: Bearer ${TOKEN_VARIABLE}'"
                raise HttpError(401, "wrong or missing token", remedy)
        return request


def answered(handler: Handler) -> Handler:
    """Turn our errors into JSON answers."""

    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except HttpError as problem:
            return json_answer({"error": str(problem)}, problem.status)
        except InputError as problem:
            return json_answer({"error": str(problem)}, 400)
        except DeepEyesError as problem:
            return json_answer({"error": str(problem)}, 503)

    return guarded
