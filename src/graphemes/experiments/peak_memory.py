"""What a call costs in memory, measured in a process of its own."""

import contextlib
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TypeVar, TypeVarTuple

from graphemes.foundation.machine import shared_memory

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")
_STATUS = Path("/proc/self/status")


def anonymous_memory() -> int | None:
    """Bytes of this process in memory that no file backs (RssAnon); None where Linux isn't.

    Pages of mapped files are left out: the system takes them back when it needs room.
    """
    try:
        status = _STATUS.read_text(encoding="utf-8")
    except OSError:
        return None
    kilobytes = next((line for line in status.splitlines() if line.startswith("RssAnon")), None)
    return int(kilobytes.split()[1]) * 1024 if kilobytes else None


def family_memory() -> int | None:
    """Bytes of this process and all below it that no file backs, shared pages counted once.

    None where Linux isn't, or doesn't tell.
    """
    found = [_proportional(process) for process in (os.getpid(), *_below(os.getpid()))]
    if found[0] is None:
        return None
    return sum(size or 0 for size in found)  # one that has ended meanwhile has none


def _below(process: int) -> Iterator[int]:
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, path.read_text(encoding="utf-8").split()):
                yield child
                yield from _below(child)


def _proportional(process: int) -> int | None:
    try:
        rollup = Path(f"/proc/{process}/smaps_rollup").read_text(encoding="utf-8")
    except OSError:
        return None
    lines = [line.split() for line in rollup.splitlines()]
    # Shmem: batches on their way from the workers.
    return sum(int(line[1]) * 1024 for line in lines if line[0] in ("Pss_Anon:", "Pss_Shmem:"))


def peak_anonymous_memory(
    call: Callable[[*Arguments], T],
    *arguments: *Arguments,
    interval: float = 0.005,
    family: bool = False,
) -> tuple[T, int | None]:
    """A call's value and the most anonymous memory, in bytes, of a fresh process that makes it.

    family: of it and of the processes that it starts, looked at less often. The interpreter and the
    call's imports are counted. `call` is a module's function and its value can be pickled; what it
    raises is raised here. None in place of bytes outside Linux, and
    where processes can share nothing.
    """
    if shared_memory() == 0:
        return call(*arguments), None
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as process:
        return process.submit(_sampled, call, arguments, interval, family).result()


def _sampled(
    call: Callable[[*Arguments], T], arguments: tuple[*Arguments], interval: float, family: bool
) -> tuple[T, int | None]:
    memory = family_memory if family else anonymous_memory
    peak = memory()
    if peak is None:
        return call(*arguments), None
    ended = threading.Event()

    def sample() -> None:
        nonlocal peak
        while not ended.wait(40 * interval if family else interval):
            peak = max(peak or 0, memory() or 0)

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        value = call(*arguments)
    finally:
        ended.set()
        sampler.join()
    return value, max(peak, memory() or 0)
