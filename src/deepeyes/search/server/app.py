"""Search over HTTP, for trainers and rollouts on other machines.

    POST /retrieve      {queries: [..] (or query), topk, return_scores}    what Search-R1-style trainers send
                        -> {result: [[{document: {id, contents}, score}]]}; without scores: [[{id, contents}]]
    POST /search        {query, k}             -> {hits: [{title, url, snippet, date, source, score}]}
    POST /image_search  {image: base64, k}, or multipart or image/* with the file itself; k in the address
                        -> {hits: [{title, url, source, score, image: base64 PNG or null}]}
    POST /page          {url, query, chars}    -> {title, url, date, source, text}
    GET  /health                               -> what is served

What always holds: bodies are bounded while they are read, pictures while they are decoded; a bounded number
of searches runs at once, each query of a long batch waits its turn like any other; when too many wait, new
requests get 503 at once; without a token the server listens on loopback only.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import email.parser
import email.policy
import hmac
import io
import ipaddress
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from PIL import Image
from pydantic import BaseModel, Field, ValidationError

from deepeyes.core.errors import ConfigError, DeepEyesError, InputError
from deepeyes.core.images import load_image
from deepeyes.search.base import Hit, ImageSearch, PageReader, TextSearch
from deepeyes.search.passages import passages

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

TOKEN_VARIABLE = "DEEPEYES_SEARCH_TOKEN"
MAX_BODY = 4 << 20
MAX_PICTURE_BODY = 32 << 20
MAX_QUERIES = 1024
_MISSING = "the HTTP server's packages are not installed"
_INSTALL = "pip install 'deepeyes[serve]'"

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
Handler = Callable[["Request"], Awaitable["Response"]]
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


class HttpError(DeepEyesError):
    """An answer that is no success."""

    def __init__(self, status: int, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.status = status


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
        return _json({"result": [[_retrieved(hit, body.return_scores) for hit in hits] for hits in found]})

    async def search(self, request: Request) -> Response:
        body = await self._parsed(request, SearchBody)
        if not body.query.strip():
            raise HttpError(400, "the query is empty", "say what to look for")
        hits = await self._in_turn(self._text().search(body.query, body.k))
        return _json({"hits": [_told(hit) for hit in hits]})

    async def image_search(self, request: Request) -> Response:
        engine = self._served.images
        if engine is None:
            raise HttpError(404, "no pictures are served here", "start the server with a gallery")
        data, k = await self._picture(request)

        async def find() -> tuple[Hit, ...]:
            picture = await asyncio.to_thread(load_image, data)
            return await engine.search(picture.image, k)

        hits = await self._in_turn(find())
        return _json({"hits": [{**_told(hit), "image": _encoded(hit.image)} for hit in hits]})

    async def page(self, request: Request) -> Response:
        body = await self._parsed(request, PageBody)
        if self._served.pages is None:
            raise HttpError(404, "no pages are served here", "start the server with an index")
        page = await self._in_turn(self._served.pages.read(body.url))
        if page is None:
            raise HttpError(404, f"there is no page {body.url[:200]!r}", "take the url of a hit")
        text = await asyncio.to_thread(passages, page.text, body.query, body.chars)
        about = {"title": page.title, "url": page.url, "date": page.date, "source": page.source}
        return _json({**about, "text": text})

    async def health(self, request: Request) -> Response:
        self._checked(request)
        served = self._served
        names = {
            "text": served.text.name if served.text else None,
            "images": served.images.name if served.images else None,
            "pages": served.pages is not None,
        }
        return _json({**names, "searching": self._inside, "notes": list(served.notes)})

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
            data = await _body(self._checked(request), MAX_PICTURE_BODY)
            wanted = request.query_params.get("k", "5")
            if not wanted.isdecimal() or not 1 <= int(wanted) <= 100:
                raise HttpError(400, "k: give a number from 1 to 100")
            return (_part(kind, data) if kind.startswith("multipart/") else data), int(wanted)
        body = await self._parsed(request, ImageBody, MAX_PICTURE_BODY)
        text = body.image.rpartition(",")[2] if body.image.startswith("data:") else body.image
        try:
            return base64.b64decode(text, validate=True), body.k
        except binascii.Error as problem:
            raise HttpError(400, f"image: not base64 ({problem})") from None

    async def _parsed(self, request: Request, model: type[M], most: int | None = None) -> M:
        try:
            return model.model_validate_json(await _body(self._checked(request), most or MAX_BODY) or b"{}")
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


def make_app(
    served: Served, *, token: str | None = None, at_once: int = 0, waiting: int = 4096, topk: int = 3
) -> Starlette:
    """The ASGI application. `at_once` 0 takes as many as there are cores; `topk` is for requests without
    one.
    """
    try:
        from starlette.applications import Starlette
        from starlette.routing import Route
    except ImportError as problem:
        raise ConfigError(_MISSING, _INSTALL) from problem
    at_once = at_once or len(os.sched_getaffinity(0))
    service = Service(served, token=token, at_once=at_once, waiting=waiting, topk=topk)
    posts = ("retrieve", "search", "image_search", "page")
    routes = [Route(f"/{name}", _answered(getattr(service, name)), methods=["POST"]) for name in posts]
    return Starlette(routes=[*routes, Route("/health", _answered(service.health), methods=["GET"])])


async def serve(served: Served, *, host: str, port: int, at_once: int = 0, topk: int = 3) -> None:
    """Serve until interrupted. Reads the token from the environment."""
    token = os.environ.get(TOKEN_VARIABLE) or None
    if token is None and not _is_loopback(host):
        raise ConfigError(
            f"listening on {host} without a token", f"set {TOKEN_VARIABLE}, or use --host 127.0.0.1"
        )
    try:
        import uvicorn
    except ImportError as problem:
        raise ConfigError(_MISSING, _INSTALL) from problem
    app = make_app(served, token=token, at_once=at_once, topk=topk)
    settings = uvicorn.Config(
        app, host=host, port=port, log_level="info", access_log=False, server_header=False, backlog=4096
    )
    await uvicorn.Server(settings).serve()


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


def _answered(handler: Handler) -> Handler:
    """Turn our errors into JSON answers."""

    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except HttpError as problem:
            return _json({"error": str(problem)}, problem.status)
        except InputError as problem:
            return _json({"error": str(problem)}, 400)
        except DeepEyesError as problem:
            return _json({"error": str(problem)}, 503)

    return answered


async def _body(request: Request, most: int) -> bytes:
    """The body, given up as soon as it is too long."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise HttpError(413, f"the body is larger than {most >> 20} MiB", "send less")
        parts.append(part)
    return b"".join(parts)


def _part(kind: str, body: bytes) -> bytes:
    """The first file of a multipart form."""
    head = f"Content-Type: {kind}\r\nMIME-Version: 1.0\r\n\r\n".encode("latin-1", "replace")
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    for part in form.iter_parts() if form.is_multipart() else ():
        data = part.get_payload(decode=True)
        if isinstance(data, bytes) and (part.get_filename() or part.get_content_maintype() == "image"):
            return data
    raise HttpError(400, "there is no file in the form", "send it as the field image")


def _encoded(picture: Image.Image | None) -> str | None:
    if picture is None:
        return None
    file = io.BytesIO()
    picture.save(file, format="PNG", compress_level=1)
    return base64.b64encode(file.getvalue()).decode()


def _json(value: dict[str, Any], status: int = 200) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse(value, status_code=status)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
