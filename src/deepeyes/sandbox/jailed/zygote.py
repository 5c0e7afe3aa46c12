"""The fork server: imports once, then forks one process per session.

Started as a fresh interpreter by the supervisor with two sockets: its own control socket and the namespace
server's. In tier `full` it enters the jail and forks the namespace server before the heavy imports; in the
weaker tiers there are no namespaces and each session gets a reaper instead (see `reaper`). A *template* is a
fork of the zygote that already holds some images, so that a group of sessions pays for them once.

What always holds: the zygote and its templates run no code of a session and read nothing a session wrote.
"""

# Plain path calls: pathlib would only add objects for every fork to copy.
# ruff: noqa: PTH123, PTH208

from __future__ import annotations

import ctypes
import gc
import os
import re
import signal
import socket
import sys
from typing import Any, NoReturn

from . import (
    fd_channel,
    harden,
    jail,
    kernel,
    landlock,
    namespace_server,
    preload,
    reaper,
    requests,
    usage,
    wire,
    worker,
)

_MADV_COLLAPSE = 25
_HUGE = 2 << 20
_ANONYMOUS_MAPPING = re.compile(r"([0-9a-f]+)-([0-9a-f]+) rw-p \S+ \S+ 0\s*(\[heap\])?$")


def main(control_fd: int, namespaces_fd: int) -> NoReturn:
    """Set up, report `ready` or what failed, then serve until the supervisor hangs up."""
    control = socket.socket(fileno=control_fd)
    to_namespaces = socket.socket(fileno=namespaces_fd)
    config, _ = fd_channel.receive(control)
    if config is None:
        os._exit(0)
    try:
        ready = _set_up(control, to_namespaces, config)
    except jail.JailError as problem:
        _refuse(control, problem.step, str(problem), problem.errno)
    except OSError as problem:
        _refuse(control, "start", str(problem), problem.errno or 0)
    fd_channel.send(control, {"ok": True, **ready})
    _serve(control, config, {})


def _refuse(control: socket.socket, step: str, error: str, number: int) -> NoReturn:
    """Say where the setting up failed, and end."""
    fd_channel.send(control, {"ok": False, "step": step, "error": error, "errno": number})
    os._exit(1)


def _set_up(control: socket.socket, to_namespaces: socket.socket, config: dict[str, Any]) -> dict[str, Any]:
    as_root = os.getuid() == 0
    if config["tier"] == "full":
        jail.enter(config)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C on the terminal is the supervisor's business
    harden.filter_code()
    gc.freeze()
    if os.fork() == 0:
        control.close()
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        namespace_server.serve(to_namespaces, config, as_root)
    to_namespaces.close()
    os.environ["MPLCONFIGDIR"] = os.environ["XDG_CACHE_HOME"] = jail.cache_folder(config)
    missing = preload.import_all(config["preload"])
    if "matplotlib.font_manager" not in sys.modules:
        _fill_font_cache(control)
    gc.collect()
    gc.freeze()
    huge_pages = _collapse_heap()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps; watchdogs set it back
    return {
        "missing": missing,
        "anonymous": usage.own_anonymous_bytes(),
        "threads": len(os.listdir("/proc/self/task")),
        "huge_pages": huge_pages,
        "landlock": landlock.version(),
    }


def _serve(control: socket.socket, config: dict[str, Any], images: dict[str, Any]) -> NoReturn:
    """Answer `session` and `template` requests one after the other."""
    own_pid_ns = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    while True:
        request, descriptors = fd_channel.receive(control)
        if request is None:
            os._exit(0)
        returned: list[int] = []
        try:
            if request["op"] == "ping":
                reply = {"ok": True}
            elif request["op"] == "template":
                reply = _fork_template(descriptors, config)
            elif config["tier"] == "full":
                reply = _fork_session(request, descriptors, config, images, own_pid_ns)
            else:
                pid, pidfd = reaper.spawn(request, descriptors[0], config, images)
                reply, returned = {"ok": True, "root": pid}, [pidfd]
        except OSError as problem:
            reply = {"ok": False, "error": str(problem)}
        for descriptor in descriptors:
            os.close(descriptor)
        fd_channel.send(control, reply, returned)
        for descriptor in returned:
            os.close(descriptor)


def _fork_session(
    request: dict[str, Any],
    descriptors: list[int],
    config: dict[str, Any],
    images: dict[str, Any],
    own_pid_ns: int,
) -> dict[str, Any]:
    """Fork a session into the namespaces made for it: [channel, pid ns, user ns, mount ns, ipc ns]."""
    channel, pid_ns, *others = descriptors
    kernel.setns(pid_ns, kernel.NEWPID)  # for children only
    try:
        pid = os.fork()
    except OSError:
        kernel.setns(own_pid_ns, kernel.NEWPID)
        raise
    if pid == 0:
        worker.begin(channel, others, request, config, images, box=jail.BOX, host_id=jail.SESSION_ID)
    kernel.setns(own_pid_ns, kernel.NEWPID)
    return {"ok": True, "root": pid}


def _fork_template(descriptors: list[int], config: dict[str, Any]) -> dict[str, Any]:
    """Fork a server that takes images over a stream and then serves on its own control socket."""
    if os.fork():
        return {"ok": True}
    try:
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        control = socket.socket(fileno=os.dup(descriptors[0]))
        stream = os.dup(descriptors[1])
        kept = {control.fileno(), stream, 0, 1, 2}
        for name in os.listdir("/proc/self/fd"):
            if int(name) not in kept:
                _close_quietly(int(name))
        message, blobs = wire.receive(stream)
        if message is None:
            os._exit(0)
        images = requests.images_from(message["images"], blobs)
        os.close(stream)
        gc.collect()
        gc.freeze()
        _serve(control, config, images)
    finally:
        os._exit(1)


def _fill_font_cache(control: socket.socket) -> None:
    """Let a helper write matplotlib's font list where sessions read it: a late import needs no font scan."""
    if os.fork():
        return
    try:
        control.close()
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        os.nice(10)
        preload.import_all(["matplotlib.font_manager"])
    finally:
        os._exit(0)


def _collapse_heap() -> int:
    """Ask for huge pages on the heap, so that a fork copies one page-table entry where it copied 512."""
    collapsed = 0
    with open("/proc/self/maps") as file:
        lines = file.read().splitlines()
    for line in lines:
        match = _ANONYMOUS_MAPPING.match(line)
        if not match:
            continue
        start, end = int(match[1], 16), int(match[2], 16)
        for address in range(-(-start // _HUGE) * _HUGE, end - _HUGE + 1, _HUGE):
            result = kernel.libc.madvise(ctypes.c_void_p(address), ctypes.c_size_t(_HUGE), _MADV_COLLAPSE)
            collapsed += result == 0
    return collapsed


def _close_quietly(descriptor: int) -> None:
    try:
        os.close(descriptor)
    except OSError:
        pass  # the one that listed the folder
