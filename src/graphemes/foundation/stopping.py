"""SIGTERM held back while something is under way that soon comes to a point where it can end.

And the way out of a process that another one has started.
"""

import contextlib
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

from graphemes.foundation.errors import Stopped

# Who starts several processes may pass on a signal that all of them had already: that is one wish.
TOGETHER = 2.0  # seconds


def leave(number: int, _frame: FrameType | None = None) -> NoReturn:
    """End a process that another started; that one speaks, and may send the signal again."""
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)


class StopWish:
    """Whether SIGTERM has come."""

    asked = False


@contextlib.contextmanager
def holding_back_stop() -> Iterator[StopWish]:
    """The first SIGTERM within the block is only noted; one some seconds later is heeded at once.

    A wish that the block doesn't grant (by Stopped) is heeded behind it. Outside the main thread
    nothing is held back: Python has signals handled there alone.
    """
    wish, since = StopWish(), 0.0
    if threading.current_thread() is not threading.main_thread():
        yield wish
        return
    before = signal.getsignal(signal.SIGTERM)

    def put_back() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)

    def note(_number: int, _frame: FrameType | None) -> None:
        nonlocal since
        now = time.monotonic()
        if not wish.asked:
            wish.asked, since = True, now
        elif now - since > TOGETHER:
            put_back()
            signal.raise_signal(signal.SIGTERM)

    signal.signal(signal.SIGTERM, note)
    granted = False
    try:
        yield wish
    except Stopped as stop:
        granted, stop.signalled = True, stop.signalled or wish.asked
        raise
    finally:
        put_back()
        if wish.asked and not granted:
            signal.raise_signal(signal.SIGTERM)
