"""What a call costs in memory, measured in a process of its own."""

import multiprocessing
import threading
from collections.abc import Callable
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


def peak_anonymous_memory(
    call: Callable[[*Arguments], T], *arguments: *Arguments, interval: float = 0.005
) -> tuple[T, int | None]:
    """A call's value and the most anonymous memory, in bytes, of a fresh process that makes it.

    The interpreter and the call's imports are counted. `call` is a module's function and its
    value can be pickled; what it raises is raised here. None in place of bytes outside Linux, and
    where processes can share nothing.
    """
    if shared_memory() == 0:
        return call(*arguments), None
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(max_workers=1, mp_context=spawn) as process:
        return process.submit(_sampled, call, arguments, interval).result()


def _sampled(
    call: Callable[[*Arguments], T], arguments: tuple[*Arguments], interval: float
) -> tuple[T, int | None]:
    peak = anonymous_memory()
    if peak is None:
        return call(*arguments), None
    ended = threading.Event()

    def sample() -> None:
        nonlocal peak
        while not ended.wait(interval):
            peak = max(peak or 0, anonymous_memory() or 0)

    sampler = threading.Thread(target=sample, daemon=True)
    sampler.start()
    try:
        value = call(*arguments)
    finally:
        ended.set()
        sampler.join()
    return value, max(peak, anonymous_memory() or 0)
