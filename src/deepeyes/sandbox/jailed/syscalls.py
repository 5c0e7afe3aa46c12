"""System-call numbers by machine, and the list of calls that a session may not make.

The two tables were read from the kernel's own headers (`asm/unistd_64.h`, `asm-generic/unistd.h`); a test
reads them again where the headers are installed. A machine without a table gets no seccomp filter and is
therefore refused.
"""

from __future__ import annotations

import platform

# name: (x86-64, aarch64); None where the machine has no such call.
# fmt: off
_TABLE: dict[str, tuple[int | None, int | None]] = {
    # looking into or steering other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "process_madvise": (440, 440),
    "process_mrelease": (448, 448), "move_pages": (279, 239), "migrate_pages": (256, 238),
    # the file-system tree
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
    "mknod": (133, None), "mknodat": (259, 33),
    "fanotify_init": (300, 262), "fanotify_mark": (301, 263), "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "swapon": (167, 224), "swapoff": (168, 225), "lookup_dcookie": (212, 18), "uselib": (134, None),
    "nfsservctl": (180, 42),
    # namespaces
    "unshare": (272, 97), "setns": (308, 268),
    # kernel programs, keys and known sources of kernel bugs
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "io_setup": (206, 0), "keyctl": (250, 219),
    "add_key": (248, 217), "request_key": (249, 218), "vmsplice": (278, 75), "remap_file_pages": (216, 234),
    "personality": (135, 92), "modify_ldt": (154, None), "iopl": (172, None), "ioperm": (173, None),
    # the whole machine
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "create_module": (174, None), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "acct": (163, 89), "syslog": (103, 116), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "adjtimex": (159, 171), "clock_adjtime": (305, 266),
    "sethostname": (170, 161), "setdomainname": (171, 162),
    "vhangup": (153, 58), "sched_setattr": (314, 274), "sched_setscheduler": (144, 119),
    "set_mempolicy_home_node": (450, 450),
    # memory that the address-space limit does not count
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "shmat": (30, 196),
    "shmctl": (31, 195), "shmdt": (67, 197), "semget": (64, 190), "semop": (65, 193),
    "semtimedop": (220, 192),
    "semctl": (66, 191), "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188), "msgctl": (71, 187),
    "mq_open": (240, 180), "mlock": (149, 228), "mlockall": (151, 230), "mlock2": (325, 284),
    # the network (socketpair stays: asyncio and multiprocessing need it)
    "socket": (41, 198),
}

_ALLOWED: dict[str, tuple[int, int]] = {
    "clone": (56, 220), "clone3": (435, 435), "ioctl": (16, 29), "seccomp": (317, 277), "capset": (126, 91),
    "close_range": (436, 436), "landlock_create_ruleset": (444, 444), "landlock_add_rule": (445, 445),
    "landlock_restrict_self": (446, 446),
}
# fmt: on

_COLUMN = {"x86_64": 0, "aarch64": 1}
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
FIRST_UNKNOWN = 470
"""Calls from this number on are answered with ENOSYS: nobody has looked at them yet."""


def number(name: str, machine: str | None = None) -> int:
    """The number of `name` on `machine` (default: this one)."""
    column = _COLUMN.get(machine or platform.machine())
    row = _TABLE.get(name) or _ALLOWED.get(name)
    value = None if column is None or row is None else row[column]
    if value is None:
        raise OSError(38, f"no system call {name} is known for {machine or platform.machine()}")
    return value


def refused(machine: str) -> dict[str, int]:
    """Name and number of every call that a session on `machine` must not make."""
    column = _COLUMN[machine]
    return {name: row[column] for name, row in _TABLE.items() if row[column] is not None}  # type: ignore[misc]


def known_machine(machine: str) -> bool:
    return machine in _COLUMN
