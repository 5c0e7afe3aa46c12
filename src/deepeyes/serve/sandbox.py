"""Sessions over HTTP, for rollouts on other machines: a small JSON API and the reference system's two routes.

    POST   /sessions                {images: {name: base64 file}, seed}  ->  {session}
    POST   /sessions/ID/run         {code, timeout}                      ->  a cell's result, images as PNG
    PUT    /sessions/ID/files/NAME  bytes;  GET gives them back
    GET    /sessions/ID/images/NAME the image of a variable as PNG; 404 when it is none
    DELETE /sessions/ID
    GET    /health                                                       ->  {tier, sessions, running}
    POST   /jupyter_sandbox, /run_jupyter   {session_id, code, timeout} ->  {status, execution_time, output}

What always holds: a client sees its own sessions only, and a bounded number of them; images that a client
sends are decoded inside its session; who may ask, and how an error is said, is in `http.py`.
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field

from deepeyes.core.errors import DeepEyesError
from deepeyes.sandbox.limits import Preload
from deepeyes.sandbox.result import CellResult
from deepeyes.sandbox.sandbox import Sandbox
from deepeyes.sandbox.session import Session
from deepeyes.serve.http import (
    HttpError,
    application,
    from_base64,
    json_answer,
    listen,
    parsed,
    png,
    png_base64,
    read_body,
    token_for,
)

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

TOKEN_VARIABLE = "DEEPEYES_SANDBOX_TOKEN"
MAX_BODY = 64 << 20
MAX_TIMEOUT = 600.0
_TIMEOUT_TEXT = "TimeOutError: code execution timed out"


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


class Service:
    """The routes over one sandbox."""

    def __init__(self, sandbox: Sandbox, sessions_per_client: int) -> None:
        self._sandbox = sandbox
        self._most = sessions_per_client
        self._clients: dict[str, Client] = {}

    async def open(self, request: Request) -> Response:
        body = await parsed(request, OpenBody, MAX_BODY)
        client = self._client(request)
        client.forget_lost()
        if len(client.sessions) >= self._most:
            raise HttpError(
                429, f"{self._most} sessions are open already", "close some with DELETE /sessions/ID"
            )
        pictures = {name: from_base64(text, f"images.{name}") for name, text in body.images.items()}
        session = await self._sandbox.open(seed=body.seed)
        key = secrets.token_urlsafe(16)
        client.sessions[key] = session
        if pictures:
            try:
                await session.put_encoded_images(pictures)
            except DeepEyesError:
                await session.close()
                raise
        return json_answer({"session": key}, 201)

    async def run(self, request: Request) -> Response:
        body = await parsed(request, RunBody, MAX_BODY)
        result = await self._session(request).run(body.code, body.timeout)
        pictures = await asyncio.to_thread(_encoded, result)
        return json_answer(
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
        await self._session(request).put_file(request.path_params["name"], await read_body(request, MAX_BODY))
        return json_answer({"ok": True})

    async def get_file(self, request: Request) -> Response:
        from starlette.responses import Response

        data = await self._session(request).get_file(request.path_params["name"])
        return Response(data, media_type="application/octet-stream")

    async def get_image(self, request: Request) -> Response:
        from starlette.responses import Response

        name = request.path_params["name"]
        image = await self._session(request).get_image(name)
        if image is None:
            raise HttpError(404, "no variable of that name is a picture", "bind a PIL image to it first")
        return Response(await asyncio.to_thread(png, image), media_type="image/png")

    async def close(self, request: Request) -> Response:
        session = self._session(request)
        await session.close()
        del self._client(request).sessions[request.path_params["key"]]
        return json_answer({"ok": True})

    async def health(self, request: Request) -> Response:
        sandbox = self._sandbox
        return json_answer(
            {"tier": sandbox.tier, "sessions": len(sandbox.sessions), "running": sandbox.running}
        )

    async def reference(self, request: Request) -> Response:
        """The reference's contract: sessions are known by the client's ids; failures are told in stderr."""
        body = await parsed(request, ReferenceBody, MAX_BODY)
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
        return json_answer({"status": status, "execution_time": result.seconds, "output": output})

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
        """Who is asking, told apart by address."""
        host = request.client.host if request.client else "local"
        return self._clients.setdefault(host, Client())

    def _session(self, request: Request) -> Session:
        session = self._client(request).sessions.get(request.path_params["key"])
        if session is None:
            raise HttpError(404, "there is no such session", "open one with POST /sessions")
        return session


def make_app(sandbox: Sandbox, *, token: str | None = None, sessions_per_client: int = 64) -> Starlette:
    """The ASGI application over a running sandbox."""
    service = Service(sandbox, sessions_per_client)
    routes = {
        "POST /sessions": service.open,
        "POST /sessions/{key}/run": service.run,
        "PUT /sessions/{key}/files/{name:path}": service.put_file,
        "GET /sessions/{key}/files/{name:path}": service.get_file,
        "GET /sessions/{key}/images/{name}": service.get_image,
        "DELETE /sessions/{key}": service.close,
        "GET /health": service.health,
        "POST /jupyter_sandbox": service.reference,
        "POST /run_jupyter": service.reference,
    }
    return application(routes, token=token, variable=TOKEN_VARIABLE)


def run(*, host: str, port: int, preload: Preload, sessions_per_client: int) -> None:
    """Serve until interrupted. Reads the token from the environment."""
    token = token_for(host, TOKEN_VARIABLE)

    async def serve() -> None:
        async with Sandbox.start(preload=preload) as sandbox:
            app = make_app(sandbox, token=token, sessions_per_client=sessions_per_client)
            await listen(app, host=host, port=port)

    asyncio.run(serve())


def _encoded(result: CellResult) -> list[str]:
    return [png_base64(image) for image in result.images]
