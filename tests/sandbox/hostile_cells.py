"""The hostile cells: data only. `expect` is searched in status, result, stdout and stderr together."""

# The code of a cell reads better on few lines.
# ruff: noqa: E501

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class HostileCell:
    """One attack, and how it must end."""

    name: str
    code: str
    expect: str
    timeout: float = 30.0
    limits: dict[str, Any] = field(default_factory=dict[str, Any])
    after: str = "print('alive', x)"
    """Run next in the same session: state must have survived."""
    may_lose_session: bool = False
    """Whether killing the whole session is an answer too (it broke the protocol or its own processes)."""


_REFUSED = r"held (1|2|3|13|22|30|38|97)\b"

_TRY = """
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
def attempt(act, *arguments):
    try:
        print("got", act(*arguments))
    except OSError as wall:
        print("held", wall.errno)
def call(number, *arguments):
    ctypes.set_errno(0)
    values = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    if libc.syscall(ctypes.c_long(number), *values) < 0:
        raise OSError(ctypes.get_errno(), str(number))
"""

_X86 = "import platform\nif platform.machine() != 'x86_64': raise OSError(1, 'held 1 (other machine)')\n"


def _syscall(name: str, number: int, *arguments: object) -> HostileCell:
    listed = ", ".join(map(str, arguments)) or "0, 0, 0, 0, 0"
    return HostileCell(name, f"{_X86}{_TRY}attempt(call, {number}, {listed})", r"held (1|38)\b")


def _attempt(name: str, expression: str, expect: str = _REFUSED, **settings: Any) -> HostileCell:
    return HostileCell(name, f"{_TRY}attempt(lambda: {expression})", expect, **settings)


_TIME = [
    HostileCell("endless loop", "while True: pass", "^timeout", 1.0),
    HostileCell(
        "loop that swallows interrupts",
        "while True:\n    try:\n        while True: pass\n    except BaseException: pass",
        "^timeout",
        1.0,
    ),
    HostileCell(
        "ignores every signal",
        "import signal\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n"
        "    except (OSError, ValueError): pass\nwhile True: pass",
        "^timeout",
        1.0,
    ),
    HostileCell(
        "stuck in C",
        "import numpy as np\nfor _ in range(999): np.linalg.svd(np.random.rand(2500, 2500))",
        "^timeout",
        1.0,
    ),
    HostileCell("sleeps", "import time\ntime.sleep(600)", "^timeout", 1.0),
    HostileCell("catastrophic regex", "import re\nre.match(r'(a+)+$', 'a' * 64 + 'b')", "^timeout", 1.0),
    HostileCell("stops itself", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", "^timeout", 1.0),
    HostileCell(
        "signal storm to itself",
        "import os, signal, time\nsignal.signal(signal.SIGUSR1, lambda *a: None)\n"
        "if os.fork() == 0:\n    while True: os.kill(os.getppid(), signal.SIGUSR1)\n"
        "end = time.time() + 0.5\nwhile time.time() < end: pass\nprint('over')",
        "over",
    ),
    HostileCell(
        "alarm storm",
        "import signal, time\nsignal.signal(signal.SIGALRM, lambda *a: None)\n"
        "signal.setitimer(signal.ITIMER_REAL, 1e-3, 1e-3)\ntime.sleep(0.3)\nprint('over')",
        "over",
    ),
    # Where a handler takes longer than the next alarm is away, as on a busy machine, it never gets any further.
    HostileCell(
        "alarm storm that starves itself",
        "import signal, time\nsignal.signal(signal.SIGALRM, lambda *a: None)\n"
        "signal.setitimer(signal.ITIMER_REAL, 1e-5, 1e-5)\ntime.sleep(0.3)\nprint('over')",
        "^timeout|over",
        5.0,
    ),
    HostileCell("await that never ends", "import asyncio\nawait asyncio.Event().wait()", "^timeout", 1.0),
    HostileCell(
        "exit handler that loops",
        "import atexit\natexit.register(lambda: exec('while True: pass'))\nprint('set')",
        "set",
    ),
    HostileCell(
        "destructor that loops",
        "class D:\n    def __del__(self):\n        while True: pass\nd = D()\ndel d",
        "^timeout|^ok",
        1.0,
    ),
]

_MEMORY = [
    HostileCell("one large allocation", "b = bytearray(3 << 30)", "MemoryError"),
    HostileCell("a list that grows", "l = []\nwhile True: l.append(bytes(1 << 20))", "MemoryError"),
    HostileCell("numpy asks for 300 GiB", "import numpy as np\nnp.ones((200000, 200000))", "MemoryError"),
    HostileCell(
        "anonymous mapping", "import mmap\nmmap.mmap(-1, 8 << 30)", "MemoryError|Cannot allocate|Errno 12"
    ),
    HostileCell(
        "string doubling",
        "s = 'a'\nwhile True: s += s",
        "MemoryError|OverflowError",
        limits={"memory_mib": 256},
    ),
    HostileCell("integer that grows", "n = 9\nwhile True: n = n * n", "^timeout|MemoryError", 1.0),
    HostileCell(
        "memory in four processes",
        "import os, time\nfor _ in range(4):\n    if os.fork() == 0:\n        b = bytearray(200 << 20)\n"
        "        for k in range(0, len(b), 4096): b[k] = 1\n        time.sleep(30)\n        os._exit(0)\n"
        "b = bytearray(200 << 20)\nfor k in range(0, len(b), 4096): b[k] = 1\ntime.sleep(30)",
        "^crashed|^session_lost|^timeout",
        10.0,
        {"session_memory_mib": 500},
        may_lose_session=True,
    ),
    _syscall("memfd", 319, "b'x'", 0),
    _syscall("System V shared memory", 29, 0, 1 << 30, 0o1600),
    _syscall("locked memory", 149, 0, 4096),
    HostileCell("recursion", "def f(): return f()\nf()", "RecursionError"),
    HostileCell(
        "stack overflow in C",
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(): return f()\nf()",
        # SystemError: an interpreter that was interrupted with no memory left may lose which error it met.
        "^crashed|MemoryError|RecursionError|SystemError|^timeout",
        3.0,
        {"memory_mib": 256},
    ),
    HostileCell(
        "deep literal", "eval('(' * 100000 + ')' * 100000)", "SyntaxError|MemoryError|RecursionError|^crashed"
    ),
    HostileCell("deep pickle", "import pickle\npickle.loads(b'(' * 10**7)", "Error|^ok|^crashed"),
]

_PROCESSES = [
    HostileCell(
        "fork bomb",
        "import os, time\nn = 0\ntry:\n    for _ in range(500):\n        if os.fork() == 0:\n            time.sleep(60)\n"
        "            os._exit(0)\n        n += 1\nexcept OSError as e: print('held', e.errno, n)",
        "held 11",
    ),
    HostileCell(
        "recursive fork bomb",
        "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
        "^timeout|^crashed|^session_lost",
        1.0,
        may_lose_session=True,
    ),
    HostileCell(
        "thread bomb",
        "import threading, time\nfor _ in range(500): threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        "can't start new thread",
    ),
    HostileCell(
        "zombie flood",
        "import os\ntry:\n    for _ in range(500):\n        if os.fork() == 0: os._exit(0)\n"
        "except OSError as e: print('held', e.errno)",
        "held 11",
    ),
    HostileCell(
        "daemon left behind",
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(300)\n    os._exit(0)\nos.wait()\nprint('left')",
        "left",
    ),
    HostileCell(
        "thread left behind",
        "import threading, time\nthreading.Thread(target=time.sleep, args=(300,), daemon=True).start()\nprint('left')",
        "left",
    ),
    HostileCell(
        "kills all it can",
        "import os\nfor p in (1, os.getppid(), -1):\n    try:\n        os.kill(p, 9)\n        print('sent', p)\n    except OSError as e: print(p, e)",
        "sent|Errno|^session_lost|^crashed",
        may_lose_session=True,
    ),
    HostileCell("fork that falls through", "import os\nos.fork()\nprint('twice')", "twice"),
    HostileCell(
        "answers after a fork", "import os\nif os.fork() == 0: raise SystemExit\nprint('once')", "once"
    ),
    HostileCell("os._exit", "import os\nos._exit(0)", "^crashed"),
    HostileCell("segmentation fault", "import ctypes\nctypes.string_at(0)", "^crashed[^$]*SIGSEGV"),
    HostileCell("abort", "import os\nos.abort()", "^crashed[^$]*SIGABRT"),
    HostileCell(
        "core dump",
        "import os, resource\nprint(resource.getrlimit(resource.RLIMIT_CORE))\nos.abort()",
        "^crashed",
    ),
    HostileCell(
        "raises its limits",
        "import resource\nresource.setrlimit(resource.RLIMIT_AS, (1 << 40, 1 << 40))",
        "not allowed|Error",
    ),
    _attempt("negative nice", "os.nice(-20) and os.nice(0) < 10 or os.read(-1, 1)", "held (1|9|13)"),
    _attempt("real-time scheduling", "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50))"),
]

_FILES = [
    HostileCell(
        "10 GB file", "f = open(box + '/big', 'wb')\nwhile True: f.write(bytes(1 << 20))", "Errno (27|28)"
    ),
    HostileCell(
        "many large files",
        "for k in range(50):\n    with open(f'{box}/f{k}', 'wb') as f:\n        for _ in range(20): f.write(bytes(1 << 20))",
        "Errno 28|^session_lost",
        may_lose_session=True,
    ),
    HostileCell(
        "inode bomb",
        "for k in range(100000): open(f'{box}/i{k}', 'w').close()",
        "Errno 28|^session_lost",
        60.0,
        may_lose_session=True,
    ),
    HostileCell(
        "deep folders",
        "import os\nfor _ in range(100000):\n    os.mkdir('d')\n    os.chdir('d')",
        "Errno 28|Errno 36|^timeout|^session_lost",
        20.0,
        {"files": 300},
        after="import os\nos.chdir(box)\nprint('alive', x)",
        may_lose_session=True,
    ),
    HostileCell(
        "fills /dev/shm", "f = open('/dev/shm/x', 'wb')\nwhile True: f.write(bytes(1 << 20))", "Errno"
    ),
    HostileCell(
        "opens without end",
        "l = []\nwhile True: l.append(open('/dev/null'))",
        "Errno 24",
        after="l = None\nprint('alive', x)",
    ),
    _attempt("secret file of the host", "open('{BAIT}').read()", r"held (2|13)"),
    _attempt("shadow file", "open('/etc/shadow').read()"),
    _attempt("home of root", "os.listdir(os.path.expanduser('~root/.ssh'))"),
    _attempt("symlink out", "os.symlink('{BAIT}', box + '/s') or open(box + '/s').read()"),
    _attempt("hard link out", "os.link('{BAIT}', box + '/h')", r"held (1|2|13|18)"),
    _attempt("write beside the bait", "open('{BAIT}.new', 'w')", r"held (2|13|30)"),
    _attempt(
        "overwrite the interpreter", "open(os.path.realpath('/proc/self/exe'), 'r+b')", r"held (1|2|13|26|30)"
    ),
    _attempt("plant a module", "open(os.path.join(os.path.dirname(os.__file__), 'evil.py'), 'w')"),
    HostileCell(
        "removes everything",
        "import shutil, os\nfor p in ('/usr/lib/python3', '/usr/share/zoneinfo', '/etc'): shutil.rmtree(p, ignore_errors=True)\nprint(os.path.isdir('/usr/bin') or os.path.isdir('/usr/lib'))",
        "True",
    ),
    _attempt("device node", "os.mknod(box + '/sda', 0o60666, os.makedev(8, 0))"),
    _attempt("named pipe", "os.mkfifo(box + '/p')", r"held 1|got None"),
    HostileCell("NUL in a path", "open('a\\0b')", "ValueError"),
    HostileCell(
        "unicode in a path",
        "import os\nn = box + '/\\u202egnp\\ud800'.encode('utf-8', 'surrogateescape' if 0 else 'surrogatepass').decode('latin1')\nopen(n, 'w').close()\nprint(len(os.listdir(box)))",
        "[1-9]",
    ),
    _attempt("name of 300 characters", "open(box + '/' + 'n' * 300, 'w')", "held 36"),
    _attempt(
        "set-uid copy",
        "os.chmod(__import__('shutil').copy('/bin/sh', box + '/sh'), 0o6755) or __import__('subprocess').run([box + '/sh', '-c', 'id -u'], capture_output=True, text=True).stdout.strip() == '0' and print('ROOT')",
        "got False|held",
    ),
    HostileCell(
        "set-uid program",
        "import subprocess\nprint(subprocess.run(['/bin/su', '-c', 'id'], capture_output=True, text=True))",
        "returncode=[^0]|Error",
    ),
]

_OUTSIDE = [
    HostileCell("TCP", "import socket\nsocket.create_connection(('1.1.1.1', 53), 2)", "no network"),
    HostileCell("DNS", "import socket\nsocket.gethostbyname('example.com')", "no network"),
    HostileCell(
        "DNS through libc",
        "import ctypes\nprint('h', ctypes.CDLL(None).gethostbyname(b'example.com'))",
        "h 0",
    ),
    _syscall("raw socket call", 41, 2, 1, 0),
    _syscall("abstract socket", 41, 1, 1, 0),
    _syscall("netlink socket", 41, 16, 3, 0),
    _attempt("restored socket class", "__import__('_socket').socket(2, 1)"),
    _attempt(
        "other processes' environment",
        "[open(f'/proc/{p}/environ').read() for p in (1, os.getppid())] and None",
        r"held|got None",
    ),
    _attempt("memory of process 1", "open('/proc/1/mem', 'rb').read(1)"),
    _attempt("kernel memory", "open('/proc/kcore', 'rb').read(1) or os.read(-1, 1)", r"held (1|2|9|13)"),
    _attempt("sysrq", "open('/proc/sysrq-trigger', 'w').write('b')", r"held (1|2|5|13|30)"),
    _attempt(
        "core pattern", "open('/proc/sys/kernel/core_pattern', 'w').write('|/bin/sh')", r"held (1|2|13|30)"
    ),
    _attempt("own id map", "open('/proc/self/uid_map', 'w').write('0 0 1')", r"held (1|2|13|30)"),
    HostileCell(
        "processes it can see",
        "import os\nprint(len([d for d in os.listdir('/proc') if d.isdigit()]))",
        r"^ok\n\n[0-9]\n|Errno 13|PermissionError",
    ),
    HostileCell(
        "secrets in the environment",
        "import os\nprint([k for k in os.environ if 'KEY' in k or 'TOKEN' in k or 'SECRET' in k])",
        r"\[\]",
    ),
    _attempt("ptrace", "call(101, 16, os.getppid(), 0, 0)"),
    _syscall("process_vm_readv", 310, 1, 0, 0, 0, 0, 0),
    _syscall("unshare", 272, 0x10000000),
    _syscall("setns", 308, 0, 0),
    _syscall("mount", 165, "b'tmpfs'", "b'/'", "b'tmpfs'", 0, 0),
    _syscall("chroot", 161, "b'/'"),
    _syscall("pivot_root", 155, "b'.'", "b'.'"),
    _syscall("clone3", 435, 0, 0),
    _syscall("clone into a namespace", 56, 0x10000011, 0, 0, 0, 0),
    _syscall("bpf", 321),
    _syscall("io_uring", 425, 8, 0),
    _syscall("userfaultfd", 323, 0),
    _syscall("keyring", 250, 0, 0),
    _syscall("add_key", 248, "b'user'", "b'k'", "b'v'", 1, -3),
    _syscall("perf_event_open", 298),
    _syscall("open_by_handle_at", 304),
    _syscall("fanotify", 300, 0, 0),
    _syscall("finit_module", 313, 0, "b''", 0),
    _syscall("kexec_load", 246),
    _syscall("reboot", 169, 0, 0, 0),
    _syscall("personality", 135, 0x0040000),
    _syscall("pidfd_getfd", 438, 0, 0, 0),
    _syscall("a call from the future", 600),
    HostileCell(
        "32-bit system call",
        f"{_X86}import mmap, ctypes\nm = mmap.mmap(-1, 4096, prot=7)\nm.write(b'\\xb8\\x14\\0\\0\\0\\xcd\\x80\\xc3')\n"
        "print('pid', ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))())",
        "^crashed|other machine",
    ),
]

_OUTPUT = [
    HostileCell("300 MB of print", "for _ in range(300000): print('A' * 1000)", "bytes were dropped", 60.0),
    HostileCell(
        "1 GB past Python", "import os\nfor _ in range(1000): os.write(1, b'A' * 1000000)", "Errno 27|dropped"
    ),
    HostileCell("huge repr", "list(range(10**6))", "more characters were dropped"),
    HostileCell("repr that exits", "class E:\n    def __repr__(self): raise SystemExit\nE()", "SystemExit"),
    HostileCell("repr that is no text", "class E:\n    def __repr__(self): return 5\nE()", "TypeError"),
    HostileCell(
        "exception that cannot be printed",
        "class E(Exception):\n    def __str__(self): raise KeyboardInterrupt\nraise E",
        "^error",
    ),
    HostileCell(
        "exception with a cycle",
        "a = ValueError('a')\nb = ValueError('b')\na.__cause__ = b\nb.__cause__ = a\nraise a",
        "ValueError",
    ),
    HostileCell("exception of 10 MB", "raise ValueError('x' * 10**7)", "ValueError"),
    HostileCell(
        "replaced builtins",
        "import builtins\nbuiltins.print = builtins.len = builtins.open = builtins.repr = None",
        "^ok|^error|^crashed",
        after="import sys\nsys.stdout.write(f'alive {x}')",
        may_lose_session=True,
    ),
    HostileCell(
        "closed streams",
        "import os, sys\nsys.stdout.close()\nsys.stdout = None\nos.close(1)\nos.close(2)",
        "^ok|^error",
        may_lose_session=True,
    ),
    HostileCell(
        "closes every descriptor",
        "import os\nos.closerange(3, 256)",
        "^session_lost|^crashed",
        may_lose_session=True,
    ),
    HostileCell(
        "frozen modules",
        "import sys\nfor m in list(sys.modules): del sys.modules[m]",
        "^ok|^error|^session_lost|^crashed",
        may_lose_session=True,
    ),
    HostileCell(
        "pickle as text",
        "import pickle, os\nclass E:\n    def __reduce__(self): return (os.system, ('echo pwned > {BAIT}',))\n    def __repr__(self): return pickle.dumps(E()).decode('latin1')\nE()",
        "^ok",
    ),
    HostileCell(
        "forged picture",
        "import os, struct, json\nh = json.dumps({'kind': 'result', 'id': 3, 'blobs': [4], 'images': [[16384, 16384]]}).encode()\n"
        "os.write(3, struct.pack('!I', len(h)) + h)",
        "^session_lost",
        may_lose_session=True,
    ),
    HostileCell(
        "4 GiB header", "import os\nos.write(3, b'\\xff' * 1000)", "^session_lost", may_lose_session=True
    ),
    HostileCell(
        "deep JSON",
        "import os, struct\nh = b'[' * 200000\nos.write(3, struct.pack('!I', len(h)) + h)",
        "^session_lost",
        may_lose_session=True,
    ),
    HostileCell(
        "header that never comes",
        "import os\nos.write(3, b'\\0\\0\\xff\\xff')\nos._exit(0)",
        "^session_lost|^crashed",
        1.0,
        may_lose_session=True,
    ),
    HostileCell(
        "forged result",
        "import os, struct, json\nh = json.dumps({'kind': 'result', 'id': 3, 'status': 'ok', 'blobs': [], 'stdout': 'forged'}).encode()\n"
        "os.write(3, struct.pack('!I', len(h)) + h)",
        "^ok|forged",
        may_lose_session=True,
    ),
    HostileCell(
        "20 stale frames",
        "import os, struct, json\nh = json.dumps({'kind': 'ok', 'id': 0, 'blobs': []}).encode()\nos.write(3, (struct.pack('!I', len(h)) + h) * 20)",
        "^session_lost",
        may_lose_session=True,
    ),
]

_PICTURES = [
    HostileCell(
        "thousands of pictures",
        "from PIL import Image\nfor _ in range(10**4): display(Image.new('RGB', (2, 2)))",
        "^ok",
    ),
    HostileCell(
        "bomb with the check off",
        "from PIL import Image\nImage.MAX_IMAGE_PIXELS = None\nImage.new('RGB', (60000, 60000))",
        "MemoryError",
    ),
    HostileCell(
        "PNG bomb",
        "from PIL import Image\nimport io, zlib, struct\n"
        "def chunk(t, d): return struct.pack('>I', len(d)) + t + d + struct.pack('>I', zlib.crc32(t + d))\n"
        "z = zlib.compressobj(9)\nrows = b''.join(z.compress(bytes(7501)) for _ in range(1000)) + z.flush()\n"
        "b = b'\\x89PNG\\r\\n\\x1a\\n' + chunk(b'IHDR', struct.pack('>IIBBBBB', 60000, 60000, 1, 0, 0, 0, 0)) + chunk(b'IDAT', rows)\n"
        "Image.open(io.BytesIO(b)).load()",
        "DecompressionBomb",
    ),
    HostileCell(
        "picture that lies about its size",
        "from PIL import Image\nclass L(Image.Image):\n    size = (10**9, 10**9)\nl = L()\ndisplay(l)",
        "^error|^ok|^crashed",
    ),
    HostileCell("picture of no pixels", "from PIL import Image\nImage.new('RGB', (0, 0))", "cannot be shown"),
    HostileCell("one pixel tall, very wide", "from PIL import Image\nImage.new('RGB', (60000, 1))", "^ok"),
]
_MATPLOTLIB = [
    HostileCell("a flood of figures", "import matplotlib.pyplot as plt\nfor _ in range(200): plt.figure(figsize=(1, 1))", "^ok", 60.0, after="print('alive', x, len(plt.get_fignums()))"),
    HostileCell("giant figure", "import matplotlib.pyplot as plt\nplt.figure(figsize=(400, 400), dpi=300)\nplt.show()", "^ok|MemoryError", 60.0),
    HostileCell("usetex", "import matplotlib.pyplot as plt\nplt.rcParams['text.usetex'] = True\nplt.title(r'\\input{/etc/passwd}')\nplt.show()", "^error|^ok|^timeout", 60.0, after="plt.rcParams['text.usetex'] = False\nprint('alive', x)"),
]  # fmt: skip

CELLS: list[HostileCell] = [
    *_TIME,
    *_MEMORY,
    *_PROCESSES,
    *_FILES,
    *_OUTSIDE,
    *_OUTPUT,
    *_PICTURES,
]
"""All that need numpy and Pillow only."""
MATPLOTLIB_CELLS = _MATPLOTLIB
