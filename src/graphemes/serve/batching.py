"""Requests that come at once are read in one batch: few pictures take hardly longer than one."""

import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Generic, TypeVar

In = TypeVar("In")
Out = TypeVar("Out")
LARGEST = 64  # pictures of a batch
ENDING = 5.0  # seconds that the batch under way has at the end


class Busy(Exception):
    """So much is waiting already that nothing more is taken."""


@dataclass(frozen=True)
class _Waiting(Generic[In, Out]):
    key: str
    value: In
    answer: "Future[Out]"


class Batcher(Generic[In, Out]):
    """One thread that reads what has come meanwhile, whatever came together at once.

    Without waiting for more: while the network reads, the next batch grows by itself.
    """

    def __init__(self, read: Callable[[str, list[In]], list[Out]], most: int) -> None:
        """`read`: a key (of a network) and values to as many answers. `most`: that may wait."""
        self._read = read
        self._waiting: queue.Queue[_Waiting[In, Out] | None] = queue.Queue(most)
        self._thread = threading.Thread(target=self._work, name="reading", daemon=True)
        self._thread.start()

    def submit(self, key: str, value: In) -> "Future[Out]":
        """An answer to come. Raises Busy where too much waits."""
        one: _Waiting[In, Out] = _Waiting(key, value, Future())
        try:
            self._waiting.put_nowait(one)
        except queue.Full:
            raise Busy from None
        return one.answer

    def close(self) -> None:
        """End after the batch that is being read, or after some seconds: the thread is a daemon.

        What waits is given up: at the end nobody is left who'd hear of it.
        """
        with contextlib.suppress(queue.Empty):
            while (one := self._waiting.get_nowait()) is not None:
                one.answer.cancel()
        self._waiting.put(None)
        self._thread.join(ENDING)

    def _work(self) -> None:
        while True:
            first = self._waiting.get()
            if first is None:
                return
            together, last = self._with_those_that_wait(first)
            by_key: dict[str, list[_Waiting[In, Out]]] = {}
            for one in together:
                # Who has gone away in the meantime isn't read for.
                if one.answer.set_running_or_notify_cancel():
                    by_key.setdefault(one.key, []).append(one)
            for key, some in by_key.items():
                self._answer(key, some)
            if last:
                return

    def _with_those_that_wait(
        self, first: _Waiting[In, Out]
    ) -> tuple[list[_Waiting[In, Out]], bool]:
        together = [first]
        while len(together) < LARGEST:
            try:
                more = self._waiting.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return together, True
            together.append(more)
        return together, False

    def _answer(self, key: str, some: list[_Waiting[In, Out]]) -> None:
        try:
            found = self._read(key, [one.value for one in some])
        except Exception as error:  # noqa: BLE001  # whoever asked hears of it
            for one in some:
                one.answer.set_exception(error)
            return
        for one, answer in zip(some, found, strict=True):
            one.answer.set_result(answer)
