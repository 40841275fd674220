"""How does a child process end with its parent, and which processes were left over from a supervisor that was killed?"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
# For the environment of a child: glibc gives back what was freed. By itself it keeps what a burst needed, for each thread apart.
GIVE_BACK = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def die_with_parent(number: int = signal.SIGTERM) -> None:
    """Ask the kernel to send this process signal `number` when its parent dies (Linux; elsewhere nothing happens).

    To be called in the child, after any change of user, because such a change clears the wish.
    """
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, number)


def marked(name: str, value: str) -> list[int]:
    """The ids of the other processes that have `name=value` in their environment (needs /proc; elsewhere none)."""
    wanted, found = f"{name}={value}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (folder / "environ").read_bytes().split(b"\0") and int(folder.name) != os.getpid():
                found.append(int(folder.name))
    return found


def alive(pid: int) -> bool:
    """Whether a process with this id runs (one that has ended and waits for its parent does not)."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def end(pids: list[int], number: int, patience: float) -> list[int]:
    """Send a signal to each and wait up to `patience` seconds; the ids of those that still run."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
    until = time.monotonic() + patience
    while (left := [pid for pid in pids if alive(pid)]) and time.monotonic() < until:
        time.sleep(0.05)
    return left
