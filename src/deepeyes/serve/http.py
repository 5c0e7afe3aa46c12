"""What every HTTP server of this package does alike: who may ask, what a body may be, how an error is said.

Who may ask. Browsers let any page on the web send requests to this machine, and a page can give its own name
the address 127.0.0.1 (DNS rebinding). Therefore:

- With a token, whoever sends `Authorization: Bearer TOKEN` may ask, from any page and under any Host: a
  browser never adds that header by itself, so a page that sends it was given the token. Others get 401.
- Without a token a server listens on loopback only (`token_for` refuses anything else), and answers only
  requests whose Host is loopback (`localhost`, 127.0.0.0/8, ::1, with any port) and whose Origin, if they
  have one, is loopback too. Others get 403: a page from elsewhere has its own Origin (or `null`), and one
  that rebinds has its own name as Host. What browsers send without an Origin is a GET that changes nothing
  and whose answer the page cannot read.

What else holds: a body is bounded while it is read; a field that is wrong is told by its name; every answer
that is no success is `{"error": text}`, also for a route that does not exist: an `HttpError` has its own
status, an `InputError` is 400, any other error of ours 503.
"""

from __future__ import annotations

import base64
import hmac
import io
import ipaddress
import os
import re
import socket
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from PIL import Image
from pydantic import BaseModel, ValidationError

from deepeyes.core.errors import ConfigError, DeepEyesError, InputError
from deepeyes.core.extras import install

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import Response

_NOT_INSTALLED = "the HTTP server's packages are not installed"
_PLACE = re.compile(r"(?:\[(?P<v6>[0-9a-fA-F:.]+)\]|(?P<name>[\w.-]+))(?::\d*)?", re.ASCII)
_BACKLOG = 4096
"""Connections that may wait to be accepted: many rollouts begin at the same moment."""

M = TypeVar("M", bound=BaseModel)
Handler = Callable[["Request"], Awaitable["Response"]]


class HttpError(DeepEyesError):
    """An answer that is no success."""

    def __init__(self, status: int, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.status = status


# ---- a server


def application(
    routes: Mapping[str, Handler], *, token: str | None, variable: str, without_token: Collection[str] = ()
) -> Starlette:
    """The ASGI application over `routes`, such as `{"GET /health": handler}`, each of which answers only
    those who may ask. `variable` is the environment variable that holds the token. Routes in `without_token`,
    which must tell nothing, answer whoever asks where a token guards the others.

    Raises `ConfigError` if the server's packages are not installed.
    """
    try:
        from starlette.applications import Starlette
        from starlette.exceptions import HTTPException
        from starlette.routing import Route
    except ImportError as problem:
        raise ConfigError(_NOT_INSTALLED, install("serve")) from problem

    def route(name: str, handler: Handler) -> Route:
        method, _, path = name.partition(" ")

        async def answer(request: Request) -> Response:
            if token is None or name not in without_token:
                check_access(request, token, variable)
            return await handler(request)

        return Route(path, answer, methods=[method])

    errors: dict[Any, Any] = {DeepEyesError: _said, HTTPException: _unrouted}
    return Starlette(routes=[route(*pair) for pair in routes.items()], exception_handlers=errors)


def token_for(host: str, variable: str) -> str | None:
    """The token from the environment, for a server that will listen on `host`. Raises `ConfigError` if there
    is none and others than this machine could ask.
    """
    token = os.environ.get(variable) or None
    if token is None and not is_loopback(host):
        raise ConfigError(f"listening on {host} without a token", f"set {variable}, or use --host 127.0.0.1")
    return token


async def listen(
    app: Starlette, *, host: str, port: int, access_log: bool = True, on: socket.socket | None = None
) -> None:
    """Serve until interrupted; `on` is a socket that listens there already."""
    try:
        import uvicorn
    except ImportError as problem:
        raise ConfigError(_NOT_INSTALLED, install("serve")) from problem
    looks = {"access_log": access_log, "log_level": "info", "server_header": False}
    await uvicorn.Server(uvicorn.Config(app, host=host, port=port, backlog=_BACKLOG, **looks)).serve(
        sockets=None if on is None else [on]
    )


async def _said(request: Request, error: Exception) -> Response:
    status = 400 if isinstance(error, InputError) else 503
    return json_answer({"error": str(error)}, getattr(error, "status", status))


async def _unrouted(request: Request, error: HTTPException) -> Response:
    answer = json_answer({"error": error.detail}, error.status_code)
    answer.headers.update(error.headers or {})
    return answer


# ---- who may ask


def check_access(request: Request, token: str | None, variable: str) -> None:
    """Raises `HttpError` unless who sent the request may ask (see the top of this file)."""
    if token is not None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        # As bytes, and as they came: a header is Latin-1 here, whatever the token was typed in.
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode("latin-1"), os.fsencode(token)):
            raise HttpError(401, "wrong or missing token", f"send 'Authorization: Bearer ${variable}'")
        return
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    remedy = f"ask 127.0.0.1 itself, or start the server with {variable}"
    if not _is_here(host):
        raise HttpError(403, f"the host {host[:100]!r} is not this machine's loopback", remedy)
    if origin is not None and not _is_here(origin.partition("://")[2]):
        raise HttpError(403, f"pages of {origin[:100]!r} are not answered", remedy)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens on `host`, a name or an address."""
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _is_here(place: str) -> bool:
    """The same of a host as headers have it: with a port, an IPv6 address in brackets."""
    found = _PLACE.fullmatch(place)
    return found is not None and is_loopback(found["v6"] or found["name"])


# ---- bodies and answers


async def read_body(request: Request, most: int) -> bytes:
    """The body, given up as soon as it is longer than `most` bytes."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise HttpError(413, f"the body is larger than {most / 2**20:g} MiB", "send less")
        parts.append(part)
    return b"".join(parts)


async def parsed(request: Request, model: type[M], most: int) -> M:
    """The JSON body as `model`; no body is one without fields. Raises `HttpError` that names the first field
    that is wrong.
    """
    try:
        return model.model_validate_json(await read_body(request, most) or b"{}")
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "body"
        raise HttpError(400, f"{place}: {first['msg']}") from None


def from_base64(text: str, field: str) -> bytes:
    """The bytes of a file in base64, with or without a data URL's prefix; `field` is where it stands."""
    try:
        return base64.b64decode(text.rpartition(",")[2] if text.startswith("data:") else text, validate=True)
    except ValueError as problem:
        raise HttpError(400, f"{field}: not base64 ({problem})") from None


def png(image: Image.Image) -> bytes:
    """The image as a PNG file."""
    file = io.BytesIO()
    image.save(file, format="PNG", compress_level=1)
    return file.getvalue()


def png_base64(image: Image.Image) -> str:
    return base64.b64encode(png(image)).decode()


def json_answer(value: Mapping[str, Any], status: int = 200) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse(dict(value), status_code=status)
