"""Hosts whose pages hold benchmarks, and how an address is matched against them.

What always holds: an entry covers its host, all hosts below it and, if it names a path, only that path; the
same page behind a web archive, a search cache, a translation or a reading proxy is blocked too, because its
address holds the blocked one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

BENCHMARK_HOSTS = (
    # Where data sets lie.
    *("huggingface.co", "hf.co", "hf-mirror.com", "modelscope.cn", "modelscope.ai", "kaggle.com/datasets"),
    *("paperswithcode.com", "opendatalab.com", "zenodo.org", "openaipublic.blob.core.windows.net"),
    # Project pages and repositories of benchmarks that agents of this kind are measured on.
    *("visual-agent.github.io", "github.com/visual-agent", "vstar-seal.github.io", "mmsearch.github.io"),
    *("mathvista.github.io", "mathverse-cuhk.github.io", "mathllm.github.io", "we-math.github.io"),
    *("dynamath.github.io", "charxiv.github.io", "mmmu-benchmark.github.io", "zerobench.github.io"),
    *("open-vision-language.github.io", "lastexam.ai", "agi.safe.ai"),
    *("github.com/open-compass", "github.com/evolvinglmms-lab", "github.com/openai/simple-evals"),
    *("github.com/caraj7/mmsearch", "github.com/lupantech/mathvista", "github.com/zrrskywalker/mathverse"),
)
"""The default list. Deliberately without arxiv.org and wikipedia.org, which answer honest questions too."""

_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z][a-z0-9-]{1,62}")
_RAW = {"raw.githubusercontent.com": "github.com", "gist.githubusercontent.com": "gist.github.com"}
_LONGEST = 8192


class Blocklist:
    """Entries are `host` or `host/path`."""

    def __init__(self, entries: Iterable[str] = BENCHMARK_HOSTS) -> None:
        self._paths: dict[str, list[str]] = {}
        for entry in entries:
            host, _, path = (
                entry.strip().lower().removeprefix("https://").removeprefix("http://").partition("/")
            )
            self._paths.setdefault(host.removeprefix("www.").rstrip("."), []).append(path.strip("/"))

    def __bool__(self) -> bool:
        return bool(self._paths)

    def blocks(self, url: str) -> bool:
        """Whether `url`, or an address inside it, is on the list."""
        return bool(self) and any(self._on_list(host, path) for host, path in _places(url))

    def _on_list(self, host: str, path: str) -> bool:
        labels = host.split(".")
        for start in range(len(labels) - 1):
            for wanted in self._paths.get(".".join(labels[start:]), ()):
                if not wanted or path == wanted or path.startswith(wanted + "/"):
                    return True
        return False


def _places(url: str) -> list[tuple[str, str]]:
    """Host and path of the address and of every address inside it."""
    url = url[:_LONGEST].strip()
    try:
        host = (urlsplit(url if "//" in url else "//" + url).hostname or "").rstrip(".")
        host = host.encode("idna").decode("ascii").lower() if not host.isascii() else host.lower()
    except (ValueError, UnicodeError):
        host = ""
    text = unquote(unquote(url)).lower()
    places = [(host, _path_after(text, host))] if host else []
    if host.endswith(".translate.goog"):
        original = (
            host.removesuffix(".translate.goog").replace("--", "\0").replace("-", ".").replace("\0", "-")
        )
        places.append((original, _path_after(text, host)))
    for match in _HOST.finditer(text):
        inside = match.group()
        places.append((_RAW.get(inside, inside), text[match.end() :].lstrip(":0123456789").strip("/")))
    return places


def _path_after(text: str, host: str) -> str:
    return text.partition(host)[2].lstrip(":0123456789").strip("/").partition("?")[0]
