"""Sessions over HTTP, for rollouts on other machines: a small JSON API and the reference system's two routes.

    POST   /sessions                {images: {name: base64 file}, seed}  ->  {session}
    POST   /sessions/ID/run         {code, timeout}                      ->  a cell's result, pictures as PNG
    PUT    /sessions/ID/files/NAME  bytes;  GET gives them back
    GET    /sessions/ID/images/NAME the picture of a variable as PNG; 404 when it is none
    DELETE /sessions/ID
    GET    /health                                                       ->  {tier, sessions, running}
    POST   /jupyter_sandbox, /run_jupyter   {session_id, code, timeout} ->  {status, execution_time, output}

What always holds: bodies are bounded while they are read; a client sees its own sessions only, and a
bounded number of them; pictures that a client sends are decoded inside its session; without a token the
server listens on loopback only.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import io
import ipaddress
import os
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from deepeyes.core.errors import ConfigError, DeepEyesError, InputError
from deepeyes.sandbox.limits import Preload
from deepeyes.sandbox.result import CellResult
from deepeyes.sandbox.sandbox import Sandbox
from deepeyes.sandbox.session import Session

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

TOKEN_VARIABLE = "DEEPEYES_SANDBOX_TOKEN"
MAX_BODY = 64 << 20
MAX_TIMEOUT = 600.0
_MISSING = "the HTTP server's packages are not installed"
_INSTALL = "pip install 'deepeyes[serve]'"
_TIMEOUT_TEXT = "TimeOutError: code execution timed out"

M = TypeVar("M", bound=BaseModel)
Handler = Callable[["Request"], Awaitable["Response"]]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OpenBody(_Body):
    images: dict[str, str] = {}
    seed: int | None = None


class RunBody(_Body):
    code: str
    timeout: Annotated[float, Field(gt=0, le=MAX_TIMEOUT)] = 10.0


class ReferenceBody(BaseModel):
    """The reference's request; it sends more fields than it uses."""

    session_id: Annotated[str, Field(min_length=1, max_length=200)]
    code: str
    timeout: Annotated[float, Field(gt=0, le=MAX_TIMEOUT)] = 10.0


@dataclass
class Client:
    """What one client has open, oldest first; its reference sessions are known by the ids it chose."""

    sessions: dict[str, Session] = field(default_factory=dict[str, Session])

    def forget_lost(self) -> None:
        self.sessions = {key: session for key, session in self.sessions.items() if not session.lost}


class HttpError(DeepEyesError):
    """An answer that is no success."""

    def __init__(self, status: int, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.status = status


class Service:
    """The routes over one sandbox."""

    def __init__(self, sandbox: Sandbox, token: str | None, sessions_per_client: int) -> None:
        self._sandbox = sandbox
        self._token = token
        self._most = sessions_per_client
        self._clients: dict[str, Client] = {}

    async def open(self, request: Request) -> Response:
        body = await _parsed(request, OpenBody)
        client = self._client(request)
        client.forget_lost()
        if len(client.sessions) >= self._most:
            raise HttpError(
                429, f"{self._most} sessions are open already", "close some with DELETE /sessions/ID"
            )
        pictures = {name: _decoded(text) for name, text in body.images.items()}
        session = await self._sandbox.open(seed=body.seed)
        key = secrets.token_urlsafe(16)
        client.sessions[key] = session
        if pictures:
            try:
                await session.put_encoded_images(pictures)
            except DeepEyesError:
                await session.close()
                raise
        return _json({"session": key}, 201)

    async def run(self, request: Request) -> Response:
        body = await _parsed(request, RunBody)
        result = await self._session(request).run(body.code, body.timeout)
        pictures = await asyncio.to_thread(_encoded, result)
        return _json(
            {
                "status": result.status,
                "stdout": result.stdout,
                "stderr": result.stderr,
                "result": result.result,
                "images": pictures,
                "dropped": result.dropped,
                "restored": result.restored,
                "seconds": result.seconds,
            }
        )

    async def put_file(self, request: Request) -> Response:
        await self._session(request).put_file(request.path_params["name"], await _body(request))
        return _json({"ok": True})

    async def get_file(self, request: Request) -> Response:
        from starlette.responses import Response

        data = await self._session(request).get_file(request.path_params["name"])
        return Response(data, media_type="application/octet-stream")

    async def get_image(self, request: Request) -> Response:
        from starlette.responses import Response

        name = request.path_params["name"]
        picture = await self._session(request).get_image(name)
        if picture is None:
            raise HttpError(404, "no variable of that name is a picture", "bind a PIL image to it first")
        return Response(await asyncio.to_thread(_png, picture), media_type="image/png")

    async def close(self, request: Request) -> Response:
        session = self._session(request)
        await session.close()
        del self._client(request).sessions[request.path_params["key"]]
        return _json({"ok": True})

    async def health(self, request: Request) -> Response:
        self._client(request)
        sandbox = self._sandbox
        return _json({"tier": sandbox.tier, "sessions": len(sandbox.sessions), "running": sandbox.running})

    async def reference(self, request: Request) -> Response:
        """The reference's contract: sessions are known by the client's ids; failures are told in stderr."""
        body = await _parsed(request, ReferenceBody)
        session = await self._reference_session(self._client(request), f"reference:{body.session_id}")
        result = await session.run(body.code, body.timeout)
        pictures = await asyncio.to_thread(_encoded, result)
        stderr = result.stderr if result.status != "timeout" else f"{_TIMEOUT_TEXT}\n{result.stderr}"
        output = {
            "result": result.result or "",
            "stdout": result.stdout,
            "stderr": stderr,
            "images": pictures,
        }
        status = "error" if result.status == "session_lost" else "success"
        return _json({"status": status, "execution_time": result.seconds, "output": output})

    async def _reference_session(self, client: Client, key: str) -> Session:
        client.forget_lost()
        session = client.sessions.pop(key, None)
        while session is None and len(client.sessions) >= self._most:
            oldest = next(iter(client.sessions))
            await client.sessions.pop(oldest).close("its place was needed")
        if session is None:
            session = await self._sandbox.open()
        client.sessions[key] = session  # now the youngest
        return session

    def _client(self, request: Request) -> Client:
        """Who is asking; refuses a wrong token."""
        if self._token is not None:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode(), self._token.encode()):
                raise HttpError(
                    401, "wrong or missing token", f"send 'Authorization: Bearer ${TOKEN_VARIABLE}'"
                )
        host = request.client.host if request.client else "local"
        return self._clients.setdefault(host, Client())

    def _session(self, request: Request) -> Session:
        session = self._client(request).sessions.get(request.path_params["key"])
        if session is None:
            raise HttpError(404, "there is no such session", "open one with POST /sessions")
        return session


def make_app(sandbox: Sandbox, *, token: str | None = None, sessions_per_client: int = 64) -> Starlette:
    """The ASGI application over a running sandbox."""
    try:
        from starlette.applications import Starlette
        from starlette.routing import Route
    except ImportError as problem:
        raise ConfigError(_MISSING, _INSTALL) from problem
    service = Service(sandbox, token, sessions_per_client)
    routes = [
        Route("/sessions", _told(service.open), methods=["POST"]),
        Route("/sessions/{key}/run", _told(service.run), methods=["POST"]),
        Route("/sessions/{key}/files/{name:path}", _told(service.put_file), methods=["PUT"]),
        Route("/sessions/{key}/files/{name:path}", _told(service.get_file), methods=["GET"]),
        Route("/sessions/{key}/images/{name}", _told(service.get_image), methods=["GET"]),
        Route("/sessions/{key}", _told(service.close), methods=["DELETE"]),
        Route("/health", _told(service.health), methods=["GET"]),
        Route("/jupyter_sandbox", _told(service.reference), methods=["POST"]),
        Route("/run_jupyter", _told(service.reference), methods=["POST"]),
    ]
    return Starlette(routes=routes)


def run(*, host: str, port: int, preload: Preload, sessions_per_client: int) -> None:
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

    async def serve() -> None:
        async with _started(preload) as sandbox:
            app = make_app(sandbox, token=token, sessions_per_client=sessions_per_client)
            settings = uvicorn.Config(app, host=host, port=port, log_level="info", server_header=False)
            await uvicorn.Server(settings).serve()

    asyncio.run(serve())


@asynccontextmanager
async def _started(preload: Preload) -> AsyncGenerator[Sandbox]:
    async with Sandbox.start(preload=preload) as sandbox:
        yield sandbox


def _told(handler: Handler) -> Handler:
    """Turn our errors into JSON answers."""

    async def told(request: Request) -> Response:
        try:
            return await handler(request)
        except HttpError as problem:
            return _json({"error": str(problem)}, problem.status)
        except InputError as problem:
            return _json({"error": str(problem)}, 400)
        except DeepEyesError as problem:
            return _json({"error": str(problem)}, 503)

    return told


async def _body(request: Request) -> bytes:
    """The body, given up as soon as it is too long."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            raise HttpError(413, f"the body is larger than {MAX_BODY >> 20} MiB", "send less")
        parts.append(part)
    return b"".join(parts)


async def _parsed(request: Request, model: type[M]) -> M:
    try:
        return model.model_validate_json(await _body(request) or b"{}")
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"])) or "body"
        raise HttpError(400, f"{place}: {first['msg']}") from None


def _decoded(text: str) -> bytes:
    """The bytes of a base64 file, with or without a data URL's prefix."""
    try:
        return base64.b64decode(text.rpartition(",")[2] if text.startswith("data:") else text, validate=True)
    except binascii.Error as problem:
        raise HttpError(400, f"an image is not base64 ({problem})") from None


def _encoded(result: CellResult) -> list[str]:
    return [base64.b64encode(_png(picture)).decode() for picture in result.images]


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, format="PNG", compress_level=1)
    return file.getvalue()


def _json(value: dict[str, Any], status: int = 200) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse(value, status_code=status)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
