"""The Linux calls that Python does not offer, by ctypes: namespaces, mounts, capabilities, prctl.

Every function raises OSError with the name of what failed; none returns a status to check. System-call
numbers are looked up in `syscalls.py`, so this file is the same on x86-64 and aarch64.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from .syscalls import number

libc = ctypes.CDLL(None, use_errno=True)
PYTHON_LIBC = ctypes.PyDLL(None, use_errno=True)
"""The same, called without letting go of the interpreter lock."""

NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 32, 4096, 16384, 1 << 18

_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 1, 2, 4
_AT_RECURSIVE = 0x8000

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 1, 4, 15, 36
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS, _PR_CAP_AMBIENT = 24, 38, 47
_CAPABILITY_V3 = 0x20080522
_SIGCHLD = 17


def syscall(name: str, *arguments: int | bytes) -> int:
    """Call `name` with integers and byte buffers; returns its non-negative result."""
    ctypes.set_errno(0)
    converted = [ctypes.c_long(a) if isinstance(a, int) else ctypes.c_char_p(a) for a in arguments]
    result = libc.syscall(ctypes.c_long(number(name)), *converted)
    return _checked(result, name)


def prctl(option: int, value: int = 0) -> None:
    ctypes.set_errno(0)
    _checked(libc.prctl(*(ctypes.c_ulong(v) for v in (option, value, 0, 0, 0))), f"prctl {option}")


def unshare(flags: int) -> None:
    ctypes.set_errno(0)
    _checked(libc.unshare(ctypes.c_int(flags)), f"unshare {flags:#x}")


def setns(descriptor: int, kind: int = 0) -> None:
    syscall("setns", descriptor, kind)


def mount(
    source: str | None, target: str, kind: str | None = None, flags: int = 0, data: str | None = None
) -> None:
    def encoded(text: str | None) -> bytes | None:
        return None if text is None else os.fsencode(text)

    ctypes.set_errno(0)
    result = libc.mount(encoded(source), encoded(target), encoded(kind), ctypes.c_ulong(flags), encoded(data))
    _checked(result, f"mount {kind or 'bind'} on {target}")


def bind_read_only(source_fd: int, target: str) -> None:
    """Show what `source_fd` (opened with O_PATH) names at `target`, unwritable, without set-uid or devices.

    A recursive bind is the second choice: a user namespace may not uncover what lies beneath a mount that it
    did not make.
    """
    source = f"/proc/self/fd/{source_fd}"
    try:
        mount(source, target, None, MS_BIND)
        recursive = 0
    except OSError as problem:
        if problem.errno != errno.EINVAL:
            raise
        mount(source, target, None, MS_BIND | MS_REC)
        recursive = _AT_RECURSIVE
    make_read_only(target, recursive)


def make_read_only(target: str, recursive: int = 0) -> None:
    attributes = struct.pack("=QQQQ", _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV, 0, 0, 0)
    try:
        syscall("mount_setattr", -100, os.fsencode(target), recursive, attributes, len(attributes))
    except OSError as problem:
        if problem.errno != errno.ENOSYS or recursive:
            raise
        # Kernels before 5.12.
        mount(None, target, None, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)


def pivot_here() -> None:
    """Make the working directory the root and let go of the old one."""
    syscall("pivot_root", b".", b".")
    ctypes.set_errno(0)
    _checked(libc.umount2(b".", 2), "detach old root")
    os.chdir("/")


def fork_into_new(flags: int) -> int:
    """Like os.fork, with new namespaces for the child. The caller must have one thread only."""
    pid = _clone(flags | _SIGCHLD)
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0
    if pid < 0:
        raise OSError(errno.EPERM, "clone with new namespaces failed (quota of user namespaces?)")
    return pid


def fork_unseen() -> int:
    """Like os.fork, for a child that `os.wait` does not see and whose end sends no signal.

    The child must call nothing but `PYTHON_LIBC` and plain system calls until `finish_fork`: a child that
    never gets so far costs no page of its own. The C library takes the child's thread for its parent's
    (`raise` and `abort` fail in it), so it should fork once more before it runs anything else.
    """
    pid = _clone(0)
    if pid < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"clone: {os.strerror(code)}")
    return pid


def finish_fork() -> None:
    """Do in the child of `fork_unseen` what os.fork does in its child; `random` goes on as it was."""
    import random

    generator = random.getstate()
    ctypes.pythonapi.PyOS_AfterFork_Child()
    random.setstate(generator)


def sleep_until(signal_number: int, seconds: float | None) -> bool:
    """Wait for a blocked signal, holding the interpreter lock; False when the time was up."""
    mask = struct.pack("=Q120x", 1 << (signal_number - 1))
    limit = None if seconds is None else struct.pack("=qq", int(seconds), int(seconds % 1 * 1e9))
    while PYTHON_LIBC.sigtimedwait(mask, None, limit) < 0:
        if ctypes.get_errno() != errno.EINTR:
            return False
    return True


def name_process(name: bytes) -> None:
    PYTHON_LIBC.prctl(PR_SET_NAME, name, 0, 0, 0)


def _clone(flags: int) -> int:
    """The raw call: 0 in the child, which has yet to be told; negative with errno set when it failed."""
    ctypes.pythonapi.PyOS_BeforeFork()
    ctypes.set_errno(0)
    zeros = [ctypes.c_long(0)] * 4
    pid = PYTHON_LIBC.syscall(ctypes.c_long(number("clone")), ctypes.c_ulong(flags), *zeros)
    if pid != 0:
        ctypes.pythonapi.PyOS_AfterFork_Parent()
    return pid


def no_new_privileges() -> None:
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities() -> None:
    """Empty the bounding, ambient, effective, permitted and inheritable sets."""
    for capability in range(64):
        try:
            prctl(_PR_CAPBSET_DROP, capability)
        except OSError as problem:
            if problem.errno in (errno.EINVAL, errno.EPERM):  # past the last one; or nothing to drop with
                break
            raise
    ctypes.set_errno(0)
    # Best effort: old kernels lack it.
    libc.prctl(*(ctypes.c_ulong(v) for v in (_PR_CAP_AMBIENT, 4, 0, 0, 0)))
    syscall("capset", struct.pack("II", _CAPABILITY_V3, 0), bytes(24))


def close_from(first: int) -> None:
    syscall("close_range", first, 0xFFFFFFF, 0)


def quiet_standard_streams() -> None:
    null = os.open("/dev/null", os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    if null > 2:
        os.close(null)


def _checked(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result
