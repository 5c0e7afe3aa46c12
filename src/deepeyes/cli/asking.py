"""What `ask` and `chat` share: their words, their options, and how both are opened."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated, Literal

import typer

from deepeyes.agent.agent import Agent
from deepeyes.cli.example import is_example
from deepeyes.cli.running import note, run, waiting
from deepeyes.core.errors import InputError
from deepeyes.core.images import LoadedImage
from deepeyes.core.limits import Limits
from deepeyes.core.sampling import Sampling
from deepeyes.core.trace import TraceWriter
from deepeyes.harness.images import STDIN, is_address, load_images
from deepeyes.harness.search import HELP
from deepeyes.harness.setup import open_agent
from deepeyes.models.registry import EMBEDDED
from deepeyes.view.visible import visible

_FORMATS = frozenset((".png", ".jpg", ".jpeg", ".webp", ".gif", ".tif", ".tiff", ".bmp", ".avif"))

Model = Annotated[
    str,
    typer.Option(
        help="nano, nano-sft, nano-rl, nano-world, nano-base, nano:FOLDER, hf:PATH_OR_ID, "
        "openai:MODEL@BASE_URL or scripted:FILE."
    ),
]
Tools = Annotated[
    Literal["on", "off"], typer.Option(metavar="on|off", help="Whether the model may run Python.")
]
Images = Annotated[
    list[str], typer.Option("--image", metavar="IMAGE", help="Another image, after the others. Repeatable.")
]
AllowUrl = Annotated[bool, typer.Option("--allow-url", help="Fetch images from the web by their address.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Kept = Annotated[
    Path | None,
    typer.Option("--trace", "--out", metavar="DIR", help="Folder to keep traces in (see `deepeyes view`)."),
]
Seed = Annotated[int, typer.Option(help="Seed of sampling and of the sandbox.")]
Limit = Annotated[list[str], typer.Option(metavar="KEY=VALUE", help="Change a budget: turns=3. Repeatable.")]
Dialect = Annotated[str, typer.Option(help="auto, native or deepeyes_v2; the model's own by default.")]
Search = Annotated[list[str], typer.Option(metavar="WHAT", help=HELP)]


def as_question(text: str) -> str:
    """The last argument, which is the question. Raises `InputError` where it is an image."""
    if (is_address(text) and len(text.split()) == 1) or _is_image(text):
        raise InputError(f"there is no question about {text}", "write it last, in quotation marks")
    return text


def _is_image(word: str) -> bool:
    path = Path(word)
    try:
        return (path.suffix.lower() in _FORMATS and len(word.split()) == 1) or path.is_file()
    except (OSError, ValueError):  # a question may be longer than a name, or hold what none may
        return False


def loaded(names: list[str], allow_url: bool) -> list[LoadedImage]:
    """The images, what was noted of them told. Raises as `load_images` does."""
    for name in names[1:]:
        if name != STDIN and not is_address(name) and not Path(name).exists():
            remedy = "check the path, and put the question in quotation marks"
            raise InputError(f"there is no image {name}", remedy)
    images = run(load_images(names, allow_url=allow_url))
    for one in images:
        for what in one.notes:
            note(visible(what))
    return images


def caution(model: str, names: Sequence[str]) -> bool:
    """Tell who asks the embedded model about an image from elsewhere what it is. Whether that was told."""
    outside = model in EMBEDDED and not all(map(is_example, names))
    if outside:
        note(
            f"{model} is a test model of 2 M parameters that knows the signs, charts and shapes of the "
            "embedded world alone; for other images name a larger one with --model"
        )
    return outside


def kept_in(writer: TraceWriter | None) -> str:
    """What Ctrl-C left of what was to be kept."""
    if writer is None:
        return ""
    if not writer.path.exists():
        return "nothing had happened yet, so no trace was kept; the same command begins again"
    return f"what happened so far is in {writer.folder}, look at it with: deepeyes view {writer.folder}"


def opened(
    model: str,
    tools: bool | Sequence[str],
    dialect: str,
    search: list[str],
    limits: Limits,
    sampling: Sampling,
) -> AbstractAsyncContextManager[Agent]:
    """The agent that the options name; what takes long while it opens is told."""
    return open_agent(
        model,
        tools=tools,
        dialect=dialect,
        search=search,
        limits=limits,
        sampling=sampling,
        tell=note,
        wait=waiting,
    )
