"""A viewer over HTTP: a page that asks for entries and images when somebody looks at them.

    GET /                          the page, which holds no data
    GET /index                     heading and list, as JSON; takes in what was written since
    GET /entry?key=, /raw?key=     one entry as HTML in JSON; as it lies in its file
    GET /find?q=                   which entries hold every word
    GET /image/STORE/HASH[/WxH]    an image at full size, or at the size a model saw

What always holds: nothing is written; no path comes in, only keys of the index, numbers and hashes; the page
itself is the only answer that a browser may show as one, and it is the same for everybody. Who may ask is in
`http.py`. A page cannot send a token before it has one, so with a token the page is open to all, and takes
the token from behind the # of its address, which browsers send to nobody.
"""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import quote

from deepeyes.core.errors import ConfigError, InputError, boundary
from deepeyes.serve.http import HttpError, application, listen, token_for

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

T = TypeVar("T")
TOKEN_VARIABLE = "DEEPEYES_VIEW_TOKEN"
_SIZE = re.compile(r"([0-9]{1,5})x([0-9]{1,5})")
_NUMBER = re.compile(r"[0-9]{1,6}")
_POLICY = "frame-ancestors 'none'"


class Viewed(Protocol):
    """What is served: see `view.library.Library`. Its methods may take a while and may be called at once."""

    def fresh_index(self) -> str: ...
    def entry(self, key: str) -> str: ...
    def raw(self, key: str) -> str: ...
    def find(self, query: str) -> str: ...
    def image(self, store: int, sha256: str, view: tuple[int, int] | None) -> tuple[bytes, str]: ...


class Service:
    """The routes."""

    def __init__(self, viewed: Viewed, page: str) -> None:
        self._viewed = viewed
        self._page = page

    async def page(self, request: Request) -> Response:
        return _answer(self._page, "text/html; charset=utf-8")

    async def index(self, request: Request) -> Response:
        return _json(request, await asyncio.to_thread(self._viewed.fresh_index))

    async def entry(self, request: Request) -> Response:
        return _json(request, await _found(self._viewed.entry, _asked(request, "key")))

    async def raw(self, request: Request) -> Response:
        return _json(request, await _found(self._viewed.raw, _asked(request, "key")))

    async def find(self, request: Request) -> Response:
        return _json(request, await asyncio.to_thread(self._viewed.find, _asked(request, "q")))

    async def image(self, request: Request) -> Response:
        wanted = request.path_params
        size = _SIZE.fullmatch(wanted.get("size", "1x1"))
        if size is None or not _NUMBER.fullmatch(wanted["store"]):
            raise HttpError(404, "there is no such image")
        view = (int(size[1]), int(size[2])) if "size" in wanted else None
        data, kind = await _found(self._viewed.image, int(wanted["store"]), wanted["sha256"], view)
        # Its name is its content.
        return _answer(data, kind, "private, max-age=86400, immutable")


def make_app(viewed: Viewed, page: str, *, token: str | None = None) -> Starlette:
    """The ASGI application. Raises `ConfigError` if the server's packages are not installed."""
    service = Service(viewed, page)
    routes = {
        "GET /": service.page,
        "GET /index": service.index,
        "GET /entry": service.entry,
        "GET /raw": service.raw,
        "GET /find": service.find,
        "GET /image/{store}/{sha256}": service.image,
        "GET /image/{store}/{sha256}/{size}": service.image,
    }
    return application(routes, token=token, variable=TOKEN_VARIABLE, without_token=["GET /"])


async def serve(viewed: Viewed, page: str, *, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until interrupted. Reads the token from the environment; `ready` is called with the address.

    Raises `ConfigError` if the packages are missing, there is no token where one is needed, or the port is
    taken.
    """
    token = token_for(host, TOKEN_VARIABLE)
    app = make_app(viewed, page, token=token)
    with boundary(ConfigError, f"listening on {host}:{port}", "choose another --port (0 for any)"):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        taken = socket.create_server((host, port), family=family, backlog=128)
    with taken:
        place = f"[{host}]" if ":" in host else host
        secret = f"#token={quote(token, safe='')}" if token else ""
        ready(f"http://{place}:{taken.getsockname()[1]}/{secret}")
        await listen(app, host=host, port=port, access_log=False, on=taken)


async def _found(method: Callable[..., T], *what: object) -> T:
    try:
        return await asyncio.to_thread(method, *what)
    except InputError as problem:
        raise HttpError(404, problem.message, problem.remedy) from problem


def _asked(request: Request, name: str) -> str:
    if name not in request.query_params:
        raise HttpError(400, f"{name}: Field required")
    return request.query_params[name]


def _json(request: Request, text: str) -> Response:
    """Compressed where that is understood: an index of ten thousand entries may come through a tunnel."""
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return _answer(text, "application/json")
    answer = _answer(gzip.compress(text.encode(), 1), "application/json")
    answer.headers["content-encoding"] = "gzip"
    return answer


def _answer(content: str | bytes, kind: str, cache: str = "no-store") -> Response:
    from starlette.responses import Response

    headers = {
        "cache-control": cache,
        "content-security-policy": _POLICY,
        "cross-origin-resource-policy": "same-origin",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
    }
    return Response(content, media_type=kind, headers=headers)
