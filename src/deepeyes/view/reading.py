"""Trace files as they really are: damaged, of another version, half-written, or still growing.

`core.trace.read_traces` is for those who compute with traces and refuses what it cannot read. Whoever looks
wants to see the rest. What always holds: every line that can be read is given, and every one that cannot is
told in `problems`; nothing is ever written; reading on takes up where it stopped, at once, also in a file of
gigabytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from deepeyes.core.errors import InputError, boundary
from deepeyes.core.trace import TRACE_VERSION, Trace

_VERSION = re.compile(rb'"version"\s*:\s*(\d+)')
_HEAD = 80
"""Bytes at the beginning of a line in which its version stands."""


@dataclass
class TraceFile:
    """One file of traces."""

    path: Path
    _end: int = 0
    """Where the first line begins that was not read yet."""
    _lines: int = 0
    _inode: int = 0
    _damaged: list[str] = field(default_factory=list[str])
    _newer: int = 0
    _torn: bool = False

    def read_on(self) -> Iterator[tuple[int, Trace] | None]:
        """(offset, trace) of each line that was added since the last call; None first if the file is another
        one than before, and read from its start. Raises `InputError` if the file cannot be read at all.
        """
        with boundary(InputError, f"reading {self.path}", "check that it is there and that you may read it"):
            with self.path.open("rb") as file:
                state = self.path.stat()
                if state.st_ino != self._inode or state.st_size < self._end:
                    self._inode, self._end, self._lines, self._newer = state.st_ino, 0, 0, 0
                    self._damaged.clear()
                    yield None
                file.seek(self._end)
                yield from self._read(file)

    def _read(self, lines: Iterable[bytes]) -> Iterator[tuple[int, Trace]]:
        self._torn = False
        for line in lines:
            whole = line.endswith(b"\n")
            offset = self._end
            if whole:
                self._end += len(line)
                self._lines += 1
            if not line.strip():
                continue
            trace = _parsed(line)
            if isinstance(trace, Trace):
                self._newer += whole and _version(line) > TRACE_VERSION
                yield offset, trace
            elif whole:
                self._damaged.append(f"line {self._lines} ({trace})")
            else:
                self._torn = True

    def line(self, offset: int) -> bytes:
        """The line that begins there. Raises `InputError`."""
        with (
            boundary(InputError, f"reading {self.path}", "load the page again"),
            self.path.open("rb") as file,
        ):
            file.seek(offset)
            return file.readline()

    def trace(self, offset: int) -> Trace:
        """The trace of that line. Raises `InputError` if there is none any more."""
        trace = _parsed(self.line(offset))
        if isinstance(trace, Trace):
            return trace
        raise InputError(f"{self.path} has changed", "load the page again")

    @property
    def problems(self) -> list[str]:
        """What could not be read, a sentence each."""
        said: list[str] = []
        if self._damaged:
            count, first = len(self._damaged), self._damaged[0]
            lines = "1 line" if count == 1 else f"{count:,} lines"
            said.append(f"{lines} of {self.path} cannot be read: {'' if count == 1 else 'first '}{first}.")
        if self._torn:
            said.append(f"The last line of {self.path} is half-written: its writer was killed or is at work.")
        if self._newer:
            said.append(
                f"{self._newer:,} episodes of {self.path} were written by a newer deepeyes. What it added is "
                "not shown: pip install -U deepeyes."
            )
        return said


def _parsed(line: bytes) -> Trace | str:
    """The trace, or why the line is none."""
    try:
        return Trace.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(key) for key in first["loc"])
        newer = (
            f"version {_version(line)}, this is {TRACE_VERSION}; " if _version(line) > TRACE_VERSION else ""
        )
        return f"{newer}{where}: {first['msg']}" if where else f"{newer}{first['msg'][:100]}"


def _version(line: bytes) -> int:
    found = _VERSION.search(line[:_HEAD])
    return int(found[1]) if found else 0


def pretty(line: bytes) -> str:
    """A line of JSON, indented for people."""
    return json.dumps(json.loads(line), indent=1, ensure_ascii=False)
