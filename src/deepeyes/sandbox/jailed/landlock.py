"""Landlock: the second wall around files, TCP ports, abstract sockets and signals.

It repeats what the private root and the namespaces already give, so that a mistake in one of them is not a
hole; in the weaker tiers it is the only wall. The kernel tells its version by a call, not by a file; each
version knows more rights, and asking for unknown ones is an error, so the masks below are cut to the
version found.
"""

# Plain path calls: pathlib would only add objects for every fork to copy.
# ruff: noqa: PTH112

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterable

from . import kernel

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_TRUNCATE, _IOCTL_DEV = 1 << 14, 1 << 15
_RULE_PATH_BENEATH = 1
_CREATE_RULESET_VERSION = 1


def version() -> int:
    """The Landlock version of this kernel, 0 where there is none."""
    try:
        ctypes.set_errno(0)
        return kernel.syscall("landlock_create_ruleset", 0, 0, _CREATE_RULESET_VERSION)
    except OSError:
        return 0


def file_rights(abi: int) -> int:
    """Every file right that version `abi` can handle."""
    if abi < 1:
        return 0
    bits = {1: 13, 2: 14, 3: 15, 4: 15}.get(abi, 16)
    return (1 << bits) - 1


def ruleset_attributes(abi: int) -> bytes:
    """The kernel's `landlock_ruleset_attr`: file rights, TCP (version 4), scopes (version 6)."""
    words = [file_rights(abi)]
    if abi >= 4:
        words.append(0b11)  # bind and connect
    if abi >= 6:
        words.append(0b11)  # abstract sockets and signals to processes outside
    return struct.pack(f"={len(words)}Q", *words)


def restrict(read_only: Iterable[str], writable: Iterable[str], devices: Iterable[str]) -> int:
    """Confine this process for good; returns the version used, 0 where the kernel has none."""
    abi = version()
    if not abi:
        return 0
    everything = file_rights(abi)
    attributes = ruleset_attributes(abi)
    ruleset = kernel.syscall("landlock_create_ruleset", attributes, len(attributes), 0)
    _allow(ruleset, read_only, _EXECUTE | _READ_FILE | _READ_DIR, everything)
    _allow(ruleset, writable, everything, everything)
    _allow(ruleset, devices, _READ_FILE | _WRITE_FILE, everything)
    kernel.syscall("landlock_restrict_self", ruleset, 0)
    os.close(ruleset)
    return abi


def _allow(ruleset: int, paths: Iterable[str], rights: int, handled: int) -> None:
    for path in paths:
        try:
            descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except FileNotFoundError:
            continue
        granted = rights & handled
        if not os.path.isdir(path):
            granted &= _EXECUTE | _READ_FILE | _WRITE_FILE | _TRUNCATE | _IOCTL_DEV
        rule = struct.pack("=Qi", granted, descriptor)
        kernel.syscall("landlock_add_rule", ruleset, _RULE_PATH_BENEATH, rule, 0)
        os.close(descriptor)
