"""What the machine gives this process: cores, the processor's features and name, memory."""

import contextlib
import ctypes
import functools
import os
import platform
import shutil
import signal
import sys
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
# A container's bound, by cgroup version 2 and 1; no number or a huge one where there is none.
MEMORY_BOUNDS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
# Where Linux keeps what processes share: pictures on their way to the network, and locks.
SHARED_MEMORY = Path("/dev/shm")


def usable_cores() -> int:
    """Cores this process may use; containers often give fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def take_share_of_cores(place: int, places: int) -> int:
    """Keep this process, and those it starts, to its own part of the usable cores; how many.

    place: 0 .. places - 1. Where there are fewer cores than places, several have the same one.
    """
    count = usable_cores()
    size = max(1, count // places)
    first = place * size % count
    keep_to_cores(cores()[first : first + size])
    return size


def cores() -> list[int]:
    """The numbers of the cores that this process keeps to; none where they can't be chosen."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_setaffinity") else []


def keep_to_cores(chosen: list[int]) -> None:
    """Keep this process, and those it starts, to these cores."""
    if chosen:
        os.sched_setaffinity(0, chosen)


def usable_memory() -> int | None:
    """Bytes of memory that the machine has or the container may use; None where unknown."""
    bounds = []
    with contextlib.suppress(AttributeError, ValueError, OSError):
        bounds.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in MEMORY_BOUNDS:
        with contextlib.suppress(OSError, ValueError):  # "max" is no number: no bound
            bounds.append(int(path.read_text(encoding="utf-8")))
    return min(bounds, default=None)


def keep_freed_memory() -> bool:
    """Let this process keep what it frees, for its next allocations; whether that could be set.

    glibc gives large blocks back to the system at once: a training step on a CPU would take its
    maps anew each time, in some 40,000 page faults. Elsewhere nothing happens.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # no glibc; TypeError is Windows' word for it
        return False
    # All from the heap, and its end isn't given back: malloc.h's M_MMAP_MAX, M_TRIM_THRESHOLD.
    return bool(mallopt(-4, 0)) and bool(mallopt(-1, 2**31 - 1))


def end_with_parent() -> None:
    """Have this process killed as soon as the one that started it is gone; only Linux can.

    What it has inherited, as the lock of a fold, would outlive a killed run by seconds.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # a C library without it
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # prctl.h's PR_SET_PDEATHSIG


def shared_memory() -> int | None:
    """Bytes free for what processes share; 0: they can't even share a lock; None where unknown."""
    if sys.platform != "linux":
        return None
    try:
        writable = os.access(SHARED_MEMORY, os.W_OK)
        return shutil.disk_usage(SHARED_MEMORY).free if writable else 0
    except OSError:
        return 0


def cpu_flags() -> frozenset[str]:
    """The processor's features as Linux names them; empty elsewhere."""
    return frozenset(_cpuinfo("flags").split())


def machine_name() -> str:
    """The processor, for a run record."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


@functools.cache
def _cpuinfo(key: str) -> str:
    """The first value of a key; empty where there is none."""
    with contextlib.suppress(OSError):
        for line in CPUINFO.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == key:
                return value.strip()
    return ""
