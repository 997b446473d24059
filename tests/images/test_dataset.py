"""Batches: the same pictures in the same order whoever makes them, and never the store's bytes."""

import itertools
import os
import pickle
import subprocess
import sys
from multiprocessing import connection, process, resource_sharer

import numpy as np
import pytest
import torch

from conftest import apart, goes_well
from graphemes.foundation.heads import HEIGHT, WIDTH, PerHead
from graphemes.foundation.seeds import AUGMENTATION
from graphemes.foundation.settings.types import ImageSize, Share
from graphemes.images import dataset
from graphemes.images.augmentation import Augmentation
from graphemes.images.dataset import (
    UNLABELLED,
    JoinedDataset,
    Sample,
    StoreDataset,
    fitting_workers,
    loader,
    loader_workers,
    shared_bytes,
)
from graphemes.images.ink import frames_of
from graphemes.images.sampling import Batches, MixedBatches
from graphemes.images.transforms import apply_transform, make_transform

CPU, GPU = torch.device("cpu"), torch.device("cuda")
N = 23
SEEDS = (7, 2)  # seed, fold
ROWS = np.arange(3, N)
LABELS = PerHead(np.arange(N) * 3, np.arange(N) % 11, np.arange(N) % 7)


@pytest.fixture(scope="module")
def pixels(tmp_path_factory) -> np.memmap:
    """A store's file, mapped: row r has a bar whose length tells r."""
    path = tmp_path_factory.mktemp("cache") / "train.npy"
    images = np.full((N, HEIGHT, WIDTH), 255, np.uint8)
    for row in range(N):
        images[row, 30:80, 20 : 40 + 8 * row] = 0
    np.save(path, images)
    return np.load(path, mmap_mode="r")


def training(pixels: np.ndarray) -> StoreDataset:
    compose = make_transform(ImageSize(32, 32), "ink", Augmentation(0.06, 0.15, 10, 10))
    return StoreDataset(pixels, frames_of(pixels), compose, LABELS, SEEDS)


def plain(pixels: np.ndarray, labels: PerHead | None = LABELS) -> StoreDataset:
    compose = make_transform(ImageSize(32, 32), "ink")
    return StoreDataset(pixels, frames_of(pixels), compose, labels)


def epochs(pixels: np.ndarray, workers: int, count: int) -> list[list]:
    """The batches of each of the first epochs, from one loader."""
    batches = Batches(ROWS, 8, SEEDS)
    made = loader(training(pixels), batches, workers, CPU)
    found = []
    for epoch in range(count):
        batches.epoch = epoch
        found.append(list(made))
    return found


@pytest.fixture(scope="module")
def alone(pixels) -> list[list]:
    return epochs(pixels, 0, 2)


def test_a_batch_has_a_samples_fields_with_b_in_front(alone):
    ink, labels = alone[0][0]
    assert ink.shape == (8, 1, 32, 32)
    assert ink.dtype == torch.float32
    assert isinstance(labels, PerHead)
    assert [(column.shape, column.dtype) for column in labels] == [((8,), torch.int64)] * 3
    rows = labels.root // 3
    assert torch.equal(labels.vowel, rows % 11)
    assert torch.equal(labels.consonant, rows % 7)


@pytest.mark.parametrize("workers", [1, 2])
def test_any_number_of_workers_makes_the_same_epochs(pixels, alone, workers):
    for first, other in zip(alone, epochs(pixels, workers, 2), strict=True):
        assert len(first) == len(other) == 2
        for (ink, labels), (other_ink, other_labels) in zip(first, other, strict=True):
            assert torch.equal(ink, other_ink)
            assert all(map(torch.equal, labels, other_labels))


@pytest.mark.parametrize("workers", [0, 1])
def test_what_a_network_draws_itself_is_left_alone(pixels, workers):
    """Or dropout would depend on the number of workers, and on where a run was resumed."""
    torch.manual_seed(3)
    before = torch.get_rng_state()
    epochs(pixels, workers, 2)
    assert torch.equal(torch.get_rng_state(), before)


def test_epochs_differ_in_order_and_in_pictures(pixels, alone):
    first, second = (torch.cat([labels.root for _, labels in epoch]) for epoch in alone)
    assert not torch.equal(first, second)
    scans = training(pixels)
    assert not torch.equal(scans[0, 5].ink, scans[1, 5].ink)
    assert torch.equal(scans[0, 5].ink, scans[0, 5].ink)


def test_validation_pictures_are_the_same_in_every_epoch(pixels):
    scans = plain(pixels)
    assert torch.equal(scans[0, 5].ink, scans[9, 5].ink)
    assert scans[0, 5].labels == PerHead(15, 5, 5)


def test_test_images_have_no_labels(pixels):
    assert plain(pixels, None)[0, 4].labels == UNLABELLED
    ink, labels = next(iter(loader(plain(pixels, None), Batches(ROWS, 4), 0, CPU)))
    assert len(ink) == 4
    assert labels.map(lambda column: column.tolist()) == PerHead([-1] * 4, [-1] * 4, [-1] * 4)


def addresses(batches: Batches, epoch: int) -> list[list[tuple[int, int]]]:
    batches.epoch = epoch
    return list(batches)


def test_training_is_shuffled_by_seed_fold_and_epoch():
    orders = set()
    for place in [(0, 0), (0, 1), (1, 0)]:
        for epoch in range(2):
            batches = addresses(Batches(ROWS, 5, place), epoch)
            assert {number for batch in batches for number, _ in batch} == {epoch}
            rows = [row for batch in batches for _, row in batch]
            assert sorted(rows) == ROWS.tolist()
            orders.add(tuple(rows))
            assert batches == addresses(Batches(ROWS, 5, place), epoch)
    assert len(orders) == 6


def test_the_order_of_training_is_the_one_it_always_was():
    # Golden: another order here is other weights in everybody's runs.
    batches = Batches(np.arange(3, 14), 4, SEEDS)
    assert addresses(batches, 0) == [
        [(0, 13), (0, 10), (0, 4), (0, 5)],
        [(0, 8), (0, 9), (0, 7), (0, 11)],
    ]
    assert addresses(batches, 1) == [
        [(1, 3), (1, 4), (1, 9), (1, 8)],
        [(1, 7), (1, 6), (1, 13), (1, 10)],
    ]


def test_a_picture_is_drawn_at_seed_fold_epoch_and_row(pixels):
    scans = training(pixels)
    assert torch.equal(
        scans[4, 5].ink, apply_transform(scans.compose, pixels[5], AUGMENTATION.seed(*SEEDS, 4, 5))
    )


def test_validation_keeps_the_order_of_its_rows():
    rows = np.array([9, 2, 14, 3])
    assert addresses(Batches(rows, 3), 0) == [[(0, 9), (0, 2), (0, 14)], [(0, 3)]]


@pytest.mark.parametrize(
    ("rows", "size", "trained", "validated"),
    [
        (8, 4, [4, 4], [4, 4]),
        (9, 4, [4, 4], [4, 4, 1]),
        (11, 4, [4, 4], [4, 4, 3]),
        (3, 4, [3], [3]),  # a training set smaller than a batch is a batch
        (1, 4, [1], [1]),
        (0, 4, [], []),
    ],
)
def test_a_last_part_of_a_batch_is_left_out_of_training_only(rows, size, trained, validated):
    for place, wanted in ((SEEDS, trained), (None, validated)):
        batches = Batches(np.arange(rows), size, place)
        assert [len(batch) for batch in batches] == wanted
        assert len(batches) == len(wanted)
        assert batches.images == sum(wanted)


def test_rows_left_out_of_one_epoch_come_in_another():
    batches = Batches(np.arange(11), 4, SEEDS)
    seen = [{row for batch in addresses(batches, epoch) for _, row in batch} for epoch in range(9)]
    assert all(len(rows) == 8 for rows in seen)
    assert set(itertools.chain(*seen)) == set(range(11))


def test_a_pickle_carries_the_name_of_the_map_and_not_its_pixels(pixels):
    scans = training(pixels)
    pickled = pickle.dumps(scans)
    assert len(pickled) < 100_000 < pixels.nbytes
    again = pickle.loads(pickled)
    assert isinstance(again.pixels, np.memmap)
    assert str(again.pixels.filename) == str(pixels.filename)
    assert not again.pixels.flags.writeable
    np.testing.assert_array_equal(again.pixels, pixels)
    assert torch.equal(again[1, 5].ink, scans[1, 5].ink)
    assert isinstance(scans.pixels, np.memmap)  # the one that was pickled is as it was


def test_pixels_in_memory_are_carried():
    images = np.zeros((2, HEIGHT, WIDTH), np.uint8)
    again = pickle.loads(pickle.dumps(plain(images)))
    np.testing.assert_array_equal(again.pixels, images)


def joined(pixels: np.memmap, tmp_path) -> JoinedDataset:
    """The 23 images, and the last 9 of them again, as rows 23 to 31, under other labels."""
    np.save(tmp_path / "synthetic.npy", pixels[-9:])
    again = np.load(tmp_path / "synthetic.npy", mmap_mode="r")
    labels = LABELS.map(lambda column: column[-9:] + 100)
    real = training(pixels)
    drawn = StoreDataset(again, frames_of(again), real.compose, labels, SEEDS, first=N)
    return JoinedDataset(real, drawn)


def same(one: Sample, other: Sample) -> bool:
    return torch.equal(one.ink, other.ink) and one.labels == other.labels


def test_rows_behind_a_stores_last_are_the_other_stores(pixels, tmp_path):
    both, alone = joined(pixels, tmp_path), training(pixels)
    assert all(same(both[1, row], alone[1, row]) for row in range(N))
    for row in range(N, N + 9):
        was = row - 9  # the row it is a copy of
        assert both[1, row].labels == alone[1, was].labels.map(lambda label: label + 100)
        assert torch.equal(
            both[1, row].ink,
            apply_transform(alone.compose, pixels[was], AUGMENTATION.seed(*SEEDS, 1, row)),
        )
        assert not torch.equal(both[1, row].ink, alone[1, was].ink)  # moved by its own address


def test_two_stores_are_carried_by_their_names(pixels, tmp_path):
    both = joined(pixels, tmp_path)
    assert both.travels
    pickled = pickle.dumps(both)
    assert len(pickled) < 100_000
    again = pickle.loads(pickled)
    assert all(same(again[0, row], both[0, row]) for row in (0, N - 1, N, N + 8))
    before, after = both.parts
    drawn = np.array(after.pixels)
    in_memory = StoreDataset(drawn, after.frames, after.compose, first=N)
    assert not JoinedDataset(before, in_memory).travels


@pytest.mark.parametrize("workers", [1, 2])
def test_mixed_epochs_are_the_same_for_any_number_of_workers(pixels, tmp_path, workers):
    both = joined(pixels, tmp_path)

    def made(workers: int, epochs: list[int]) -> list[Sample]:
        batches = MixedBatches(
            np.arange(N), np.arange(N, N + 9), 8, share=Share(0.8, 0.2), epochs=3, seeds=SEEDS
        )
        batched = loader(both, batches, workers, CPU)
        found = []
        for batches.epoch in epochs:
            found += list(batched)
        return found

    alone, others = made(0, [0, 1, 2]), made(workers, [0, 1, 2])
    assert len(alone) == len(others) == 6
    others += made(workers, [2])  # as after a resume
    for (ink, labels), (other_ink, other_labels) in zip(alone + alone[4:], others, strict=True):
        assert torch.equal(ink, other_ink)
        assert all(map(torch.equal, labels, other_labels))


def test_a_worker_is_quiet_about_a_reader_that_was_interrupted(pixels, capfd, monkeypatch):
    def interrupted(ident):
        address, _ = ident
        connection.Client(address, authkey=process.current_process().authkey).close()
        raise KeyboardInterrupt

    batches = iter(loader(plain(pixels), Batches(ROWS, 8), 1, CPU))
    monkeypatch.setattr(resource_sharer._resource_sharer, "get_connection", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(batches)
    del batches  # waits for the worker's end
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("cores", "beside_gpu", "beside_cpu"), [(1, 0, 0), (2, 1, 0), (4, 3, 0), (64, 8, 1)]
)
def test_workers_leave_a_core_to_the_network(monkeypatch, cores, beside_gpu, beside_cpu):
    monkeypatch.setattr(dataset, "usable_cores", lambda: cores)
    assert loader_workers("auto", GPU) == beside_gpu
    assert loader_workers("auto", CPU) == beside_cpu
    assert loader_workers(5, GPU) == loader_workers(5, CPU) == 5
    assert loader_workers(0, GPU) == 0


@pytest.fixture
def shared(monkeypatch):
    """Have so many bytes be free in shared memory."""
    dataset._say_once.cache_clear()
    yield lambda free: monkeypatch.setattr(dataset, "shared_memory", lambda: free)
    dataset._say_once.cache_clear()


@pytest.mark.parametrize(
    ("free", "fit"),
    [(None, 3), (1400, 3), (1399, 2), (1000, 2), (999, 1), (600, 1), (599, 0), (1, 0), (0, 0)],
)
def test_only_workers_whose_batches_fit_into_shared_memory_are_started(shared, capsys, free, fit):
    shared(free)
    assert fitting_workers(3, 100) == fitting_workers(3, 100) == fit
    said = capsys.readouterr().out
    assert said.count("\n") == (fit < 3)  # once, and only where there are fewer
    assert ("--shm-size" in said) == (fit < 3)
    if free is not None:
        assert shared_bytes(fit, 100) <= free


@pytest.mark.parametrize("free", [0, 7 * (8 * 32 * 32 * 4 + 8 * 24)])
def test_batches_are_the_same_where_fewer_make_them(pixels, alone, shared, capsys, free):
    shared(free)
    batches = Batches(ROWS, 8, SEEDS)
    made = loader(training(pixels), batches, 3, CPU)
    assert made.num_workers == bool(free)
    for (ink, labels), (other_ink, other_labels) in zip(alone[0], made, strict=True):
        assert torch.equal(ink, other_ink)
        assert all(map(torch.equal, labels, other_labels))
    assert "3 worker(s) need" in capsys.readouterr().out


# Batches of 4 MiB, so that page sizes and locks don't count: as many as the workers make ahead, and
# none is let go before all of those are made.
IN_LITTLE = """
import sys, time
import numpy as np
import torch
from graphemes.foundation.settings.types import ImageSize
from graphemes.images.dataset import StoreDataset, loader
from graphemes.images.sampling import Batches
from graphemes.images.ink import frames_of
from graphemes.images.transforms import make_transform

pixels = np.full((160, 137, 236), 255, np.uint8)
pictures = StoreDataset(
    pixels, frames_of(pixels), make_transform(ImageSize(256, 256), "none")
)
made = loader(pictures, Batches(np.arange(160), 16), int(sys.argv[1]), torch.device("cpu"))
batches = iter(made)
first = next(batches)
time.sleep(2)
print(made.num_workers, "workers", 1 + sum(1 for _ in batches), "batches")
"""


@pytest.mark.skipif(
    not goes_well([*apart("m"), "mount", "-t", "tmpfs", "none", "/mnt"]),
    reason="needs leave to mount a small /dev/shm in a namespace",
)
@pytest.mark.parametrize(
    ("mount", "asked", "workers"),
    [
        ("size=1m", 1, 0),
        ("size=26m", 2, 1),
        ("size=42m", 2, 2),
        ("size=64m,ro", 2, 0),
    ],
)
def test_shared_memory_of_any_size_is_enough(mount, asked, workers):
    command = f'mount -t tmpfs -o {mount} none /dev/shm && exec "$0" -P -c "$1" {asked}'
    done = subprocess.run(
        [*apart("m"), "bash", "-c", command, sys.executable, IN_LITTLE],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"{workers} workers 10 batches" in done.stdout
    assert ("/dev/shm has" in done.stdout) == (workers < asked)
