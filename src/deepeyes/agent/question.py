"""What a person asks, as a task: a question, and its images wherever they come from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from hashlib import sha256

from PIL import Image

from deepeyes.core.images import ImageSource, ImageStore, LoadedImage, load_image
from deepeyes.core.limits import Limits
from deepeyes.core.task import Task, check_question

Given = ImageSource | LoadedImage | Sequence[ImageSource | LoadedImage] | None
"""One image, several, or none."""
_ONE = (str, os.PathLike, bytes, Image.Image, LoadedImage)


def asked(
    image: Given,
    question: str,
    images: ImageStore,
    limits: Limits,
    *,
    id: str = "",
    expect: str | Sequence[str] = (),
) -> tuple[Task, tuple[str, ...]]:
    """The task, its images put into `images`, and what was noted about them.

    `id`: by default one that follows from images and question. `expect`: the right answer, or several that
    count as right. Raises `InputError` for an image or a question that cannot be used.
    """
    question = check_question(question, limits.question_chars)
    given = () if image is None else (image,) if isinstance(image, _ONE) else image
    loaded = [one if isinstance(one, LoadedImage) else load_image(one) for one in given]
    refs = tuple(images.put(one.image, one.ref) for one in loaded)
    same = "/".join([question, *(ref.sha256 for ref in refs)])
    answers = (expect,) if isinstance(expect, str) else tuple(expect)
    task = Task(
        id=id or f"ask-{sha256(same.encode()).hexdigest()[:12]}",
        question=question,
        images=refs,
        answer="".join(answers[:1]),
        answers=answers[1:],
        source="ask",
    )
    return task, tuple(note for one in loaded for note in one.notes)
