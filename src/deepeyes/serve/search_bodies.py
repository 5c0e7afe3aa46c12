"""Request and response bodies of the search server.

What always holds: a body is bounded while it is read; a field that is wrong is told by its name.
"""

from __future__ import annotations

import base64
import email.parser
import email.policy
import io
from typing import TYPE_CHECKING, Annotated, Any

from PIL import Image
from pydantic import BaseModel, Field

from deepeyes.core.errors import DeepEyesError
from deepeyes.search.base import Hit

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

MAX_BODY = 4 << 20
MAX_PICTURE_BODY = 32 << 20
MAX_QUERIES = 1024

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


async def read_body(request: Request, most: int) -> bytes:
    """The body, given up as soon as it is too long."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise HttpError(413, f"the body is larger than {most >> 20} MiB", "send less")
        parts.append(part)
    return b"".join(parts)


def first_file(kind: str, body: bytes) -> bytes:
    """The first file of a multipart form."""
    head = f"Content-Type: {kind}\r\nMIME-Version: 1.0\r\n\r\n".encode("latin-1", "replace")
    form = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    for part in form.iter_parts() if form.is_multipart() else ():
        data = part.get_payload(decode=True)
        if isinstance(data, bytes) and (part.get_filename() or part.get_content_maintype() == "image"):
            return data
    raise HttpError(400, "there is no file in the form", "send it as the field image")


def retrieved(hit: Hit, scored: bool) -> dict[str, Any]:
    document = {"id": hit.url, "contents": f'"{hit.title}"\n{hit.snippet}'}
    return {"document": document, "score": round(hit.score, 6)} if scored else document


def told(hit: Hit) -> dict[str, Any]:
    return {
        "title": hit.title,
        "url": hit.url,
        "snippet": hit.snippet,
        "date": hit.date,
        "source": hit.source,
        "score": round(hit.score, 6),
    }


def encoded(picture: Image.Image | None) -> str | None:
    if picture is None:
        return None
    file = io.BytesIO()
    picture.save(file, format="PNG", compress_level=1)
    return base64.b64encode(file.getvalue()).decode()


def json_answer(value: dict[str, Any], status: int = 200) -> Response:
    from starlette.responses import JSONResponse

    return JSONResponse(value, status_code=status)
