"""All questions drawn, checked and frozen.

What always holds: one seed gives the same questions; a draw that meets a tie, or cannot be placed, or is told
by `refused` to be guessed without looking, is drawn anew with the next number; no question is like another.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from difflib import SequenceMatcher
from hashlib import sha256
from pathlib import Path

from PIL import Image

from deepeyes.core.files import write_atomic
from deepeyes.core.images import image_ref
from deepeyes.core.task import Task
from deepeyes.eval.openrealx.frozen import IMAGES, MANIFEST, QUESTIONS, Frozen, FrozenImage
from deepeyes.world.pack import Pack

from .draft import DOMAINS, FLAGS, Draft, Form, Kit
from .forms import FORMS
from .paste import encoded
from .photos import Photograph
from .pool import Pool

SEED = 2026
EACH = 5
"""Questions of each form."""
TRIES = 120
LIKE = 0.9
"""Two questions whose letters agree by more than this share are too much alike."""
VERSION = "1.0"
_PUBLIC = "LicenseRef-Public-Domain"

Refused = Callable[[Draft], str]
"""Why a draft is not good enough, such as that it can be answered without looking; empty where it is."""


def drafts(pack: Pack, photos: list[Photograph], refused: Refused) -> Iterator[tuple[Draft, bytes]]:
    """All drafts in the order of the forms, each with its image's file."""
    kit = Kit(random.Random(SEED), Pool(pack, random.Random(SEED)), photos)
    asked: list[str] = []
    order = list(DOMAINS)
    for each in sorted(FORMS, key=lambda one: order.index(one.domain)):
        for number in range(EACH):
            draft = _drawn(kit, each, number, asked, refused)
            asked.append(draft.question)
            yield draft, encoded(draft.image)


def _drawn(kit: Kit, each: Form, number: int, asked: list[str], refused: Refused) -> Draft:
    why = ""
    for attempt in range(TRIES):
        kit.rng = random.Random(f"{SEED}/{each.domain}/{each.draw.__name__}/{number}/{attempt}")
        kit.pool.rng = kit.rng
        kit.pool.shown.clear()
        try:
            draft = each.draw(kit, number)
        except ValueError as error:
            why = str(error)
            continue
        flags = tuple(FLAGS[letter] for letter in each.flags)
        shown = tuple(dict.fromkeys(kit.pool.shown))
        draft = replace(draft, domain=each.domain, tags=flags, kind=each.draw.__name__, pictures=shown)
        why = _faults(draft, asked) or refused(draft)
        if not why:
            _count(kit, draft)
            return draft
    raise ValueError(f"no good draw of {each.draw.__name__} {number}: {why}")


def _count(kit: Kit, draft: Draft) -> None:
    """Whom the next questions should not be about."""
    shown = "outline" if draft.kind in ("outline", "atlas", "tile", "pairs") else "flag"
    for name in draft.entities:
        kind = name.partition("/")[0]
        kit.pool.asked(kit.pool.thing(name), shown if kind == "country" else "")


def _faults(draft: Draft, asked: list[str]) -> str:
    if ("search" in draft.tags) != bool(draft.facts):
        return "facts and the flag of search disagree"
    if "perception" in draft.tags and not draft.boxes:
        return "nothing to perceive"
    if any(alike(draft.question, other) > LIKE for other in asked):
        return "asked before"
    return ""


def alike(one: str, other: str) -> float:
    """The share of letters in which two questions agree, digits aside."""
    plain = ["".join("0" if char.isdigit() else char for char in text.lower()) for text in (one, other)]
    matcher = SequenceMatcher(None, *plain, autojunk=False)
    return matcher.ratio() if matcher.real_quick_ratio() > LIKE and matcher.quick_ratio() > LIKE else 0.0


def to_task(draft: Draft, number: int, file: bytes) -> Task:
    """The draft as a task; its image is named by the pixels that its file decodes to."""
    with Image.open(io.BytesIO(file)) as image:
        ref = image_ref(image.convert("RGB"))
    truth: dict[str, object] = {}
    if draft.boxes:
        named = {name: [round(side, 1) for side in box] for name, box in draft.boxes.items()}
        truth |= {"box": next(iter(named.values())), "boxes": named}
    if draft.facts:
        truth["facts"] = [fact.told() for fact in draft.facts]
    truth["steps"] = draft.steps
    return Task(
        id=f"openrealx-{number:03d}",
        question=draft.question,
        images=(ref,),
        answer=draft.answer,
        answers=draft.answers,
        answer_form=draft.form,
        family=draft.domain,
        split="test",
        kind=draft.kind,
        truth=truth,
        group=draft.group,
        tags=draft.tags,
        source="openrealx",
        meta={"entities": list(draft.entities)} if draft.entities else {},
    )


def freeze(made: list[tuple[Draft, bytes]], folder: Path, about: dict[str, object]) -> None:
    """Write questions, images and, last, the manifest."""
    (folder / IMAGES).mkdir(parents=True, exist_ok=True)
    for old in (folder / IMAGES).iterdir():
        old.unlink()
    tasks: list[Task] = []
    images: list[FrozenImage] = []
    for number, (draft, file) in enumerate(made, start=1):
        task = to_task(draft, number, file)
        tasks.append(task)
        name = f"{task.id.removeprefix('openrealx-')}.webp"
        write_atomic(folder / IMAGES / name, file)
        parts = [*draft.photos, *draft.pictures]
        images.append(
            FrozenImage(
                task=task.id,
                file=name,
                sha256=sha256(file).hexdigest(),
                licences=tuple(sorted({part.licence.replace(_PUBLIC, "public domain") for part in parts})),
                credits=tuple(sorted({part.credit for part in parts} - {""})),
            )
        )
    lines = "".join(task.model_dump_json(exclude_defaults=True) + "\n" for task in tasks).encode()
    write_atomic(folder / QUESTIONS, lines)
    manifest = Frozen(
        version=VERSION,
        questions=sha256(lines).hexdigest(),
        domains=DOMAINS,
        images=tuple(images),
        about=about,
    )
    text = json.dumps(manifest.model_dump(mode="json"), ensure_ascii=False, indent=1) + "\n"
    write_atomic(folder / MANIFEST, text.encode())
