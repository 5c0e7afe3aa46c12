"""One string opens a search on the web.

Form: `NAME?setting=value&...`. Names: `serper`, `serpapi`, `tavily`, `brave`, `exa`, `searxng` search text,
`google_lens` searches by image. Settings:

| setting | meaning |
|---|---|
| `k` | hits asked for at once (10) |
| `freshness` | `day`, `week`, `month` or `year` |
| `domains`, `exclude` | comma-separated hosts that hits must, or must not, come from |
| `cap` | most calls of this run |
| `rate`, `seconds`, `retries`, `concurrency` | how the provider is treated |
| `mode`, `cache`, `snapshot` | recording, see `search/record/`; a `cache` alone means `replay-or-live` |
| `block` | hosts never to be shown, comma-separated; `benchmarks` stands for the list of the guard |
| `upload` | `true` allows `google_lens` to send images away |

What always holds: nothing is sent when a search is opened; keys are read from the environment then (not at
all in `replay`, and when first needed in `replay-or-live`); an unknown name or setting is a `ConfigError`
that names the known.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from pkgutil import resolve_name
from urllib.parse import parse_qsl

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from deepeyes.core.errors import ConfigError
from deepeyes.search.base import ImageSearch, TextSearch
from deepeyes.search.guard.blocklist import BENCHMARK_HOSTS, Blocklist
from deepeyes.search.guard.guard import Guard, GuardedImages, GuardedText
from deepeyes.search.pages.fetching import Fetcher
from deepeyes.search.providers.adapter import Adapter, Freshness
from deepeyes.search.providers.calling import ClientPolicy
from deepeyes.search.providers.online import GoogleLens, OnlineText, Terms, Transport, identity
from deepeyes.search.providers.secrets import read_key
from deepeyes.search.providers.serpapi import SerpApi
from deepeyes.search.record.cached_ask import Mode, Recording
from deepeyes.search.record.cassette import Cassette
from deepeyes.search.record.recording import RecordedImages, RecordedText

TEXT = {
    "brave": "deepeyes.search.providers.brave:Brave",
    "exa": "deepeyes.search.providers.exa:Exa",
    "searxng": "deepeyes.search.providers.searxng:Searxng",
    "serpapi": "deepeyes.search.providers.serpapi:SerpApi",
    "serper": "deepeyes.search.providers.serper:Serper",
    "tavily": "deepeyes.search.providers.tavily:Tavily",
}
"""Name to where the adapter is defined, which is made when its search is opened."""
IMAGES = ("google_lens",)
Opened = GuardedText | GuardedImages
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")


class Settings(BaseModel):
    """What may follow the `?`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    k: int = Field(default=10, ge=1, le=100)
    freshness: Freshness = ""
    domains: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    cap: int | None = Field(default=None, ge=0)
    rate: float | None = Field(default=None, gt=0, le=1000)
    seconds: float | None = Field(default=None, gt=0, le=600)
    retries: int = Field(default=3, ge=0, le=10)
    concurrency: int = Field(default=8, ge=1, le=256)
    mode: Mode | None = None
    cache: str = ""
    snapshot: str = ""
    block: tuple[str, ...] = ()
    upload: bool = False

    @field_validator("domains", "exclude", "block", mode="before")
    @classmethod
    def _hosts(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip().lower() for part in value.split(",") if part.strip())

    @field_validator("domains", "exclude")
    @classmethod
    def _are_hosts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for host in value:
            if not _HOST.fullmatch(host):
                raise ValueError(f"{host!r} is not a host such as example.org")
        return value

    @property
    def terms(self) -> Terms:
        return Terms(self.k, self.freshness, self.domains, self.exclude)

    def policy(self, rate: float, seconds: float) -> ClientPolicy:
        """How to treat a provider whose own values are these."""
        return ClientPolicy(
            seconds=self.seconds or seconds,
            retries=self.retries,
            rate=self.rate or rate,
            concurrency=self.concurrency,
        )

    def recording(self) -> Recording | None:
        """The recording that is asked for. Raises `ConfigError` if it has no folder."""
        if not self.cache:
            if self.mode not in (None, "live"):
                raise ConfigError(f"mode={self.mode} needs a folder", "add cache=DIR")
            return None
        return Recording(Cassette(self.cache), self.mode or "replay-or-live", self.snapshot)

    def guard(self) -> Guard:
        hosts = [host for host in self.block if host != "benchmarks"]
        return Guard(Blocklist([*(BENCHMARK_HOSTS if "benchmarks" in self.block else ()), *hosts]))


def names() -> tuple[str, ...]:
    """All that may stand before the `?`."""
    return (*sorted(TEXT), *IMAGES)


def resolve(spec: str, *, guard: Guard | None = None, transport: Transport | None = None) -> Opened:
    """The search that `spec` names, opened; `guard` replaces what `block` makes. Raises `ConfigError`."""
    name, _ = _parts(spec)
    if name in IMAGES:
        return resolve_images(spec, guard=guard, transport=transport)
    return resolve_text(spec, guard=guard, transport=transport)


def resolve_text(spec: str, *, guard: Guard | None = None, transport: Transport | None = None) -> GuardedText:
    """The text search that `spec` names, opened."""
    name, settings = _read(spec, TEXT)

    def live() -> TextSearch:
        adapter, key = adapter_class(name).opened()
        policy = settings.policy(adapter.rate, 20.0)
        return OnlineText(
            adapter, key, terms=settings.terms, policy=policy, cap=settings.cap, transport=transport
        )

    recording = settings.recording()
    if recording is None:
        return GuardedText(live(), guard or settings.guard())
    recorded = RecordedText(recording, name, identity(settings.terms), live)
    if recording.mode in ("live", "record"):
        recorded.open()
    return GuardedText(recorded, guard or settings.guard())


def resolve_images(
    spec: str,
    *,
    guard: Guard | None = None,
    transport: Transport | None = None,
    fetcher: Fetcher | None = None,
) -> GuardedImages:
    """The image search that `spec` names, opened."""
    _, settings = _read(spec, IMAGES)

    def live() -> ImageSearch:
        if not settings.upload:
            GoogleLens.refuse()
        return GoogleLens(
            read_key(GoogleLens.name, SerpApi.variable),
            upload=settings.upload,
            terms=settings.terms,
            policy=settings.policy(SerpApi.rate, 40.0),
            cap=settings.cap,
            transport=transport,
            fetcher=fetcher,
        )

    recording = settings.recording()
    if recording is None:
        return GuardedImages(live(), guard or settings.guard())
    recorded = RecordedImages(recording, GoogleLens.name, identity(settings.terms), live)
    if recording.mode in ("live", "record"):
        recorded.open()
    return GuardedImages(recorded, guard or settings.guard())


def adapter_class(name: str) -> type[Adapter]:
    """The adapter of a text search by its name, which must be one of `TEXT`."""
    kind: type[Adapter] = resolve_name(TEXT[name])
    return kind


def _read(spec: str, known: Collection[str]) -> tuple[str, Settings]:
    name, text = _parts(spec)
    if name not in known:
        raise ConfigError(
            f"{name!r} is not a search of this kind" if name in names() else f"there is no search {name!r}",
            f"known are {', '.join(sorted(known))}",
        )
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=50)
    except ValueError:
        raise ConfigError(
            f"the settings of {name} cannot be read", f"write {name}?k=5&freshness=week"
        ) from None
    try:
        return name, Settings.model_validate(dict(pairs))
    except ValidationError as error:
        raise _explain(name, error) from None


def _parts(spec: str) -> tuple[str, str]:
    name, _, text = spec.strip().partition("?")
    return name.strip().lower(), text


def _explain(name: str, error: ValidationError) -> ConfigError:
    first = error.errors()[0]
    key = str(first["loc"][0]) if first["loc"] else "?"
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, Settings.model_fields, n=1)
        known = f"did you mean {near[0]}?" if near else f"known are {', '.join(Settings.model_fields)}"
        return ConfigError(f"{name} has no setting {key!r}", known)
    return ConfigError(f"the setting {key} of {name} is not valid", first["msg"].lower())
