"""Pictures and labels of chosen rows of a store, in batches, the same for any number of workers.

N images of the store, B of a batch, H x W pixels of a picture.
"""

import functools
import itertools
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from graphemes.foundation.errors import DataError
from graphemes.foundation.heads import PerHead
from graphemes.foundation.machine import SHARED_MEMORY, end_with_parent, shared_memory, usable_cores
from graphemes.foundation.progress import say
from graphemes.foundation.seeds import AUGMENTATION
from graphemes.images.fingerprints import Fingerprints, fingerprints_of
from graphemes.images.ink import Frame, Frames
from graphemes.images.sampling import SampleKey
from graphemes.images.transforms import Transform, apply_transform

UNLABELLED = PerHead(-1, -1, -1)
PREFETCHED = 4  # batches a worker makes ahead
_MANY_CORES = 8  # computed, not measured: see experiments/RESULTS.md
IN_USE = 2  # batches: the one at work, and the one that it takes the place of


class Sample(NamedTuple):
    """One picture and its labels; a batch has the same fields with B in front."""

    ink: Any  # (1, H, W) float32, 0 paper .. 1 ink; or a PlacedScan, which a device draws
    labels: PerHead[Any]  # of int, or of (B,) int64


class DamagedPixels(DataError):
    """A store's pixels that a disk has changed."""

    def __init__(self, text: str) -> None:
        # torch makes another of its kind of what a loader's process raised, traceback and all.
        super().__init__(text.strip().rpartition(f"{type(self).__name__}: ")[2])


class StoreDataset(Dataset[Sample]):
    """The pictures of a store, by key (epoch, row).

    pixels: (N, 137, 236) uint8; frames: (N, 5), what a picture is cut from.
    labels: PerHead[(N,) int64], or None where there are none.
    seeds: (seed, fold) of augmented training pictures; None for plain ones.
    first: the row that stands first in this store, where another store's rows come before.
    fingerprints: (N,) of the pixels; each row is held against its own where it is first shown, and
    DamagedPixels raised where a disk has changed it. None: nothing is.
    draw: makes the picture of (compose, scan, seed, frame=); another only says where it goes.
    """

    def __init__(
        self,
        pixels: npt.NDArray[np.uint8],
        frames: Frames,
        compose: Transform,
        labels: PerHead[npt.NDArray[np.int64]] | None = None,
        seeds: tuple[int, int] | None = None,
        *,
        first: int = 0,
        draw: Callable[..., Any] = apply_transform,
        fingerprints: Fingerprints | None = None,
    ) -> None:
        self.pixels, self.frames, self.compose = pixels, frames, compose
        self.labels, self.seeds, self.first, self.draw = labels, seeds, first, draw
        self.fingerprints = fingerprints
        self.known = np.zeros(len(pixels), bool)  # rows that were held against them

    def __getitem__(self, key: SampleKey) -> Sample:
        epoch, row = key
        seed = None if self.seeds is None else AUGMENTATION.seed(*self.seeds, epoch, row)
        at = row - self.first
        frame, scan = Frame(*self.frames[at].tolist()), np.asarray(self.pixels[at])
        if self.fingerprints is not None and not self.known[at]:
            self._check(at, scan, self.fingerprints)
        ink = self.draw(self.compose, scan, seed, frame=frame)
        labels = self.labels.map(lambda column: int(column[at])) if self.labels else UNLABELLED
        return Sample(ink, labels)

    def _check(self, at: int, scan: npt.NDArray[np.uint8], fingerprints: Fingerprints) -> None:
        if fingerprints_of(scan[None])[0] != fingerprints[at]:
            place = getattr(self.pixels, "filename", "the store")
            raise DamagedPixels(
                f"{place}: the pixels of row {at} aren't as they were decoded; delete this file,"
                " and the same command makes it again"
            )
        self.known[at] = True

    @property
    def travels(self) -> bool:
        """Whether a spawned process can open the pixels itself; it would get a copy otherwise."""
        pixels = self.pixels
        if not isinstance(pixels, np.memmap) or not isinstance(pixels.filename, str | Path):
            return False
        # A slice remembers its parent's offset: it would reopen as other rows.
        return Path(pixels.filename).stat().st_size == pixels.offset + pixels.nbytes

    def __getstate__(self) -> dict[str, Any]:
        # Pickling a memory map writes out its gigabytes; a spawned worker opens the file instead.
        state = self.__dict__.copy()
        if self.travels:
            mapped = self.pixels
            assert isinstance(mapped, np.memmap)
            state["pixels"] = (str(mapped.filename), mapped.dtype, mapped.offset, mapped.shape)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if isinstance(state["pixels"], tuple):
            filename, dtype, offset, shape = state["pixels"]
            self.pixels = np.memmap(filename, dtype, "r", offset, shape)


class JoinedDataset(Dataset[Sample]):
    """The pictures of several stores as one: each one's rows begin where the last one's end."""

    def __init__(self, *parts: StoreDataset) -> None:
        for before, after in itertools.pairwise(parts):
            assert after.first == before.first + len(before.pixels), "rows overlap or leave a gap"
        self.parts = parts

    def __getitem__(self, key: SampleKey) -> Sample:
        return next(part for part in reversed(self.parts) if part.first <= key[1])[key]

    @property
    def travels(self) -> bool:
        """Whether a spawned process can open all stores' pixels itself."""
        return all(part.travels for part in self.parts)


def loader(
    pictures: StoreDataset | JoinedDataset,
    batches: Sampler[list[SampleKey]],
    workers: int | Literal["auto"],
    device: torch.device,
    *,
    sharing: int = 1,
) -> DataLoader[Sample]:
    """Batches of samples in the sampler's order, for a network on a device.

    workers: processes that make them (0: this one), as the setting has it; fewer, with a word,
    where their batches don't fit into the memory that processes share.
    sharing: loaders like this one that are at work on this machine at one time.
    """
    workers = loader_workers(workers, device)
    if multiprocessing.get_start_method() != "fork" and not pictures.travels:
        workers = 0
    if workers:
        workers = fitting_workers(workers, _batch_bytes(pictures, batches), sharing)
    else:
        cv2.setNumThreads(1)  # pictures are small: to share one out takes longer than to draw it
    return DataLoader(
        pictures,
        batch_sampler=batches,
        num_workers=workers,
        persistent_workers=workers > 0,
        prefetch_factor=PREFETCHED if workers else None,
        worker_init_fn=_begin_worker,
        pin_memory=device.type == "cuda",
        # Its own, or it draws from the network's whenever its processes start: in each epoch with
        # none of them, once with some, and once more after a resume.
        generator=torch.Generator(),
    )


def _begin_worker(_: int) -> None:
    # Ctrl-C and SIGTERM are the main process's business: it ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Quietly: a worker that dies of a signal would be reported as a fault before we can stop.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    end_with_parent()
    sys.excepthook = _spare_a_gone_reader
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def _spare_a_gone_reader(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    # A main process interrupted while it fetches a batch leaves the worker's serving thread
    # (multiprocessing.resource_sharer) without its reader: an end, not a fault of the worker.
    if not isinstance(error, ConnectionError | EOFError):
        sys.__excepthook__(kind, error, trace)


def loader_workers(wish: int | Literal["auto"], device: torch.device) -> int:
    """Processes that make pictures: all but one core beside a GPU, one or none beside a CPU.

    On few cores a CPU's step takes forty times as long as its pictures, and a process beside the
    network's threads makes them wait for each other. On many a step is as short as its pictures.
    """
    if wish != "auto":
        return wish
    cores = usable_cores()
    return min(8, cores - 1) if device.type == "cuda" else int(cores >= _MANY_CORES)


def shared_bytes(workers: int, batch: int) -> int:
    """Bytes of shared memory that workers need for batches of so many bytes."""
    return (PREFETCHED * workers + IN_USE) * batch if workers else 0


def fitting_workers(workers: int, batch: int, sharing: int = 1) -> int:
    """How many of the workers fit into shared memory; one that runs out of it is killed."""
    free = shared_memory()
    if free is None:
        return workers
    free //= sharing
    if shared_bytes(workers, batch) <= free:
        return workers
    fit = max(0, (free // batch - IN_USE) // PREFETCHED)
    _say_once(
        f"{SHARED_MEMORY} has {free / 1e6:,.0f} MB free and {workers} worker(s) need"
        f" {shared_bytes(workers, batch) / 1e6:,.0f} MB, so {fit or 'none'} of them make(s) the"
        " pictures (the same ones); docker run --shm-size gives a container more"
    )
    return fit


@functools.cache
def _say_once(line: str) -> None:
    say(line)


def _batch_bytes(pictures: StoreDataset | JoinedDataset, batches: Sampler[list[SampleKey]]) -> int:
    """Bytes of the first batch, which none is larger than, with its labels."""
    keys = next(iter(batches), [])
    each = pictures[keys[0]].ink.nbytes + 8 * len(UNLABELLED) if keys else 0
    return max(1, len(keys) * each)
