"""How a result reads unless a dialect has words of its own: hits and pages as Markdown links, one a line.

What always holds: whatever a title or snippet holds, it takes one line; every text is bounded; an image is
named only if it is there to be seen. The words are made inert by their caller (`SafeDialect`). Models were
trained on these strings: changing one means training again.
"""

from __future__ import annotations

from collections.abc import Sequence

from deepeyes.core.results import Observation, Page, SeenHit
from deepeyes.core.text import one_line

TITLE, SNIPPET, URL, DATE = 200, 600, 600, 40
"""Characters of each that are told."""
_NAME = 100


def result_words(seen: Observation) -> str:
    """The hits or the page of a result; empty if it has neither."""
    if seen.page is not None:
        return page_words(seen.page)
    if seen.hits is None:
        return ""
    if seen.searched_image:
        return image_hits_words(seen.searched_image, seen.hits)
    return hits_words(seen.query, seen.hits)


def hits_words(query: str, hits: Sequence[SeenHit]) -> str:
    """What a search by words found: title, link, date, snippet of each, and its image if it has one."""
    asked = one_line(query, TITLE)
    if not hits:
        return f'Nothing was found for "{asked}". Try other or fewer words.\n'
    count = "1 result" if len(hits) == 1 else f"{len(hits)} results"
    entries = [_entry(number, hit) for number, hit in enumerate(hits, start=1)]
    return "\n".join([f'{count} for "{asked}":\n', *entries])


def image_hits_words(name: str, hits: Sequence[SeenHit]) -> str:
    """What a search by image found: for each hit its image, title and link."""
    asked = one_line(name, _NAME)
    if not hits:
        return f"No picture like {asked} was found. Cut out one thing alone and search that.\n"
    lines = [
        f"{number}. {hit.image or 'no picture'}: {_link(hit.title, hit.url)}"
        for number, hit in enumerate(hits, start=1)
    ]
    count = "1 picture" if len(hits) == 1 else f"{len(hits)} pictures"
    return "\n".join([f"{count} like {asked}, best first:", *lines]) + "\n"


def page_words(page: Page) -> str:
    """A page: title and link, date, text."""
    head = f"{_link(page.title, page.url)}\n"
    if page.date:
        head += f"Date: {one_line(page.date, DATE)}\n"
    return f"{head}\n{page.text or '(the page has no text)'}\n"


def newline_ended(text: str) -> str:
    """`text` with a newline at its end, unless it is empty."""
    return text if not text or text.endswith("\n") else text + "\n"


def _entry(number: int, hit: SeenHit) -> str:
    image = f"{hit.image}: " if hit.image else ""
    lines = [f"{number}. {image}{_link(hit.title, hit.url)}"]
    if hit.date:
        lines.append(f"Date: {one_line(hit.date, DATE)}")
    if hit.snippet:
        lines.append(one_line(hit.snippet, SNIPPET))
    return "\n".join(lines) + "\n"


def _link(title: str, url: str) -> str:
    return f"[{one_line(title, TITLE) or 'untitled'}]({one_line(url, URL)})"
