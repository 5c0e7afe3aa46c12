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

import ipaddress
import os
from typing import TYPE_CHECKING

from deepeyes.core.errors import ConfigError
from deepeyes.serve.search_service import TOKEN_VARIABLE, Served, Service, answered

if TYPE_CHECKING:
    from starlette.applications import Starlette

_MISSING = "the HTTP server's packages are not installed"
_INSTALL = "pip install 'deepeyes[serve]'"


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
    routes = [Route(f"/{name}", answered(getattr(service, name)), methods=["POST"]) for name in posts]
    return Starlette(routes=[*routes, Route("/health", answered(service.health), methods=["GET"])])


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


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
