"""The page on which a person checks every question: one file, marks kept in the browser, exported as JSON."""

from __future__ import annotations

import base64
from pathlib import Path

from jinja2 import Environment
from markupsafe import Markup

from deepeyes.core.files import write_atomic
from deepeyes.eval.openrealx.frozen import IMAGES, assets, read_manifest, read_questions

_TEMPLATE = Path(__file__).with_name("page.html")


def write_page(path: Path) -> Path:
    """Write the page; all that questions hold is escaped."""
    manifest = read_manifest()
    files = {image.task: image for image in manifest.images}
    rows = []
    for task in read_questions():
        data = (assets() / IMAGES / files[task.id].file).read_bytes()
        rows.append(
            {
                "task": task,
                "image": Markup("data:image/webp;base64," + base64.b64encode(data).decode()),
                "boxes": list(task.truth.get("boxes", {}).items()),
                "width": task.images[0].width,
                "height": task.images[0].height,
                "licences": files[task.id].licences,
                "credits": files[task.id].credits,
            }
        )
    page = (
        Environment(autoescape=True)
        .from_string(_TEMPLATE.read_text("utf-8"))
        .render(rows=rows, version=manifest.version, digest=manifest.questions[:12], domains=manifest.domains)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, page.encode())
    return path
