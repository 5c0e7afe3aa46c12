"""The jail around the zygote: its own namespaces and a small read-only root, made once.

Three processes: the *launcher* stays outside (it writes the id maps and passes the exit status on), the
*mounter* builds the root and steps into the user namespace, and the zygote goes on as process 1 of the
jail. Started by root, the binds are made as real root (so an interpreter below /root works) and everything
then drops to unprivileged host ids; started by an ordinary user, the user namespace comes first and maps
that one user.

What always holds: nothing of the host is visible but the interpreter, its packages, /usr and a few files of
/etc; all of it unwritable; host uid 0 is never used inside, because the process limit does not bind it.
"""

# Plain path calls: pathlib would only add objects for every fork to copy.
# ruff: noqa: PTH103, PTH110, PTH112, PTH114, PTH115, PTH120, PTH211

from __future__ import annotations

import errno
import os
import socket
from typing import Any

from . import kernel

SESSION_ID = 1000
"""The user and group id a session sees itself as."""
IDS_PER_JAIL = 65536
BOX = "/box"
SHARED_CACHE = "/run/cache"
"""Small tmpfs, written by the zygote (matplotlib's font list), read by sessions."""

_SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin")
_ETC = ("ld.so.cache", "ld.so.conf", "ld.so.conf.d", "fonts", "localtime", "mime.types", "alternatives")
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/random")
_PASSWD = f"root:x:0:0::/:/bin/false\nuser:x:{SESSION_ID}:{SESSION_ID}::{BOX}/home:/bin/sh\n"
_GROUP = f"root:x:0:\nuser:x:{SESSION_ID}:\n"
_MOUNT_POINT = "/tmp"  # any folder that exists everywhere: it is covered in our own mount namespace only


class JailError(Exception):
    """A step of the jail failed; `step` says which."""

    def __init__(self, step: str, cause: OSError) -> None:
        super().__init__(f"{step}: {cause.strerror or cause}")
        self.step, self.errno = step, cause.errno or 0


def visible_paths(interpreter_paths: list[str]) -> list[str]:
    """What Landlock lets a session read: the same that the private root shows."""
    return [*_SYSTEM, "/etc", "/proc", SHARED_CACHE, *interpreter_paths]


def cache_folder(config: dict[str, Any]) -> str:
    """Where the zygote keeps matplotlib's font list for its sessions."""
    return SHARED_CACHE if config["tier"] == "full" else config["cache"]


def enter(config: dict[str, Any]) -> None:
    """Returns in process 1 of the new jail; the caller's original process never returns."""
    if os.getuid() == 0:
        uid_base, count = config["uid_base"], config["uid_count"]
        ready, done = _Pipe(), _Pipe()
        _split_off((ready, done, uid_base, count))
        _step("private root", kernel.unshare, kernel.NEWNS)
        _build_root(config["interpreter_paths"])
        _step("user namespace", kernel.unshare, kernel.NEWUSER)
        ready.tell()
        if not done.wait():
            raise JailError("user id map", OSError(errno.EPERM, "not written by the launcher"))
        os.setgroups([])
        os.setresgid(0, 0, 0)
        os.setresuid(0, 0, 0)
    else:
        _split_off(None)
        user, group = os.getuid(), os.getgid()
        _step("user namespace", kernel.unshare, kernel.NEWUSER | kernel.NEWNS)
        _step("user id map", write_id_maps, "self", f"0 {user} 1", f"0 {group} 1")
        _build_root(config["interpreter_paths"])
    kernel.prctl(kernel.PR_SET_PDEATHSIG, 9)  # changing ids cleared it
    flags = kernel.NEWNS | kernel.NEWPID | kernel.NEWNET | kernel.NEWIPC | kernel.NEWUTS | kernel.NEWCGROUP
    _step("namespaces", kernel.unshare, flags)
    _split_off(None)
    # Changing ids cleared it, and without it our children's id maps cannot be written.
    kernel.prctl(kernel.PR_SET_DUMPABLE, 1)
    _step("private mounts", kernel.mount, None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    quiet = kernel.MS_NOSUID | kernel.MS_NODEV | kernel.MS_NOEXEC
    _step("proc", kernel.mount, "proc", "/proc", "proc", quiet)
    _step("cache", kernel.mount, "tmpfs", SHARED_CACHE, "tmpfs", quiet, "size=8m,mode=0755")
    try:
        socket.sethostname("sandbox")
    except OSError:
        pass  # a cosmetic


def write_id_maps(pid: int | str, uid_line: str, gid_line: str, *, deny_setgroups: bool = True) -> None:
    if deny_setgroups:
        _write(f"/proc/{pid}/setgroups", "deny")
    _write(f"/proc/{pid}/uid_map", uid_line)
    _write(f"/proc/{pid}/gid_map", gid_line)


def _split_off(mapping: tuple[_Pipe, _Pipe, int, int] | None) -> None:
    """Fork; the child goes on, the parent only waits (and writes the child's id maps when asked)."""
    pid = os.fork()
    if pid == 0:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, 9)
        return
    if mapping:
        ready, done, base, count = mapping
        if ready.wait():
            try:
                write_id_maps(pid, f"0 {base} {count}", f"0 {base} {count}", deny_setgroups=False)
                done.tell()
            except OSError:
                pass  # the child sees the pipe close and reports
    kernel.no_new_privileges()
    kernel.close_from(3)
    _, status = os.waitpid(pid, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 255)


class _Pipe:
    """One byte from one side of a fork to the other."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()

    def tell(self) -> None:
        os.write(self._write, b"k")

    def wait(self) -> bool:
        os.close(self._write)
        return os.read(self._read, 1) == b"k"


def _build_root(interpreter_paths: list[str]) -> None:
    """A tmpfs with read-only binds of what the interpreter needs, made the root of this mount namespace."""
    _step("private mounts", kernel.mount, None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    links = {path: os.readlink(path) for path in _SYSTEM if os.path.islink(path)}
    wanted = [path for path in _SYSTEM if path not in links]
    wanted += interpreter_paths + [f"/etc/{name}" for name in _ETC] + list(DEVICES)
    # Opened before anything is covered: the interpreter may live below the mount point.
    present = [path for path in wanted if os.path.exists(path)]
    sources = [(path, os.open(path, os.O_PATH), os.path.isdir(path)) for path in present]
    old_proc = os.open("/proc", os.O_PATH)

    new = _MOUNT_POINT
    flags = kernel.MS_NOSUID | kernel.MS_NODEV
    _step("root tmpfs", kernel.mount, "tmpfs", new, "tmpfs", flags, "size=4m,mode=0755")
    for path, target in links.items():
        os.symlink(target, new + path)
    for path, source, is_folder in sources:
        _make_target(new + path, is_folder)
        if path in DEVICES:
            _step(f"bind {path}", kernel.mount, f"/proc/self/fd/{source}", new + path, None, kernel.MS_BIND)
        else:
            _step(f"bind {path}", kernel.bind_read_only, source, new + path)
        os.close(source)
    _write(new + "/etc/passwd", _PASSWD, create=True)
    _write(new + "/etc/group", _GROUP, create=True)
    for path in ("/proc", BOX, "/sys", "/var", SHARED_CACHE):
        os.makedirs(new + path, exist_ok=True)
    os.symlink(f"{BOX}/shm", new + "/dev/shm")
    for path in ("/tmp", "/var/tmp"):
        if not os.path.exists(new + path):  # unless the interpreter lives below it
            os.symlink(f"{BOX}/tmp", new + path)
    # A user namespace may mount proc only where one is fully visible; the zygote mounts its own over it.
    flags = kernel.MS_BIND | kernel.MS_REC
    _step("old proc", kernel.mount, f"/proc/self/fd/{old_proc}", new + "/proc", None, flags)
    os.close(old_proc)
    os.chdir(new)
    _step("pivot root", kernel.pivot_here)
    _step("read-only root", kernel.make_read_only, "/")


def _make_target(path: str, is_folder: bool) -> None:
    if is_folder:
        os.makedirs(path, exist_ok=True)
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if not os.path.exists(path):
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o644))


def _write(path: str, text: str, *, create: bool = False) -> None:
    descriptor = os.open(path, os.O_WRONLY | (os.O_CREAT if create else 0), 0o644)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def _step(name: str, act: Any, *arguments: Any) -> None:
    try:
        act(*arguments)
    except OSError as cause:
        raise JailError(name, cause) from cause
