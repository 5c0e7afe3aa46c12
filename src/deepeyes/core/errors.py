"""Every error a user can meet, named for the boundary it crossed.

What always holds:
- an error is one line and ends with what to do about it;
- each class has its own process exit code, so scripts can tell a bad image from a dead server;
- only `InfrastructureError` and its children are "ours, may pass": an episode that meets one is never scored;
- `boundary` is the only place of the package that may catch broadly. Everything it does not name is a bug and
  crashes loudly.

Errors stay picklable (their constructor takes positional strings), because traces and workers move them
about.
"""

from __future__ import annotations

import errno
from collections.abc import Generator
from contextlib import contextmanager

_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class DeepEyesError(Exception):
    """Base of all expected errors: `message` says what is wrong, `remedy` what to do."""

    exit_code: int = 1
    retryable: bool = False
    """Whether doing the same thing again may help (the caller decides how often)."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message, remedy)
        self.message = _one_line(message)
        self.remedy = _one_line(remedy)

    def __str__(self) -> str:
        return f"{self.message}: {self.remedy}" if self.remedy else self.message


class InputError(DeepEyesError):
    """An image, question, task or argument that cannot be used."""

    exit_code = 2


class ConfigError(DeepEyesError):
    """A configuration file or override that does not fit its schema."""

    exit_code = 3


class ModelError(DeepEyesError):
    """An unknown model, a missing checkpoint, or a key the server refuses."""

    exit_code = 4


class ContextOverflow(ModelError):
    """The conversation no longer fits the model's context; the episode ends as `context_full`."""


class InfrastructureError(DeepEyesError):
    """Something of ours failed (sandbox died, provider down). May pass, so callers may try again."""

    exit_code = 5
    retryable = True


class ServerError(InfrastructureError):
    """A model server is down, slow or answers nonsense, and the client has already tried again."""

    retryable = False


class SandboxUnavailable(InfrastructureError):
    """No sandbox can be started on this machine."""

    exit_code = 6
    retryable = False


class StorageError(DeepEyesError):
    """Results cannot be written: the disk is full or the folder is not writable."""

    exit_code = 7


class Interrupted(DeepEyesError):
    """The user pressed Ctrl-C; what was finished is kept."""

    exit_code = 130


@contextmanager
def boundary(
    error: type[DeepEyesError],
    doing: str,
    remedy: str = "",
    *,
    expected: type[Exception] | tuple[type[Exception], ...] = OSError,
) -> Generator[None]:
    """Turn `expected` exceptions that leave the block into `error`, with the cause kept.

    `doing` names the act ("reading cat.png"). Our own errors pass unchanged; a full disk is always
    `StorageError`. Keep the block to the foreign calls alone, so that a broad `expected` never hides a bug
    of ours.
    """
    try:
        yield
    except DeepEyesError:
        raise
    except OSError as cause:
        if cause.errno in _DISK_FULL:
            raise StorageError(
                f"{doing} failed, the disk is full", "free some space and run it again"
            ) from cause
        if not isinstance(cause, expected):
            raise
        raise error(f"{doing} failed ({_reason(cause)})", remedy) from cause
    except expected as cause:
        raise error(f"{doing} failed ({_reason(cause)})", remedy) from cause


def _reason(cause: Exception) -> str:
    """A short human reason: the operating system's words, or the exception's own."""
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    text = _one_line(str(cause))
    return text[:200] if text else "it says no reason"


def _one_line(text: str) -> str:
    return " ".join(text.split())
