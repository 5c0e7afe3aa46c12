"""Makes the namespaces of each session, and keeps watch over what sessions use.

Why a process of its own: cloning namespaces copies page tables, so it is done from a small process that was
forked before the heavy imports. It also is the one process that sees every session from outside its
namespace, so the supervisor asks it how much memory each one holds and lets it kill the fattest process.

What always holds: this process runs no code of a session; a session's process 1 (the "init") runs only this
file.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import Any, NoReturn

from . import fd_channel, harden, jail, kernel, usage

_MAP_RANGE = 60000


def serve(control: socket.socket, config: dict[str, Any], as_root: bool) -> NoReturn:
    """Answer `namespaces`, `usage` and `kill` requests until the supervisor hangs up."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    made = 0
    while True:
        request, _ = fd_channel.receive(control)
        if request is None:
            os._exit(0)
        if request["op"] == "namespaces":
            made += 1
            mapped = made % min(_MAP_RANGE, config["uid_count"] - 1) + 1 if as_root else 0
            _answer(control, config, request["limits"], mapped)
        elif request["op"] == "usage":
            roots = {int(pid): session for pid, session in request["roots"].items()}
            fd_channel.send(control, {"ok": True, "usage": usage.by_root(roots)})
        else:
            _kill(request["pid"])
            fd_channel.send(control, {"ok": True})


def _answer(control: socket.socket, config: dict[str, Any], limits: dict[str, Any], mapped: int) -> None:
    descriptors: list[int] = []
    try:
        pid, descriptors = _make(config, limits, mapped)
    except OSError as problem:
        fd_channel.send(control, {"ok": False, "error": str(problem)})
    else:
        fd_channel.send(control, {"ok": True, "init": pid}, descriptors)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _make(config: dict[str, Any], limits: dict[str, Any], mapped: int) -> tuple[int, list[int]]:
    """A new session's init, and [pidfd, pid ns, user ns, mount ns, ipc ns]."""
    go_read, go_write = os.pipe()
    done_read, done_write = os.pipe()
    try:
        pid = kernel.fork_into_new(kernel.NEWUSER | kernel.NEWPID | kernel.NEWNS | kernel.NEWIPC)
        if pid == 0:
            os.close(go_write)
            _init(config, limits, go_read, done_write)
        os.close(done_write)
        done_write = -1
        user = f"{jail.SESSION_ID} {mapped} 1"
        jail.write_id_maps(pid, user, user)
        os.write(go_write, b"g")
        report = os.read(done_read, 200)
        if report != b"ready":
            raise OSError(0, report.decode() or "the session's init died")
        descriptors = [os.pidfd_open(pid)]
        for kind in ("pid", "user", "mnt", "ipc"):
            descriptors.append(os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC))
        os.write(go_write, b"g")
        return pid, descriptors
    finally:
        for descriptor in (go_read, go_write, done_read, done_write):
            if descriptor >= 0:
                os.close(descriptor)


def _init(config: dict[str, Any], limits: dict[str, Any], go: int, done: int) -> NoReturn:
    """Process 1 of a session: mounts its private places, locks itself down and sleeps for good."""
    try:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.read(go, 1) != b"g":  # our id map is written
            os._exit(1)
        _mount_private(limits)
        os.write(done, b"ready")
        if os.read(go, 1) != b"g":  # our namespaces are opened; from here on nobody may look in
            os._exit(1)
        kernel.close_from(3)
        kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, signal.SIG_IGN)
        kernel.quiet_standard_streams()
        kernel.drop_capabilities()
        kernel.no_new_privileges()
        if "seccomp" not in config["without"]:
            from . import seccomp

            seccomp.install(harden.filter_code())
        while True:
            signal.pause()
    except OSError as problem:
        os.write(done, str(problem).encode()[:200])
    finally:
        os._exit(1)


def _mount_private(limits: dict[str, Any]) -> None:
    quiet = kernel.MS_NOSUID | kernel.MS_NODEV
    owner = f"mode=0700,uid={jail.SESSION_ID},gid={jail.SESSION_ID}"
    size = f"size={limits['disk_mib']}m,nr_inodes={limits['files']}"
    kernel.mount("tmpfs", jail.BOX, "tmpfs", quiet, f"{size},{owner}")
    kernel.make_read_only(jail.SHARED_CACHE)
    quiet |= kernel.MS_NOEXEC
    try:
        kernel.mount("proc", "/proc", "proc", quiet, "hidepid=invisible")
    except OSError:
        kernel.mount("tmpfs", "/proc", "tmpfs", quiet | kernel.MS_RDONLY, "size=4k")


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError) as problem:
        sys.stderr.write(f"sandbox namespace server: cannot kill {pid}: {problem}\n")
