"""Requests that come at once are read together; who can't wait is told at once."""

import threading
import time

import pytest

from graphemes.serve.batching import LARGEST, Batcher, Busy


def test_what_comes_while_it_reads_is_read_together():
    sizes, began, go = [], threading.Event(), threading.Event()

    def read(key: str, values: list[int]) -> list[int]:
        sizes.append((key, len(values)))
        began.set()
        go.wait(10)
        return [2 * value for value in values]

    batcher = Batcher(read, 100)
    first = batcher.submit("a", 1)
    assert began.wait(10)
    others = [batcher.submit("ab"[value % 2], value) for value in range(20)]
    go.set()
    assert first.result(10) == 2
    assert [one.result(10) for one in others] == [2 * value for value in range(20)]
    batcher.close()
    assert sizes == [("a", 1), ("a", 10), ("b", 10)]


def test_a_batch_has_a_bound():
    sizes, go = [], threading.Event()

    def read(_key: str, values: list[int]) -> list[int]:
        go.wait(10)
        sizes.append(len(values))
        return values

    batcher = Batcher(read, 1000)
    futures = [batcher.submit("a", value) for value in range(LARGEST * 2 + 5)]
    go.set()
    assert [one.result(10) for one in futures] == list(range(LARGEST * 2 + 5))
    batcher.close()
    assert max(sizes) <= LARGEST


class Held:
    """A batcher that is reading its first value, 1, until it is let go."""

    def __init__(self, most: int) -> None:
        self.seen: list[int] = []
        self.go = threading.Event()
        self.batcher = Batcher(self._read, most)
        self.first = self.batcher.submit("a", 1)
        while not self.first.running():
            time.sleep(0.001)

    def _read(self, _key: str, values: list[int]) -> list[int]:
        self.go.wait(10)
        self.seen.extend(values)
        return values


def test_too_much_is_refused_and_what_waits_is_still_read():
    held = Held(3)
    batcher = held.batcher
    waiting = [batcher.submit("a", value) for value in range(3)]
    with pytest.raises(Busy):
        batcher.submit("a", 9)
    held.go.set()
    assert [one.result(10) for one in waiting] == [0, 1, 2]
    batcher.close()


def test_a_fault_is_told_to_those_of_its_batch_alone():
    def read(key: str, values: list[int]) -> list[int]:
        if key == "bad":
            raise RuntimeError("no such network")
        return values

    batcher = Batcher(read, 10)
    with pytest.raises(RuntimeError, match="no such network"):
        batcher.submit("bad", 1).result(10)
    assert batcher.submit("good", 5).result(10) == 5
    batcher.close()


def test_who_went_away_is_not_read_for():
    held = Held(10)
    batcher = held.batcher
    gone, kept = batcher.submit("a", 2), batcher.submit("a", 3)
    assert gone.cancel()
    held.go.set()
    assert kept.result(10) == 3
    batcher.close()
    assert held.seen == [1, 3]


def test_the_end_waits_for_the_batch_under_way_alone():
    held = Held(3)
    batcher = held.batcher
    waiting = [batcher.submit("a", value) for value in range(3)]  # as many as may wait
    threading.Timer(0.1, held.go.set).start()
    batcher.close()
    assert held.first.result(10) == 1
    assert all(one.cancelled() for one in waiting)
    assert held.seen == [1]
