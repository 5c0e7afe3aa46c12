"""Whose server a model is behind: its address, its key, and how it may be asked.

A server is named by its URL, or by its name in the table `[providers.NAME]` of `deepeyes.toml` in the working
folder (of the file that DEEPEYES_PROVIDERS names, where that is set). What always holds: a key is read from
the environment when a request is made and goes to its own server only; a server of the table gets the key
that `key_env` names, or none; one that is named by its URL gets OPENAI_API_KEY if it is api.openai.com, else
DEEPEYES_API_KEY, which the first host that it was sent to keeps for itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from pydantic import Field, PrivateAttr, ValidationError

from deepeyes.core.config import Config
from deepeyes.core.errors import ConfigError, ModelError, boundary

TABLE_VARIABLE, TABLE_FILE = "DEEPEYES_PROVIDERS", "deepeyes.toml"
COMMON_KEY, OPENAI_KEY = "DEEPEYES_API_KEY", "OPENAI_API_KEY"
_OPENAI_HOST = "api.openai.com"
_SHORTEST = 8
"""Characters of a header's value below which it is no secret, but a word that texts may hold."""
_owners: dict[str, str] = {}
"""Digest of a common key -> the host that it was sent to."""


class Provider(Config):
    """A server, and how its owner lets us ask it. Limits hold for all its models in one process together."""

    base_url: str
    """With its query, if every request needs one (`?api-version=...`)."""
    key_env: str = ""
    """The environment variable that holds its key."""
    key_header: str = "Authorization"
    """The header that the key goes into; as it is, unless that is `Authorization`, which says Bearer."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent with every request."""
    concurrency: int | None = Field(default=None, ge=1)
    """Requests under way at once."""
    requests_per_minute: float | None = Field(default=None, gt=0)
    tokens_per_minute: float | None = Field(default=None, gt=0)
    """Read and written, together."""
    price_in: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Money per million tokens read."""
    price_out: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Money per million tokens written."""
    budget: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Money that one process may spend."""
    _by_url: bool = PrivateAttr(default=False)

    @property
    def place(self) -> str:
        """The address without what is nobody's business: for names, traces and errors."""
        parts = _split(self.base_url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="")).rstrip("/")

    @property
    def endpoint(self) -> str:
        parts = _split(self.base_url)
        return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/chat/completions"))

    def request_headers(self) -> dict[str, str]:
        """With the key, if there is one. Raises `ModelError`, which never shows it."""
        name, key = self._key()
        if not key.isascii() or not key.isprintable():
            raise ModelError("the API key holds characters that no key has", f"set {name} again")
        if not key:
            return dict(self.headers)
        bearer = self.key_header.lower() == "authorization"
        return {**self.headers, self.key_header: f"Bearer {key}" if bearer else key}

    def hide(self, text: str) -> str:
        """`text` in one line, without what is secret."""
        names = (self.key_env, COMMON_KEY, OPENAI_KEY)
        keys = [key for name in names if (key := os.environ.get(name, "").strip())]
        secrets = keys + [value for value in self.headers.values() if len(value) >= _SHORTEST]
        flat = " ".join(text.split())
        for secret in sorted(secrets, key=len, reverse=True):
            flat = flat.replace(secret, "***")
        return flat

    @property
    def key_remedy(self) -> str:
        """What to do where the key is refused."""
        if self.key_env:
            return f"set {self.key_env} to a key it accepts"
        if not self._by_url:
            return f"name the variable that holds its key with key_env in {TABLE_FILE}"
        if self._host() == _OPENAI_HOST:
            return f"set {OPENAI_KEY} to a key it accepts"
        other = f" ({OPENAI_KEY} goes to {_OPENAI_HOST} only)" if os.environ.get(OPENAI_KEY) else ""
        return f"set {COMMON_KEY} to a key it accepts, or name its own with #key_env=VARIABLE{other}"

    def check_key(self) -> None:
        """Raises `ModelError` where its key should be in a variable that is not set."""
        self._key()

    def _key(self) -> tuple[str, str]:
        """The variable, and the key in it; empty if this server gets none."""
        if self.key_env:
            key = os.environ.get(self.key_env, "").strip()
            if not key:
                raise ModelError(
                    f"{self.place} needs a key and {self.key_env} is not set", f"export {self.key_env}=KEY"
                )
            return self.key_env, key
        if not self._by_url:
            return "", ""
        if self._host() == _OPENAI_HOST and (key := os.environ.get(OPENAI_KEY, "").strip()):
            return OPENAI_KEY, key
        key = os.environ.get(COMMON_KEY, "").strip()
        owner = _owners.setdefault(sha256(key.encode()).hexdigest(), self._host())
        return COMMON_KEY, key if owner == self._host() else ""

    def _host(self) -> str:
        return (_split(self.base_url).hostname or "").lower()


SETTINGS: Mapping[str, type] = {
    "key_env": str,
    "concurrency": int,
    "requests_per_minute": float,
    "tokens_per_minute": float,
    "price_in": float,
    "price_out": float,
    "budget": float,
}
"""What of it may follow a model's name, with its type."""


class ProviderTable(Config):
    """The file of providers."""

    providers: dict[str, Provider] = Field(default_factory=dict)


def table() -> ProviderTable:
    """The table of providers; without any where there is no file. Raises `ConfigError`."""
    path = os.environ.get(TABLE_VARIABLE, "")
    return ProviderTable.load(path or TABLE_FILE) if path or Path(TABLE_FILE).exists() else ProviderTable()


def provider_at(url: str, settings: Mapping[str, Any] | None = None) -> Provider:
    """The server at a URL, with `settings` by their names. Raises `ModelError`."""
    provider = _checked({"base_url": url, **(settings or {})})
    provider._by_url = True
    return provider


def provider_named(name: str, settings: Mapping[str, Any]) -> Provider | None:
    """The provider of that name in the table, with `settings` in place of its own; None if there is none.

    Raises `ConfigError` for a table that cannot be read, `ModelError` for a setting that cannot be.
    """
    found = table().providers.get(name)
    if found is None:
        return None
    if not is_url(found.base_url):
        raise ConfigError(f"the base_url of provider {name} is no address", "write it like https://HOST/v1")
    return _checked({**found.model_dump(), **settings})


def split_place(place: str) -> tuple[str, str]:
    """The model, and the URL or name of its server, of a `place` MODEL@SERVER; empty where one is missing. A
    model's own name may hold an @.
    """
    found = re.fullmatch(r"(.+?)@(https?://.+)", place) or re.fullmatch(r"(.+)@([\w.-]+)", place)
    return (found[1], found[2]) if found else ("", "")


def is_url(server: str) -> bool:
    return server.startswith(("http://", "https://"))


def check_common_key(providers: Iterable[Provider]) -> None:
    """Raises `ModelError` if DEEPEYES_API_KEY is set and these servers would share it, before any gets it."""
    hosts = {one._host(): one.place for one in providers if one._by_url and not one.key_env}
    if len(hosts) > 1 and os.environ.get(COMMON_KEY, "").strip():
        first, second = sorted(hosts.values())[:2]
        raise ModelError(
            f"{COMMON_KEY} is set, and could be of {first} or of {second}",
            "name each server's own key with #key_env=VARIABLE or in deepeyes.toml, and unset it",
        )


def _checked(values: Mapping[str, Any]) -> Provider:
    try:
        return Provider.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ModelError(f"{name} = {first['input']!r} is not valid", first["msg"].lower()) from error


def _split(url: str) -> SplitResult:
    with boundary(
        ModelError,
        f"reading the base URL {url!r}",
        "write it like http://127.0.0.1:8000/v1",
        expected=ValueError,
    ):
        return urlsplit(url)
