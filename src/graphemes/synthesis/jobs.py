"""Jobs: many scans rendered by several processes, the same pixels by any number of them."""

import collections
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import NamedTuple

import cv2

from graphemes.foundation.errors import UserError
from graphemes.foundation.machine import shared_memory, usable_cores
from graphemes.foundation.seeds import SCAN, WRITER
from graphemes.synthesis.handwriting.writers import calm, writer
from graphemes.synthesis.lettering.fonts import SHIPPED
from graphemes.synthesis.rendering import Scan, draw

IMAGES_A_WRITER = 100
FEWEST = 20  # writers, where there are images enough: one hand says little of how people write
BATCH = 25  # scans a process renders at a time: a fifth of a second, 0.8 MB to hand back
AHEAD = 4  # batches a process that are rendered before they are taken
PROCESS_PAYS = 150  # scans: starting a process takes as long as rendering so many


class Job(NamedTuple):
    """One scan to render: what, by whom, and its stream key."""

    seed: int
    split: int  # 0 train, 1 test; each has writers of its own
    image: int  # its number in the split
    writers: int  # of the split, one of whom writes this
    text: str
    fonts: tuple[str, ...] = SHIPPED
    calm: bool = False

    def render(self) -> Scan:
        """The scan, (137, 236) uint8."""
        random = SCAN.stream(self.seed, self.split, self.image)
        who = int(random.integers(self.writers))
        hand = writer(WRITER.stream(self.seed, self.split, who), self.fonts)
        return draw(self.text, calm(hand) if self.calm else hand, random)


def make_jobs(
    texts: Sequence[str],
    seed: int,
    split: int,
    fonts: tuple[str, ...] = SHIPPED,
    *,
    calm: bool = False,
) -> list[Job]:
    """A job for each string of a split, by as many writers as their number asks for."""
    writers = max(min(len(texts), FEWEST), len(texts) // IMAGES_A_WRITER)
    return [Job(seed, split, k, writers, text, fonts, calm) for k, text in enumerate(texts)]


def render_all(jobs: Sequence[Job], workers: int | None = None) -> Generator[Scan, None, None]:
    """The scans of `jobs`, in their order. workers: processes; None: as many as pay."""
    if workers is None:
        workers = min(usable_cores(), -(-len(jobs) // PROCESS_PAYS))
    if workers < 2 or shared_memory() == 0:  # where processes can't share a lock, one draws
        yield from map(Job.render, jobs)
        return
    batches = (jobs[first : first + BATCH] for first in range(0, len(jobs), BATCH))
    # Spawned, not forked: a fork of a process with threads (torch has some) can hang.
    start = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, start, initializer=_begin_process)
    try:
        # A few batches ahead, no more: finished ones wait in memory.
        ahead = collections.deque(
            pool.submit(_render, batch) for batch in itertools.islice(batches, AHEAD * workers)
        )
        while ahead:
            yield from ahead.popleft().result()
            ahead.extend(pool.submit(_render, batch) for batch in itertools.islice(batches, 1))
    except BrokenProcessPool:
        raise UserError(
            "a process that draws was killed, expected it to end by itself; is memory short?"
            " The same command draws again"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)  # if we're interrupted, what is left needn't be drawn


def _begin_process() -> None:
    # A killed command can't end its processes; they see it go, or they would wait for ever.
    threading.Thread(target=_follow_parent, daemon=True).start()
    # Ctrl-C and SIGTERM reach all processes of a terminal; the first one ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    cv2.setNumThreads(1)  # the processes share the processors already


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _render(jobs: Sequence[Job]) -> list[Scan]:
    return [job.render() for job in jobs]
