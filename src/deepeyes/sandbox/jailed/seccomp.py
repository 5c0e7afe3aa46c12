"""The system-call filter of a session, written as classic BPF by hand.

Why by hand: the program is thirty lines, the library that would write it (pyseccomp) needs the system's
libseccomp beside it, and a program that is plain data can be simulated in a test against every call number.
Refused calls get EPERM, so that the model's code sees an ordinary error; a foreign instruction set (32-bit
calls on x86-64) kills the process, because its numbers mean something else.
"""

from __future__ import annotations

import ctypes
import errno
import struct

from .kernel import syscall
from .syscalls import AUDIT_ARCH, FIRST_UNKNOWN, number, refused

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000

_NR_OFFSET, _ARCH_OFFSET, _ARG0_OFFSET, _ARG1_OFFSET = 0, 4, 16, 24
_NAMESPACE_FLAGS = 0x7E020000 | 0x80  # CLONE_NEW* and CLONE_NEWTIME
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C  # typing into somebody else's terminal
_X32 = 0x40000000

Instruction = tuple[int, int, int, int]
"""(operation, jump if true, jump if false, operand)"""


def program(machine: str) -> list[Instruction]:
    """The filter for `machine`, one tuple per instruction. Jumps count instructions to skip."""
    deny, unknown = ERRNO | errno.EPERM, ERRNO | errno.ENOSYS
    lines: list[Instruction] = [
        (LOAD, 0, 0, _ARCH_OFFSET),
        (EQUAL, 1, 0, AUDIT_ARCH[machine]),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, _NR_OFFSET),
    ]
    if machine == "x86_64":
        lines += [(AT_LEAST, 0, 1, _X32), (RETURN, 0, 0, KILL)]
    lines += [
        (AT_LEAST, 0, 1, FIRST_UNKNOWN),
        (RETURN, 0, 0, unknown),
        (EQUAL, 0, 1, number("clone3", machine)),
        # clone3's flags lie in memory, where no filter can read them; libc falls back to clone
        (RETURN, 0, 0, unknown),
        (EQUAL, 0, 4, number("clone", machine)),
        (LOAD, 0, 0, _ARG0_OFFSET),
        (ANY_BIT, 0, 1, _NAMESPACE_FLAGS),
        (RETURN, 0, 0, deny),
        (RETURN, 0, 0, ALLOW),
        (EQUAL, 0, 5, number("ioctl", machine)),
        (LOAD, 0, 0, _ARG1_OFFSET),
        (EQUAL, 1, 0, _TIOCSTI),
        (EQUAL, 0, 1, _TIOCLINUX),
        (RETURN, 0, 0, deny),
        (RETURN, 0, 0, ALLOW),
    ]
    for call in sorted(set(refused(machine).values())):
        lines += [(EQUAL, 0, 1, call), (RETURN, 0, 0, deny)]
    lines.append((RETURN, 0, 0, ALLOW))
    return lines


def assemble(lines: list[Instruction]) -> bytes:
    return b"".join(struct.pack("HBBI", op, yes, no, operand) for op, yes, no, operand in lines)


def install(code: bytes) -> None:
    """Put the filter on this process and all its descendants, for good. Needs no_new_privileges first."""
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer))
    syscall("seccomp", 1, 0, header)
